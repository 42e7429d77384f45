"""Rows that were learned by one run and trained with by another, through the files between them."""

import io
import json
import os
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DISTORTION, Killed, call_in, untimed_checkpoint
from damages import Hostile

from custom_datasets.distortion import distorted_images
from custom_datasets.sources import load_dataset
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.rows.letters import LETTERS
from hyperopt.rows.rows_file import RowsFile
from hyperopt.runs.fingerprints import fingerprint_training_set
from hyperopt.runs.set_up import make_training, prepare_split
from hyperopt.runs.starting_rows import StartingRows

IMAGES = 133  # of the distorted training set
METHOD = (*DISTORTION, "--aug-model", "SEP", "--los-model", "BOTH")
LEARNED = "smallnet_opt_FIS_est_True_aug_model_SEP_los_model_BOTH_ir_10_sr_0.24_nr_0.1_hyper_start_1"
DEVICE = torch.device("cpu")


@pytest.fixture
def train(train):
    """Trains two epochs; where rows are learned, they move in the second."""
    return lambda *flags: train("--epochs", 2, *flags)


@pytest.fixture(scope="module")
def learned(scripts, tmp_path_factory):
    """Folder of a run that has learned all parts."""
    folder = tmp_path_factory.mktemp("learned")
    flags = ("--no-cuda", "--epochs", 4, "--hyper-start", 1, "--batch-size", 8, "--lr-warm-epochs", 0)
    assert call_in(folder, scripts["implicit-augment"], *METHOD, "--hyper-opt", "FIS", *flags)[0] == 0
    return folder


@pytest.fixture
def rows_file(call, learned):
    """The rows file of that run, in a copy of its folder."""
    shutil.copytree(learned, ".", dirs_exist_ok=True)
    return Path(f"local_data/DIGITS/run0/rows_{LEARNED}.pt")


def the_file(pattern):
    (path,) = Path("local_data/DIGITS").glob(pattern)
    return path


def joined(*states):
    return torch.cat([values.flatten().double() for state in states for values in state.values()])


def weights(path):
    state = torch.load(path, weights_only=True)
    return joined(state["encoder_state_dict"], state["decoder_state_dict"])


def trained_in_memory(*flags, use):
    """A training's weights after two epochs, from the tables that the learning run's checkpoint holds."""
    options = resolve(parse_options(RunOptions, "", [*map(str, (*METHOD, *flags)), "--epochs", "2"]))
    options = replace(options, precision="fp32")
    data = load_dataset("DIGITS", Path("local_data/DIGITS"), DEVICE)
    split = prepare_split(options, data)
    learning = make_training(options, data, split, DEVICE)
    saved = torch.load(f"local_data/DIGITS/run0/last_{LEARNED}.pt", weights_only=True)
    values = saved["reweight_state_dict"] | saved["augment_state_dict"]
    for letter, holder in learning.rows.holders.items():
        holder.values.copy_(values[LETTERS[letter]])
    index = torch.from_numpy(distorted_images(split))
    columns = learning.rows.columns(index)
    rows = RowsFile(index, learning.rows.given[index], "DIGITS", fingerprint_training_set(data, split), columns)
    training = make_training(options, data, split, DEVICE)
    StartingRows(Path("memory"), rows, use).fill(training.rows)
    estimator = options.estimator_class(options.estimator, training)
    for number in (1, 2):
        estimator.epoch(number)
    return joined(training.model.encoder.state_dict(), training.model.head.state_dict())


@pytest.mark.parametrize(
    ("kind", "flags", "use"),
    [("pt", (), None), ("npz", ("--train-on", "both"), "W"), ("name", (), None), ("name", ("--train-on", "both"), "W")],
)
def test_training_from_a_file_is_bit_for_bit_that_from_memory(train, rows_file, kind, flags, use):
    rows_file.with_suffix(".npz").rename("mine.npz")
    Path("mine.pt").write_bytes(rows_file.read_bytes())
    source = LEARNED if kind == "name" else f"mine.{kind}"
    status, _, err = train(*METHOD, *flags, "--rows", source, *(("--rows-use", use) if use else ()))
    assert (status, err) == (0, "")
    trained = weights(the_file("run0/last_smallnet_opt_NONE*"))
    assert torch.equal(trained, trained_in_memory(*flags, use=use or "WSA"))
    assert not torch.equal(trained, trained_in_memory(*flags, use=""))


