"""--precision fp64 through the command line: what runs leave, near those in fp32, and how they go on."""

from pathlib import Path

import pytest
import torch
from conftest import DISTORTION, Killed, call_in, untimed_checkpoint
from test_features import FLAGS, write

from hyperopt.report.load import load_run
from hyperopt.rows.rows_file import COLUMNS, RowsFile
from utils.runs.files import RunFiles
from utils.runs.predictions import Predictions

SHORT = ("--no-cuda", *DISTORTION, "--epochs", 3, "--hyper-start", 1)
BOTH = ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt")
RUNS = {
    "NONE": ("--aug-model", "NONE"),
    "HES": (*BOTH, "HES", "--warp", "original"),
    "FIS": (*BOTH, "FIS"),
    "UNR": ("--aug-model", "NET", "--los-model", "WGHT", "--hyper-opt", "UNR", "--unroll-balanced"),
    "GMM": ("--aug-model", "RAND", "--los-model", "BOTH", "--hyper-opt", "GMM"),
}


def last_of(name, folder):
    """The latest checkpoint of a run."""
    (path,) = Path(folder).glob(f"DIGITS/run0/last_smallnet_opt_{name}_est_True_aug_model_{RUNS[name][1]}_*")
    return path


def floats_in(value, name=""):
    """The float tensors in a checkpoint by their places."""
    if isinstance(value, torch.Tensor):
        return {name: value} if value.is_floating_point() else {}
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {place: one for key, part in parts for place, one in floats_in(part, f"{name}/{key}").items()}


@pytest.fixture(scope="module")
def trained(scripts, tmp_path_factory):
    """Folder of all `RUNS` in both precisions."""
    folder = tmp_path_factory.mktemp("float64")
    for flags in RUNS.values():
        for precision in ("fp32", "fp64"):
            command = (*SHORT, *flags, "--precision", precision, "--data", precision)
            status, _, err = call_in(folder, scripts["implicit-augment"], *command)
            assert status == 0, err
    return folder


@pytest.mark.parametrize("name", RUNS)
def test_checkpoint_is_in_float64_and_near_that_of_float32(trained, name):
    single, double = (
        floats_in(torch.load(last_of(name, trained / precision), weights_only=True)) for precision in ("fp32", "fp64")
    )
    assert single.keys() == double.keys()
    assert {one.dtype for one in double.values()} == {torch.float64}
    assert len(double) > 20
    # They are about 1e-6 after twelve steps, from the rounding to float32 at each of them.
    distances = {place: (one - single[place]).norm() / one.norm().clamp(min=1e-9) for place, one in double.items()}
    assert max(distances.values()) < 1e-4, distances
    assert max(distances.values()) > 1e-8


@pytest.mark.parametrize("name", RUNS)
def test_files_for_other_programs_are_in_float32(trained, name):
    path = last_of(name, trained / "fp64")
    files = RunFiles(path.parent, path.stem.removeprefix("last_"))
    found = Predictions.read(files.predictions, 10)
    for array in (found.features, found.train_probabilities, found.train_confidence, found.train_other_confidence):
        assert array.dtype == "float32"
    if name != "NONE":
        rows = RowsFile.read(files.rows)
        assert all(column.dtype == COLUMNS[kind].kind for kind, column in rows.columns.items())
        assert {"weight", "confidence"} <= rows.columns.keys()
    run = load_run(path.parent, files.name)
    images = run.data.test.images[:40]
    logits, single = run.network.logits(images), run.read_network(precision="fp32").logits(images)
    assert (logits.dtype, single.dtype) == (torch.float64, torch.float32)
    assert 0 < (logits - single).abs().max() < 1e-5


RESUMED = [pytest.param(name, marks=[pytest.mark.slow] if name in ("NONE", "HES") else []) for name in RUNS]


@pytest.mark.parametrize("name", RESUMED)
def test_run_that_is_killed_goes_on_bit_for_bit(call, killed_at, trained, name):
    flags = (*SHORT, *RUNS[name], "--precision", "fp64")
    if name == "GMM":  # its baseline, which is trained first, is not to be killed
        assert call("implicit-augment", *SHORT, "--precision", "fp64")[0] == 0
    revive = killed_at(9)  # within the second epoch
    with pytest.raises(Killed):
        call("implicit-augment", *flags)
    revive()
    status, _, err = call("implicit-augment", *flags)
    assert status == 0
    assert "note: going on after epoch" in err
    expected = untimed_checkpoint(last_of(name, trained / "fp64"))
    assert untimed_checkpoint(last_of(name, "local_data")) == expected


def test_run_in_another_precision_does_not_go_on(call, trained):
    flags = (*SHORT, *RUNS["FIS"], "--data", trained / "fp64")
    status, _, err = call("implicit-augment", *flags, "--precision", "fp32")
    assert status == 2
    assert "precision fp64 instead of fp32" in err


def test_features_of_a_file_and_of_a_frozen_encoder(call, trained, tmp_path):
    write(tmp_path)
    head = ("--los-model", "BOTH", "--hyper-opt", "FIS", "-nr", 0.3, "--precision", "fp64", "--epochs", 3)
    assert call("implicit-augment", *FLAGS, *head, "--hyper-start", 1)[0] == 0
    frozen = ("--init", last_of("FIS", trained / "fp64"), "--freeze-encoder", "--precision", "fp64")
    assert call("implicit-augment", *SHORT, *frozen, "--los-model", "WGHT", "--hyper-opt", "HES")[0] == 0
    for path in Path("local_data").glob("*/run0/last_*"):
        found = floats_in(torch.load(path, weights_only=True))
        assert {one.dtype for one in found.values()} == {torch.float64}, path
    assert len(list(Path("local_data").glob("*/run0/last_*"))) == 2
