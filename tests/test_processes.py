"""Several processes train one run: the result, the files and the messages are those of one process.

The oracle is the same command in a single process. In float64 and without batch norms, whose statistics are those of a
process's own images, only the order of sums differs.
"""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT

from utils.arrays import load_tensors

# In far fewer images, hypergradients of the first epochs are so small that the tables' optimiser enlarges rounding.
SETTING = ("--no-cuda", "--threads", 1, "--model", "lenet", "--epochs", 5, "-ir", 10, "-nr", 0.1)
EXACT = ("--precision", "fp64")
METHODS = {
    "HES": ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "HES", "--hyper-start", 1),
    "FIS": ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "FIS", "--hyper-start", 1),
    "sharded": ("--aug-model", "SHA", "--los-model", "BOTH", "--hyper-opt", "FIS", "--hyper-start", 1),
    # Of weights and labels: the slope of max pooling in an augmented image is cut by its kinks.
    "UNR": ("--los-model", "BOTH", "--hyper-opt", "UNR"),
    "difference": ("--los-model", "WGHT", "--hyper-opt", "UNR", "--unroll-form", "difference", "--unroll-balanced"),
    "NET": ("--aug-model", "NET", "--hyper-opt", "UNR", "--epochs", 2),
    "STN": ("--aug-model", "STN", "--epochs", 2),
    "GMM": ("--aug-model", "RA", "--rand", "2,10", "--los-model", "SOFT", "--hyper-opt", "GMM"),
    "NONE": ("--aug-model", "RAND", "--standard", "crop,affine,flip,erasing"),
    "SEL": ("--method", "EffAug"),
}


def commands():
    """The flags of every method, in a run folder of its own."""
    found = {name: (*SETTING, *EXACT, *flags) for name, flags in METHODS.items()}
    found["float32"] = (*SETTING, *METHODS["FIS"])
    return {name: (*flags, "-r", f"run{number}") for number, (name, flags) in enumerate(found.items())}


def run(folder, listed, processes=1, launcher=()):
    """Run commands (stop, *flags) in a folder: their statuses, and what was printed."""
    todo, done = folder / "commands.json", folder / "statuses.json"
    todo.write_text(json.dumps(listed))
    torchrun = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", *launcher)
    command = [sys.executable, *(torchrun if processes > 1 else ()), ROOT / "tests" / "commands.py", todo, done]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500)
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-4000:]
    return json.loads(done.read_text()), found.stdout, found.stderr


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.glob("local_data/DIGITS/*/*") if path.is_file()}


def tensors(content, place=""):
    """Tensors by their place in nested dictionaries."""
    if isinstance(content, torch.Tensor):
        return {place: content}
    if not isinstance(content, dict):
        return {}
    return {name: value for key in content for name, value in tensors(content[key], f"{place}/{key}").items()}


