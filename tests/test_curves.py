"""get-results.py on runs that select images: tables of their curves, and the other views; the runs are written here."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import ttest_1samp
from selections import BUDGETS, IMAGES, POINT, SELECTING, write_run

from hyperopt.report.curves import AUGMENTED, CLEAN, Curve, Selection, budget_of_gain, collect_curves
from hyperopt.report.results import all_results

RANDOM, USUAL, TOP, WEIGHS = (
    "random",
    "influence proportional",
    "loss top, update",
    "influence proportional, downweight",
)
FLAGS = {
    RANDOM: "--select-order random",
    USUAL: "",
    TOP: "--select-score loss --select-order top --select-update",
    WEIGHS: "--select-downweight",
}
# Accuracies in % on the augmented test images, by setting and run, at some budgets; straight lines are between them.
SOME = (0, 12, 30, 60, IMAGES)
ANCHORS = {
    RANDOM: {0: (80, 82, 84, 88, 90), 1: (81, 83, 86, 88.5, 91), 2: (79, 80, 83, 86, 90)},
    USUAL: {0: (80, 85, 88, 89.9, 90), 1: (81, 86, 88, 90.75, 91), 2: (79, 86, 87, 89.5, 90)},
    TOP: {0: (80, 87, 89.75, 89, 90), 1: (81, 88, 90.75, 90, 91), 3: (80, 88, 90, 90, 91)},
    WEIGHS: {0: (80, 84, 86, 87, 86), 1: (81, 85, 86, 88, 87)},
}
# At all budgets; on the clean images, see `clean`.
ACCURACIES = {
    label: {run: np.interp(BUDGETS, SOME, some).tolist() for run, some in runs.items()}
    for label, runs in ANCHORS.items()
}
POINTS = {0: (30, 86.5), 1: (36, 87), 2: (120, 90)}  # support vectors and the accuracy with them; all images of run 2
HEADINGS = {AUGMENTED: "augmented test images", CLEAN: "clean test images"}


def clean(accuracies):
    """Those of the clean test images fall as the others rise, so that the two cannot be taken for one another."""
    return [95 - 0.25 * (value - 80) for value in accuracies]


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The runs of `ACCURACIES` and `POINTS`, and one of another group, with other copies, that has no random order."""
    monkeypatch.chdir(tmp_path)
    for label, runs in ACCURACIES.items():
        for run, accuracies in runs.items():
            write_run(FLAGS[label], run, accuracies, clean(accuracies))
    for run, (images, accuracy) in POINTS.items():
        none, full = ACCURACIES[RANDOM][run][0], ACCURACIES[RANDOM][run][-1]
        accuracies = (none, accuracy, full)
        write_run(POINT, run, accuracies, clean(accuracies), (0, images, IMAGES))
    write_run("--select-copies 9", 0, ACCURACIES[USUAL][0])


@pytest.fixture
def compared(written, call):
    """compared(*flags, status) -> the tables of the first group by their images, all headings, and stderr."""

    def run(*flags, status=0):
        found, out, err = call("get-results", "--compare", "curves", *flags)
        assert found == status, err
        blocks = out.rstrip().split("\n\n")
        tables = {}
        for block in blocks[1:4:2]:
            header, _, *body = [line.strip("| ").split(" | ") for line in block.splitlines()]
            tables[header[0]] = {"header": header} | {line[0].strip("*"): line for line in body}
        return tables, blocks[::2], err

    return run


def values_of(label, name, place=None):
    """The curves of a setting by run, (B,), or one of their accuracies."""
    found = {run: np.array(curve, float) for run, curve in ACCURACIES[label].items()}
    found = {run: 95 - 0.25 * (curve - 80) for run, curve in found.items()} if name == CLEAN else found
    return {run: curve if place is None else curve[place] for run, curve in found.items()}


def spread(values):
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"


def areas_of(label, name):
    return {run: trapezoid(curve, np.array(BUDGETS) / IMAGES) for run, curve in values_of(label, name).items()}


def paired(label, name):
    ours, theirs = areas_of(label, name), areas_of(RANDOM, name)
    differences = np.array([ours[run] - theirs[run] for run in sorted(ours.keys() & theirs.keys())])
    test = ttest_1samp(differences, 0)
    low, high = test.confidence_interval(0.95)
    return f"{differences.mean():+.2f} ({low:+.2f} to {high:+.2f}), p = {test.pvalue:.2g}, n = {len(differences)}"