@pytest.mark.parametrize(
    ("certain", "use", "said"), [(IMAGES, "S", "100 %"), (20, "WS", "15 %"), (12, "S", ""), (IMAGES, "W", "")]
)
def test_certain_labels_in_a_symmetric_loss_are_said(train, rows_file, certain, use, said):
    path = rows_file.rename("mine.pt")
    soft = torch.full((IMAGES, 10), 1e-7)
    soft[torch.arange(IMAGES), torch.load(path, weights_only=True)["given_label"]] = 1
    soft[certain:] = 0.1
    rewrite(path, soft_label=soft / soft.sum(1, keepdim=True))
    status, _, err = train(*METHOD, "--rows", "mine.pt", "--rows-use", use)
    assert status == 0
    assert err.startswith(f"note: {said} of the soft labels of mine.pt are certain") if said else err == ""


def test_both_kinds_of_file_are_the_same_rows(train, rows_file):
    rows_file.rename("mine.pt")
    rows_file.with_suffix(".npz").rename("mine.npz")
    train(*METHOD, "--rows", "mine.pt")
    status, out, _ = train(*METHOD, "--rows", "mine.npz")
    assert status == 0
    assert out.startswith("finished already")


@pytest.mark.parametrize("opt", ["HES", "FIS"])
def test_hyper_pass_goes_on_from_learned_rows(train, rows_file, opt):
    train(*METHOD, "--rows", LEARNED, "--hyper-opt", opt, "--hyper-start", 1)
    found = RowsFile.read(the_file("run0/rows_*_rows_*.pt"))
    start = RowsFile.read(rows_file)
    assert not torch.equal(found.columns["weight"], start.columns["weight"])
    assert torch.corrcoef(torch.stack((found.columns["weight"], start.columns["weight"])))[0, 1] > 0.5


@pytest.mark.parametrize("flags", [("--train-on", "both", "--rows-use", "WS"), ("--hyper-opt", "HES")])
def test_training_from_learned_rows_goes_on_where_it_stopped(train, rows_file, killed_at, flags):
    rows_file.rename("mine.pt")
    row = (*METHOD, *flags, "--rows", "mine.pt")
    assert train(*row)[0] == 0
    (last,) = Path("local_data/DIGITS/run0").glob("last_*_rows_mine*.pt")
    whole = untimed_checkpoint(last)
    revive = killed_at(7)
    with pytest.raises(Killed):
        train(*row, "--fresh")
    revive()
    assert "going on after epoch" in train(*row)[2]
    assert untimed_checkpoint(last) == whole


def test_row_has_its_own_name_in_every_run_folder(train, results, rows_file):
    rows_file.rename("mine.pt")
    train(*METHOD, "-r", "run1", "--hyper-opt", "FIS")
    for run, rows in (("run0", "mine.pt"), ("run1", f"local_data/DIGITS/run1/{rows_file.name}")):
        Path(rows).rename("mine.pt")
        status, out, _ = train(*METHOD, "-r", run, "--rows", "./mine.pt", "--rows-use", "WS")
        assert status == 0
        assert "_rows_mine_use_WS: test accuracy" in out
    result = json.loads(the_file("run1/result_*_rows_mine_use_WS.json").read_text())
    assert (result["options"]["rows"], result["options"]["rows_use"]) == ("./mine.pt", "WS")
    status, out, err = results(*METHOD, "--rows", "mine.pt", "--rows-use", "WS")
    assert (status, err) == (0, "")
    assert "other" not in out
    assert "SEP/BOTH NONE rows mine use WS" in results("--all")[1]


def rewrite(path, **changes):
    columns = torch.load(path, weights_only=True) | changes
    torch.save({name: value for name, value in columns.items() if value is not None}, path)


def other_split(path):
    rewrite(path, split="0" * 64)


def other_data(path):
    rewrite(path, dataset="MNIST")


def other_images(path):
    rewrite(path, index=torch.load(path, weights_only=True)["index"] + 1)


def other_classes(path):
    rewrite(path, soft_label=torch.full((IMAGES, 16), 1 / 16))


def without_weight(path):
    rewrite(path, weight=None)


def hostile(path):
    torch.save({"index": Hostile()}, path)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def predictions(path):
    shutil.copy(next(Path("local_data/DIGITS/run0").glob("predictions_*.npz")), path)


def split_file(path):
    shutil.copy(next(Path("local_data/DIGITS/run0").glob("data_*.pt")), path)


UNFIT = {
    other_split: "mine.pt is of another split",
    other_data: "mine.pt is of the data set MNIST, not of DIGITS",
    other_images: "mine.pt does not have one row for each of the split's distorted images",
    other_classes: "mine.pt has soft labels of other than 10 classes",
    without_weight: "mine.pt has no weight, only CSA; change --rows-use",
    hostile: "mine.pt is not a rows file that can be used (damaged)",
    cut: "mine.pt is not a rows file that can be used (damaged)",
    split_file: "mine.pt is not a rows file that can be used (it has no 'index')",
    Path.unlink: "there is no rows file mine.pt",
}


