"""get-results.py --compare: errors from results that are written here, labels and audits from a short training."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ttest_1samp
from sklearn.metrics import average_precision_score, roc_auc_score

from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.report.comparisons import Line, compare
from hyperopt.report.wrong_labels import corrections, flagged

WEIGHTS = "--los-model WGHT --hyper-opt FIS"
CONTROL, SHARED, METHOD, REFIT = (
    "NONE, on both",
    "SHA, untrained rows, on both",
    "NONE/WGHT FIS",
    "NONE/WGHT FIS refit WC",
)
FLAGS = {
    CONTROL: "--train-on both",
    SHARED: "--train-on both --aug-model SHA",
    METHOD: WEIGHTS,
    REFIT: f"{WEIGHTS} --refit",
}
# Test errors in % by setting and run: of the best epoch, the last one, and the mean of the last five.
ERRORS = {
    CONTROL: {0: (9.5, 10.0, 10.5), 1: (9.0, 9.5, 10.0), 2: (8.0, 9.0, 9.5)},
    SHARED: {0: (8.5, 9.75, 9.5), 1: (9.5, 9.25, 9.0), 2: (7.0, 8.0, 8.75)},
    METHOD: {0: (6.0, 7.0, 7.5), 1: (6.5, 6.75, 7.75), 2: (5.0, 6.0, 6.25)},
    REFIT: {0: (3.0, 3.25, 4.0), 1: (2.5, 3.0, 3.75)},
}
KEYS = ("best_on_test", "last_epoch", "last_five")


def write_result(flags, run, errors, keys=KEYS):
    """A finished run with 314 clean images, or as many as a flag says."""
    options = resolve(parse_options(RunOptions, "", [*flags.split(), "-r", f"run{run}"]))
    accuracy = {key: 100 - error for key, error in zip(KEYS, errors, strict=True) if key in keys}
    content = {
        "dataset": "DIGITS",
        "run": f"run{run}",
        "name": options.name,
        "accuracy": accuracy,
        "epochs": dict.fromkeys(accuracy, 200),
        "accuracy_per_class": {"last_epoch": [accuracy["last_epoch"]] * 10},
        "options": options.identity | {"precision": "fp32"},
        "images": {"train": 519, "valid": 314, "test": 540},
        "table": "images and labels",
        "test_table": "test images and labels",
    }
    options.files.folder.mkdir(parents=True, exist_ok=True)
    options.files.result.write_text(json.dumps(content))
    return options.files.result


@pytest.fixture
def compared(call):
    """compared(*flags) -> (overview, lines of the comparison by setting, stderr) of the settings of `ERRORS`."""
    for name, runs in ERRORS.items():
        for run, errors in runs.items():
            write_result(FLAGS[name], run, errors)
    write_result(f"{FLAGS[CONTROL]} --valid-images 50", 2, (15.0, 16.0, 17.0))

    def run(*flags, status=0):
        found, out, err = call("get-results", "--compare", *flags)
        assert found == status, err
        title, overview, table = out.split("\n\n")
        assert title == "DIGITS, imbalance and noise ratio 1-0.0"
        cells = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| 314")]
        return overview, {line[1].strip("*"): line for line in cells}, err

    return run


def errors_of(name, key, runs=(0, 1, 2)):
    return [errors[KEYS.index(key)] for run, errors in ERRORS[name].items() if run in runs]


def spread(values):
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"


def paired(ours, theirs):
    """The paired t-test of the differences, on the runs that both have."""
    differences = np.array([our - their for our, their in zip(ours, theirs, strict=False)])
    test = ttest_1samp(differences, 0)
    low, high = test.confidence_interval(0.95)
    return f"{differences.mean():+.2f} ({low:+.2f} to {high:+.2f}), p = {test.pvalue:.2g}, n = {len(differences)}"


def test_every_row_is_compared_with_the_strongest_control(compared):
    overview, lines, err = compared()
    assert lines.keys() == ERRORS.keys()
    for name, line in lines.items():
        errors = errors_of(name, "last_five")
        strongest = name == SHARED
        assert line[1] == (f"**{name}**" if strongest else name)
        assert line[2:4] == [spread(errors_of(name, "best_on_test")), spread(errors)]
        assert line[4] == ("-" if strongest else paired(errors, errors_of(SHARED, "last_five")))
        assert line[5] == str(len(errors))
        cell = f"**{spread(errors)}**" if strongest else spread(errors)
        cell += " (n = 2)" if name == REFIT else ""
        few = "**17.00**" if name == CONTROL else "-"
        assert f"| {name} | {few} | {cell} |" in overview.splitlines()
    assert overview.startswith("| mean of last five | 50 clean | 314 clean |\n|---|---|---|\n")
    assert [re.sub("smallnet_opt_|_est_.*_nr_0.0", "", line) for line in err.splitlines()] == [
        "note: NONE_valid_images_50_train_on_both: missing: run0 to run1",
        "note: FIS_refit_WC: missing: run2",
    ]


def test_augmentation_that_the_training_moves_is_no_control(compared):
    """An untrained network is one; both have lower errors than the others."""
    for run in (0, 1, 2):
        write_result("--aug-model STN", run, (1.0, 1.0 + run, 1.5))
    transformer, untrained = "STN, on the distorted images", "NET net start published, untrained rows, on the distorted"
    lines = compared()[1]
    assert (lines[transformer][1], lines[SHARED][1]) == (transformer, f"**{SHARED}**")
    for run in (0, 1, 2):
        write_result("--aug-model NET --net-start published", run, (2.0, 2.0 + run, 2.5))
    (line,) = (line for name, line in compared()[1].items() if name.startswith(untrained))
    assert line[1].startswith("**")


def test_row_that_is_named_is_what_others_are_compared_with(compared, refused):
    _, lines, _ = compared("--against", "refit")
    for name, line in lines.items():
        assert ("**" in line[1]) == (name == REFIT)
        assert name == REFIT or line[4] == paired(
            *(errors_of(setting, "last_five", (0, 1)) for setting in (name, REFIT))
        )
    refused("get-results", ["--compare", "--against", "nothing"], "no setting has 'nothing' in its name in the table")


def test_some_runs_by_another_accuracy(compared):
    _, lines, _ = compared("errors", "--match", "train_on_both", "--only-runs", 0, 1, "--accuracy", "last_epoch")
    assert lines.keys() == {CONTROL, SHARED}
    for name, line in lines.items():
        assert line[2:4] == [spread(errors_of(name, key, (0, 1))) for key in ("best_on_test", "last_epoch")]
        assert line[5] == "2"


def test_damage_costs_its_run_alone(compared):
    damaged = write_result(FLAGS[CONTROL], 0, ERRORS[CONTROL][0])
    damaged.write_text("{")
    _, lines, err = compared(status=2)
    assert {name: line[5] for name, line in lines.items()} == {CONTROL: "2", SHARED: "3", METHOD: "3", REFIT: "2"}
    assert err.splitlines()[-1].startswith(f"error: {damaged} is not a result file")


def test_row_without_the_accuracy_is_left_out(compared, refused):
    for run, errors in ERRORS[METHOD].items():
        write_result(FLAGS[METHOD], run, errors, keys=("best_on_test", "last_epoch"))
    assert compared()[1].keys() == ERRORS.keys() - {METHOD}
    refused("get-results", ["--compare", "--match", "FIS.*0.0$"], "has the accuracy last_five; take another --accuracy")


def test_figure_and_runs_are_written(compared):
    *_, err = compared("--plot", "figures", "--runs-csv", "runs.csv", "--only-runs", 0, 1)
    assert Path("figures/clean_images_DIGITS.png").read_bytes().startswith(b"\x89PNG")
    assert Path("figures/clean_images_DIGITS.pdf").read_bytes().startswith(b"%PDF")
    with open("runs.csv", newline="") as file:
        assert [line["run"] for line in csv.DictReader(file)].count("0") == 4
    assert len(re.findall("^written: ", err, re.MULTILINE)) == 3


def test_rows_that_are_equal_have_no_p_value():
    one = Line("one", True, {}, {0: 1.0, 1: 2.0})
    assert compare(one, Line("other", True, {}, {0: 0.5, 1: 1.5})) == "+0.50, n = 2"


REFUSED = {
    "--against FIS": "--against is for --compare errors; add it",
    "--compare labels --against FIS": "--against is for --compare errors; add it",
    "--compare audits --accuracy last_epoch": "--accuracy is for --compare errors; add it",
    "--all --only-runs 0": "--only-runs is for --compare; add it",
    "--compare --format csv": "--format is for --all; add it",
    "--compare labels --plot figures": "--compare labels is a table alone; leave out --plot",
    "--compare --all": "--all shows every setting; leave out --compare",
    "--compare --hyper-opt FIS": "--compare shows every setting; leave out --hyper-opt",
    "--compare --audit labels.csv": "--compare shows every setting; leave out --audit",
    "--compare --only-runs 7": "no run of --only-runs is finished in any of the settings",
    "--compare labels --match train_on": "none of the finished runs was trained on noisy labels",
    "--compare labels --match nr_0.3": "no finished run with --los-model and --hyper-opt HES or FIS on noisy labels",
    "--compare everything": "invalid choice: 'everything'",
    "--compare --accuracy nope": "invalid choice: 'nope'",
    "--compare --match (": "'(' is not a regular expression",
    "--compare --data nowhere": "no run folder such as run0 in nowhere/DIGITS",
}


@pytest.mark.parametrize("flags", REFUSED)
def test_flags_that_do_not_fit_are_refused_in_one_line(call, refused, monkeypatch, flags):
    monkeypatch.setattr("hyperopt.report.wrong_labels.review_run", lambda *_: None)  # which has no files here
    write_result(FLAGS[CONTROL], 0, (1.0, 2.0, 3.0))
    write_result("-nr 0.3", 0, (1.0, 2.0, 3.0))
    refused("get-results", flags.split(), REFUSED[flags])


class Told:
    """An audit of four images; of the wrong labels, those of 1 and 3, the soft label corrects one."""

    true, given = np.array([0, 1, 2, 0]), np.array([0, 2, 2, 1])
    learned = np.array([0, 1, 1, 1])
    given_probability = np.array([1.0, 0, 0, 1])
    weight = np.array([2.0, -1, -0.5, 0])


def test_corrections_of_rows_that_know_wrong_labels():
    assert corrections(Told()) == {
        "area, weight": 3 / 4,  # of the pairs of a wrong and a right label, one has the lower weight at the right one
        "area, soft label": (1 + 1 / 2 + 1 / 2 + 0) / 4,  # two pairs are ties
        "wrong, corrected": 1 / 2,
        "right, changed": 1 / 2,
    }


@pytest.mark.parametrize(
    ("absent", "kept"),
    [
        ({"weight": None}, ("area, soft label", "wrong, corrected", "right, changed")),
        ({"learned": None, "given_probability": None}, ("area, weight",)),
    ],
)
def test_corrections_of_rows_with_one_of_the_two_parts(absent, kept):
    whole = corrections(Told())
    assert corrections(type("One", (Told,), absent)()) == {name: whole[name] for name in kept}


@pytest.fixture
def noisy(call):
    """The rows file of a run on noisy labels, and the lines of its audit."""
    setting = ("-ir", 10, "-nr", 0.3, "--los-model", "BOTH", "--hyper-opt", "FIS", "--hyper-start", 1)
    assert call("implicit-augment", "--no-cuda", *setting, "--epochs", 2)[0] == 0
    call("get-results", *setting, "--audit", "audit.csv")
    with open("audit.csv", newline="") as file:
        lines = {int(line["index"]): line for line in csv.DictReader(file)}
    (path,) = Path("local_data/DIGITS/run0").glob("rows_*.pt")
    rows = torch.load(path)
    return rows, [lines[index] for index in rows["index"].tolist()]


def test_labels_and_audits_of_a_run(call, noisy):
    rows, lines = noisy
    wrong = np.array([line["given_label"] != line["true_label"] for line in lines])
    true, given = (np.array([int(line[name]) for line in lines]) for name in ("true_label", "given_label"))
    believed = rows["soft_label"].numpy()[np.arange(len(given)), given]
    learned = rows["soft_label"].argmax(1).numpy()
    shares = (
        roc_auc_score(wrong, -rows["weight"].numpy()),
        roc_auc_score(wrong, -believed),
        (learned == true)[wrong].mean(),
        (learned != given)[~wrong].mean(),
    )
    status, out, err = call("get-results", "--compare", "labels")
    cells = out.splitlines()[-1].strip("| ").split(" | ")
    assert (status, err) == (0, "")
    assert cells[:2] + cells[-1:] == ["NONE/BOTH FIS hyper start 1", "0.3", "1"]
    assert cells[2:6] == [f"{100 * share:.2f}" for share in shares]

    scores, thresholds = call("get-results", "--compare", "audits")[1].split("\n\n")
    quality = np.array([float(line["quality"]) for line in lines])
    figures = [100 * measure(wrong, -quality) for measure in (roc_auc_score, average_precision_score)]
    name = "10-0.3 | NONE/BOTH FIS hyper start 1"
    assert (
        f"| {name} | quality: share of given and best other label | {figures[0]:.2f} | {figures[1]:.2f} | 1 |"
        in scores.splitlines()
    )
    assert f"| {name} | weight | {100 * shares[0]:.2f} |" in scores
    header, _, line = thresholds.splitlines()
    assert header.endswith(" | 0.4 | 0.5 | 0.6 | 0.7 | 0.8 |")
    expected = np.array([float(line["class_accuracy"]) for line in lines])
    for cell, threshold in zip(line.strip("| ").split(" | ")[-5:], (0.4, 0.5, 0.6, 0.7, 0.8), strict=True):
        suspects = quality < threshold * expected
        assert cell == f"{100 * suspects[~wrong].mean():.1f}, {100 * suspects[wrong].mean():.1f}"


def test_run_without_its_files_costs_itself_alone(call, refused, noisy):
    folder = Path("local_data/DIGITS/run0")
    (result,) = folder.glob("result_*")
    content = json.loads(result.read_text())
    content["options"]["seed"] = 1
    (folder.parent / "run1").mkdir()
    (folder.parent / "run1" / result.name).write_text(json.dumps(content | {"run": "run1", "seed": 1}))
    for what in ("labels", "audits"):
        (folder.parent / "run1" / result.name).rename("elsewhere")
        alone = call("get-results", "--compare", what)[1]
        Path("elsewhere").rename(folder.parent / "run1" / result.name)
        status, out, err = call("get-results", "--compare", what)
        assert (status, out) == (2, alone)
        assert "run1/predictions_" in err
        assert err.startswith("error: ")
    next(folder.glob("predictions_*")).unlink()
    refused("get-results", ["--compare", "labels"], "run0/predictions_")


def test_shares_that_look_wrong_are_means_over_runs():
    class Run:
        def __init__(self, suspects):
            self.given, self.true, self.flags = np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), np.array(suspects)

        def suspects(self, threshold):
            return self.flags

    assert flagged([Run([True, True, False, False]), Run([False, False, False, False])], 0.6) == (1 / 6, 1 / 2)
