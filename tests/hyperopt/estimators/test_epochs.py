"""A training's passes against the same steps written out, and its state there and back, for every estimator."""

import copy
import io

import pytest
import torch
import torch.nn.functional as F

from custom_datasets.distortion import Split
from custom_datasets.names import BUILT_IN
from custom_datasets.table import Dataset, ImageTable
from custom_transforms.normalise import Normalise
from hyperopt.estimators.table import ESTIMATORS, find_estimator
from hyperopt.estimators.training import stepped
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.runs import set_up
from utils.runs.checkpoint import same_layout
from utils.speed import Cost

CPU = torch.device("cpu")
TRUE = torch.arange(70) % 10
GIVEN = (TRUE + torch.arange(70) // 60) % 10  # the last ten are wrong
TRAIN, VALID = torch.arange(30, 70), torch.arange(30)
PARTS = ("--aug-model", "SEP", "--los-model", "BOTH")
SETTINGS = {
    "NONE": ("--aug-model", "RAND"),
    "CON": (*PARTS, "--rows", "finished"),
    "GMM": PARTS,
    "UNR": PARTS,
    "SEL": ("--aug-model", "TRANSLATE", "--select-budgets", "5,20", "--select-update"),
    "HES": (*PARTS, "--hyper-batch-size", "16"),
    "FIS": (*PARTS, "--hyper-batch-size", "16", "--hyper-iters", "3", "--hyper-steps", "2"),
}


class FreshNetwork:
    """Stands for the finished run that an estimator starts from."""

    checksum = "of the network"

    def __init__(self, training, folder):
        self.network, self._folder = training.published, folder

    def features(self, fingerprint):
        return self._folder / fingerprint


@pytest.fixture
def make(monkeypatch, tmp_path):
    """make(*flags) -> an estimator on a small training set, at its start."""
    monkeypatch.setattr(set_up, "matrix_product_peak", lambda *_: 1.0)
    random = torch.Generator().manual_seed(0)
    images = torch.randint(256, (70, 1, 8, 8), generator=random, dtype=torch.uint8)
    data = Dataset(ImageTable(images, TRUE), ImageTable(images[:20], TRUE[:20]), 10)
    split = Split(VALID.numpy(), TRAIN.numpy(), GIVEN.numpy())

    def made(*flags):
        common = ("--epochs", "4", "--hyper-start", "1", "--batch-size", "16")
        arguments = [*common, "--lr-warm-epochs", "1", "--precision", "fp32", "-nr", "0.1", *flags]
        options = resolve(parse_options(RunOptions, "", arguments))
        training = set_up.make_training(options, data, split, CPU)
        estimator = options.estimator_class(options.estimator, training)
        if estimator.earlier(options):
            estimator.begin(FreshNetwork(training, tmp_path))
        return estimator

    return made


def test_every_estimator_has_a_setting():
    assert SETTINGS.keys() == ESTIMATORS.keys()


@pytest.mark.parametrize(
    ("flags", "settings"),
    [
        ((), {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}),
        (("--momentum", "0.5"), {"momentum": 0.5, "nesterov": True, "weight_decay": 1e-4}),
        (("--momentum", "0", "--weight-decay", "0.01"), {"weight_decay": 0.01}),
        (("--weight-decay", "0"), {"momentum": 0.9, "nesterov": True}),
    ],
)
def test_epoch_is_sgd_step_by_step(make, flags, settings):
    """With momentum, weight decay and the steps' learning rates of the options, on the given labels."""
    estimator = make(
        "--lr-schedule", "steps", "--lr-decay-epochs", "2", "--lr-decay-rate", "0.1", "--lr", "0.2", *flags
    )
    training = estimator.training
    reference, order = copy.deepcopy(training.model), training.loaders.orders["train order"].clone_state()
    training.model.eval()  # as whoever has used it before may have left it
    losses = [estimator.epoch(number) for number in (1, 2, 3)]

    optimizer = torch.optim.SGD(reference.parameters(), 0.2, **settings)
    normalise = Normalise(BUILT_IN["DIGITS"].mean, BUILT_IN["DIGITS"].std, CPU)
    images = normalise(training.data.train.images)
    # A warm-up of an epoch from a tenth, then the rate, and a tenth of it after two epochs.
    rates = [[0.02, 0.11], [0.2, 0.2], [0.02, 0.02]]
    for loss, epoch_rates in zip(losses, rates, strict=True):
        batches = TRAIN[torch.randperm(len(TRAIN), generator=order)][:32].split(16)
        expected = []
        for index, rate in zip(batches, epoch_rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate
            value = F.cross_entropy(reference(images[index]), GIVEN[index])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            expected.append(value.item())
        assert loss == pytest.approx(sum(expected) / 2, rel=1e-6)
    for value, expected in zip(training.model.state_dict().values(), reference.state_dict().values(), strict=True):
        torch.testing.assert_close(value, expected)


def test_options_of_sgd_reach_it(make):
    (group,) = make("--momentum", "0.3", "--weight-decay", "0.02").training.optimizer.param_groups
    assert (group["momentum"], group["weight_decay"], group["nesterov"]) == (0.3, 0.02, True)
    (group,) = make("--momentum", "0").training.optimizer.param_groups
    assert (group["momentum"], group["weight_decay"], group["nesterov"]) == (0, 1e-4, False)


@pytest.mark.parametrize("momentum", ["0", "0.9"])
def test_layout_of_a_fresh_optimiser_is_that_of_a_stepped_one(make, momentum):
    estimator = make("--momentum", momentum)
    training = estimator.training
    weights, fresh = copy.deepcopy(training.model.state_dict()), stepped(training.optimizer)
    estimator.epoch(1)
    real = training.optimizer.state_dict()
    assert same_layout(real, fresh)
    assert same_layout(fresh, real)
    assert len(real["state"]) == (len(list(training.model.parameters())) if momentum != "0" else len(fresh["state"]))
    # Nothing was moved to find it out.
    other = make("--momentum", momentum).training
    stepped(other.optimizer)
    assert all(torch.equal(value, weights[name]) for name, value in other.model.state_dict().items())
    assert not other.optimizer.state


def through_a_file(content):
    file = io.BytesIO()
    torch.save(content, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize(("name", "momentum"), [*((name, "0.9") for name in ESTIMATORS), ("NONE", "0")])
def test_state_there_and_back_goes_on_bit_for_bit(make, name, momentum):
    flags = ("--hyper-opt", name, *SETTINGS[name], "--momentum", momentum)
    whole, first, second = (make(*flags) for _ in range(3))
    losses = {number: (whole.epoch(number), *whole.evaluate(number)) for number in range(1, 5)}
    expected = second.whole_layout()
    for number in (1, 2):
        assert (first.epoch(number), *first.evaluate(number)) == losses[number]
    assert same_layout(first.whole_state(), expected)
    assert same_layout(first.training.published(), second.training.published())
    published, state = through_a_file((first.training.published(), first.whole_state()))
    second.load_whole(published, state)
    for number in (3, 4):
        assert (second.epoch(number), *second.evaluate(number)) == losses[number]
    assert_equal(second.training.published(), whole.training.published())
    assert_equal(second.whole_state(), whole.whole_state())


def assert_equal(found, expected):
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert_equal(found[key], value)
    elif isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected)
    else:
        assert found == expected


@pytest.mark.parametrize("name", ESTIMATORS)
def test_rows_move_from_the_hyper_start_on_and_only_what_an_estimator_fills(make, name):
    estimator = make("--hyper-opt", name, *SETTINGS[name])
    holders, kind = estimator.training.rows.holders, find_estimator(name)
    start = {letter: holder.values.clone() for letter, holder in holders.items()}
    estimator.epoch(1)
    assert estimator.rows_rate == 0
    assert all(torch.equal(holder.values, start[letter]) for letter, holder in holders.items())
    estimator.epoch(2)
    assert (estimator.rows_rate > 0) == bool(kind.hyper_options)
    for letter, holder in holders.items():
        changed = (holder.values != start[letter]).any(1)
        # A pass of its own has every image; the train pass leaves an incomplete batch out.
        passed = len(TRAIN) if "hyper_batch_size" in kind.hyper_options else len(TRAIN) // 16 * 16
        assert changed[TRAIN].sum() == (passed if kind.hyper_options and letter in kind.fills else 0)
        assert not changed[VALID].any()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_true_labels_of_training_images_reach_nothing(make, name):
    """The same numbers where those are others; of the validation images they do not reach the weights either way."""
    flags = ("--hyper-opt", name, *SETTINGS[name])
    one, other = make(*flags), make(*flags)
    true = other.training.data.train.labels
    assert true.data_ptr() == one.training.data.train.labels.data_ptr()
    for number in (1, 2):
        one.epoch(number)
    before = true[TRAIN].clone()
    try:
        true[TRAIN] = (before + 3) % 10
        for number in (1, 2):
            other.epoch(number)
    finally:
        true[TRAIN] = before
    assert_equal(other.training.published(), one.training.published())


def test_operations_of_an_evaluation_are_those_of_its_test_and_validation_images(make):
    training = make("--aug-model", "RAND").training
    training.cost = Cost(forward=3, training=0, to_pixels=0, tested=100)
    laps = []
    training.meter.lap = lambda *lap: laps.append(lap)
    training.evaluate(1)
    assert laps == [("evaluation", 20 + 30, 20 * 100 + 30 * 3)]
