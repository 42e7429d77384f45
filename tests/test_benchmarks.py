"""The benchmarks at toy size: what they print and write, not how fast anything is."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks import (
    audit,
    before_after,
    epoch,
    gpu_report,
    gpu_table,
    hypergradient,
    logistic,
    precision,
    results,
    rows,
    startup,
    transforms,
)
from utils.errors import exit_status


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """run(module, *flags) -> (what was printed, the numbers)."""

    def call(module, *flags):
        monkeypatch.setattr("sys.argv", ["benchmark", *map(str, flags), "--output", str(tmp_path / "numbers.json")])
        module.main()
        return capsys.readouterr().out, json.loads((tmp_path / "numbers.json").read_text())

    return call


MISTAKES = [
    (epoch, "--rounds 0", "0 is out of range"),
    (epoch, "--scale 0.0005", "cannot split off 5 of 30 images"),
    (epoch, "--device abacus", "no device 'abacus'"),
    (epoch, "--model abacus", "abacus"),
    (epoch, "--only GMM abacus", "abacus"),
    (gpu_report, "tests abacus", "no part 'abacus'"),
    (gpu_table, "nowhere", "nowhere has nothing"),
    (precision, "--seeds 1", "1 is out of range"),
    (precision, "--dataset nope", "nope"),
    (hypergradient, "--damping 0", "0 is out of range"),
    (rows, "--classes many", "many"),
    (transforms, "--batch -1", "-1 is out of range"),
    (results, "--rounds x", "x"),
    (logistic, "--curves 0", "0 is out of range"),
    (before_after, "nowhere", "'nowhere' holds no version"),
    (startup, "--beside nowhere", "'nowhere' holds no version"),
    (audit, "--dataset nope --no-cuda", "nope"),
    (audit, "--match ( --no-cuda", "regular expression"),
    (audit, "--no-cuda", "no run folder"),
    (epoch, "--output nowhere/numbers.json", "the folder of 'nowhere/numbers.json' is not there"),
]


@pytest.mark.parametrize(("module", "flags", "culprit"), MISTAKES)
def test_mistakes_end_in_one_line(tmp_path, monkeypatch, capsys, module, flags, culprit):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["benchmark", *flags.split()])
    try:
        status = exit_status(module.main)
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert (status, len(error.splitlines())) == (2, 1)
    assert culprit in error


def test_epoch(run):
    printed, numbers = run(epoch, "--scale", 0.004, "--rounds", 2, "--model", "lenet")
    passes = {(line["method"], line["pass"]): line for line in numbers["passes"]}
    assert len(passes) == 3 + 3 + 2 + 2 + 2 + 2
    assert passes["FIS", "hyper"]["images"] == passes["HES", "hyper"]["images"] >= passes["plain", "train"]["images"]
    for (method, part), line in passes.items():
        assert f"| {method} | {part} |" in printed
        assert line["images per second"] == pytest.approx(line["images"] / line["seconds"]["median"])
        assert 0 < line["share of peak"] < 2
    assert numbers["hyper pass / train pass"].keys() == {"HES", "FIS"}
    for name in ("train pass / plain train pass", "run / plain run", "run / plain run, no evaluation"):
        assert numbers[name].keys() == {"HES", "FIS", "UNR/exact", "UNR/difference", "GMM"}
        assert all(ratio["median"] > 0 for ratio in numbers[name].values())


def test_rows(run, monkeypatch):
    monkeypatch.setattr(rows, "SMALL", 300)
    monkeypatch.setattr(rows, "LARGE", 600)
    printed, numbers = run(rows, "--rounds", 2, "--classes", 3)
    found = numbers["classes"]["3"]
    assert "| 3 |" in printed
    assert found["milliseconds"].keys() == {"300", "600"}
    few, many = (found["milliseconds"][count]["median"] for count in ("300", "600"))
    assert found["ratio of medians"] == pytest.approx(many / few)


def test_rows_of_a_thousand_classes(run, monkeypatch):
    monkeypatch.setattr(rows, "LARGE", 600)
    monkeypatch.setattr(rows, "LARGE_STEPS", 2)
    printed, numbers = run(rows, "--large")
    assert "600 rows of 1000 classes" in printed
    assert numbers["large"]["peak memory, GiB"] > 0


def test_logistic(run):
    flags = ("--curves", 1, "--images", 60, "--score-images", 300, "--score-features", 5)
    printed, numbers = run(logistic, *flags)
    assert numbers["fits"].keys() == {"2 classes, 84 features", "10 classes, 64 features"}
    for name, found in numbers["fits"].items():
        assert found["fits"] == 8
        assert found["ratio"]["lbfgs"] == pytest.approx(found["seconds"]["lbfgs"] / found["seconds"]["ours"])
        assert found["gradient"]["ours"] <= 1e-6
        assert found["gradient"]["lbfgs"] < 0.01  # the same objective
        assert f"| {name} | ours | 8 |" in printed
    assert numbers["scores"]["peak memory, GiB"] > 0
    assert "| 300 | 5 | 10 |" in printed


def test_results(run, monkeypatch):
    monkeypatch.setattr(results, "DISTORTIONS", ((10, 0.1),))
    monkeypatch.setattr(results, "SETTINGS", results.SETTINGS[-1:])
    for name, size in {"RUNS": 2, "EPOCHS": 60, "TEST": 100, "TRAIN": 100}.items():
        monkeypatch.setattr(results, name, size)
    printed, numbers = run(results, "--rounds", 1)
    assert (numbers["runs"], numbers["figures"]) == (2, 6 * 2)
    for name in ("tabulated", "tabulated and drawn"):
        assert f"| {name} | {numbers['seconds'][name]['median']:.2f} |" in printed


def test_startup_of_two_versions(run, monkeypatch, tmp_path):
    """One of them does nothing, for long enough to be measured."""
    monkeypatch.setattr(startup, "COMMANDS", ((startup.RESULTS, "--all", 0),))
    monkeypatch.setattr(startup, "YARDSTICK", "pass")
    (tmp_path / startup.RESULTS).write_text("import time\nwhile time.process_time() < 0.4: pass\n")
    printed, numbers = run(startup, "--rounds", 1, "--beside", tmp_path)
    times = numbers["CPU seconds"]
    assert times.keys() == {"pass", "get-results.py --all"}
    now, beside = (times["get-results.py --all"][version]["median"] for version in ("now", "beside"))
    assert times["pass"].keys() == {"now"}
    assert beside >= 0.4
    assert f"| `get-results.py --all` | {now:.2f} (" in printed
    assert f"| {beside:.2f} (" in printed


@pytest.mark.slow  # two processes that import torch
def test_passes_of_two_versions(run):
    """Of this one and itself: a line per pass; the convolutions are a share of the time below one."""
    printed, numbers = run(before_after, before_after.ROOT, "--share", 0.004, "--subsample", 1, "--rounds", 1)
    for name in before_after.PASSES:
        (ratio,) = numbers[name]["ratios"]
        assert ratio == numbers[name]["after"] / numbers[name]["before"]
        assert f"| {name} | {numbers[name]['before']:.2f} |" in printed
    assert all(0 < floor < numbers[name]["after"] for name, floor in numbers["floor"].items())


@pytest.mark.slow  # where the processor only emulates bfloat16
def test_precision(run, tmp_path):
    flags = ["--data", tmp_path, "--seeds", 2, "--epochs", 2, "--hyper-start", 1]
    printed, numbers = run(precision, *flags)
    for estimator in ("HES", "FIS"):
        found = numbers[estimator]
        assert {len(errors) for kind in found["errors"].values() for errors in kind.values()} == {2}
        assert found["rows"].keys() == {"Weight", "Soft label of the given class", "Probability", "Magnitude"}
        for part, distances in found["rows"].items():
            assert 0 < distances["precisions"] < distances["seeds"]
            assert f"| {estimator}, {part} |" in printed


def test_distances_of_rows():
    one = precision.by_part({"Magnitude/a": torch.tensor([0.0, 1.0]), "Magnitude/b": torch.tensor([1.0, 1.0])})
    assert one.keys() == {"Magnitude"}
    assert precision.distance(one["Magnitude"], torch.ones(2, 2)) == 0.5  # one of four differs by one


def test_runs_are_compared_with_those_of_the_same_seed_and_the_device_with_the_cpu():
    """Two seeds of three kinds; errors and rows in units of their own."""
    values = {"fp32": (10.0, 20.0), "bf16": (11.0, 23.0), precision.ON_CPU: (10.5, 20.5)}
    runs = {
        name: [(dict.fromkeys(precision.ERRORS, error), {"Weight": torch.tensor([error / 10])}) for error in errors]
        for name, errors in values.items()
    }
    found = precision.compare(runs)
    assert found["errors between"] == {"precisions": 2.0, "devices": 0.5}
    assert found["rows"]["Weight"] == pytest.approx(
        {"precisions": 0.2, "devices": 0.05, "seeds": 1.0}
        | {"mean, fp32": 1.5, "mean, bf16": 1.7, f"mean, {precision.ON_CPU}": 1.55}
    )
    del runs[precision.ON_CPU]
    assert precision.compare(runs)["errors between"] == {"precisions": 2.0}


def test_a_gpu_is_compared_with_the_cpu():
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 1)
    assert precision.kinds(cpu) == {"fp32": (cpu, "fp32"), "bf16": (cpu, "bf16")}
    assert precision.kinds(gpu) == {"fp32": (gpu, "fp32"), "bf16": (gpu, "bf16"), precision.ON_CPU: (cpu, "fp32")}


def test_audit(call, capfd, monkeypatch):
    """With a stand-in for the package that it compares with, whose scores are the given label's probability."""
    rank = ModuleType("cleanlab.rank")
    rank.get_label_quality_scores = lambda given, said, **how: said[np.arange(len(given)), given]
    monkeypatch.setitem(sys.modules, "cleanlab.rank", rank)
    monkeypatch.setattr(audit, "FOLDS", 2)
    assert call("implicit-augment", "--no-cuda", "-ir", 10, "-nr", 0.3, "--epochs", 2)[0] == 0
    monkeypatch.setattr("sys.argv", ["audit", "--runs", "0", "--no-cuda"])
    audit.main()
    printed = capfd.readouterr().out
    (kept,) = Path("local_data/DIGITS/run0").glob("out_of_sample_*.npy")
    probabilities = np.load(kept)
    (path,) = kept.parent.glob("predictions_*")
    with np.load(path) as found:
        index, given, wrong = found["train_index"], found["train_given"], found["train_given"] != found["train_true"]
        averaged = found["train_confidence"]
    assert np.flatnonzero(~np.isnan(probabilities[:, 0])).tolist() == index.tolist()
    np.testing.assert_allclose(probabilities[index].sum(1), 1, rtol=1e-5)
    scores = {
        "network's probability, averaged": averaged,
        "confident learning, self confidence, adjusted": probabilities[index, given],
    }
    for name, score in scores.items():
        area, precision = (100 * measure(wrong, -score) for measure in (roc_auc_score, average_precision_score))
        assert f"| 10-0.3 | NONE/NONE NONE | {name} | {area:.2f} | {precision:.2f} | 1 |" in printed
    monkeypatch.setattr(audit, "predict_held_out", lambda *_: pytest.fail("they are kept already"))
    audit.main()
    assert capfd.readouterr().out == printed
