"""--precision fp64: no number of a pass is rounded to float32, and hypergradients are those of autograd in float64."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from on_meta import options_of, run
from test_meta import NET, PARTS, ROWS
from watching import COPIES, HOST, PassError, Watch

from custom_datasets.distortion import Split
from custom_datasets.table import Dataset, ImageTable
from hyperopt.estimators.estimator import Estimator
from hyperopt.estimators.hyper_pass import clean_features, clean_gradient, hyper_step
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.rows.augmenter import NoiseHolder
from hyperopt.runs import set_up
from utils.passes import Batch

CHOSEN = (
    *("every standard", "RAND", "NET, untrained", "STN/BOTH", "SHA FIS", "SOFT UNR", "NET/BOTH UNR", "BOTH CON"),
    *(f"SEP/BOTH {name}" for name in ("HES", "FIS", "UNR", "UNR, difference", "UNR, published", "FIS, again")),
    *(f"SEP/BOTH {name}" for name in ("HES, --warp original", "FIS, clean batches", "FIS, planted", "FIS, some")),
    *(f"RAND/BOTH GMM{kind}" for kind in ("", ", originals", ", uniform")),
    *("SEP/SOFT GMM, released", "RAND/SOFT GMM, released distilled"),
)
COUNT, SIZE = 48, 12
GIVEN = torch.arange(COUNT) % 10
TRAIN, VALID = torch.arange(24, COUNT), torch.arange(24)


class OneType(Watch):
    """Refuses float32 beside float64, and copies from one to the other but for draws, which are exact in both."""

    def wrong(self, operation, inputs, outputs):
        kinds = {one.dtype for one in (*inputs, *outputs) if one.is_floating_point()}
        of_host = {one.device for one in inputs} == {HOST}
        is_draw = of_host and operation in COPIES and outputs[0].dtype == torch.float64
        return "of float32 and float64" if {torch.float32, torch.float64} <= kinds and not is_draw else None


@pytest.mark.parametrize("row", CHOSEN)
def test_no_pass_mixes_float32_and_float64(row):
    _, estimator = run(options_of(ROWS[row], precision="fp64"), OneType())
    assert estimator.training.model.dtype == torch.float64


class Rounding(Estimator):
    """Rounds its loss."""

    def loss(self, batch):
        return super().loss(batch).float()


def test_estimator_that_rounds_to_float32_is_found():
    with pytest.raises(PassError, match=r"of float32 and float64, in test_float64.py: loss"):
        run(options_of((), precision="fp64"), OneType(), kind=Rounding)


@pytest.fixture
def make(monkeypatch):
    """make(*flags) -> (an estimator in fp64 with rows away from their start, a training batch, a clean one)."""
    monkeypatch.setattr(set_up, "matrix_product_peak", lambda *_: 1.0)
    random = torch.Generator().manual_seed(0)
    images = F.interpolate(torch.rand(COUNT, 1, 4, 4, generator=random), (8, 8), mode="bicubic").clamp(0, 1)
    table = ImageTable((images * 255).byte(), GIVEN)
    split = Split(VALID.numpy(), TRAIN.numpy(), GIVEN.numpy())

    def made(*flags):
        arguments = ["--precision", "fp64", "--batch-size", str(SIZE), "-nr", "0.1", "--hyper-start", "0", *flags]
        options = resolve(parse_options(RunOptions, "", arguments))
        training = set_up.make_training(options, Dataset(table, table, 10), split, HOST)
        for holder in training.rows.holders.values():
            holder.values.add_(torch.randn(holder.values.shape, generator=random).double())
        # Two train passes, so that the batch norms have statistics of their own.
        for _ in range(2):
            training.train_pass(1, lambda batch: training.model(training.original(batch)).sum())
        index = TRAIN[:SIZE]
        batch = Batch(training.strong(Batch(table.images[index], GIVEN[index], index)), GIVEN[index], index)
        clean = Batch(table.images[VALID], GIVEN[VALID], VALID)
        return options.estimator_class(options.estimator, training), batch, clean

    return made


def relative(found, expected):
    """The Euclidean norm of the difference over the expected one's."""
    return ((found - expected).norm() / expected.norm()).item()


def draw_anew(training):
    """Let the augmentation's draws, and those of its network, begin at the same place."""
    training.draws.manual_seed(7)
    holder = training.rows.holders.get("A")
    if isinstance(holder, NoiseHolder):
        holder._draws.manual_seed(8)


HEAD = {
    "SEP/BOTH": PARTS["SEP/BOTH"],
    "SEP/BOTH, --warp original": (*PARTS["SEP/BOTH"], "--warp", "original"),
    "SHA/SOFT": ("--aug-model", "SHA", "--los-model", "SOFT"),
    "NET/WGHT": (*NET[:2], "--net-labels", "--los-model", "WGHT"),
}


