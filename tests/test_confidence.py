"""CON: a training whose weights or labels come from the confidence of a finished run's network."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Killed, untimed_checkpoint

RUN = Path("local_data/DIGITS/run0")
DATA = ("-ir", 10, "-nr", 0.3, "--los-model", "BOTH", "--train-on", "both")
CON = (*DATA, "--hyper-opt", "CON")
LOW = 0.2  # a threshold that some images are below
CUT = ("--confidence-threshold", LOW)


@pytest.fixture(scope="module")
def finished(scripts, tmp_path_factory):
    """The data folder with a finished run on distorted and clean images, as if it had learned weights."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train = scripts["implicit-augment"].main
        assert train([*map(str, DATA), "--no-cuda", "--epochs", "2"]) == 0
        (path,) = RUN.glob("rows_*.pt")
        torch.save(torch.load(path) | {"weight": torch.linspace(0.1, 1, 519)}, path)
    return folder / "local_data"


@pytest.fixture
def source(call, finished):
    """The name of that run, in the working folder."""
    shutil.copytree(finished, "local_data")
    (path,) = RUN.glob("rows_*.pt")
    return path.stem.removeprefix("rows_")


def columns_of(source):
    """The columns of its rows, and of the same images what its network predicts."""
    columns = {name: np.asarray(column) for name, column in torch.load(RUN / f"rows_{source}.pt").items()}
    with np.load(RUN / f"predictions_{source}.npz") as predictions:
        said = dict(zip(predictions["train_index"].tolist(), predictions["train_predicted"].tolist(), strict=True))
    return columns, np.array([said[index] for index in columns["index"].tolist()])


def smooth(labels):
    """Soft labels as smooth as all are at the start: 0.05 of the probability is spread over the 10 classes."""
    return torch.nn.functional.one_hot(torch.from_numpy(labels), 10) * 0.95 + 0.005


def relative(columns):
    highest = [columns["confidence"][columns["given_label"] == label].max() for label in range(10)]
    return columns["confidence"] / np.array(highest, np.float32)[columns["given_label"]]


# Flags of CON -> what they stand for: weights, soft labels and what else is taken over of the rows' columns.
FORMS = {
    "": lambda columns, predicted: {"weight": relative(columns)},
    "--rows-use WS": lambda columns, predicted: {
        "weight": columns["weight"] * relative(columns),
        "soft_label": columns["soft_label"],
    },
    "--confidence-form absolute --rows-use W": lambda columns, predicted: {
        "weight": columns["weight"] * columns["confidence"]
    },
    f"--confidence-form threshold --confidence-threshold {LOW}": lambda columns, predicted: {
        "weight": (columns["confidence"] >= LOW).astype(np.float32)
    },
    f"--confidence-fills S --rows-use W --confidence-threshold {LOW}": lambda columns, predicted: {
        "weight": columns["weight"],
        "soft_label": np.where(columns["confidence"] >= LOW, columns["given_label"], predicted),
    },
}


@pytest.mark.parametrize("flags", FORMS)
def test_confidence_trains_what_its_formulas_train(train, source, flags):
    """Bit for bit a training with a rows file of these weights; labels are compared apart, for their rounding."""
    columns, predicted = columns_of(source)
    wanted = FORMS[flags](columns, predicted)
    assert train(*CON, "--epochs", 1, "--rows", source, *flags.split())[::2] == (0, "")
    (made,) = RUN.glob("rows_*CON*.npz")
    if wanted.get("soft_label", np.zeros(0)).ndim == 1:
        labels = wanted.pop("soft_label", columns["given_label"])
        with np.load(made) as found:
            np.testing.assert_allclose(found["soft_label"], smooth(labels), atol=1e-6)
            np.testing.assert_allclose(found["weight"], wanted["weight"], rtol=1e-5, atol=1e-7)
        if "--confidence-fills S" in flags:
            assert 0 < (labels != columns["given_label"]).sum() < len(labels)
            return
    kept = {name: columns[name] for name in ("index", "given_label", "dataset", "split")}
    np.savez("mine.npz", **kept, **wanted)
    assert train(*DATA, "--epochs", 1, "--rows", "mine.npz")[0] == 0
    ours, theirs = (weights(pattern) for pattern in ("last_*CON*", "last_*_rows_mine.pt"))
    assert all(torch.equal(values, theirs[name]) for name, values in ours.items())


def weights(pattern):
    (path,) = RUN.glob(pattern)
    content = torch.load(path, weights_only=True)
    return content["encoder_state_dict"] | content["decoder_state_dict"] | content["reweight_state_dict"]