def lines_of(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def assert_alike(one, other, tolerance):
    """Weights, rows, states of optimisers and generators, predictions, metrics and results of two run folders."""
    for path in (*one.glob("last_*.pt"), *one.glob("rows_*.pt"), *one.glob("network_*.pt")):
        found, expected = (tensors(load_tensors(folder / path.name)) for folder in (other, one))
        assert found.keys() == expected.keys()
        for place, value in expected.items():
            assert found[place].dtype == value.dtype, place
            torch.testing.assert_close(found[place].double(), value.double(), rtol=0, atol=tolerance, msg=place)
    for path in one.glob("metrics_*.csv"):
        found, expected = lines_of(other / path.name), lines_of(path)
        assert len(found) == len(expected)
        for line, reference in zip(found, expected, strict=True):
            numbers = {name: float(value) for name, value in reference.items() if not name.endswith("_seconds")}
            assert {name: float(line[name]) for name in numbers} == pytest.approx(numbers, abs=tolerance)
            assert line.keys() == reference.keys()
    for path in one.glob("result_*.json"):
        found, expected = (json.loads((folder / path.name).read_text()) for folder in (other, one))
        for name in expected.keys() - {"run", "seed", "timing", "versions", "rows_checksum", "network_checksum"}:
            assert found[name] == expected[name], name
    for path in one.glob("predictions_*.npz"):
        with np.load(other / path.name) as found, np.load(path) as expected:
            assert found.files == expected.files
            for name in expected.files:
                close = np.allclose(found[name], expected[name], atol=max(tolerance, 1e-6)) if name != "table" else True
                assert close, name


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Every command in one process."""
    folder = tmp_path_factory.mktemp("alone")
    listed = commands()
    assert run(folder, [(None, *flags) for flags in listed.values()])[0] == [0] * len(listed)
    return folder


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """The same in two processes, and what they printed; then two runs that are stopped, and mistakes."""
    folder = tmp_path_factory.mktemp("together")
    listed = [(None, *flags) for flags in commands().values()]
    listed[list(METHODS).index("sharded")] += ("--rows-on", "sharded")
    stopped = (2, *SETTING, *EXACT, *METHODS["FIS"], "-r", "run90", "--rows-on", "sharded")
    mistakes = (("--batch-size", 2000), ("--epoch", 1))
    wrong = [(None, *SETTING, "-r", "run91", *flags) for flags in mistakes]
    return folder, *run(folder, [*listed, stopped, *wrong], processes=2)


@pytest.mark.parametrize("name", [*METHODS, "float32"])
def test_two_processes_train_as_one_does(alone, together, name):
    folder, statuses, *_ = together
    place = list(commands()).index(name)
    assert statuses[place] == 0
    run_folder = Path("local_data", "DIGITS", f"run{place}")
    assert_alike(alone / run_folder, folder / run_folder, 1e-4 if name == "float32" else 1e-9)


def test_files_are_those_of_one_process(alone, together):
    folder, *_ = together
    of_sel = lambda names: {name for name in names if "/features_" not in name}  # noqa: E731 - named by a checksum
    runs = {f"run{place}" for place in range(len(commands()))}
    mine = {name for name in files(folder) if Path(name).parts[2] in runs}
    assert of_sel(mine) == of_sel(files(alone))
    for where in (folder, alone):  # one file of events each
        assert all(len(list(log.iterdir())) == 1 for log in (where / "logs" / "DIGITS").iterdir())


def test_only_the_leader_prints(together):
    _, _, printed, _ = together
    trained = len(METHODS) + 2 + 2  # GMM and SEL have a baseline before them; float32, and the run that is stopped
    assert sum(line.startswith("epoch 1/") for line in printed.splitlines()) == trained


def test_a_mistake_is_one_line(together):
    _, statuses, _, errors = together
    assert statuses[-2:] == [2, 2]
    assert errors.count("images are less than one batch") == 1
    assert errors.count("--epoch") == 1


def test_a_signal_stops_all_at_one_step(together):
    _, statuses, _, errors = together
    assert statuses[-3] == 128 + 15
    assert errors.count("stopped by SIGTERM after epoch 2") == 1


def test_a_run_of_two_processes_goes_on_with_one(alone, together, tmp_path):
    """And the other way round, each with rows that were sharded before or are so afterwards."""
    folder, *_ = together
    flags = (*SETTING, *EXACT, *METHODS["FIS"], "-r", "run90")
    whole, ended = (where / "local_data" / "DIGITS" / "run90" for where in (alone, folder))
    assert run(folder, [(None, *flags)])[0] == [0]
    assert run(alone, [(None, *flags)])[0] == [0]
    assert_alike(whole, ended, 1e-9)
    assert run(tmp_path, [(3, *flags)])[0] == [128 + 15]
    assert run(tmp_path, [(None, *flags, "--rows-on", "sharded")], processes=2)[0] == [0]
    assert_alike(whole, tmp_path / "local_data" / "DIGITS" / "run90", 1e-9)
