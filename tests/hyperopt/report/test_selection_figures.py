"""What the figures of runs that select images show, against the files of runs that are written here."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.container import ErrorbarContainer
from scipy.stats import sem, t
from selections import BUDGETS, CLASSES, POINT, SELECTING, write_run

from custom_datasets.sources import digits
from hyperopt.report.figures import curves, learning_curves, scores, sheets, style
from hyperopt.report.figures.sources import Sources
from hyperopt.report.results import all_results
from hyperopt.rows.rows_file import RowsFile

RANDOM, USUAL, COPIES = "--select-order random", "", "--select-copies 9"
PANELS = {"accuracy in %, augmented test images": 0, "accuracy in %, clean test images": 1}
SETTING = SELECTING.split()


@pytest.fixture
def write(tmp_path, monkeypatch):
    """write(flags, run, budgets) -> the random accuracies of a run on augmented and on clean images, (2, B)."""
    monkeypatch.chdir(tmp_path)

    def run_of(flags, run=0, budgets=BUDGETS, **more):
        accuracies = np.random.default_rng([run, len(flags)]).uniform(50, 99, (2, len(budgets)))
        write_run(flags, run, *accuracies.tolist(), budgets, **more)
        return accuracies

    return run_of


def drawn(sources=None):
    return curves.draw(all_results(Path("local_data/DIGITS")).settings, sources or Sources())


def marks(axes):
    """By label: x and y of the marks, and the ends of their bars (B, 2), without those that have none."""
    found = {}
    for container in axes.containers:
        assert isinstance(container, ErrorbarContainer)
        line, _, (bars,) = container.lines
        ends = [segment[:, 1] for segment in bars.get_segments() if len(segment)]
        found[container.get_label()] = *line.get_data(), np.array(ends)
    return found


def test_curves_are_means_with_t_intervals_between_none_and_all(write):
    runs = {RANDOM: [write(RANDOM, run) for run in range(4)], USUAL: [write(USUAL, run) for run in range(2)]}
    panels = drawn().axes
    assert [axes.get_ylabel() for axes in panels] == list(PANELS)
    for axes, place in zip(panels, PANELS.values(), strict=True):
        found = marks(axes)
        assert list(found) == ["random", "influence proportional"]
        for label, flags in zip(found, (RANDOM, USUAL), strict=True):
            values = np.array(runs[flags])[:, place]
            x, y, ends = found[label]
            np.testing.assert_allclose(x, BUDGETS)
            np.testing.assert_allclose(y, values.mean(0))
            # Without what raises both ends of a run, as the random order has them.
            middle = np.array(runs[RANDOM])[:, place][:, [0, -1]].mean(1)
            own = values - (middle - middle.mean())[: len(values), None]
            np.testing.assert_allclose(ends.T, t.interval(0.95, len(values) - 1, values.mean(0), sem(own)))
        levels = {line.get_label(): line.get_ydata() for line in axes.lines if line.get_label() in curves.ENDS}
        # These accuracies are made up, so that they depend on the order; runs of the random order come first.
        random = np.array(runs[RANDOM])[:, place]
        np.testing.assert_allclose(levels["no image augmented"], random[:, 0].mean())
        np.testing.assert_allclose(levels["all images augmented"], random[:, -1].mean())
        assert all(line.get_linestyle() == "--" for line in axes.lines if line.get_label() in curves.ENDS)


def test_single_run_has_no_bars(write):
    (accuracies, _), (axes, _) = write(USUAL), drawn().axes
    _, y, ends = marks(axes)["influence proportional"]
    np.testing.assert_allclose(y, accuracies)
    assert not len(ends)


def test_support_vectors_are_a_black_cross_at_their_number(write):
    other = write(RANDOM)
    runs = [write(POINT, run, (0, images, 120)) for run, images in enumerate((30, 36, 48))]
    for axes, place in zip(drawn().axes, PANELS.values(), strict=True):
        x, y, ends = marks(axes)["support vectors (VSV)"]
        values = np.array([run[place][1] for run in runs])
        assert (x.item(), y.item()) == (pytest.approx(38), pytest.approx(values.mean()))
        # Runs 1 and 2 have no random order, whose ends would be theirs.
        middle = np.array([run[place][[0, -1]].mean() for run in (other, *runs[1:])])
        own = values - (middle - middle.mean())
        np.testing.assert_allclose(ends[0], t.interval(0.95, 2, values.mean(), sem(own)))
        (container,) = (found for found in axes.containers if "VSV" in found.get_label())
        assert (container.lines[0].get_marker(), container.lines[0].get_color()) == ("x", "black")


def test_group_has_a_line_of_panels_and_a_selection_looks_the_same_in_all(write):
    write(RANDOM)
    write(USUAL)
    write(f"{COPIES} {RANDOM} --select-c 2")
    write(f"{COPIES} --select-c 2")
    figure = drawn()
    titles = [axes.get_title(loc="left").replace("\n", " ") for axes in figure.axes]
    title = "imbalance and noise ratio 1-0.0, copies RAND"
    assert titles == [title, "", f"{title}, select copies 9, select c 2.0", ""]
    looks = [
        {c.get_label(): (c.lines[0].get_color(), c.lines[0].get_marker()) for c in axes.containers}
        for axes in figure.axes
    ]
    assert looks == [looks[0]] * 4
    assert len(set(looks[0].values())) == 2
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [*curves.ENDS, "random", "influence proportional"]


def test_more_groups_than_panels(write):
    for copies in range(1, 9):
        write(f"--select-copies {copies}")
    sources = Sources()
    assert len(drawn(sources).axes) == style.PANELS
    assert sources.notes == ["curves of the first 6 of 8 groups; choose others with --match"]


def test_thirty_two_selections_look_different_and_eight_do_without_colours():
    looks = [curves.look(number) for number in range(32)]
    assert len({tuple(map(str, look.values())) for look in looks}) == 32
    assert len({look["marker"] for look in looks[:8]}) == 8


def test_epochs_that_are_budgets_are_no_learning_curve(write):
    write(USUAL)
    settings = all_results(Path("local_data/DIGITS")).settings
    assert learning_curves.draw(settings, Sources()) is None


@pytest.fixture
def scored(write):
    """A run with scores, the first of its images with the highest; the scores."""
    found = np.random.default_rng(0).exponential(size=300).astype(np.float32) ** 2
    found[7], found[11], found[290] = 99.0, 98.0, 0.0
    write(USUAL, scores=found)
    return found


def test_histogram_of_scores(scored):
    figure = scores.draw_histogram(torch.from_numpy(scored), "influence", "a run")
    (axes,) = figure.axes
    values, edges, _ = axes.patches[0].get_data()
    counts = [((low <= scored) & (scored < high)).sum() for low, high in pairwise(edges)]
    counts[-1] += 1  # the highest score is the last edge
    np.testing.assert_array_equal(values, counts)
    assert values.sum() == 300
    assert (axes.get_yscale(), axes.get_xlabel()) == ("log", "score (influence)")


def test_images_with_the_highest_and_the_lowest_scores(scored):
    data = digits(Path())
    (path,) = Path("local_data/DIGITS/run0").glob("rows_*.pt")
    figure = scores.draw_images(RowsFile.read(path), data, [f"digit {label}" for label in range(CLASSES)], "a run")
    order = np.argsort(-scored)
    shown = [*order[:10], *order[::-1][:10]]
    assert shown[:2] == [7, 11]
    assert shown[10] == 290
    assert len(figure.axes) == 20
    for axes, place in zip(figure.axes, shown, strict=True):
        # Here, row i is of image 3 i.
        np.testing.assert_allclose(axes.images[0].get_array(), data.train.images[3 * place, 0] / 255, atol=1e-6)
        assert axes.get_title() == f"digit {place % CLASSES}\n{scored[place]:.3g}"


def test_few_images_have_a_sheet(write):
    write(USUAL, scores=np.array([1, 3, 2], np.float32))
    (path,) = Path("local_data/DIGITS/run0").glob("rows_*.pt")
    figure = scores.draw_images(RowsFile.read(path), digits(Path()), [*map(str, range(CLASSES))], "a run")
    assert [axes.get_title() for axes in figure.axes] == ["1\n3", "2\n2", "0\n1", "0\n1", "2\n2", "1\n3"]


def test_captions_are_no_wider_than_their_image():
    for columns, letters in ((5, 26), (10, 13)):
        figure = sheets.sheet(torch.zeros(10, 1, 4, 4), ["a " * 40] * 10, columns, "")
        assert all(letters - 3 <= len(axes.get_title()) <= letters for axes in figure.axes)


def test_figures_of_a_setting(scored, call, sketched):
    status, _, err = call("get-results", *SETTING, "--plot", "figures")
    assert status == 0, err
    (setting,) = all_results(Path("local_data/DIGITS")).settings
    names = {f"{kind}_DIGITS_{setting.name}.png" for kind in ("curves", "errors", "classes")}
    names |= {f"{kind}_DIGITS_run0_{setting.name}.png" for kind in ("scores", "scored")}
    assert {path.name for path in Path("figures").glob("*.png")} == names
    assert call("get-results", "--all", "--plot", "others")[0] == 0
    kinds = {path.name.partition("_ir")[0] for path in Path("others").glob("*.png")}
    assert kinds == {"curves_DIGITS", "errors_DIGITS", "classes_DIGITS"}
    assert call("get-results", "--compare", "curves", "--plot", "compared")[0] == 0
    assert {path.name for path in Path("compared").iterdir()} == {"curves_DIGITS.png", "curves_DIGITS.pdf"}


def test_order_without_scores_has_no_figures_of_scores(write, call, sketched):
    write(RANDOM)
    status, _, err = call("get-results", *SETTING, *RANDOM.split(), "--plot", "figures")
    assert status == 0, err
    assert {path.name.partition("_")[0] for path in Path("figures").glob("*.png")} == {"curves", "errors", "classes"}


def rows_of(path):
    return RowsFile.read(path)


DAMAGES = {  # of the rows file, and what is said
    "missing": (lambda path: path.unlink(), "there is no rows file"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:200]), "is not a rows file that can be used"),
    "without scores": (
        lambda path: path.write_bytes(RowsFile(**vars(rows_of(path)) | {"columns": {}}).as_pt()),
        "has no scores; train the run again with --fresh",
    ),
    "of other images": (
        lambda path: path.write_bytes(RowsFile(**vars(rows_of(path)) | {"index": rows_of(path).index + 9999}).as_pt()),
        "has an image beyond the 1257 of the training table",
    ),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damaged_rows_file_costs_the_figures_of_scores_alone(scored, call, sketched, kind):
    (path,) = Path("local_data/DIGITS/run0").glob("rows_*.pt")
    damage, said = DAMAGES[kind]
    damage(path)
    status, out, err = call("get-results", *SETTING, "--plot", "figures")
    assert status == 2
    assert "test accuracy, %" in out
    last = err.splitlines()[-1]
    assert last.startswith("error: ")
    assert (said in last, last.count(str(path))) == (True, 1)
    assert {path.name.partition("_")[0] for path in Path("figures").glob("*.png")} == {"curves", "errors", "classes"}


def test_scores_of_other_data_are_not_shown(write, call, sketched):
    write(USUAL, scores=np.ones(9, np.float32), tables={"table": "another"})
    status, _, err = call("get-results", *SETTING, "--plot", "figures")
    assert status == 2
    assert "is of other data than the present ones (training images or labels)" in err.splitlines()[-1]
    assert not list(Path("figures").glob("score*"))
