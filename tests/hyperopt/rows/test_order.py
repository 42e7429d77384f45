"""The rank of images: which of a batch are augmented, against a loop over its images and autograd in float64."""

import pytest
import torch
import torch.nn.functional as F
from oracle import hypergradient, relative_error, tiny_hyper_problem

from hyperopt.head.losses import LOSSES
from hyperopt.rows.order import LAST, Order
from hyperopt.rows.rows import make_rows

RANK = torch.randperm(20, generator=torch.Generator().manual_seed(5))
HOME = torch.device("cpu")


def ordered(rows, first=10):
    """The same rows, of whose images the first ones by rank are augmented."""
    rows.order = Order(len(rows.given), first, HOME)
    rows.fill(torch.arange(20), {"rank": RANK}, "R")
    return rows


def test_first_images_are_chosen_and_images_without_a_rank_are_not():
    order = Order(6, 2, HOME)
    order.fill(torch.tensor([5, 0, 3]), torch.tensor([1, 0, 2]))
    assert order.rank.tolist() == [0, LAST, LAST, 2, LAST, 1]
    assert order.chosen(torch.tensor([5, 4, 3, 0])).tolist() == [True, False, False, True]
    assert order.columns(torch.tensor([5, 3, 0]))["rank"].tolist() == [1, 2, 0]
    assert Order(6, None, HOME).chosen(torch.tensor([5, 4])) is None


@pytest.mark.parametrize("warp", ["paper", "original"])
def test_learned_augmentation_is_that_of_the_chosen_images_alone(warp):
    """The draws are those of a batch without an order; without leaves of an augmentation nothing is chosen."""
    _, rows, batch, _ = tiny_hyper_problem("SEP", "NONE", True, warp)
    leaves, images = rows.leaves(batch.index), batch.images
    whole = rows.augment(images, batch.index, leaves, torch.Generator().manual_seed(3))
    still = rows.still(images)
    random = torch.Generator().manual_seed(3)
    found = ordered(rows).augment(images, batch.index, leaves, random)
    chosen = [RANK[image] < 10 for image in batch.index]
    assert 2 < sum(chosen) < len(chosen) - 2
    for place, augmented in enumerate(chosen):
        assert torch.equal(found[place], (whole if augmented else still)[place])
    assert torch.equal(rows.augment(images, batch.index, {}, random), still)


def test_without_a_limit_all_are_augmented_and_nothing_else_is_made():
    _, rows, batch, _ = tiny_hyper_problem("SEP", "NONE", True)
    order = ordered(rows, first=None).order
    assert rows.only_first(batch.index, batch.images, lambda: pytest.fail("made")) is batch.images
    rows.order = None
    assert rows.only_first(batch.index, batch.images, lambda: pytest.fail("made")) is batch.images
    assert torch.equal(order.rank, RANK)


def autograd_twice(model, rows, batch, valid, iters, alpha):
    """create_graph all the way; images that are not among the first 10 enter the network as they are."""
    images, _, index = batch
    leaves = {letter: leaf.requires_grad_() for letter, leaf in rows.leaves(index).items()}
    augmented = rows.augment(images, index, leaves, torch.Generator().manual_seed(3))
    seen = torch.stack([a if RANK[i] < 10 else image for a, image, i in zip(augmented, images, index, strict=True)])
    W = model.head.weight
    loss = rows.loss(F.linear(model.encoder(seen), W, model.head.bias), index, leaves)
    (gradient,) = torch.autograd.grad(loss, W, create_graph=True)
    (term,) = torch.autograd.grad(F.cross_entropy(model(valid.images), valid.given), W)
    total = term
    for _ in range(iters):
        term = term - alpha * torch.autograd.grad(gradient, W, term, retain_graph=True)[0]
        total = total + term
    return dict(zip(leaves, torch.autograd.grad(gradient, list(leaves.values()), -total), strict=True))


def test_hypergradient_of_an_image_that_is_not_augmented_is_zero():
    model, rows, batch, valid = tiny_hyper_problem("SEP", "BOTH", True)
    model.eval()
    expected = autograd_twice(model, rows, batch, valid, iters=5, alpha=0.01)
    found = hypergradient(model, ordered(rows), batch, valid, "HES", hyper_iters=5, hyper_alpha=0.01)
    assert found.keys() == {"W", "S", "A"}
    for letter, gradient in found.items():
        assert relative_error(gradient, expected[letter]) < 1e-8
    chosen = RANK[batch.index] < 10
    assert (found["A"][~chosen] == 0).all()
    assert (found["A"][chosen] != 0).any(1).all()
    assert (found["W"] != 0).all()


def test_ranks_are_columns_and_state_but_no_leaves():
    def make(letters):
        return make_rows(torch.zeros(20, dtype=torch.int64), 2, letters, False, LOSSES["cross-entropy"], None, HOME)

    rows, back, without = make("WR"), make("WR"), make("W")
    rows.fill(torch.arange(20), {"rank": RANK}, "R")
    index = torch.tensor([4, 0, 19])
    assert rows.leaves(index).keys() == rows.shown(index).keys() == {"W"}
    columns = rows.columns(index)
    assert columns["rank"].dtype == torch.int64
    assert torch.equal(columns["rank"], RANK[index])
    assert rows.published().keys() == without.published().keys()
    assert without.state().keys() == {"weight"}
    assert without.columns(index).keys() == {"weight"}
    back.load(rows.published(), rows.state())
    assert torch.equal(back.order.rank, RANK)
