"""What the figures show, against the files of runs that are written here."""

import csv
import json
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer, ErrorbarContainer

from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.report.figures import classes, confusion, embedding, errors, learned, learning_curves, parameters, style
from hyperopt.report.figures.sources import Sources
from hyperopt.report.results import all_results
from hyperopt.rows.rows_file import RowsFile
from utils.runs.accuracies import ACCURACIES
from utils.runs.predictions import Predictions

BASELINE = "--dataset SVHN -ir 100 -nr 0.1"
METHOD = "--dataset SVHN -ir 100 -nr 0.1 --aug-model SEP --los-model BOTH --hyper-opt HES"
SOFT = "--dataset SVHN -ir 100 -nr 0.1 --los-model SOFT --hyper-opt FIS"
SMOOTHED = "--dataset SVHN -ir 100 -nr 0.1 --aug-model RA --los-model SOFT --hyper-opt GMM --mixture-posterior ood"
CONTROL = "--dataset SVHN -ir 100 -nr 0.1 --aug-model SEP --los-model BOTH"
NETWORK = "--dataset SVHN -ir 100 -nr 0.1 --aug-model NET --hyper-opt UNR"
CLASSES, TEST, TRAIN, EPOCHS = 4, 40, 60, 200


@pytest.fixture
def write(tmp_path, monkeypatch):
    """write(flags, run): all files of a run; returns what is in them."""
    monkeypatch.chdir(tmp_path)

    def run_of(flags, run=0):
        options = resolve(parse_options(RunOptions, "", [*flags.split(), "-r", f"run{run}"]))
        files, random = options.files, np.random.default_rng([run, len(flags)])
        files.folder.mkdir(parents=True, exist_ok=True)
        metrics = {"epoch": range(1, EPOCHS + 1)}
        metrics |= {name: random.uniform(0, 9, EPOCHS) for name in ("test_accuracy", "test_loss", "train_loss")}
        own = [f"{name}_{figure}" for name in options.augmenter.shown for figure in ("mean", "std")]
        metrics |= {name: random.uniform(0, 9, EPOCHS) for name in own}
        with files.metrics.open("w", newline="") as file:
            csv.writer(file).writerows([metrics, *zip(*metrics.values(), strict=True)])
        predictions = make_predictions(random)
        predictions.write(files.predictions)
        rows = make_rows(options, predictions, random)
        if rows:
            files.rows.write_bytes(rows.as_pt())
        accuracy = {name: float(random.uniform(50, 100)) for name in ACCURACIES}
        per_class = random.uniform(50, 100, CLASSES).tolist()
        content = {"dataset": "SVHN", "run": f"run{run}", "name": options.name, "accuracy": accuracy}
        content |= {"epochs": dict.fromkeys(ACCURACIES, 1), "accuracy_per_class": {"last_epoch": per_class}}
        files.result.write_text(json.dumps(content | {"options": options.identity | {"precision": "fp32"}}))
        return files, metrics, predictions, rows, accuracy, per_class

    return run_of