@pytest.mark.parametrize("name", HEADINGS)
def test_lines_of_a_table(compared, name):
    tables, _, _ = compared()
    assert list(tables) == list(HEADINGS.values())
    table = tables[HEADINGS[name]]
    assert table.pop("header") == [
        HEADINGS[name],
        "10 % (12 images)",
        "25 % (30 images)",
        "50 % (60 images)",
        "area",
        "95 % of the gain",
        "area against random",
        "runs",
    ]
    assert list(table) == [RANDOM, USUAL, WEIGHS, TOP]
    for label, line in table.items():
        assert line[0] == (f"**{RANDOM}**" if label == RANDOM else label)
        assert line[1:4] == [spread([*values_of(label, name, place).values()]) for place in (4, 5, 6)]
        assert line[4] == spread([*areas_of(label, name).values()])
        assert line[6] == ("-" if label == RANDOM else paired(label, name))
        assert line[7] == str(len(ACCURACIES[label]))


def test_budgets_with_95_percent_of_the_gain(compared):
    tables, _, _ = compared()
    found = {label: line[5] for label, line in tables[HEADINGS[AUGMENTED]].items()}
    # Means at 0, 12, 30, 60: of the random order 80, ..., 87.5, of others 80, 85.67, 87.67, 90.05; 80.33, 87.67, 90.17.
    assert found.pop("header") == "95 % of the gain"
    assert found == {RANDOM: "120 images (100 %)", USUAL: "60 images (50 %)", TOP: "30 images (25 %)", WEIGHS: "-"}
    # On the clean images there is a loss.
    assert {line[5] for label, line in tables[HEADINGS[CLEAN]].items() if label != "header"} == {"-"}


@pytest.mark.parametrize("name", HEADINGS)
def test_heading_has_the_ends_and_the_support_vectors(compared, name):
    _, headings, _ = compared()
    heading = headings[list(HEADINGS).index(name)]
    none, full = (
        {run: a for label in (TOP, RANDOM) for run, a in values_of(label, name, place).items()} for place in (0, -1)
    )
    reached = [accuracy if name == AUGMENTED else 95 - 0.25 * (accuracy - 80) for _, accuracy in POINTS.values()]
    title = f"DIGITS, imbalance and noise ratio 1-0.0, copies RAND: test accuracy in % on the {HEADINGS[name]}"
    assert heading == (
        f"{title}; no image augmented: {spread([*none.values()])}; all 120: {spread([*full.values()])}; "
        f"support vectors (VSV), 62 ± 50 images: {spread(reached)}"
    )


def test_other_copies_are_another_group_without_a_difference_and_with_a_note(compared):
    _, headings, err = compared()
    assert [heading.split(": ")[0] for heading in headings[2:]] == [
        "DIGITS, imbalance and noise ratio 1-0.0, copies RAND, select copies 9"
    ] * 2
    note = "note: imbalance and noise ratio 1-0.0, copies RAND, select copies 9: no finished run of the random order"
    assert err.count(note) == 1
    assert err.count("of the random order") == 1


def test_area_of_a_curve_is_its_mean_height():
    random = np.random.default_rng(0)
    budgets = np.array([0, 3, 10, 11, 70, 200])
    heights = random.uniform(50, 100, 6)
    curve = Curve(budgets, {CLEAN: heights})
    everywhere = np.interp(np.linspace(0, 200, 200 * 500 + 1), budgets, heights)
    assert curve.area(CLEAN) == pytest.approx(everywhere.mean(), abs=1e-3)
    assert curve.area(CLEAN) == pytest.approx(trapezoid(heights, budgets) / 200)
    assert Curve(budgets, {CLEAN: np.full(6, 87.5)}).area(CLEAN) == pytest.approx(87.5)


GAINS = {  # curve and accuracy when all images are augmented: the place of the budget
    ((80, 89.5, 89, 88, 90), 90): 1,
    ((80, 89.4, 89.5, 88, 90), 90): 2,
    ((80, 81, 82, 83, 90), 90): 4,
    ((80, 84, 86, 88, 86), 90): None,
    ((80, 84, 86, 88, 80), 80): None,
    ((80, 84, 86, 88, 79), 79): None,
}


@pytest.mark.parametrize(("curve", "full"), GAINS)
def test_smallest_budget_of_a_gain(curve, full):
    line = Selection("one", {7: Curve(np.array(SOME), {CLEAN: np.array(curve, float)})})
    place = GAINS[curve, full]
    expected = None if place is None else (SOME[place], SOME[place] / IMAGES)
    assert budget_of_gain(line, CLEAN, {7: full, 8: 99.0}) == expected
    assert budget_of_gain(line, CLEAN, {8: 99.0}) is None