@pytest.mark.parametrize("unfit", UNFIT, ids=lambda unfit: unfit.__name__)
def test_unfit_file_is_refused_in_one_line(train, rows_file, unfit):
    path = rows_file.rename("mine.pt")
    unfit(path)
    before = sorted(Path("local_data").rglob("*"))
    status, _, err = train(*METHOD, "--rows", "mine.pt", "--rows-use", "W")
    assert status == 2
    assert len(err.splitlines()) == 1
    assert UNFIT[unfit] in err
    assert sorted(Path("local_data").rglob("*")) == before
    assert not Path("executed").exists()


def test_predictions_in_place_of_rows_are_named(train, rows_file):
    predictions(Path("mine.npz"))
    status, _, err = train(*METHOD, "--rows", "mine.npz")
    assert status == 2
    assert "mine.npz is not a rows file that can be used (it has no 'index')" in err


REFUSED = {
    "--rows host": "that flag is --rows-on host",
    "--rows a/b": "must be a rows file with a plain name",
    "--rows x.pt --train-on valid --los-model WGHT": "which --train-on valid leaves out",
    "--rows x.pt": "--rows needs rows to fill; add --aug-model SHA|SEP|NET or --los-model ",
    "--rows x.pt --rows-use WX --los-model WGHT": "'WX' must be some of the letters W, C, S, A, R, each once",
    "--rows x.pt --rows-use WW --los-model WGHT": "'WW' must be some of the letters W, C, S, A, R, each once",
    "--rows x.pt --rows-use SW --los-model WGHT": "cannot take over S: --aug-model NONE --los-model WGHT",
    "--rows x.pt --rows-use WA --los-model WGHT": "cannot take over A: --aug-model NONE --los-model WGHT",
    "--rows nothing --los-model WGHT": "no finished run nothing with rows in local_data/DIGITS/run0",
    "--rows-use W --los-model WGHT": "add --rows or --refit",
    f"--rows {'long' * 40}.pt --los-model WGHT": "which is too long for its files",
    "--refit --los-model WGHT": "add --hyper-opt HES, FIS, UNR or GMM",
    "--refit --los-model SOFT --hyper-opt FIS --rows-use W": "--refit cannot take over W",
    "--rows x.pt --rows-use C --los-model SOFT": "--rows cannot take over C: --aug-model NONE --los-model SOFT have",
    "--refit --hyper-opt FIS": "--hyper-opt FIS has nothing to learn",
    **{
        f"--refit --los-model WGHT --hyper-opt FIS {other}": f"leave out {other.split()[0]}"
        for other in ("--train-on both", "--rows x.pt", "--oversplit", "--overfit")
    },
}


@pytest.mark.parametrize("flags", REFUSED)
def test_flags_that_do_not_fit_are_refused_in_one_line(train, flags):
    status, _, err = train(*flags.split())
    assert status == 2
    assert len(err.splitlines()) == 1
    assert REFUSED[flags] in err
    assert not Path("local_data").exists()


def test_confidence_within_its_class_is_a_factor_of_the_weight(train, rows_file):
    rows_file.rename("mine.pt")
    learned = RowsFile.read(Path("mine.pt"))
    confidence = learned.columns["confidence"]
    highest = {label: confidence[learned.given_label == label].max().item() for label in range(10)}
    factor = confidence / torch.tensor([highest[label] for label in learned.given_label.tolist()])
    for use, start in {"C": 1, "WC": learned.columns["weight"]}.items():
        assert train(*METHOD, "--rows", "mine.pt", "--rows-use", use)[0] == 0
        found = RowsFile.read(the_file(f"run0/rows_*_rows_mine_use_{use}.pt"))
        torch.testing.assert_close(found.columns["weight"], start * factor, rtol=1e-5, atol=1e-7)
        assert (found.columns["soft_label"].argmax(1) == found.given_label).all()


def test_confidence_is_that_of_the_predictions(rows_file):
    (path,) = rows_file.parent.glob("predictions_*")
    with np.load(path) as predictions, np.load(rows_file.with_suffix(".npz")) as rows:
        assert np.array_equal(rows["index"], predictions["train_index"])
        assert np.array_equal(rows["confidence"], predictions["train_confidence"])
        assert 0 < rows["confidence"].min() < 0.5 < rows["confidence"].max() <= 1