@pytest.mark.parametrize("name", ["HES", "FIS"])
@pytest.mark.parametrize("row", HEAD)
def test_hypergradient_at_the_head_is_that_of_a_double_backward(make, name, row):
    """- d/d(leaves) <V, grad_W L_train> through the network as it is trained, without folded batch norms."""
    estimator, batch, clean = make(*HEAD[row], "--hyper-opt", name, "--hyper-steps", "0")
    training, directions = estimator.training, []
    head, rows = training.frozen.head, training.rows

    def direction(*arguments):
        directions.append((estimator.direction(*arguments), arguments[2]))
        return directions[0][0]

    draw_anew(training)
    clean_at = clean_gradient(*clean_features(training, [clean], training.views.evaluation), head.bias)
    found = hyper_step(training, batch, clean_at, direction, 0)
    ((V, slope),) = directions

    model = training.model.eval()
    W = model.head.weight.detach().requires_grad_()

    def logits(images):
        return model.encoder(images) @ W.T + model.head.bias

    loss = F.cross_entropy(logits(rows.still(training.views.evaluation(clean.images))), clean.given)
    assert relative(slope, torch.autograd.grad(loss, W)[0]) < 1e-12
    draw_anew(training)
    leaves = {letter: leaf.requires_grad_() for letter, leaf in rows.leaves(batch.index).items()}
    images = rows.augment(batch.images, batch.index, leaves, training.draws)
    loss = rows.loss(logits(images), batch.index, leaves)
    along = (torch.autograd.grad(loss, W, create_graph=True)[0] * V).sum()
    expected = dict(zip(leaves, torch.autograd.grad(-along, list(leaves.values())), strict=True))
    assert found.keys() == expected.keys()
    for letter, gradient in found.items():
        assert gradient.dtype == torch.float64
        assert gradient.abs().max() > 0
        assert relative(gradient, expected[letter]) < 1e-10


def test_neumann_series_is_that_of_autograds_hessian(make):
    estimator, batch, clean = make(*PARTS["SEP/BOTH"], "--hyper-opt", "HES", "--hyper-iters", "3")
    training, found = estimator.training, []

    def direction(at_head, W, slope):
        found.append((estimator.direction(at_head, W, slope), at_head, W, slope))
        return found[0][0]

    clean_at = clean_gradient(*clean_features(training, [clean], training.views.evaluation), training.frozen.head.bias)
    hyper_step(training, batch, clean_at, direction, 0)
    ((V, at_head, W, slope),) = found

    def loss(W):
        logits = at_head.features.detach() @ W.T + at_head.bias
        log_p, log_s = logits.log_softmax(1), at_head.target.detach().log_softmax(1)
        divergence = F.kl_div(log_p, log_s, reduction="none", log_target=True).sum(1)
        divergence = divergence + F.kl_div(log_s, log_p, reduction="none", log_target=True).sum(1)
        return (at_head.weight.detach() * divergence / 2).mean()

    term = total = slope
    for _ in range(3):
        term = term - estimator.options.hyper_alpha * torch.autograd.functional.hvp(loss, W, term)[1]
        total = total + term
    assert relative(V, total) < 1e-10


def test_start_is_that_of_the_other_precisions(make):
    """Its numbers are drawn in float32; constants are exact in float64."""
    flags = ("--dataset", "DIGITS", *PARTS["NET/BOTH"][:2], "--los-model", "BOTH", "--hyper-opt", "UNR")
    table = ImageTable(torch.zeros(COUNT, 1, 8, 8, dtype=torch.uint8), GIVEN)
    split = Split(VALID.numpy(), TRAIN.numpy(), GIVEN.numpy())
    trainings = {}
    for precision in ("fp32", "fp64"):
        options = resolve(parse_options(RunOptions, "", [*flags, "--batch-size", str(SIZE), "--precision", precision]))
        trainings[precision] = set_up.make_training(options, Dataset(table, table, 10), split, HOST)
    pairs = zip(*(training.model.parameters() for training in trainings.values()), strict=True)
    assert all(torch.equal(rounded.double(), exact) for rounded, exact in pairs)
    rounded, exact = (training.rows.holders for training in trainings.values())
    assert torch.equal(rounded["A"].values.double(), exact["A"].values)
    assert torch.equal(rounded["W"].values.double(), exact["W"].values)
    soft_label = exact["S"].values.softmax(1).numpy()
    expected = np.full((COUNT, 10), 0.05 / 10)
    expected[np.arange(COUNT), GIVEN.numpy()] += 0.95
    np.testing.assert_allclose(soft_label, expected, rtol=1e-14)
