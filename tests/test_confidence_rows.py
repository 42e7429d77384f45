"""Rows files that are made of a run's confidence in other ways than the training script's."""

from pathlib import Path

import numpy as np
import pytest
from conftest import load_script

METHOD = ("-ir", 10, "-nr", 0.3, "--los-model", "BOTH", "--train-on", "both")


@pytest.fixture
def script(monkeypatch, capfd):
    """script(*flags) -> (status, stderr) of the script."""
    module = load_script("scripts/confidence-rows")

    def run(*flags):
        monkeypatch.setattr("sys.argv", ["confidence-rows", *map(str, flags)])
        capfd.readouterr()
        try:
            status = module.main()
        except SystemExit as stop:
            status = stop.code
        return status, capfd.readouterr().err

    return run


@pytest.fixture
def rows_file(train):
    assert train(*METHOD)[0] == 0
    (path,) = Path("local_data/DIGITS/run0").glob("rows_*.npz")
    return path


def test_images_below_are_left_out_or_given_the_predicted_class(train, script, rows_file):
    assert script(rows_file, "made", "--threshold", 0.2) == (0, "")
    with np.load(rows_file.with_name(rows_file.name.replace("rows_", "predictions_"))) as predictions:
        place = {index: k for k, index in enumerate(predictions["train_index"].tolist())}
        confidence, predicted = predictions["train_confidence"], predictions["train_predicted"]
    kept, relabelled = (np.load(f"made/{name}.npz") for name in ("kept", "relabelled"))
    assert {"weight", "soft_label"} & {*kept} == {"weight"}
    assert {"weight", "soft_label"} & {*relabelled} == {"soft_label"}
    below = 0
    columns = (kept["index"], kept["given_label"], kept["weight"], relabelled["soft_label"])
    for index, given, weight, soft_label in zip(*columns, strict=True):
        low = confidence[place[index]] < 0.2
        below += low
        assert weight == (not low)
        assert soft_label.argmax() == (predicted[place[index]] if low else given)
        assert soft_label.max() == pytest.approx(0.955, abs=1e-6)  # 0.95 and a tenth of 0.05
    assert 0 < below < len(kept["index"])
    learned, absolute = np.load(rows_file), np.load("made/absolute.npz")
    np.testing.assert_array_equal(absolute["weight"], learned["weight"] * learned["confidence"])
    for name in ("absolute", "kept", "relabelled"):
        assert train(*METHOD, "--rows", f"made/{name}.npz")[0] == 0


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def without_confidence(path):
    with np.load(path) as content:
        columns = {name: content[name] for name in content if name != "confidence"}
    np.savez(path, **columns)


def predictions_of_other_images(path):
    beside = path.with_name(path.name.replace("rows_", "predictions_"))
    with np.load(beside) as content:
        columns = dict(content)
    np.savez(beside, **{name: array[1:] if name.startswith("train_") else array for name, array in columns.items()})


UNFIT = {
    cut: "is not a rows file that can be used (damaged)",
    Path.unlink: "there is no rows file",
    without_confidence: "has not all columns; take the rows",
    predictions_of_other_images: "is of other images or labels than the predictions file",
}


@pytest.mark.parametrize("unfit", UNFIT, ids=lambda unfit: unfit.__name__)
def test_unfit_files_are_refused_in_one_line(script, rows_file, unfit):
    unfit(rows_file)
    status, err = script(rows_file, "made")
    assert status == 2
    assert len(err.splitlines()) == 1
    assert UNFIT[unfit] in err
    assert not Path("made").exists()


def test_threshold_out_of_range_is_refused(script):
    status, err = script("rows.npz", "made", "--threshold", 2)
    assert status == 2
    assert "out of range" in err