def test_nearest_budget_is_the_lower_of_two_and_neither_end():
    def places(*budgets):
        line = Selection("one", {0: Curve(np.array(budgets), {})})
        return [line.place_of(share) for share in (0.10, 0.25, 0.5)]

    assert places(0, 5, 15, 35, 65, 100) == [1, 2, 3]
    assert places(0, 40, 100) == [1, 1, 1]
    assert places(0, 100) == [None] * 3


def test_runs_with_other_budgets_are_not_averaged(compared):
    other = (0, 1, 1, 6, 18, 30, 60, 90, 120)
    write_run(FLAGS[USUAL], 2, ACCURACIES[USUAL][2], clean(ACCURACIES[USUAL][2]), other)
    tables, _, err = compared()
    line = tables[HEADINGS[AUGMENTED]][USUAL]
    assert line[1] == spread([85, 86])
    assert line[7] == "2"
    assert "nr_0.0: left out run2, with other budgets than run0 to run1\n" in err


def test_numbers_of_images_may_differ_a_little(compared):
    """The seed can decide how many images there are."""
    more = (0, 1, 1, 6, 12, 30, 61, 91, 121)
    write_run(FLAGS[USUAL], 2, ACCURACIES[USUAL][2], clean(ACCURACIES[USUAL][2]), more)
    tables, _, err = compared()
    line = tables[HEADINGS[AUGMENTED]][USUAL]
    assert line[3] == spread([89.9, 90.75, 89.5])
    assert line[7] == "3"
    assert "left out" not in err


def test_budget_that_differs_from_the_column_follows(compared):
    for run in (0, 1):
        write_run(FLAGS[WEIGHS], run, (80, 84, 85, 87, 86), budgets=(0, 12, 40, 60, 120))  # as of another version
    tables, _, _ = compared()
    assert tables[HEADINGS[AUGMENTED]][WEIGHS][1:4] == ["84.00 ± 0.00", "85.00 ± 0.00 (at 40)", "87.00 ± 0.00"]
    assert tables[HEADINGS[AUGMENTED]][WEIGHS][6] == "-"  # areas at other budgets are not compared


def lines_of(path):
    return path.read_text().splitlines()


