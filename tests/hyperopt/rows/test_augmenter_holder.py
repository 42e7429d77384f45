"""The augmentation part as a network holds it: what estimators take and give, and what a checkpoint keeps."""

import copy

import pytest
import torch
import torch.nn.functional as F
from oracle import TinyClassifier, at_work, estimator, rows_of_setting

from custom_models.frozen import freeze
from custom_transforms.normalise import Normalise
from hyperopt.augmentation.augmenter import NoiseAugmenter, SpatialTransformer, transform
from hyperopt.augmentation.augmenter_names import form_of
from hyperopt.estimators.hyper_pass import clean_features, clean_gradient, hyper_step
from hyperopt.rows.augmenter import MOMENTUM, Descent, ImageHolder, NoiseHolder
from hyperopt.rows.rows import make_rows
from utils.errors import DivergenceError, UserError
from utils.passes import Batch
from utils.runs.checkpoint import same_layout

CPU = torch.device("cpu")
GIVEN = torch.tensor([0, 3, 1, 2, 2, 0, 1, 3])
INDEX = torch.tensor([4, 0, 1, 6])
GREY = Normalise((0.3,), (0.3,), CPU)
DESCENT = Descent(0.2, 0.01, 1.0)


def holder(kind="affine", labels=True, identity=False, descent=DESCENT, start="identity", dtype=torch.float64):
    form = form_of(kind, None, start, 1, 4 if labels else 0)
    made = NoiseHolder(NoiseAugmenter(form, CPU), GIVEN, GREY, 5, identity, descent)
    made._values, made.velocity = made._values.to(dtype), made.velocity.to(dtype)
    return made


def rows_with(network, letters="WSA"):
    usual = rows_of_setting(GIVEN, 4, "SEP", "BOTH" if "S" in letters else "NONE")
    return make_rows(GIVEN, 4, letters, False, usual.training_loss, None, CPU, network)


def test_leaves_are_drawn_anew_and_have_no_graph():
    network = holder()
    first, second = network.leaves(INDEX), network.leaves(INDEX)
    assert first.shape == (4, 6)
    assert not first.requires_grad
    assert (first - second).abs().max() > 1e-3
    assert (first[0] - first[1]).abs().max() > 1e-3


def test_pictures_and_figures_change_no_draw():
    network, other = holder(), holder()
    network.leaves(INDEX)
    other.leaves(INDEX)
    assert torch.equal(network.shown(INDEX), network.shown(INDEX))
    network.measures(INDEX)
    rows_with(network).describe(INDEX)
    assert torch.equal(network.leaves(INDEX), other.leaves(INDEX))


def test_step_is_that_of_torch_on_the_whole_network():
    """Against torch's own SGD and clipping, with plain autograd through leaves and network, over some steps."""
    network, other = holder(), holder()
    weights = torch.nn.Parameter(other.values.clone())
    optimizer = torch.optim.SGD([weights], DESCENT.rate, momentum=MOMENTUM, weight_decay=DESCENT.decay)
    norms: list[float] = []
    for step in range(4):
        index = INDEX if step % 2 else INDEX.flip(0)
        target = torch.randn(len(index), 6, generator=torch.Generator().manual_seed(step)).double() * 10.0 ** (step - 3)
        leaves = network.leaves(index).requires_grad_()
        gradient = torch.autograd.grad((leaves.sin() * target).sum(), leaves)[0]
        network.move(index, gradient, 123.0)
        optimizer.zero_grad()
        (other._parameters(weights, index, other._draws).sin() * target).sum().backward()
        norm = torch.nn.utils.clip_grad_norm_([weights], DESCENT.clip)
        norms.append(norm.item())
        optimizer.step()
        # Torch adds 1e-6 to the norm.
        torch.testing.assert_close(network.values, weights.detach(), rtol=1e-5, atol=1e-6)
    assert min(norms) < DESCENT.clip < max(norms)


@pytest.mark.parametrize("name", ["HES", "FIS"])
@pytest.mark.parametrize("kind", ["affine", "rotation"])
def test_hypergradient_through_the_holder_is_that_of_the_network_as_a_whole(name, kind):
    """- d/d(weights) <V, grad_W L_train>, by a double backward through images, encoder, head and the network."""
    network, other = holder(kind), holder(kind)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TinyClassifier(4).double()
    images = torch.randn(20, 1, 6, 6, generator=torch.Generator().manual_seed(1)).double()
    batch = Batch(images[: len(INDEX)], GIVEN[INDEX], INDEX)
    valid = Batch(images[4:], torch.arange(16) % 4, torch.arange(16))
    rows = rows_with(network, "A")
    training = at_work(model, rows)
    found = estimator(name, training, hyper_steps=0)
    clean = clean_gradient(*clean_features(training, [valid], lambda images: images), training.frozen.head.bias)
    directions = []

    def direction(*arguments):
        directions.append(found.direction(*arguments))
        return directions[0]

    gradients = hyper_step(training, batch, clean, direction, 0)
    before = network.values.clone()
    network.move(INDEX, gradients["A"], 0.0)
    moved = (before - network.values) / DESCENT.rate - DESCENT.decay * before

    weights = other.values.clone().requires_grad_()
    parameters = other._parameters(weights, INDEX, other._draws)
    frozen = freeze(model)
    W = frozen.head.weight.detach().requires_grad_()
    features = frozen.features(transform(batch.images, parameters, other.form, GREY, torch.Generator()))
    loss = F.cross_entropy(features @ W.T + frozen.head.bias, GIVEN[INDEX])
    inner = (torch.autograd.grad(loss, W, create_graph=True)[0] * directions[0]).sum()
    (reference,) = torch.autograd.grad(-inner, weights)
    clipped = reference * min(1.0, DESCENT.clip / reference.norm().item())
    assert reference.norm() > 1e-6
    torch.testing.assert_close(moved, clipped, rtol=1e-8, atol=1e-12)


