"""What the training script does with its parts, seen from the files it leaves."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DISTORTION, Killed, call_in
from matplotlib.axes import Axes
from PIL import Image
from sklearn.metrics import accuracy_score
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from custom_datasets.names import BUILT_IN
from custom_datasets.sources import load_dataset
from custom_models.classifier import build_model
from custom_transforms.normalise import Normalise
from custom_transforms.operations import NAMES
from custom_transforms.view import Place
from hyperopt.estimators import hyper_pass
from hyperopt.estimators import training as estimator_training
from hyperopt.estimators.implicit import Implicit
from hyperopt.options.resolve import resolve
from hyperopt.runs.set_up import make_strong
from utils.passes import Evaluation
from utils.runs.epochs import Epoch
from utils.runs.record import Epochs, Record
from utils.schedule import Cosine

METHOD = ("--aug-model", "SEP", "--los-model", "BOTH")
HES = (*METHOD, "--hyper-opt", "HES")


def the_file(pattern, folder="local_data"):
    (path,) = (Path(folder) / "DIGITS" / "run0").glob(pattern)
    return path


def checkpoint():
    return torch.load(the_file("last_*"), weights_only=True)


def metrics():
    return list(csv.DictReader(the_file("metrics_*").open()))


@pytest.fixture(scope="module")
def learned(scripts, tmp_path_factory):
    """Folder of a run that has learned rows, and what it printed."""
    folder = tmp_path_factory.mktemp("learned")
    flags = ("--no-cuda", "--epochs", 3, "--hyper-start", 1, *DISTORTION, *HES)
    status, out, _ = call_in(folder, scripts["implicit-augment"], *flags)
    assert status == 0
    return folder, out


@pytest.fixture
def learned_run(call, learned):
    """The same run in the test's own folder."""
    shutil.copytree(learned[0], ".", dirs_exist_ok=True)


def test_labels_that_are_trained_on_are_the_noisy_ones(train):
    train(*DISTORTION, *METHOD)
    given = checkpoint()["reweight_state_dict"]["soft_label"].argmax(1)
    assert torch.equal(given, torch.load(the_file("data_*"), weights_only=True)[2])


def test_recorded_accuracies_are_those_of_the_saved_network(learned_run, tmp_path):
    saved = checkpoint()
    model = build_model("smallnet", 1, 10, seed=9)
    model.encoder.load_state_dict(saved["encoder_state_dict"])
    model.head.load_state_dict(saved["decoder_state_dict"])
    model.eval()
    data = load_dataset("DIGITS", tmp_path, torch.device("cpu"))
    normalise = Normalise(BUILT_IN["DIGITS"].mean, BUILT_IN["DIGITS"].std, torch.device("cpu"))
    valid = torch.tensor(torch.load(the_file("data_*"), weights_only=True)[0])

    def accuracy(images, labels):
        with torch.no_grad():
            return 100 * accuracy_score(labels, model(normalise(images)).argmax(1))

    assert saved["acc"] == pytest.approx(accuracy(data.test.images, data.test.labels))
    expected = accuracy(data.train.images[valid], data.train.labels[valid])
    assert float(metrics()[-1]["valid_accuracy"]) == pytest.approx(expected)


def test_optimiser_is_the_published_one(train, monkeypatch):
    seen, make = [], torch.optim.SGD

    def spy(parameters, lr, **settings):
        seen.append((lr, settings))
        return make(parameters, lr, **settings)

    monkeypatch.setattr(torch.optim, "SGD", spy)
    train(*DISTORTION, "--epochs", 1)
    train(*DISTORTION, "--epochs", 1, "--momentum", 0, "--weight-decay", 0, "-r", "run1")
    assert seen == [
        (0.05, {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}),
        (0.05, {"momentum": 0, "nesterov": False, "weight_decay": 0}),
    ]


def test_learning_rates_that_were_used_follow_both_schedules(train):
    train(*DISTORTION, *HES, "--epochs", 12, "--hyper-start", 4)
    rates = [(float(row["learning_rate"]), float(row["hyper_learning_rate"])) for row in metrics()]
    network, rows = Cosine(0.05, 12, 0.1, 5), Cosine(0.05, 8, 0.1, 5)
    last_train, last_hyper = 3 / 4, 1 / 2  # 133 images: 4 steps of 32, 2 steps of at most 128
    expected = [(network(e + last_train), rows(e - 4 + last_hyper) if e >= 4 else 0) for e in range(12)]
    assert np.allclose(rates, expected, rtol=1e-9)


