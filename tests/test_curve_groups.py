"""Which selections get-results.py --compare curves compares: the same budgets, and the support vectors' point."""

from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import ttest_1samp
from selections import BUDGETS, IMAGES, POINT, options_of, write_run

from hyperopt.report.curves import AUGMENTED, CLEAN, collect_curves, reference_of
from hyperopt.report.results import all_results

TITLE = "imbalance and noise ratio 1-0.0, copies RAND"
LABELS = {  # of selections with the usual budgets
    "--select-order random": "random",
    "": "influence proportional",
    "--select-score support": "support proportional",
    "--select-score support --select-order top": "support top",
}
VECTORS = "--select-budgets support"
CHOSEN = (20, 30, 50)  # numbers of support vectors of the runs; they are not the same share of the images
OF_VECTORS = {  # of selections with their budgets: the label, and the accuracies of the runs
    "--select-order random": ("random", (81, 83, 85)),
    "--select-score support": ("support proportional", (84, 85, 89)),
    "--select-score support --select-order top --select-downweight": ("support top, downweight", (82, 84, 87)),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write_usual(flags=LABELS, runs=3):
    for flag in flags:
        for run in range(runs):
            write_run(flag, run, np.linspace(80, 90 + run, len(BUDGETS)).tolist())


def write_three(flags, run, images, accuracy):
    write_run(flags, run, (80, accuracy, 90), budgets=(0, images, IMAGES))


def groups():
    found = collect_curves(all_results(Path("local_data/DIGITS")).settings)
    assert (found.notes, found.damaged) == ([], [])
    return found.groups


def labels(group):
    return [line.label for line in group]


def test_budgets_of_these_tests_are_those_of_the_options():
    assert options_of("").estimator.budgets(IMAGES, 0) == [*BUDGETS]
    assert options_of(POINT).estimator.budgets(IMAGES, 30) == [0, 30, IMAGES]


def test_score_of_support_vectors_with_the_usual_budgets_is_a_line():
    write_usual()
    (group,) = groups().values()
    assert labels(group) == [*LABELS.values()]
    assert not any(line.is_point for line in group)


def test_support_vectors_are_a_point_in_the_group_with_the_usual_budgets():
    write_usual()
    for run, images in enumerate(CHOSEN):
        write_three(POINT, run, images, 85 + run)
    (group,) = groups().values()
    (point,) = (line for line in group if line.is_point)
    assert (labels(group)[-1], point.label) == ("support vectors", "support vectors")
    chosen, accuracies = point.points(CLEAN)
    assert (chosen.tolist(), accuracies.tolist()) == ([*CHOSEN], [85, 86, 87])


def test_other_selections_of_as_many_images_as_support_vectors_are_a_group_of_their_own():
    write_usual()
    for flags, (_, reached) in OF_VECTORS.items():
        for run, (images, accuracy) in enumerate(zip(CHOSEN, reached, strict=True)):
            write_three(f"{flags} {VECTORS}", run, images, accuracy)
    found = groups()
    assert list(found) == [TITLE, f"{TITLE}, select budgets support"]
    usual, group = found.values()
    assert labels(usual) == [*LABELS.values()]
    assert labels(group) == [label for label, _ in OF_VECTORS.values()]
    assert not any(line.is_point for line in group)
    assert reference_of(group) is group[0]
    for line, (_, reached) in zip(group, OF_VECTORS.values(), strict=True):
        areas = [trapezoid((80, y, 90), (0, k, IMAGES)) / IMAGES for k, y in zip(CHOSEN, reached, strict=True)]
        assert [*line.areas(AUGMENTED, like=group[0]).values()] == pytest.approx(areas)


def test_table_of_these_selections(call):
    for flags, (_, reached) in OF_VECTORS.items():
        for run, (images, accuracy) in enumerate(zip(CHOSEN, reached, strict=True)):
            write_three(f"{flags} {VECTORS}", run, images, accuracy)
    status, out, err = call("get-results", "--compare", "curves")
    assert (status, "of the random order" in err) == (0, False)
    assert "VSV" not in out
    augmented = out.split("on the clean test images")[0]
    (line,) = (line for line in augmented.splitlines() if "| support proportional |" in line)
    # The area of a run: what the accuracy at its k images adds, times half of the axis, wherever k is.
    differences = np.subtract(OF_VECTORS["--select-score support"][1], OF_VECTORS["--select-order random"][1]) / 2
    p = ttest_1samp(differences, 0).pvalue
    assert f" {differences.mean():+.2f} (" in line
    assert line.endswith(f", p = {p:.2g}, n = 3 | 3 |")


def test_other_budgets_are_a_group_of_their_own():
    write_usual(["--select-order random", ""])
    for run in range(9):  # more than the random order with the usual budgets has
        write_run("--select-order random --select-budgets 12,60", run, (80, 85, 88, 90), budgets=(0, 12, 60, IMAGES))
    found = groups()
    assert list(found) == [TITLE, f"{TITLE}, select budgets 12-60"]
    assert [len(reference_of(group).curves) for group in found.values()] == [3, 9]


def test_note_on_a_group_with_areas_and_without_a_random_order(call):
    def note_of(title):
        return f"note: {title}: no finished run of the random order, so that areas are compared with none\n"

    write_three(POINT, 0, 30, 85)
    status, out, err = call("get-results", "--compare", "curves")
    assert (status, err) == (0, "")
    assert "support vectors (VSV), 30 images: 85.00" in out
    write_three("--select-score support --select-budgets support", 0, 30, 85)
    write_usual([""], 1)
    err = call("get-results", "--compare", "curves")[2]
    assert err == note_of(TITLE) + note_of(f"{TITLE}, select budgets support")
    write_three("--select-order random --select-budgets support", 0, 30, 83)
    assert call("get-results", "--compare", "curves")[2] == note_of(TITLE)