def test_identity_start_moves_and_then_every_weight_has_a_gradient():
    network = holder(identity=True)
    assert torch.equal(network.leaves(INDEX), torch.zeros(4, 6, dtype=torch.float64))
    for step in range(3):
        before = network.velocity.clone()
        network.move(INDEX, torch.ones_like(network.leaves(INDEX)), 0.0)
        names = network._weights.split((network.velocity - MOMENTUM * before - DESCENT.decay * network.values).abs())
        if step:
            assert all(part.max() > 0 for part in names.values())
    assert network.leaves(INDEX).abs().max() > 1e-3


def test_move_needs_the_leaves_of_its_batch():
    network = holder()
    with pytest.raises(RuntimeError, match="once"):
        network.move(INDEX, torch.ones(4, 6), 0.1)
    with torch.no_grad():
        network.leaves(INDEX)
    with pytest.raises(RuntimeError, match="once"):
        network.move(INDEX, torch.ones(4, 6), 0.1)


def test_state_leads_to_the_same_draws_and_steps():
    rows, back = rows_with(holder()), rows_with(holder(identity=True))
    for one in (rows,):
        move(one)
    assert same_layout(rows.published(), back.published())
    assert same_layout(rows.state(), back.state())
    back.load(copy.deepcopy(rows.published()), copy.deepcopy(rows.state()))
    for one in (rows, back):
        move(one)
    for letter in "WSA":
        assert torch.equal(rows.holders[letter].values, back.holders[letter].values)
    assert torch.equal(rows.leaves(INDEX)["A"], back.leaves(INDEX)["A"])
    assert rows.nbytes == back.nbytes


def move(rows):
    leaves = rows.leaves(INDEX)
    rows.move(INDEX, {letter: torch.ones_like(leaf) for letter, leaf in leaves.items()}, 0.1)


def test_rows_file_and_log_have_what_a_network_has():
    rows = rows_with(holder("rotation"))
    assert rows.columns(INDEX).keys() == {"weight", "soft_label"}
    described = rows.describe(INDEX)
    torch.testing.assert_close(described["Parameter/rotate"], rows.holders["A"].shown(INDEX)[:, 0])
    shown = rows.holders["A"].shown(INDEX)
    measures = rows.measures(INDEX)
    assert measures == pytest.approx({"rotate_mean": shown.mean().item(), "rotate_std": shown.std(correction=0).item()})
    with pytest.raises(UserError, match="take SHA or SEP"):
        rows.fill(INDEX, {}, "A")


@pytest.mark.parametrize(("start", "factor"), [("published", 1e3), ("identity", float("nan"))])
def test_exploding_network_is_a_divergence(start, factor):
    network = holder(start=start)
    network.measures(INDEX)
    network.values.mul_(factor)
    with pytest.raises(DivergenceError, match="lower --unroll-lr"):
        network.measures(INDEX)


def test_weights_by_name_lead_back():
    network, other = holder(), holder(identity=True)
    other.take(network.content())
    assert torch.equal(other.values, network.values)


def test_augmented_images_are_those_of_the_parameters():
    rows = rows_with(holder())
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        leaves = rows.leaves(INDEX)
    found = rows.augment(images, INDEX, leaves, torch.Generator().manual_seed(2))
    expected = transform(images, leaves["A"], rows.holders["A"].form, GREY, torch.Generator())
    assert torch.equal(found, expected)
    assert rows.still(images) is images


def test_spatial_transformer_has_the_gradient_of_the_training_loss():
    network = ImageHolder(SpatialTransformer(form_of("stn", None, "identity", 1), CPU), CPU, GREY, 5)
    rows = rows_with(network, "A")
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    head = torch.randn(64, 4, generator=torch.Generator().manual_seed(2))
    (weights,) = rows.parameters()

    def loss():
        augmented = rows.augment(images, INDEX, rows.leaves(INDEX), torch.Generator().manual_seed(3))
        return F.cross_entropy(augmented.flatten(1) @ head, GIVEN[INDEX])

    optimizer = torch.optim.SGD([weights], 0.1)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        losses.append(loss())
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.9 * losses[0]
    back = ImageHolder(SpatialTransformer(network.form, CPU), CPU, GREY, 6)
    back.load(network.values.clone(), network.state())
    assert torch.equal(back.values, network.values)
    with pytest.raises(UserError, match="--hyper-opt NONE"):
        network.move(INDEX, torch.ones(1, 1), 0.1)
