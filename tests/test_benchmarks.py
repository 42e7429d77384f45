"""The benchmarks at toy size: what they print and write, not how fast anything is."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ttest_1samp
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks import audit, epoch, evidence, precision, results, rows, wrong_labels


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """run(module, *flags) -> (what was printed, the numbers)."""

    def call(module, *flags):
        monkeypatch.setattr("sys.argv", ["benchmark", *map(str, flags), "--output", str(tmp_path / "numbers.json")])
        module.main()
        return capsys.readouterr().out, json.loads((tmp_path / "numbers.json").read_text())

    return call


def test_epoch(run):
    printed, numbers = run(epoch, "--scale", 0.004, "--rounds", 2, "--model", "lenet")
    passes = {(line["method"], line["pass"]): line for line in numbers["passes"]}
    assert len(passes) == 3 + 3 + 2
    assert passes["FIS", "hyper"]["images"] == passes["HES", "hyper"]["images"] >= passes["plain", "train"]["images"]
    for (method, part), line in passes.items():
        assert f"| {method} | {part} |" in printed
        assert line["images per second"] == pytest.approx(line["images"] / line["seconds"]["median"])
        assert 0 < line["share of peak"] < 2
    for name in ("hyper pass / train pass", "run / plain run", "run / plain run, no evaluation"):
        assert numbers[name].keys() == {"HES", "FIS"}
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
    printed, numbers = run(rows, "--large")
    assert "600 rows of 1000 classes" in printed
    assert numbers["large"]["peak memory, GiB"] > 0


def test_wrong_labels_of_rows_that_know_them(tmp_path):
    """Five images, the last is not trained on; of the wrong labels 1 and 3 the soft label corrects one."""
    true, given = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([0, 2, 2, 1, 1])
    soft = torch.eye(3)[[0, 1, 1, 1, 0]]
    weight = torch.tensor([[2.0], [-1.0], [-0.5], [0.0], [-9.0]])
    torch.save({"reweight_state_dict": {"weight": weight, "soft_label": soft}}, tmp_path / "last.pt")
    torch.save(([4], [0, 1, 2, 3], given), tmp_path / "split.pt")
    found = wrong_labels.measure(tmp_path / "last.pt", tmp_path / "split.pt", true)
    assert found == {
        "area, weight": 3 / 4,  # of the pairs of a wrong and a right label, one has the lower weight at the right one
        "area, soft label": (1 + 1 / 2 + 1 / 2 + 0) / 4,  # two pairs are ties
        "wrong, corrected": 1 / 2,
        "right, changed": 1 / 2,
    }


def test_results(run, monkeypatch):
    monkeypatch.setattr(results, "DISTORTIONS", ((10, 0.1),))
    monkeypatch.setattr(results, "ROWS", results.ROWS[-2:])
    monkeypatch.setattr(results, "RUNS", 2)
    printed, numbers = run(results, "--rounds", 1)
    assert (numbers["runs"], numbers["figures"]) == (2 * 2, 6 * 2)
    for name in ("tabulated", "tabulated and drawn"):
        assert f"| {name} | {numbers['seconds'][name]['median']:.2f} |" in printed


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


def test_audit(call, capfd, monkeypatch):
    row = ("-ir", 10, "-nr", 0.3, "--los-model", "BOTH", "--hyper-opt", "FIS", "--hyper-start", 1)
    assert call("implicit-augment", "--no-cuda", *row, "--epochs", 2)[0] == 0
    call("get-results", *row, "--audit", "audit.csv", "--threshold", 0.2)
    monkeypatch.setattr("sys.argv", ["audit", "--runs", "0", "--alone", "--no-cuda"])
    capfd.readouterr()
    audit.main()
    printed = capfd.readouterr().out
    with open("audit.csv", newline="") as file:
        listed = list(csv.DictReader(file))
    wrong = [line["given_label"] != line["true_label"] for line in listed]
    area, precision = (
        100 * measure(wrong, [-float(line["quality"]) for line in listed])
        for measure in (roc_auc_score, average_precision_score)
    )
    assert f"| 10-0.3 | NONE/BOTH FIS hyper start 1 | quality: network's probability, averaged | {area:.2f}" in printed
    assert f" | {precision:.2f} | 1 |" in printed


def test_evidence(call, capfd, monkeypatch):
    for run in ("run0", "run1", "run2"):
        for row in (("--train-on", "both"), ("--train-on", "both", "--aug-model", "SHA"), ("--los-model", "WGHT")):
            assert call("implicit-augment", "--no-cuda", "-r", run, "--epochs", 6, "-ir", 10, *row)[0] == 0
    monkeypatch.setattr("sys.argv", ["evidence", "--plot", "evidence.png"])
    capfd.readouterr()
    evidence.main()
    lines = [line.split(" | ") for line in capfd.readouterr().out.splitlines() if line.startswith("| 314")]
    assert Path("evidence.png").read_bytes().startswith(b"\x89PNG")
    errors = {}
    for name in ("opt_NONE_est_True_aug_model_NONE_los_model_NONE", "los_model_WGHT", "aug_model_SHA"):
        files = sorted(Path("local_data/DIGITS").glob(f"run*/metrics_*{name}*"))
        assert len(files) == 3
        errors[name] = [[100 - float(line["test_accuracy"]) for line in csv.DictReader(file.open())] for file in files]
    means = {name: np.array([np.mean(run[-5:]) for run in runs]) for name, runs in errors.items()}
    best = min(means, key=lambda name: means[name].mean())
    for name, line in zip(errors, lines, strict=True):
        lowest = [min(run) for run in errors[name]]
        assert line[2] == f"{np.mean(lowest):.2f} ± {np.std(lowest, ddof=1):.2f}"
        assert ("**" in line[1]) == (name == best)
        if name != best:
            test = ttest_1samp(means[name] - means[best], 0)
            assert line[4].startswith(f"{(means[name] - means[best]).mean():+.2f} (")
            assert line[4].endswith(f"p = {test.pvalue:.2g}")
