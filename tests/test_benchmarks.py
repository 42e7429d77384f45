"""The benchmarks at toy size: what they print and write, not how fast anything is."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ttest_1samp
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks import (
    audit,
    before_after,
    epoch,
    evidence,
    hypergradient,
    precision,
    results,
    rows,
    startup,
    transforms,
    wrong_labels,
)
from benchmarks.report import status_of
from utils.errors import UserError


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
    (precision, "--seeds 1", "1 is out of range"),
    (precision, "--dataset nope", "nope"),
    (hypergradient, "--damping 0", "0 is out of range"),
    (rows, "--classes many", "many"),
    (transforms, "--batch -1", "-1 is out of range"),
    (results, "--rounds x", "x"),
    (before_after, "nowhere", "'nowhere' holds no version"),
    (startup, "--beside nowhere", "'nowhere' holds no version"),
    (audit, "--dataset nope --no-cuda", "nope"),
    (wrong_labels, "--match (", "regular expression"),
    (wrong_labels, "", "no run folder"),
    (evidence, "--plot figure.jpg", "must end in .png"),
    (epoch, "--output nowhere/numbers.json", "the folder of 'nowhere/numbers.json' is not there"),
    (evidence, "--accuracy nope", "nope"),
]


@pytest.mark.parametrize(("module", "flags", "culprit"), MISTAKES)
def test_mistakes_end_in_one_line(tmp_path, monkeypatch, capsys, module, flags, culprit):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["benchmark", *flags.split()])
    try:
        status = status_of(module.main)
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert (status, len(error.splitlines())) == (2, 1)
    assert culprit in error


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


def test_startup_of_two_versions(run, monkeypatch, tmp_path):
    """One of them does nothing, for long enough to be measured."""
    monkeypatch.setattr(startup, "COMMANDS", ((startup.RESULTS, "--all", 0),))
    monkeypatch.setattr(startup, "YARDSTICK", "pass")
    (tmp_path / startup.RESULTS).write_text("import time\nwhile time.process_time() < 1: pass\n")
    printed, numbers = run(startup, "--rounds", 1, "--beside", tmp_path)
    times = numbers["CPU seconds"]
    assert times.keys() == {"pass", "get-results.py --all"}
    now, beside = (times["get-results.py --all"][version]["median"] for version in ("now", "beside"))
    assert times["pass"].keys() == {"now"}
    assert beside >= 1
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
    assert (
        f"| 10-0.3 | NONE/BOTH FIS hyper start 1 | quality: share of given and best other label | {area:.2f}" in printed
    )
    assert f" | {precision:.2f} | 1 |" in printed


def evidence_rows(call):
    """Three runs of controls and of a learned row, two of a refit, with 314 clean images; one control with 50."""
    both, weights = ("--train-on", "both"), ("--los-model", "WGHT", "--hyper-opt", "FIS", "--hyper-start", 3)
    for run in ("run0", "run1", "run2"):
        rows = [both, (*both, "--aug-model", "SHA"), weights]
        rows += [(*weights, "--refit")] if run != "run2" else [(*both, "--valid-images", 50)]
        for row in rows:
            assert call("implicit-augment", "--no-cuda", "-r", run, "--epochs", 6, "-sr", 0.3, *row)[0] == 0


EVIDENCE = {  # a row's name in the table -> in its files' names
    "NONE, on both": "opt_NONE_est_True_aug_model_NONE_*_nr_0.0_train_on_both",
    "SHA, untrained rows, on both": "aug_model_SHA_*",
    "NONE/WGHT FIS hyper start 3": "opt_FIS_*hyper_start_3",
    "NONE/WGHT FIS hyper start 3 refit WC": "opt_FIS_*refit_WC",
}


def curves_of_evidence():
    """Test errors by row and run, read from the metrics."""
    found = {}
    for name, pattern in EVIDENCE.items():
        files = sorted(Path("local_data/DIGITS").glob(f"run*/metrics_*{pattern}.csv"))
        found[name] = {
            file.parent.name: [100 - float(line["test_accuracy"]) for line in csv.DictReader(file.open())]
            for file in files
        }
    return found


def differences(ours, theirs):
    """Of the means of the last five epochs, on the runs that both have."""
    pairs = [(ours[run], theirs[run]) for run in sorted(ours.keys() & theirs.keys())]
    return np.array([np.mean(our[-5:]) - np.mean(their[-5:]) for our, their in pairs])


def compared(line, difference):
    """Whether a line's comparison is the paired t-test of these differences."""
    test = ttest_1samp(difference, 0)
    low, high = test.confidence_interval(0.95)
    return line[4] == (
        f"{difference.mean():+.2f} ({low:+.2f} to {high:+.2f}), p = {test.pvalue:.2g}, n = {len(difference)}"
    )