def test_learning_rates_fall_in_steps_without_momentum_and_weight_decay(train):
    flags = (*DISTORTION, "--lr-warm-epochs", 0, "--momentum", 0, "--weight-decay", 0)
    status, _, err = train(*flags, "--lr-schedule", "steps", "--lr-decay-epochs", "1,2")
    assert (status, err) == (0, "")
    assert [float(row["learning_rate"]) for row in metrics()] == pytest.approx([0.05, 0.005, 0.0005])
    assert all("momentum_buffer" not in state for state in checkpoint()["training"]["optimizer"]["state"].values())
    status, _, err = train(*flags, "--lr-schedule", "steps", "--lr-decay-epochs", "1,3")
    assert status == 2
    assert "lr_decay_epochs 1,2 instead of 1,3" in err
    status, _, err = train(*flags, "--momentum", 0.9, "--lr-schedule", "steps", "--lr-decay-epochs", "1,2")
    assert status == 2
    assert "momentum 0.0 instead of 0.9" in err


def test_run_without_momentum_in_steps_goes_on_where_it_stopped(train, killed_at):
    steps = (*DISTORTION, *METHOD, "--momentum", 0, "--lr-schedule", "steps", "--lr-decay-epochs", "1,2")
    assert train(*steps, "--data", "whole")[0] == 0
    revive = killed_at(10)
    with pytest.raises(Killed):
        train(*steps)
    revive()
    assert "going on after epoch" in train(*steps)[2]
    trained = [torch.load(the_file("last_*", data), weights_only=True) for data in ("local_data", "whole")]
    for part in ("encoder", "decoder"):
        one, other = (state[f"{part}_state_dict"] for state in trained)
        assert all(torch.equal(one[name], other[name]) for name in other)


@pytest.mark.parametrize(
    "flags",
    [
        ("--overfit",),
        ("--oversplit",),
        ("--warp", "original"),
        ("--hyper-steps", 5),
        ("--hyper-iters", 0),
        ("--hyper-alpha", 10),
        ("--hyper-lr", 1),
        ("--hyper-batch-size", 50),
        ("--lr", 0.02),
        ("--lr-warm-epochs", 1),
        ("--seed", 7),
        ("--model", "lenet"),
        ("--valid-images", 50),
        ("--hyper-valid", "full"),
        ("--momentum", 0.5),
        ("--weight-decay", 0.01),
        ("--recipe", "MNIST", "--model", "smallnet"),
    ],
)
def test_every_option_has_an_effect(train, learned_run, flags):
    assert train(*DISTORTION, *HES, "--data", "other", *flags)[0] == 0
    losses = [list(csv.DictReader(the_file("metrics_*", data).open())) for data in ("local_data", "other")]
    assert losses[0][-1]["test_loss"] != losses[1][-1]["test_loss"]


def test_features_of_an_evaluation_serve_the_hyper_pass_after_it(train, monkeypatch):
    """Nothing is computed twice, and nothing changes; the predictions are the last evaluation's."""
    computed, evaluations = [], []
    clean_features, evaluate = hyper_pass.clean_features, estimator_training.evaluate
    monkeypatch.setattr(hyper_pass, "clean_features", lambda *of: computed.append(of) or clean_features(*of))
    monkeypatch.setattr(estimator_training, "evaluate", lambda *of: evaluations.append(of) or evaluate(*of))
    flags = (*DISTORTION, "--aug-model", "SEP", "--hyper-opt", "FIS", "--hyper-start", 1, "--epochs", 4)
    train(*flags, "--data", "kept")
    assert (len(computed), len(evaluations)) == (0, 8)

    evaluate_epoch = Implicit.evaluate

    def forget(self, number):
        found = evaluate_epoch(self, number)
        self._clean_outputs = self.training._test = None
        return found

    monkeypatch.setattr(Implicit, "evaluate", forget)
    train(*flags, "--data", "anew")
    assert (len(computed), len(evaluations)) == (3, 8 + 9)
    for kind in ("rows_*.npz", "predictions_*"):
        assert the_file(kind, "kept").read_bytes() == the_file(kind, "anew").read_bytes()


@pytest.mark.parametrize("flags", [("--warp", "original"), ("--overfit",)])
def test_hyper_pass_with_views_of_its_own_computes_them(train, monkeypatch, flags):
    computed, clean_features = [], hyper_pass.clean_features
    monkeypatch.setattr(hyper_pass, "clean_features", lambda *of: computed.append(of) or clean_features(*of))
    train(*DISTORTION, "--aug-model", "SEP", "--hyper-opt", "FIS", "--hyper-start", 1, "--epochs", 3, *flags)
    assert len(computed) == 2


@pytest.mark.parametrize(("flags", "same"), [((), True), (METHOD, False), (("--aug-model", "RAND"), True)])
def test_learned_augmentation_is_applied_in_training(train, flags, same):
    """The pictures show the batch before and after the learned part; a policy comes before it."""
    train(*DISTORTION, *flags, "--epochs", 1, "--plot-debug")
    before, after = (Image.open(the_file(f"debug_*/batch_0_{when}.png")).tobytes() for when in ("before", "after"))
    assert (before == after) is same


