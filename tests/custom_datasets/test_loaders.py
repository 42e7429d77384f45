import itertools

import pytest
import torch

from custom_datasets.distortion import Split
from custom_datasets.loaders import Loaders, endless_batches, even_batches, full_batches
from custom_datasets.table import Dataset, ImageTable


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


INDICES = torch.arange(100, 203)


def test_full_batches_drop_the_rest():
    batches = full_batches(INDICES, 25, seeded())
    assert [len(b) for b in batches] == [25] * 4
    assert len(torch.cat(batches).unique()) == 100


@pytest.mark.parametrize(("size", "lengths"), [(25, [21, 21, 21, 20, 20]), (103, [103]), (500, [103])])
def test_even_batches_visit_every_index_once(size, lengths):
    batches = even_batches(INDICES, size, seeded())
    assert [len(b) for b in batches] == lengths
    assert torch.equal(torch.cat(batches).sort().values, INDICES)


def test_endless_batches_start_a_new_order_every_round():
    rounds = torch.stack(list(itertools.islice(endless_batches(INDICES, 103, seeded()), 3)))
    assert not torch.equal(rounds[0], rounds[1])
    assert all(torch.equal(r.sort().values, INDICES) for r in rounds)
    assert len(next(endless_batches(INDICES, 1000, seeded()))) == 103


def test_one_seed_repeats_the_order():
    first, again, other = (full_batches(INDICES, 10, seeded(s)) for s in (0, 0, 1))
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))


TRUE, GIVEN = torch.arange(30) % 3, (torch.arange(30) + 1) % 3  # every given label is wrong


@pytest.fixture
def make_loaders():
    images = torch.arange(30, dtype=torch.uint8).view(30, 1, 1, 1)
    train, test = ImageTable(images, TRUE), ImageTable(images[:7] + 100, torch.arange(7) % 3)
    split = Split(torch.arange(20, 30).numpy(), torch.arange(12).numpy(), GIVEN.numpy())

    def make(overfit=False):
        return Loaders(Dataset(train, test, 3), split, seeded(), seeded(), overfit)

    return make


def content(batches):
    """Pixel, label and index of every image."""
    return sorted(
        triple
        for images, labels, index in batches
        for triple in zip(images.flatten().tolist(), labels.tolist(), index.tolist(), strict=True)
    )


def test_each_loader_shows_its_images(make_loaders):
    """As they are stored: how they are seen is the business of whoever takes a step with them."""
    loaders = make_loaders()
    assert content(loaders.train(4)) == content(loaders.hyper(5)) == [(i, (i + 1) % 3, i) for i in range(12)]
    assert content(loaders.valid()) == [(i, i % 3, i) for i in range(20, 30)]
    assert content(loaders.test()) == [(100 + i, i % 3, i) for i in range(7)]
    assert content(loaders.all_clean()) == content(loaders.valid())
    assert content(itertools.islice(loaders.clean(5), 2)) == content(loaders.valid())
    assert all(batch.images.dtype == torch.uint8 for batch in (*loaders.train(4), *loaders.valid()))


@pytest.mark.parametrize("name", ["train", "hyper", "trained"])
def test_training_batches_carry_the_given_labels_never_the_true_ones(make_loaders, name):
    batches = list(getattr(make_loaders(), name)(*() if name == "trained" else (4,)))
    assert sum(len(batch.index) for batch in batches) == 12
    for batch in batches:
        assert torch.equal(batch.given, GIVEN[batch.index])
        assert (batch.given != TRUE[batch.index]).all()


@pytest.mark.parametrize("overfit", [False, True])
@pytest.mark.parametrize("name", ["clean", "all_clean", "valid", "test"])
def test_clean_batches_carry_the_labels_of_their_table(make_loaders, name, overfit):
    batches = list(getattr(make_loaders(overfit), name)(*(5,) if name == "clean" else ()))
    assert batches
    for batch in batches:
        assert torch.equal(batch.given, batch.index % 3)


def test_trained_images_come_once_in_ascending_order(make_loaders, monkeypatch):
    monkeypatch.setattr("custom_datasets.loaders.EVALUATION_BATCH", 5)
    batches = list(make_loaders().trained())
    assert [batch.index.tolist() for batch in batches] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]


def test_given_labels_are_those_of_all_images(make_loaders):
    assert torch.equal(make_loaders().given, GIVEN)


def test_overfit_shows_the_test_set_to_the_hyper_pass_as_in_evaluation(make_loaders):
    loaders = make_loaders(overfit=True)
    assert content(itertools.islice(loaders.clean(7), 1)) == content(loaders.all_clean()) == content(loaders.test())
