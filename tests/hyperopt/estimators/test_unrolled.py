"""UNR against differentiating through the whole step, finite differences and autograd image by image, in float64."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from real_layouts import write_trainable
from torch.func import functional_call

from custom_datasets.distortion import Split
from custom_datasets.sources import load_dataset
from custom_datasets.table import Dataset, ImageTable
from custom_models.classifier import build_model
from hyperopt.estimators import unrolled
from hyperopt.estimators.look_ahead import PublishedLook, network_at, sgd_step
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.rows.augmenter import NoiseHolder
from hyperopt.runs import set_up
from utils.passes import Batch

CPU = torch.device("cpu")
COUNT, CLEAN, SIZE = 48, 24, 12
GIVEN = torch.arange(COUNT) % 10
TRAIN, VALID = torch.arange(CLEAN, COUNT), torch.arange(CLEAN)
PARTS = {
    "W": ("--los-model", "WGHT"),
    "S": ("--los-model", "SOFT"),
    "A": ("--aug-model", "SEP"),
    "shared A": ("--aug-model", "SHA"),
    "all": ("--aug-model", "SEP", "--los-model", "BOTH"),
    "network": ("--aug-model", "NET", "--net-start", "published", "--net-labels", "--los-model", "WGHT"),
}


@pytest.fixture
def make(monkeypatch):
    """make(*flags) -> UNR in fp64 after a step, so that SGD has a momentum, with smooth images."""
    monkeypatch.setattr(set_up, "matrix_product_peak", lambda *_: 1.0)
    random = torch.Generator().manual_seed(0)
    images = F.interpolate(torch.rand(COUNT, 1, 4, 4, generator=random), (8, 8), mode="bicubic").clamp(0, 1)
    table = ImageTable((images * 255).byte(), GIVEN)
    data = Dataset(table, table, 10)

    def made(*flags):
        arguments = ["--hyper-opt", "UNR", "--precision", "fp64", "--batch-size", str(SIZE), "-nr", "0.1", *flags]
        options = resolve(parse_options(RunOptions, "", arguments))
        training = set_up.make_training(options, data, Split(VALID.numpy(), TRAIN.numpy(), GIVEN.numpy()), CPU)
        scatter(training.rows)
        training.set_rate(3.0)
        training.optimizer.param_groups[0]["lr"] = 0.05
        estimator = options.estimator_class(options.estimator, training)
        estimator._epoch, estimator._steps_done = 1, 1
        plain = Batch(data.train.images[TRAIN[:SIZE]], GIVEN[TRAIN[:SIZE]], TRAIN[:SIZE])
        training.model.train()
        super(type(estimator), estimator).step(plain)
        if "published" in flags:
            estimator.begin_moving()
        clean = Batch(data.train.images[VALID[:SIZE]], GIVEN[VALID[:SIZE]], VALID[:SIZE])
        batch = Batch(data.train.images[TRAIN[SIZE:]], GIVEN[TRAIN[SIZE:]], TRAIN[SIZE:])
        return estimator, batch, clean

    return made


def scatter(rows):
    """Move the values of rows away from their start."""
    random = torch.Generator().manual_seed(1)
    for holder in rows.holders.values():
        holder.values.add_(0.3 * torch.randn(holder.values.shape, generator=random, dtype=torch.float64))


def draw_anew(training):
    """Let the augmentation's draws, and those of its network, begin at the same place."""
    training.draws.manual_seed(9)
    holder = training.rows.holders.get("A")
    if isinstance(holder, NoiseHolder):
        holder._draws.manual_seed(8)


def hypergradients(estimator, batch, clean):
    """What the step moves the rows with, by part; the augmentation's draws are always the same."""
    found = {}
    draw_anew(estimator.training)
    estimator.training.rows.move = lambda index, gradients, rate, share: found.update(gradients)
    estimator.unrolled_step(batch, clean)
    del estimator.training.rows.move
    return found