def test_partner_comes_before_the_learned_augmentation(scripts):
    """Without geometric operations, before tables alone, of data sets whose recipe has one, whatever the method."""
    script = scripts["implicit-augment"]

    def strong(*flags):
        return make_strong(resolve(script.parse_options(script.RunOptions, "", flags)), 32, 32)

    assert strong("--dataset", "SVHN") == {}
    assert strong("--dataset", "DIGITS", "--aug-model", "SEP") == {}
    assert strong("--dataset", "CIFAR10", "--aug-model", "STN") == {}
    assert strong("--dataset", "CIFAR10", "--aug-model", "NET", "--hyper-opt", "HES") == {}
    assert strong("--dataset", "CIFAR10", "--method", "DABO") == {}
    assert strong("--dataset", "CIFAR10", "--method", "DABO", "--aug-model", "SEP").keys() == {Place.BEFORE_CROP}
    ((place, partner),) = strong("--dataset", "CIFAR10", "--aug-model", "SHA").items()
    assert place == Place.BEFORE_CROP
    steps = partner.draw(5000, torch.Generator().manual_seed(0))
    names = {NAMES[place] for place in steps.operation.unique().tolist()}
    assert len(steps.operation) == 1
    assert names == {"Identity", "AutoContrast", "Equalize", "Invert", "Color", "Sharpness"}


def test_tensorboard_has_the_figures_of_the_metrics_file(learned_run):
    events = EventAccumulator(str(next(Path("logs/DIGITS").iterdir())))
    events.Reload()
    for tag, column in (("Train Loss", "train_loss"), ("Test Loss", "test_loss"), ("Learning Rate", "learning_rate")):
        assert [s.value for s in events.Scalars(tag)] == pytest.approx([float(row[column]) for row in metrics()])


def test_curves_show_the_error(train, results, sketched, monkeypatch):
    train(*DISTORTION)
    drawn, plot = [], Axes.plot

    def spy(axes, x, y, **style):
        drawn.append((list(x), y))
        return plot(axes, x, y, **style)

    monkeypatch.setattr(Axes, "plot", spy)
    results(*DISTORTION, "--plot", "figures")
    errors = [100 - float(row["test_accuracy"]) for row in metrics()]
    assert drawn[0] == ([1, 2, 3], pytest.approx(errors))
    assert drawn[2][1] == pytest.approx([float(row["train_loss"]) for row in metrics()])


def test_earliest_of_equally_good_epochs_is_chosen():
    record = object.__new__(Record)
    record._run_epochs = Epochs(4, selects=True)
    accuracies = [(50, 10), (60, 30), (60, 20), (55, 30)]
    record.epochs = [
        Epoch(n, 1, Evaluation(1, test, []), Evaluation(1, valid, []), 1, 0, {}, {}, 0)
        for n, (test, valid) in enumerate(accuracies, 1)
    ]
    chosen = {name: epoch.epoch for name, epoch in record.chosen_epochs().items()}
    assert chosen == {"best_on_test": 2, "selected_on_validation": 2, "last_epoch": 4}
    assert record.last_five() == (50 + 60 + 60 + 55) / 4


def test_last_five_accuracies_are_averaged(train):
    train(*DISTORTION, "--epochs", 7)
    result = json.loads(the_file("result_*").read_text())
    tests = [float(row["test_accuracy"]) for row in metrics()]
    assert result["accuracy"]["last_five"] == pytest.approx(sum(tests[2:]) / 5)
    assert result["epochs"]["last_five"] == 7


@pytest.mark.parametrize(
    "flags",
    [
        ("--lr", 1e6),
        (*HES, "--lr", 1e6),
        ("--aug-model", "SHA", "--hyper-opt", "HES", "--lr", 1e4),
        (*HES, "--lr", 1e6, "--hyper-steps", 2),
    ],
)
def test_training_that_diverges_stops_and_says_so(train, flags):
    status, _, err = train(*DISTORTION, *flags, "--lr-warm-epochs", 0)
    assert status == 2
    assert len(err.splitlines()) == 1
    assert "diverged" in err
    assert not list(Path("local_data/DIGITS/run0").glob("result_*"))


def test_fresh_run_that_fails_at_once_leaves_the_finished_one(train):
    train(*DISTORTION)
    before = {path: path.read_bytes() for path in Path("local_data").rglob("*") if path.is_file()}
    status, *_ = train(*DISTORTION, "--fresh", "--lr", 1e6, "--lr-warm-epochs", 0)
    assert status == 2
    assert {path: path.read_bytes() for path in Path("local_data").rglob("*") if path.is_file()} == before