def test_letter_c_is_the_relative_confidence(train, source):
    """Also of a copy of the rows, under another name and in another order."""
    columns, _ = columns_of(source)
    texts = ("dataset", "split", "operations")
    np.savez("copy.npz", **{name: column if name in texts else column[::-1] for name, column in columns.items()})
    assert train(*CON, "--epochs", 1, "--rows", source, "--rows-use", "W")[0] == 0
    assert train(*DATA, "--epochs", 1, "--rows", "copy.npz", "--rows-use", "WC")[0] == 0
    ours, theirs = (weights(pattern) for pattern in ("last_*CON*", "last_*_rows_copy_use_WC.pt"))
    assert all(torch.equal(values, theirs[name]) for name, values in ours.items())


def test_stopped_training_goes_on_bit_for_bit(train, source, killed_at):
    flags = (*CON, "--rows", source, "--confidence-fills", "WS", *CUT)
    assert train(*flags)[0] == 0
    (last,) = RUN.glob("last_*CON*")
    whole = untimed_checkpoint(last)
    revive = killed_at(10)
    with pytest.raises(Killed):
        train(*flags, "--fresh")
    revive()
    assert "going on after epoch" in train(*flags)[2]
    assert untimed_checkpoint(last) == whole
    assert train(*flags)[1].startswith("finished already")


IDLE = {
    "--hyper-opt CON --los-model BOTH": "a finished run; add --rows with its name",
    "--hyper-opt CON --rows x.npz --los-model SOFT": "--confidence-fills W has no part to fill",
    "--hyper-opt CON --rows x.npz --los-model WGHT --confidence-fills WS": "--confidence-fills S has no part to fill",
    "--hyper-opt CON --rows x.npz --los-model BOTH --rows-use WC": "--rows-use C is what --hyper-opt CON fills itself",
    "--hyper-opt CON --rows x.npz --los-model BOTH --rows-use S --confidence-fills S": "leave S out",
    "--hyper-opt CON --rows x.npz --los-model BOTH --confidence-form absolute --confidence-fills S": (
        "--confidence-form is of the weight; add W to --confidence-fills"
    ),
    "--hyper-opt CON --rows x.npz --los-model BOTH --confidence-threshold 0.5": (
        "--confidence-threshold is for --confidence-form threshold and --confidence-fills S"
    ),
    "--hyper-opt CON --rows x.npz --los-model BOTH --confidence-threshold 2": "out of range",
    "--hyper-opt CON --rows x.npz --los-model BOTH --hyper-alpha 1": "--hyper-alpha has no effect on --hyper-opt CON",
    "--hyper-opt CON --rows x.npz --los-model BOTH --train-on valid": "which --train-on valid leaves out",
    "--hyper-opt CON --los-model BOTH --refit": "add --hyper-opt HES, FIS, UNR or GMM",
    "--hyper-opt FIS --los-model BOTH --confidence-form absolute": "--confidence-form has no effect on --hyper-opt FIS",
}


@pytest.mark.parametrize("flags", IDLE)
def test_flags_that_do_not_fit_are_refused_by_name(refused, flags):
    refused("implicit-augment", ["--no-cuda", *flags.split()], IDLE[flags])
    assert not Path("local_data").exists()


def without_confidence(rows, predictions):
    content = torch.load(rows)
    torch.save({name: column for name, column in content.items() if name not in ("confidence", "soft_label")}, rows)


def other_images(rows, predictions):
    with np.load(predictions) as content:
        columns = dict(content)
    np.savez(predictions, **{n: array[1:] if n.startswith("train_") else array for n, array in columns.items()})


UNFIT = {
    lambda rows, predictions: rows.unlink(): "no finished run",
    lambda rows, predictions: rows.write_bytes(rows.read_bytes()[:-100]): "not a rows file that can be used (damaged)",
    without_confidence: "has no confidence, only W; leave out --hyper-opt CON",
    lambda rows, predictions: predictions.unlink(): "cannot be read (it is not there); train the run again",
    other_images: "the file of --rows is of other images or labels than the predictions file",
}


@pytest.mark.parametrize("unfit", UNFIT, ids=UNFIT.values())
def test_unfit_files_are_refused_in_one_line(refused, source, unfit):
    unfit(RUN / f"rows_{source}.pt", RUN / f"predictions_{source}.npz")
    flags = (*CON, "--rows", source, "--confidence-fills", "WS", *CUT)
    refused("implicit-augment", ["--no-cuda", *flags], UNFIT[unfit])
    assert not list(RUN.glob("[!.]*CON*"))  # but for the lock


def test_copied_rows_file_without_predictions_is_refused(refused, source):
    shutil.copy(RUN / f"rows_{source}.npz", "mine.npz")
    flags = ("--no-cuda", *CON, "--rows", "mine.npz", "--confidence-fills", "S", *CUT)
    refused("implicit-augment", flags, "if the rows file is a copy, give --rows the run's name")


def test_threshold_that_leaves_no_image_is_refused(refused, source):
    flags = (*CON, "--rows", source, "--confidence-form", "threshold", "--confidence-threshold", 1)
    refused("implicit-augment", ["--no-cuda", *flags], "no confidence reaches --confidence-threshold 1; lower it")