def make_predictions(random):
    label, true = random.integers(CLASSES, size=TEST), random.integers(CLASSES, size=TRAIN)
    share = random.random(TRAIN, np.float32)
    return Predictions(
        test_label=label,
        test_predicted=np.where(random.random(TEST) < 0.3, random.integers(CLASSES, size=TEST), label),
        feature_index=np.arange(0, TEST, 2),
        features=random.normal(size=(TEST // 2, 5)).astype(np.float32),
        train_index=random.permutation(100)[:TRAIN],
        train_given=np.where(random.random(TRAIN) < 0.4, random.integers(CLASSES, size=TRAIN), true),
        train_true=true,
        train_predicted=true,
        train_given_probability=share,
        train_confidence=share,
        table=np.array("table"),
    )


def make_rows(options, predictions, random):
    """In another order than the predictions."""
    if not options.has_rows:
        return None
    order = predictions.train_index.argsort()
    columns = {}
    if options.los_model == "BOTH":
        columns["weight"] = random.exponential(2, TRAIN)
    if options.los_model in ("SOFT", "BOTH") and options.hyper_opt != "GMM":
        columns["soft_label"] = random.dirichlet(np.ones(CLASSES), TRAIN)
    if options.aug_model == "SEP":
        columns |= {"probability": random.random((TRAIN, 7)), "magnitude": random.random((TRAIN, 7))}
    columns = {name: torch.from_numpy(column).float() for name, column in columns.items()}
    index, given = (torch.from_numpy(array[order]) for array in (predictions.train_index, predictions.train_given))
    return RowsFile(index, given, "SVHN", "abc", columns)


def found_settings():
    return all_results(Path("local_data") / "SVHN").settings


def mean_and_std(values):
    return np.mean(values, axis=0), np.std(values, axis=0, ddof=1)


def test_learning_curves_show_mean_and_range_of_the_metrics_files(write):
    runs = [write(METHOD, run)[1] for run in range(3)]
    figure = learning_curves.draw(found_settings(), Sources())
    expected = {"test error in %": [100 - run["test_accuracy"] for run in runs]}
    expected["test loss in nats"] = [run["test_loss"] for run in runs]
    expected["training loss in nats"] = [run["train_loss"] for run in runs]
    for axes in figure.axes:
        values = np.array(expected.pop(axes.get_ylabel()))
        np.testing.assert_allclose(axes.lines[0].get_xydata()[:, 0], np.arange(1, EPOCHS + 1))
        np.testing.assert_allclose(axes.lines[0].get_ydata(), values.mean(0))
        corners = axes.collections[0].get_paths()[0].vertices
        assert corners[:, 1].min() == pytest.approx(values.min())
        assert corners[:, 1].max() == pytest.approx(values.max())
    assert not expected


def test_users_own_settings_of_matplotlib_change_no_figure():
    with matplotlib.rc_context({"text.usetex": True, "axes.grid": True}), style.page():
        assert not matplotlib.rcParams["text.usetex"]
        assert not matplotlib.rcParams["axes.grid"]
        assert matplotlib.rcParams["font.size"] == style.FONT["font.size"]


def test_parameters_of_a_network_have_a_line_and_a_band_per_run_and_a_panel_per_unit(write):
    write(BASELINE)
    assert parameters.draw(found_settings(), Sources()) is None
    runs = [write(NETWORK, run)[1] for run in range(2)]
    panels = parameters.draw(found_settings(), Sources()).axes
    shown = {"degrees": ["rotate"], "shear factor": ["shear"], "logarithm of a factor": ["scale_x", "scale_y"]}
    shown |= {"share of the side": ["translate_x", "translate_y"]}
    assert [axes.get_ylabel().replace("\n", " ") for axes in panels] == list(shown)
    for axes, names in zip(panels, shown.values(), strict=True):
        lines = [line for line in axes.lines if len(line.get_xdata()) == EPOCHS]
        assert len({line.get_marker() for line in lines}) == len(names)
        expected = [(run[f"{name}_mean"], run[f"{name}_std"]) for name in names for run in runs]
        for line, band, (mean, deviation) in zip(lines, axes.collections, expected, strict=True):
            np.testing.assert_allclose(line.get_ydata(), mean)
            corners = band.get_paths()[0].vertices[:, 1]
            assert corners.min() == pytest.approx((mean - deviation).min())
            assert corners.max() == pytest.approx((mean + deviation).max())
    legend = [text.get_text() for text in panels[0].figure.legends[0].get_texts()]
    assert legend == [name.replace("_", " ") for names in shown.values() for name in names]


def test_thirty_two_learning_curves_look_different():
    looks = [learning_curves.style.line(number) for number in range(32)]
    assert len({tuple(map(str, look.values())) for look in looks}) == 32


def test_bars_show_mean_deviation_and_the_published_value(write):
    accuracies = {flags: [write(flags, run)[4] for run in range(2)] for flags in (BASELINE, METHOD)}
    (axes,) = errors.draw(found_settings(), Sources()).axes
    bars = [found for found in axes.containers if isinstance(found, BarContainer)]
    spreads = [found for found in axes.containers if isinstance(found, ErrorbarContainer)]
    assert [found.get_label() for found in bars] == [*ACCURACIES.values()]
    for name, bar, spread in zip(ACCURACIES, bars, spreads, strict=False):
        values = [[100 - run[name] for run in runs] for runs in accuracies.values()]
        mean, std = mean_and_std(np.transpose(values))
        np.testing.assert_allclose([patch.get_width() for patch in bar], mean)
        ends = [segment[:, 0] for segment in spread.lines[2][0].get_segments()]
        np.testing.assert_allclose(ends, np.transpose([mean - std, mean + std]))
    assert spreads[4].get_label() == "published (best on test)"
    assert spreads[4].lines[0].get_xdata().tolist() == [20.0, 6.3]  # of the paper's table, as in test_tables.py


def test_one_run_has_no_error_bar_and_an_absent_accuracy_no_bar(write):
    files, *_ = write(BASELINE)
    content = json.loads(files.result.read_text())
    del content["accuracy"]["selected_on_validation"]
    files.result.write_text(json.dumps(content))
    (axes,) = errors.draw(found_settings(), Sources()).axes
    bars = [found for found in axes.containers if isinstance(found, BarContainer)]
    assert [found.get_label() for found in bars] == ["best on test", "last epoch", "mean of last five"]
    spreads = [found for found in axes.containers if isinstance(found, ErrorbarContainer)]
    assert not any(len(segment) for spread in spreads[:3] for segment in spread.lines[2][0].get_segments())


def test_confusion_counts_all_runs(write):
    runs = [write(METHOD, run)[2] for run in range(3)]
    write(BASELINE)
    expected = np.zeros((CLASSES, CLASSES))
    for run in runs:
        for true, predicted in zip(run.test_label, run.test_predicted, strict=True):
            expected[true, predicted] += 1
    expected *= 100 / expected.sum(1, keepdims=True)
    figure = confusion.draw(found_settings(), Sources())
    baseline, method, _ = figure.axes  # the last one is the colour bar
    np.testing.assert_allclose(method.images[0].get_array(), expected)
    assert method.get_title().replace("\N{NO-BREAK SPACE}", " ") == "SEP/BOTH HES (3 runs)"
    written = {text.get_position(): text.get_text() for text in method.texts}
    assert written == {
        (predicted, true): f"{share:.0f}" for (true, predicted), share in np.ndenumerate(expected) if share >= 0.5
    }
    assert baseline.get_ylabel() == "true class"


def test_embedding_shows_every_image_and_marks_the_mistakes(write):
    predictions = write(METHOD, 1)[2]
    write(METHOD, 2)
    figure = embedding.draw(found_settings(), Sources())
    (axes,) = figure.axes
    right, mistakes = (found for found in axes.collections if isinstance(found, PathCollection))
    wrong = (predictions.test_label != predictions.test_predicted)[predictions.feature_index]
    assert (len(right.get_offsets()), len(mistakes.get_offsets())) == ((~wrong).sum(), wrong.sum())
    assert mistakes.get_sizes()[0] > right.get_sizes()[0]
    assert axes.get_title() == "SEP/BOTH HES, run1"
    again = embedding.draw(found_settings(), Sources()).axes[0].collections[0]
    assert np.array_equal(right.get_offsets(), again.get_offsets())
    for text in axes.texts:
        members = predictions.test_label[predictions.feature_index] == int(text.get_text())
        points = embedding.embed(predictions.features)[members]
        np.testing.assert_allclose(text.get_position(), np.median(points, axis=0), rtol=1e-5)


@pytest.mark.parametrize("features", [np.zeros((9, 3)), np.eye(2), np.eye(5)])
def test_features_without_distances_or_neighbours_are_embedded(features):
    found = embedding.embed(features.astype(np.float32))
    assert found.shape == (len(features), 2)
    assert np.isfinite(found).all()


def test_points_of_a_figure_are_limited():
    assert [len(embedding.some_points(2000, panels)) for panels in (1, 2, 8)] == [1000, 600, 150]
    assert embedding.some_points(5, 3).tolist() == [0, 1, 2, 3, 4]


def test_learned_rows_are_parted_by_label_and_class(write):
    runs = [write(METHOD, run) for run in range(2)]
    write(CONTROL)
    write(BASELINE)
    figure = learned.draw(found_settings(), Sources())
    weight, given, probability, magnitude = figure.axes  # one setting: neither control nor baseline learn
    values = {"weight": [], "given": [], "probability": [], "magnitude": [], "wrong": [], "rare": []}
    for _, _, predictions, rows, _, _ in runs:
        place = {int(image): number for number, image in enumerate(rows.index)}
        for image, true, label in zip(
            predictions.train_index, predictions.train_true, predictions.train_given, strict=True
        ):
            number = place[image]
            values["weight"].append(float(rows.columns["weight"][number]))
            values["given"].append(float(rows.columns["soft_label"][number, label]))
            values["probability"].append(rows.columns["probability"][number].numpy())
            values["magnitude"].append(rows.columns["magnitude"][number].numpy())
            values["wrong"].append(true != label)
            values["rare"].append(true >= CLASSES / 2)
    values = {name: np.array(column) for name, column in values.items()}
    groups = {"right label": ~values["wrong"], "wrong label": values["wrong"]}
    groups |= {"frequent class": ~values["rare"], "rare class": values["rare"]}
    for axes, name in ((weight, "weight"), (given, "given"), (probability, "probability"), (magnitude, "magnitude")):
        medians = {line.get_gid(): line.get_xdata() for line in axes.lines if line.get_gid()}
        for group, mask in groups.items():
            expected = np.median(values[name][mask], axis=0)
            np.testing.assert_allclose(
                medians[f"median {group}"], np.broadcast_to(expected, (7,) if expected.ndim else 2)
            )
        assert len(medians) == 4


def test_rows_without_an_estimator_have_no_figure_of_rows(write):
    write(CONTROL)
    assert learned.draw(found_settings(), Sources()) is None


def test_run_that_leaves_no_learned_column_is_not_in_the_figure_of_rows(write):
    write(SMOOTHED)
    assert learned.draw(found_settings(), Sources()) is None
    write(SOFT)
    (axes,) = learned.draw(found_settings(), Sources()).axes
    assert "SOFT FIS" in axes.get_title(loc="left").replace("\N{NO-BREAK SPACE}", " ")


def test_accuracies_per_class_and_the_rare_half(write):
    per_class = [write(METHOD, run)[5] for run in range(3)]
    (axes,) = classes.draw(found_settings(), Sources()).axes
    mean, std = mean_and_std(per_class)
    np.testing.assert_allclose(axes.containers[0].lines[0].get_ydata(), mean)
    ends = [segment[:, 1] for segment in axes.containers[0].lines[2][0].get_segments()]
    np.testing.assert_allclose(ends, np.transpose([mean - std, mean + std]))
    (shade,) = axes.patches
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (1.5, 3.5)
    assert "100 times fewer" in axes.texts[0].get_text()


def test_class_without_test_images_has_no_mark(write):
    files, *_ = write(METHOD)
    content = json.loads(files.result.read_text())
    content["accuracy_per_class"]["last_epoch"][2] = None
    content["class_names"] = ["cat", "dog", "cow", "hen"]
    files.result.write_text(json.dumps(content))
    (axes,) = classes.draw(found_settings(), Sources()).axes
    assert np.isnan(axes.containers[0].lines[0].get_ydata()).tolist() == [False, False, True, False]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["cat", "dog", "cow", "hen"]


def files_of(found):
    return {path.name for path in found}


def test_all_figures_are_written_as_png_and_pdf_and_a_row_has_its_own(write, call):
    for flags in (BASELINE, METHOD):
        write(flags)
    status, _, err = call("get-results", "--dataset", "SVHN", "--all", "--plot", "figures")
    assert status == 0
    of_all = {path: path.read_bytes() for path in Path("figures").iterdir()}
    kinds = ("learning_curves", "errors", "classes", "confusion", "embedding", "rows")
    names = {f"{kind}_SVHN_ir_100_sr_1.0_nr_0.1.{end}" for kind in kinds for end in ("png", "pdf")}
    assert files_of(of_all) == names
    assert all(f"written: figures/{name}\n" in err for name in names)
    for path, content in of_all.items():
        assert content.startswith(b"\x89PNG" if path.suffix == ".png" else b"%PDF")
    assert call("get-results", *METHOD.split(), "--plot", "figures")[0] == 0
    assert all(path.read_bytes() == content for path, content in of_all.items())
    name = write(METHOD)[0].name
    assert files_of(Path("figures").iterdir()) - names == {
        f"{kind}_SVHN_{name}.{end}" for kind in kinds for end in ("png", "pdf")
    }


def test_runs_of_an_earlier_version_are_left_out_and_named(write, results, sketched):
    files, *_ = write(METHOD)
    write(METHOD, 1)
    other, *_ = write(BASELINE)
    for path in (files.predictions, files.rows, other.predictions):
        path.unlink()
    sources = Sources()
    settings = found_settings()
    (axes, _) = confusion.draw(settings, sources).axes
    assert axes.get_title().replace("\N{NO-BREAK SPACE}", " ") == "SEP/BOTH HES (1 run)"
    assert embedding.draw(settings, sources).axes[0].get_title() == "SEP/BOTH HES, run1"
    status, _, err = results("--dataset", "SVHN", "--all", "--plot", "figures")
    notes = [line for line in err.splitlines() if line.startswith("note: ")]
    assert status == 0
    assert len(notes) == 3
    for kind, name in (("predictions", files.name), ("predictions", other.name), ("rows", files.name)):
        assert f"note: no {kind} file of run0 of {name}: left out of figures; train again with --fresh" in notes


@pytest.mark.parametrize("kind", ["metrics", "predictions", "rows"])
def test_damaged_file_is_named_after_the_other_figures(write, results, sketched, kind):
    files, *_ = write(METHOD)
    write(METHOD, 1)
    path = getattr(files, kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    status, _, err = results("--dataset", "SVHN", "--all", "--plot", "figures")
    assert status == 2
    assert err.splitlines()[-1].startswith("error: ")
    assert err.count(str(path)) == 1
    assert len(list(Path("figures").glob("*.png"))) == 6


def test_rows_of_another_training_set_are_damaged(write):
    files, _, predictions, *_ = write(METHOD)
    Predictions(**vars(predictions) | {"train_index": predictions.train_index + 1}).write(files.predictions)
    sources = Sources()
    assert learned.draw(found_settings(), sources) is None
    assert [str(files.rows) in line and "--fresh" in line for line in sources.damaged] == [True]


def test_more_rows_than_panels(write):
    for number in range(13):
        write(f"{SOFT} --hyper-iters {number + 1}")
    sources = Sources()
    settings = found_settings()
    assert len(confusion.draw(settings, sources).axes) == 12 + 1
    assert len(embedding.draw(settings, sources).axes) == 12
    assert len(learned.draw(settings, sources).axes) == 12
    assert len(classes.draw(settings, sources).axes) == 2
    shown = "_ir_100_sr_1.0_nr_0.1 shows the first 12 of 13 settings; choose others with --all --match"
    assert sources.notes == [kind + shown for kind in ("confusion", "embedding", "rows")]