def test_checkpoint_of_unknown_origin_is_not_overwritten(train):
    train(*DISTORTION)
    the_file("result_*").unlink()
    the_file("last_*").unlink()
    the_file("metrics_*").unlink()
    the_file("best_*").write_bytes(b"of another program")
    status, _, err = train(*DISTORTION)
    assert status == 2
    assert "--fresh" in err
    assert the_file("best_*").read_bytes() == b"of another program"


@pytest.mark.slow
def test_table_on_digits(call):
    """Run 0 of the README's table at full length: baseline and method."""
    errors = {}
    for name, flags in (("NONE", ()), ("SEP/BOTH", HES)):
        call("implicit-augment", "--no-cuda", "-ir", 10, "-nr", 0.1, *flags, "--data", name)
        accuracy = json.loads(the_file("result_*", name).read_text())["accuracy"]
        errors[name] = {key: 100 - value for key, value in accuracy.items()}
    assert errors["SEP/BOTH"]["best_on_test"] <= min(5.0, 0.3 * errors["NONE"]["best_on_test"])
    assert errors["SEP/BOTH"]["last_epoch"] <= 6.5


def test_every_epoch_says_how_fast_its_passes_were(learned):
    _, out = learned
    one = r"[\d.]+ s \([\d,]+ images/s, [\d.]+ % of peak\)"
    lines = [line for line in out.splitlines() if line.startswith("epoch")]
    hyper = [re.search(rf"hyper {one}  train {one}  evaluation {one}  memory [\d.]+ GiB$", line) for line in lines]
    assert [bool(found) for found in hyper] == [False, True, True]
    assert re.search(rf"e-0\d  train {one}", lines[0])


@pytest.mark.parametrize("opt", [pytest.param("HES", marks=pytest.mark.slow), "FIS"])
def test_bfloat16_trains_about_alike(train, opt):
    rows, figures = [], []
    for precision in ("fp32", "bf16"):
        train(*DISTORTION, *METHOD, "--hyper-opt", opt, "--precision", precision, "--fresh")
        state = checkpoint()
        rows.append(torch.cat([state["reweight_state_dict"][name].flatten() for name in ("weight", "soft_label")]))
        figures.append(float(metrics()[-1]["train_loss"]))
    assert not torch.equal(*rows)
    assert figures[1] == pytest.approx(figures[0], rel=0.05)


def test_precision_shapes_the_result(train):
    train(*DISTORTION, "--epochs", 1, "--precision", "fp32")
    status, _, err = train(*DISTORTION, "--epochs", 1, "--precision", "bf16")
    assert status == 2
    assert "precision fp32 instead of bf16" in err


def test_rows_on_the_host_are_the_same_rows(train, learned_run):
    on_device = checkpoint()["reweight_state_dict"]["weight"]
    assert on_device.any()
    train(*DISTORTION, *HES, "--rows-on", "host", "--fresh")
    assert torch.equal(checkpoint()["reweight_state_dict"]["weight"], on_device)


def test_compiler_that_is_missing_is_named_in_one_line(train, monkeypatch):
    def fail(*_):
        raise RuntimeError("no C++ compiler\nand much more")

    monkeypatch.setattr(torch, "compile", fail)
    status, _, err = train("--compile")
    assert status == 2
    assert err == "error: --compile does not work on this machine (no C++ compiler); leave it out\n"


@pytest.mark.slow
def test_compiled_network_trains_alike(train):
    losses = []
    for flags in ((), ("--compile",)):
        status, _, _ = train(*DISTORTION, *HES, *flags, "--fresh")
        assert status == 0
        losses.append([float(row["train_loss"]) for row in metrics()])
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)


def test_run_of_before_there_was_a_precision_is_finished_all_the_same(train):
    train(*DISTORTION, "--epochs", 1)
    path = the_file("result_*")
    content = json.loads(path.read_text())
    del content["options"]["precision"]
    path.write_text(json.dumps(content))
    status, out, _ = train(*DISTORTION, "--epochs", 1)
    assert status == 0
    assert "finished already" in out


def test_images_too_small_for_the_network_are_named_in_one_line(train):
    folder = Path("local_data/mine")
    folder.mkdir(parents=True)
    for part in ("train", "test"):
        np.savez(folder / part, images=np.zeros((80, 2, 2), np.uint8), labels=np.arange(80) % 4)
    status, _, err = train("--dataset", "mine", "--recipe", "DIGITS", "--model", "lenet")
    assert status == 2
    said = [line for line in err.splitlines() if not line.startswith("note: ")]  # on pictures that show nothing
    assert said == ["error: images of 2 x 2 pixels are too small for this --model; choose another"]
