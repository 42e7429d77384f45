"""Several processes train one run: the result, the files and the messages are those of one process.

The oracle is the same command in a single process. In float64 and without batch norms, whose statistics are those of a
process's own images, only the order of sums differs.
"""

import csv
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import ROOT, run_all

from utils import processes
from utils.arrays import load_tensors
from utils.errors import LeaderError, Unspoken, UserError
from utils.group import Group

SETTING = ("--no-cuda", "--threads", 1, "--model", "lenet", "-ir", 10, "-sr", 0.24, "-nr", 0.1)
EXACT = ("--precision", "fp64")
# Conjugate gradients enlarge rounding where they have found the largest eigenvalues and not yet all, as FIS's thirty
# iterations have. Eight end before that, and a hundred solve the system.
FEW = ("--hyper-opt", "FIS", "--hyper-start", 1, "--hyper-iters", 8)
QUICK = {
    "HES": ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "HES", "--hyper-start", 1),
    "sharded": ("--aug-model", "SHA", "--los-model", "BOTH", *FEW),
    "UNR": ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "UNR"),
    "GMM": ("--aug-model", "RA", "--rand", "2,10", "--los-model", "SOFT", "--hyper-opt", "GMM"),
}
METHODS = QUICK | {
    "NONE": ("--aug-model", "RAND", "--standard", "crop,affine,flip,erasing"),
    "FIS": ("--aug-model", "SEP", "--los-model", "BOTH", *FEW),
    "FIS, solved": ("--aug-model", "SEP", "--los-model", "BOTH", *FEW[:-1], 100),
    "difference": ("--los-model", "WGHT", "--hyper-opt", "UNR", "--unroll-form", "difference", "--unroll-balanced"),
    "NET": ("--aug-model", "NET", "--hyper-opt", "UNR"),
    "STN": ("--aug-model", "STN"),
    "SEL": ("--method", "EffAug"),
}
# Of linear models, which are fitted to a gradient of that size, and of float32; otherwise 1e-9.
TOLERANCE = {"SEL": 1e-6, "float32": 1e-4}


def commands(methods, epochs):
    """The flags of every method, in a run folder of its own; the last one is in float32."""
    found = {name: (*SETTING, *EXACT, "--epochs", epochs, *flags) for name, flags in methods.items()}
    found["float32"] = (*SETTING, "--epochs", epochs, "--los-model", "BOTH", "--hyper-opt", "UNR")
    return {name: (*flags, "-r", f"run{number}") for number, (name, flags) in enumerate(found.items())}


def run(folder, listed):
    """Run commands (stop, *flags) in a folder, in this process: their statuses."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(None):
        patch.chdir(folder)
        return run_all(listed)


def run_by_torchrun(folder, listed, processes):
    """The same in several processes: their statuses, and what was printed."""
    todo, done = folder / "commands.json", folder / "statuses.json"
    todo.write_text(json.dumps(listed))
    torchrun = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}")
    command = [sys.executable, *torchrun, ROOT / "tests" / "commands.py", todo, done]
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
        for name in expected.keys() - {
            "run",
            "seed",
            "timing",
            "versions",
            "commit",
            "rows_checksum",
            "network_checksum",
        }:
            assert found[name] == expected[name], name
    for path in one.glob("predictions_*.npz"):
        with np.load(other / path.name) as found, np.load(path) as expected:
            assert found.files == expected.files
            for name in expected.files:
                close = np.allclose(found[name], expected[name], atol=max(tolerance, 1e-6)) if name != "table" else True
                assert close, name


def listed_with(methods, epochs):
    """Commands of every method, with the rows of one of them sharded."""
    listed = [(None, *flags) for flags in commands(methods, epochs).values()]
    listed[list(methods).index("sharded")] += ("--rows-on", "sharded")
    return listed


STOPPED = (*SETTING, *EXACT, "--epochs", 4, *METHODS["FIS"], "-r", "run90")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The quick methods in one process, and the run that two are stopped in."""
    folder = tmp_path_factory.mktemp("alone")
    assert set(run(folder, [*listed_with(QUICK, 3), (None, *STOPPED)])) == {0}
    return folder


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """The same in two processes; then a run that is stopped, and two mistakes: folder, statuses, what was printed."""
    # A share of no image, in the last batch of the evaluation; and of one, in every batch.
    odd = (*SETTING, "--epochs", 1, "-r", "run92", "-sr", 0.1, "--test-images", 501, "--batch-size", 3)
    few = (None, *odd, "--los-model", "BOTH", "--hyper-opt", "UNR")
    mistakes = (("--batch-size", 2000), ("--epoch", 1))
    wrong = [(None, *SETTING, "-r", "run91", *flags) for flags in mistakes]
    stopped = (2, *STOPPED, "--rows-on", "sharded")
    folder, listed = tmp_path_factory.mktemp("together"), listed_with(QUICK, 3)
    statuses, *printed = run_by_torchrun(folder, [*listed, stopped, *wrong, few], 2)
    assert statuses[: len(listed)] == [0] * len(listed)
    return folder, statuses[len(listed) :], *printed