def test_evidence(call, capfd, monkeypatch):
    evidence_rows(call)
    errors = curves_of_evidence()
    see_comparison_with_the_strongest_control(errors, capfd, monkeypatch)
    see_comparison_with_a_row_that_is_named(errors, capfd, monkeypatch)
    see_some_runs_and_another_accuracy(errors, capfd, monkeypatch)
    see_that_damage_costs_its_run_alone(capfd, monkeypatch)


def test_rows_that_are_equal_have_no_p_value():
    one = evidence.Line("one", True, {}, {0: 1.0, 1: 2.0})
    assert evidence.compare(one, evidence.Line("other", True, {}, {0: 0.5, 1: 1.5})) == "+0.50, n = 2"


def see_comparison_with_the_strongest_control(errors, capfd, monkeypatch):
    monkeypatch.setattr("sys.argv", ["evidence", "--plot", "evidence.png"])
    capfd.readouterr()
    evidence.main()
    overview, table = capfd.readouterr().out.split("\n\n")[1:]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| 314")]
    lines = {line[1].strip("*"): line for line in cells}
    assert Path("evidence.png").read_bytes().startswith(b"\x89PNG")
    assert lines.keys() == errors.keys()
    assert [len(runs) for runs in errors.values()] == [3, 3, 3, 2]
    controls = ("NONE, on both", "SHA, untrained rows, on both")
    best = min(controls, key=lambda name: np.mean([run[-5:] for run in errors[name].values()]))
    for name, line in lines.items():
        runs = errors[name].values()
        for cell, column in zip(
            line[2:4], ([min(run) for run in runs], [np.mean(run[-5:]) for run in runs]), strict=True
        ):
            assert cell == f"{np.mean(column):.2f} ± {np.std(column, ddof=1):.2f}"
        assert line[5] == str(len(errors[name]))
        assert ("**" in line[1]) == (name == best)
        assert name == best or compared(line, differences(errors[name], errors[best]))
        cell = f"**{line[3]}**" if name == best else line[3]
        cell += f" (n = {len(runs)})" if len(runs) < 3 else ""
        assert re.search(rf"^\| {re.escape(name)} \| [^|]* \| {re.escape(cell)} \|$", overview, re.MULTILINE)


def see_that_damage_costs_its_run_alone(capfd, monkeypatch):
    next(Path("local_data/DIGITS/run0").glob(f"result_*{EVIDENCE['NONE, on both']}.json")).write_text("{")
    monkeypatch.setattr("sys.argv", ["evidence"])
    capfd.readouterr()
    evidence.main()
    out, err = capfd.readouterr()
    assert err.count("note: local_data/DIGITS/run0/result_") == 1
    assert sorted(line.strip(" |").split(" | ")[-1] for line in out.splitlines() if line.startswith("| 314")) == list(
        "2233"
    )


def see_some_runs_and_another_accuracy(errors, capfd, monkeypatch):
    flags = ["--runs", "0", "1", "--accuracy", "last_epoch"]
    monkeypatch.setattr("sys.argv", ["evidence", "--match", "train_on_both", *flags])
    capfd.readouterr()
    evidence.main()
    table = capfd.readouterr().out.split("\n\n")[2]
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| 314")]
    assert len(lines) == 2
    for line in lines:
        last = [errors[line[1].strip("*")][run][-1] for run in ("run0", "run1")]
        assert (line[3], line[5]) == (f"{np.mean(last):.2f} ± {np.std(last, ddof=1):.2f}", "2")


def see_comparison_with_a_row_that_is_named(errors, capfd, monkeypatch):
    monkeypatch.setattr("sys.argv", ["evidence", "--against", "refit"])
    capfd.readouterr()
    evidence.main()
    table = capfd.readouterr().out.split("\n\n")[2]
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| 314")]
    for line in lines:
        assert ("**" in line[1]) == ("refit" in line[1])
        if "refit" not in line[1]:
            assert compared(line, differences(errors[line[1]], errors["NONE/WGHT FIS hyper start 3 refit WC"]))
    monkeypatch.setattr("sys.argv", ["evidence", "--against", "nothing"])
    with pytest.raises(UserError, match="no row has 'nothing' in its name"):
        evidence.main()