DAMAGES = {
    "missing": lambda path: path.unlink(),
    "cut": lambda path: path.write_text("\n".join(lines_of(path)[:-1])),
    "no column": lambda path: path.write_text(path.read_text().replace("test_augmented_accuracy", "something")),
    "not a number": lambda path: path.write_text(path.read_text().replace("89.9", "nan")),
    "text": lambda path: path.write_text(path.read_text().replace("89.9", "high")),
    "too high": lambda path: path.write_text(path.read_text().replace("89.9", "189.9")),
    "other budgets": lambda path: path.write_text(path.read_text().replace(",60,", ",61,")),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_run_with_damaged_metrics_is_named_and_left_out(compared, sketched, kind):
    files = write_run(FLAGS[USUAL], 0, ACCURACIES[USUAL][0], clean(ACCURACIES[USUAL][0]))
    DAMAGES[kind](files.metrics)
    tables, _, err = compared("--plot", "figures", "--runs-csv", "runs.csv", status=2)
    line = tables[HEADINGS[AUGMENTED]][USUAL]
    assert line[1] == spread([86, 86])
    assert line[7] == "2"
    last = err.splitlines()[-1]
    assert last.startswith("error: ")
    assert err.count(f"{files.metrics} ") == 1
    assert "--fresh" in last
    with open("runs.csv", newline="") as file:
        (own,) = (line for line in csv.DictReader(file) if line["setting"] == files.name and line["run"] == "0")
    assert (own["area_augmented"], own["budgets"]) == ("", "")


def test_nothing_to_compare_is_one_line(call, refused, tmp_path):
    refused("get-results", ["--compare", "curves"], "no run folder such as run0")
    files = write_run("", 0, ACCURACIES[USUAL][0])
    content = json.loads(files.result.read_text())
    del content["budgets"]
    files.result.write_text(json.dumps(content))
    refused("get-results", ["--compare", "curves"], "no finished run has budgets of augmented images; train one with")
    refused("get-results", ["--compare", "curves", "--plot", "figures"], "train one with --hyper-opt SEL")
    files = write_run("", 0, ACCURACIES[USUAL][0])
    files.metrics.unlink()
    refused("get-results", ["--compare", "curves"], f"{files.metrics} is not a metrics file that can be read")


@pytest.mark.parametrize("budgets", [[], [0], [1, 5], [0, 9, 5], [0, 2.5, 9], [0, True], "0 5", {"0": 1}])
def test_result_with_damaged_budgets_is_named(call, written, budgets):
    files = write_run(FLAGS[USUAL], 0, ACCURACIES[USUAL][0])
    content = json.loads(files.result.read_text())
    files.result.write_text(json.dumps(content | {"budgets": budgets}))
    for view in (("--compare", "curves"), ("--all",)):
        status, _, err = call("get-results", *view)
        assert status == 2
        assert err.splitlines()[-1].startswith(f"error: {files.result} is not a result file that can be read (its budg")


REFUSED = {
    "--accuracy last_epoch": "--accuracy is for --compare errors; add it",
    "--against random": "--against is for --compare errors; add it",
    "--format csv": "--format is for --all; add it",
    "--only-runs 9": "no run of --only-runs is finished",
    "--match nothing": "no finished run with 'nothing' in its name",
}


@pytest.mark.parametrize("flags", REFUSED)
def test_flags_that_do_not_fit_are_refused(refused, written, flags):
    refused("get-results", ["--compare", "curves", *flags.split()], REFUSED[flags])


def test_some_runs_and_some_settings(compared):
    tables, _, _ = compared("--only-runs", 0, 1, "--match", r"0\.0$|random|support")
    table = tables[HEADINGS[AUGMENTED]]
    assert table.keys() - {"header"} == {RANDOM, USUAL}
    assert table[USUAL][1] == spread([85, 86])


def test_errors_name_the_settings_without_the_accuracy(call, written):
    status, out, err = call("get-results", "--compare", "errors", "--match", "random|top")
    assert (status, out) == (2, "")
    assert err.endswith("error: no finished run has the accuracy last_five; take another --accuracy\n")
    files = write_run("", 0, ACCURACIES[USUAL][0])
    content = json.loads(files.result.read_text())
    content["accuracy"]["last_five"] = 88.0
    content["epochs"]["last_five"] = 5
    del content["budgets"]
    files.result.write_text(json.dumps(content))
    status, out, err = call("get-results", "--compare", "errors", "--match", r"0\.0$|random")
    assert status == 0
    assert out.count("RAND SEL") == 2  # in the overview and in the comparison
    assert "select_order_random: left out run0 to run2, without the accuracy last_five\n" in err
    out = call("get-results", "--compare", "errors", "--accuracy", "last_epoch", "--match", "random")[1]
    errors = [100 - value for value in values_of(RANDOM, CLEAN, -1).values()]
    assert f"| RAND SEL select order random | {spread(errors)} |" in out


def test_setting_and_table_of_all_have_the_clean_accuracies(call, written):
    status, out, _ = call("get-results", *SELECTING.split(), "--select-order", "random")
    assert status == 0
    for run, last in values_of(RANDOM, CLEAN, -1).items():
        (line,) = (line.split() for line in out.splitlines() if line.startswith(f"run{run}"))
        assert line[-2:] == [f"{last:.2f}", "-"]
    assert "an epoch is a budget, and the test images are clean; --compare curves has each budget" in out
    status, out, err = call("get-results", "--all", "--format", "markdown")
    errors = [100 - value for value in values_of(RANDOM, CLEAN, -1).values()]
    assert status == 0
    assert f" | {spread(errors)} | - | 0 to 2 |" in out
    assert "number of epochs" not in err


def test_runs_file_has_the_curves(call, written):
    assert call("get-results", "--all", "--runs-csv", "runs.csv")[0] == 0
    with open("runs.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    (line,) = (line for line in lines if line["setting"].endswith("order_random") and line["run"] == "1")
    assert line["epochs"] == str(len(BUDGETS))
    assert float(line["area_augmented"]) == pytest.approx(areas_of(RANDOM, AUGMENTED)[1], abs=1e-4)
    assert float(line["area_clean"]) == pytest.approx(areas_of(RANDOM, CLEAN)[1], abs=1e-4)
    assert [*map(int, line["budgets"].split())] == [*BUDGETS]
    assert [*map(float, line["curve_augmented"].split())] == pytest.approx(ACCURACIES[RANDOM][1], abs=0.01)
    assert [*map(float, line["curve_clean"].split())] == pytest.approx(clean(ACCURACIES[RANDOM][1]), abs=0.01)


def test_runs_that_stand_apart_are_lines_of_their_own(written):
    files = write_run(FLAGS[USUAL], 2, ACCURACIES[USUAL][2])
    content = json.loads(files.result.read_text())
    files.result.write_text(json.dumps(content | {"class_names": [*"abcdefghij"]}))
    write_run(FLAGS[USUAL], 0, ACCURACIES[USUAL][0], tables={"class_names": [*"klmnopqrst"]})
    (group, _) = collect_curves(all_results(Path("local_data/DIGITS")).settings).groups.values()
    labels = {line.label for line in group}
    assert {f"{USUAL}, run0 to run1", f"{USUAL}, run2"} <= labels