def loss_after_step(estimator, batch, clean, leaves):
    """The clean loss after SGD's step on a batch, with the graph of the step to the leaves."""
    training = estimator.training
    training.draws.manual_seed(9)
    model, (group,) = training.model, training.optimizer.param_groups
    names, weights = zip(*model.named_parameters(), strict=True)
    logits = network_at(model, weights)(training.view(batch, leaves))
    loss = training.rows.loss(logits, batch.index, leaves)
    ahead = {}
    slopes = torch.autograd.grad(loss, weights, create_graph=True)
    for name, weight, slope in zip(names, weights, slopes, strict=True):
        slope = slope + group["weight_decay"] * weight.detach()
        before = training.optimizer.state[weight].get("momentum_buffer")
        velocity = slope if before is None else group["momentum"] * before + slope
        direction = slope + group["momentum"] * velocity if group["nesterov"] else velocity
        ahead[name] = weight.detach() - group["lr"] * direction
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    logits = functional_call(model, ahead | buffers, (training.views.evaluation(clean.images),))
    return F.cross_entropy(logits, clean.given)


def relative(found, expected):
    """The Euclidean norm of the difference over the expected one's."""
    return ((found - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("momentum", ["0.9", "0"])
def test_exact_form_is_the_gradient_through_the_whole_step(make, parts, momentum):
    estimator, batch, clean = make(*PARTS[parts], "--momentum", momentum, "--weight-decay", "0.01")
    draw_anew(estimator.training)
    leaves = {letter: leaf.requires_grad_() for letter, leaf in estimator.training.rows.leaves(batch.index).items()}
    loss = loss_after_step(estimator, batch, clean, leaves)
    expected = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
    found = hypergradients(estimator, batch, clean)
    assert found.keys() == expected.keys()
    for letter, gradient in found.items():
        assert gradient.abs().max() > 0
        assert relative(gradient, expected[letter]) < 1e-10


@pytest.mark.parametrize("kind", ["affine", "rotation"])
@pytest.mark.parametrize("start", ["identity", "published"])
def test_network_takes_a_step_down_the_gradient_through_the_whole_step(make, kind, start):
    """From the network's weights through parameters, images, the classifier's step and the clean loss."""
    descent = ("--unroll-lr", "0.5", "--unroll-decay", "0", "--unroll-clip", "1e6")
    flags = ("--aug-model", "NET", "--net-kind", kind, "--net-start", start, "--net-labels", *descent)
    estimator, batch, clean = make(*flags)
    holder = estimator.training.rows.holders["A"]
    weights = holder.values.clone().requires_grad_()
    draw_anew(estimator.training)
    parameters = holder._parameters(weights, batch.index, holder._draws)
    (expected,) = torch.autograd.grad(loss_after_step(estimator, batch, clean, {"A": parameters}), weights)
    before = holder.values.clone()
    draw_anew(estimator.training)
    estimator.unrolled_step(batch, clean)
    assert relative((before - holder.values) / 0.5, expected) < 1e-10


@pytest.mark.parametrize("letter", ["W", "S"])
def test_exact_form_is_the_slope_of_the_clean_loss(make, letter):
    """Central differences in some leaves. Without warps, whose bilinear cells have edges."""
    estimator, batch, clean = make(*PARTS[letter])
    start = estimator.training.rows.leaves(batch.index)[letter]
    found, expected = [], []
    gradient = hypergradients(copy.deepcopy(estimator), batch, clean)[letter]
    for image, column in [(0, 0), (3, -1), (7, start.shape[1] // 2)]:
        losses = []
        for by in (1e-4, -1e-4):
            moved = start.clone()
            moved[image, column] += by
            losses.append(loss_after_step(estimator, batch, clean, {letter: moved}).item())
        expected.append((losses[0] - losses[1]) / 2e-4)
        found.append(gradient[image, column].item())
    assert relative(torch.tensor(found), torch.tensor(expected)) < 1e-6


@pytest.mark.parametrize("parts", PARTS)
def test_difference_form_is_nearly_the_exact_one(make, parts, monkeypatch):
    """In a network without max pooling, whose choices jump as the weights move; float64 allows a small difference."""
    monkeypatch.setattr(unrolled, "PERTURBATION", 1e-5)
    flags = (*PARTS[parts], "--model", "wresnet10_1")
    exact, batch, clean = make(*flags)
    difference, _, _ = make(*flags, "--unroll-form", "difference")
    expected, found = hypergradients(exact, batch, clean), hypergradients(difference, batch, clean)
    for letter, gradient in found.items():
        assert F.cosine_similarity(gradient.flatten(), expected[letter].flatten(), dim=0) > 0.99999
        assert relative(gradient, expected[letter]) < 1e-3


def test_hypergradient_of_a_weight_is_the_inner_product_with_its_images_gradient(make):
    """- rate / B <V, grad of the image's loss> by autograd, image by image; Ren et al. (arXiv 1803.09050) eq. 12."""
    estimator, batch, clean = make("--los-model", "WGHT", "--momentum", "0")
    training = copy.deepcopy(estimator.training)
    found = hypergradients(estimator, batch, clean)["W"]

    weights = list(training.model.parameters())
    logits = network_at(training.model, weights)(training.views.training(batch.images))
    losses = F.cross_entropy(logits, batch.given, reduction="none")
    leaves = training.rows.leaves(batch.index)
    factor = training.rows.weight(batch.index, leaves)
    slopes = [torch.autograd.grad(loss, weights, retain_graph=True) for loss in losses]
    gradient = [sum(w * slope[k] for w, slope in zip(factor, slopes, strict=True)) / SIZE for k in range(len(weights))]
    ahead = sgd_step(training.optimizer, gradient)
    V = copy.copy(estimator).clean_gradient(ahead, clean)
    inner = torch.stack([sum((v * g).sum() for v, g in zip(V, slope, strict=True)) for slope in slopes])
    slope_of_factor = leaves["W"][:, 0].sigmoid() / torch.tensor(2.0).double().log()
    rate = training.optimizer.param_groups[0]["lr"]
    assert relative(found[:, 0], -rate / SIZE * inner * slope_of_factor) < 1e-10


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.05])
@pytest.mark.parametrize("nesterov", [False, True])
def test_look_ahead_is_the_optimisers_step(momentum, decay, nesterov):
    if nesterov and not momentum:
        pytest.skip("Nesterov's form needs a momentum")
    model = build_model("smallnet", 1, 10, 0).double()
    optimizer = torch.optim.SGD(model.parameters(), 0.3, momentum=momentum, weight_decay=decay, nesterov=nesterov)
    random = torch.Generator().manual_seed(0)
    for _ in range(3):  # the first one begins the momentum
        gradient = [torch.randn(w.shape, generator=random, dtype=torch.float64) for w in model.parameters()]
        ahead = sgd_step(optimizer, gradient)
        for weight, slope in zip(model.parameters(), gradient, strict=True):
            weight.grad = slope
        optimizer.step()
        for found, expected in zip(ahead.weights, model.parameters(), strict=True):
            assert (found - expected).abs().max() < 1e-12
    assert ahead.factor == pytest.approx(0.3 * (1 + momentum * nesterov))


def test_published_look_ahead_has_a_momentum_of_its_own_and_no_weight_decay():
    model = build_model("smallnet", 1, 10, 0).double()
    optimizer = torch.optim.SGD(model.parameters(), 0.3, momentum=0.9, weight_decay=0.05, nesterov=True)
    look, velocity = PublishedLook(optimizer), None
    random = torch.Generator().manual_seed(0)
    for _ in range(3):
        gradient = [torch.randn(w.shape, generator=random, dtype=torch.float64) for w in model.parameters()]
        velocity = gradient if velocity is None else [0.9 * v + g for v, g in zip(velocity, gradient, strict=True)]
        found = look(gradient)
        for weight, expected, v in zip(found.weights, model.parameters(), velocity, strict=True):
            torch.testing.assert_close(weight, expected - 0.3 * v, rtol=0, atol=1e-12)
        assert found.factor == 0.3


@pytest.mark.parametrize("form", ["exact", "difference"])
@pytest.mark.parametrize(("bn", "passes"), [("keep", 1), ("update", 2)])
def test_look_ahead_writes_no_statistics_unless_told_so(make, form, bn, passes):
    estimator, batch, clean = make(*PARTS["all"], "--unroll-form", form, "--unroll-bn", bn)
    training = estimator.training
    reference = copy.deepcopy(training)
    hypergradients(estimator, batch, clean)
    reference.draws.manual_seed(9)
    reference.model(reference.augmented(batch)[0])
    pairs = zip(training.model.named_buffers(), reference.model.buffers(), strict=True)
    same = {name: torch.equal(found, expected) for (name, found), expected in pairs}
    assert all(same.values()) == (passes == 1)


def test_network_takes_the_plain_step(make):
    """The rows' hypergradient leaves nothing behind in the network's gradient."""
    estimator, batch, clean = make(*PARTS["all"])
    plain = copy.deepcopy(estimator)
    loss = hypergradients(estimator, batch, clean) and estimator.training
    plain.training.draws.manual_seed(9)
    super(type(plain), plain).step(batch)
    for found, expected in zip(loss.model.parameters(), plain.training.model.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_hypergradient_is_zero_at_learning_rate_zero(make):
    estimator, batch, clean = make(*PARTS["all"])
    estimator.training.optimizer.param_groups[0]["lr"] = 0.0
    assert all(not gradient.any() for gradient in hypergradients(estimator, batch, clean).values())


def test_balanced_clean_loss_is_the_mean_of_the_classes(make):
    estimator, _, clean = make("--los-model", "WGHT", "--unroll-balanced")
    estimator.begin_moving()
    counts = GIVEN[VALID].bincount(minlength=10)
    torch.testing.assert_close(estimator._class_weight * counts, torch.ones(10).double(), rtol=1e-15, atol=0)
    training = estimator.training
    ahead = sgd_step(training.optimizer, [torch.zeros_like(w) for w in training.model.parameters()])
    weights = [weight.requires_grad_() for weight in ahead.weights]
    logits = network_at(training.model, weights)(training.views.evaluation(clean.images))
    losses = F.cross_entropy(logits, clean.given, reduction="none")
    factor = (1.0 / counts.double())[clean.given]
    expected = torch.autograd.grad((factor * losses).sum() / factor.sum(), weights)
    for found, slope in zip(estimator.clean_gradient(ahead, clean), expected, strict=True):
        torch.testing.assert_close(found, slope, rtol=1e-10, atol=1e-14)


def test_clean_images_that_are_streamed_are_not_augmented(tmp_path, monkeypatch):
    monkeypatch.setattr(set_up, "matrix_product_peak", lambda *_: 1.0)
    write_trainable(monkeypatch, tmp_path / "ImageNet", "ImageNet")
    data = load_dataset("ImageNet", tmp_path / "ImageNet", CPU)
    flags = "--dataset ImageNet --workers 0 --precision fp32 --hyper-opt UNR --los-model WGHT"
    options = resolve(parse_options(RunOptions, "", flags.split()))
    split = Split(VALID[:12].numpy(), np.arange(12, 42), data.train.labels.numpy())
    training = set_up.make_training(options, data, split, CPU)
    estimator = options.estimator_class(options.estimator, training)
    estimator.begin_moving()
    batch = next(estimator._clean)
    (central,) = data.train.fetch([batch.index], None, workers=0)
    assert torch.equal(batch.images, central)