def assert_all_alike(alone, other, methods):
    for number, name in enumerate(commands(methods, 1)):
        run_folder = Path("local_data", "DIGITS", f"run{number}")
        assert_alike(alone / run_folder, other / run_folder, TOLERANCE.get(name, 1e-9))


def test_two_processes_train_as_one_does(alone, together):
    assert_all_alike(alone, together[0], QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_any_number_of_processes_trains_as_one_does(tmp_path_factory, processes):
    """Five epochs of every estimator and of every holder."""
    one, others = (tmp_path_factory.mktemp(name) for name in ("one", "others"))
    assert set(run(one, listed_with(METHODS, 5))) == {0}
    assert set(run_by_torchrun(others, listed_with(METHODS, 5), processes)[0]) == {0}
    assert_all_alike(one, others, METHODS)


def test_files_are_those_of_one_process(alone, together):
    folder, *_ = together
    compared = ({name for name in files(where) if "/run9" not in name} for where in (folder, alone))
    assert next(compared) == next(compared) != set()
    for where in (folder, alone):  # one file of events each
        assert all(len(list(log.iterdir())) == 1 for log in (where / "logs" / "DIGITS").iterdir())


def test_only_the_leader_prints(together):
    *_, printed, _ = together
    trained = len(QUICK) + 1 + 3  # GMM has a baseline before it; float32, and two runs that follow
    assert sum(line.startswith("epoch 1/") for line in printed.splitlines()) == trained


def test_a_mistake_is_one_line(together):
    _, statuses, _, errors = together
    assert statuses[1:3] == [2, 2]
    assert errors.count("images are less than one batch") == 1
    assert errors.count("--epoch") == 1


def test_a_process_that_waited_for_a_failing_leader_says_nothing(monkeypatch):
    """Also if it is the first one to report; the leader knows the reason."""

    class Follower(Group):
        rank, size = 1, 2

    monkeypatch.setattr(processes, "is_launched", lambda: True)
    monkeypatch.setattr(processes, "processes", Follower)
    with pytest.raises(Unspoken), processes.one_voice():
        raise LeaderError("the process that writes the files has failed")
    with pytest.raises(UserError, match="of its own"), processes.one_voice():
        raise UserError("of its own")


def test_a_process_may_have_one_image_of_a_batch_or_none(together):
    assert together[1][3] == 0


def test_a_signal_to_one_process_stops_all_at_one_step(together):
    _, statuses, _, errors = together
    assert statuses[0] == 128 + 15
    assert errors.count("stopped by SIGTERM after epoch 2") == 1


def test_a_run_of_two_processes_goes_on_with_one(alone, together):
    folder, *_ = together
    assert run(folder, [(None, *STOPPED)]) == [0]
    assert_alike(*(where / "local_data" / "DIGITS" / "run90" for where in (alone, folder)), 1e-9)


@pytest.mark.slow
def test_a_run_of_one_process_goes_on_with_two(tmp_path_factory):
    one, other = (tmp_path_factory.mktemp(name) for name in ("one", "other"))
    assert run(one, [(None, *STOPPED)]) == [0]
    assert run(other, [(3, *STOPPED)]) == [128 + 15]
    assert run_by_torchrun(other, [(None, *STOPPED, "--rows-on", "sharded")], 2)[0] == [0]
    assert_alike(*(where / "local_data" / "DIGITS" / "run90" for where in (one, other)), 1e-9)


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_others_and_torchrun_starts_them_again(tmp_path_factory):
    """With --max-restarts; the result is that of the undisturbed run."""
    one, other = (tmp_path_factory.mktemp(name) for name in ("one", "other"))
    assert run(one, [(None, *STOPPED)]) == [0]
    script = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1")
    todo, done = other / "commands.json", other / "statuses.json"
    todo.write_text(json.dumps([(None, *STOPPED)]))
    command = [sys.executable, *script, ROOT / "tests" / "commands.py", todo, done]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=other, env=environment, stdout=-1, stderr=subprocess.STDOUT, text=True
    ) as torchrun:
        lines = []
        for line in torchrun.stdout:
            lines.append(line)
            if line.startswith("epoch 2/") and not any("error:" in said for said in lines):
                children = Path(f"/proc/{torchrun.pid}/task/{torchrun.pid}/children").read_text().split()
                os.kill(int(children[-1]), signal.SIGKILL)
    assert torchrun.returncode == 0
    assert sum("error: another process of this run has ended, after epoch 2" in line for line in lines) == 1
    assert_alike(*(where / "local_data" / "DIGITS" / "run90" for where in (one, other)), 1e-9)