def test_file_without_confidence_is_refused_where_it_is_asked_for(train, rows_file):
    path = rows_file.rename("mine.pt")
    rewrite(path, confidence=None)
    assert train(*METHOD, "--rows", "mine.pt")[0] == 0
    status, _, err = train(*METHOD, "--rows", "mine.pt", "--rows-use", "WC")
    assert status == 2
    assert "mine.pt has no confidence, only WSA; change --rows-use" in err


def test_column_that_a_gradient_is_wanted_of_is_a_column_like_others(train, rows_file):
    rows_file.rename("mine.pt")
    columns = torch.load("mine.pt", weights_only=True)
    for name in ("weight", "soft_label", "confidence"):
        columns[name] = torch.nn.Parameter(columns[name])
    torch.save(columns, "other.pt")
    first, second = (train(*METHOD, "--rows", name, "--rows-use", "WCS") for name in ("mine.pt", "other.pt"))
    assert (first[0], second[0], second[2]) == (0, 0, "")
    read = (RowsFile.read(the_file(f"run0/rows_*_rows_{name}_*.pt")) for name in ("mine", "other"))
    assert torch.equal(*(rows.columns["weight"] for rows in read))


def test_file_for_which_there_is_no_memory_is_named(train, rows_file):
    """An .npz whose weights are of an absurd number, by their header."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**14,)})
    with zipfile.ZipFile(rows_file.with_suffix(".npz")) as whole, zipfile.ZipFile("mine.npz", "w") as archive:
        for name in whole.namelist():
            archive.writestr(name, header.getvalue() if name == "weight.npy" else whole.read(name))
    status, _, err = train(*METHOD, "--rows", "mine.npz")
    assert status == 2
    assert err == "error: mine.npz needs more memory than there is; free some, or mend the file\n"


def test_file_that_is_gone_is_not_compared_and_a_note_says_so(train, rows_file):
    rows_file.rename("mine.pt")
    train(*METHOD, "--rows", "mine.pt")
    Path("mine.pt").unlink()
    status, out, err = train(*METHOD, "--rows", "mine.pt")
    assert status == 0
    assert out.startswith("finished already")
    assert err.startswith("note: mine.pt is not there")
    assert len(err.splitlines()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes")
def test_folder_of_any_bytes(train, rows_file):
    folder = Path(os.fsdecode(b"od\xff"))
    folder.mkdir()
    rows_file.rename(folder / "mine.PT")
    status, _, err = train(*METHOD, "--rows", folder / "mine.PT")
    assert (status, err) == (0, "")


def test_other_content_is_another_run(train, rows_file):
    rows_file.rename("mine.pt")
    train(*METHOD, "--rows", "mine.pt")
    rewrite("mine.pt", weight=torch.ones(IMAGES))
    status, _, err = train(*METHOD, "--rows", "mine.pt")
    assert status == 2
    assert "was started with another rows file than mine.pt" in err
    the_file("run0/result_*_rows_mine.json").unlink()
    status, _, err = train(*METHOD, "--rows", "mine.pt")
    assert status == 2
    assert "was started with another rows file" in err
    assert train(*METHOD, "--rows", "mine.pt", "--fresh")[0] == 0


def test_file_for_other_tools_can_be_written_by_hand(train, rows_file):
    with np.load(rows_file.with_suffix(".npz")) as content:
        kept = {name: content[name] for name in ("index", "given_label", "dataset", "split")}
    np.savez("mine.npz", weight=np.full(IMAGES, 2, np.float32), **kept)
    status, *_ = train(*DISTORTION, "--los-model", "WGHT", "--rows", "mine.npz")
    assert status == 0
    found = RowsFile.read(the_file("run0/rows_*_rows_mine.pt"))
    torch.testing.assert_close(found.columns["weight"], torch.full((IMAGES,), 2.0), rtol=1e-6, atol=0)


def test_control_leaves_the_confidence_of_the_distorted_images(train):
    """What a network says of labels can be trained with where no hypergradient was ever taken."""
    assert train(*METHOD, "--train-on", "both")[0] == 0
    name = the_file("run0/rows_*.pt").stem.removeprefix("rows_")
    found = RowsFile.read(the_file("run0/rows_*.pt"))
    with np.load(the_file("run0/predictions_*")) as predictions:
        said = dict(zip(predictions["train_index"].tolist(), predictions["train_confidence"].tolist(), strict=True))
        assert len(said) == IMAGES + 314
    assert len(found.index) == IMAGES
    assert found.columns["confidence"].tolist() == [said[index] for index in found.index.tolist()]
    assert (found.columns["weight"] == 1).all()
    assert train(*METHOD, "--train-on", "both", "--rows", name, "--rows-use", "C")[0] == 0
