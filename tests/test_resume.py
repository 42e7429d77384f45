"""A run that is stopped anywhere goes on, and ends as if it had never stopped."""

import fcntl
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
from conftest import COMMAND, DISTORTION, ESTIMATORS, FLAGS, Killed, contents
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from hyperopt.rows.rows import Rows
from utils.errors import Interrupted
from utils.fingerprint import fingerprint
from utils.runs.interruption import Interruption


def left_behind(folder="local_data"):
    """Everything of a run that does not depend on the clock."""
    (run,) = Path(folder).glob("DIGITS/run0")
    (result,), (metrics,) = run.glob("result_*"), run.glob("metrics_*")
    content = json.loads(result.read_text())
    del content["timing"]
    lines = [line.split(",") for line in metrics.read_text().splitlines()]
    timed = [place for place, name in enumerate(lines[0]) if name.endswith("_seconds")]
    figures = [[cell for place, cell in enumerate(line) if place not in timed] for line in lines]
    tensors = {}
    for kind in ("best", "last"):
        (path,) = run.glob(f"{kind}_*")
        state = torch.load(path, weights_only=True)
        for timed_too in ("epochs", "log", "checksum"):
            state.pop(timed_too, None)
        tensors[kind] = fingerprint(state)
    outcome = {path.name: path.read_bytes() for kind in ("rows", "predictions") for path in run.glob(f"{kind}_*")}
    return content, figures, tensors, outcome, sorted(path.name for path in run.iterdir())


def scalars():
    """(step, value) of the test accuracy in the run's TensorBoard log."""
    log = torch.load(next(Path("local_data/DIGITS/run0").glob("last_*")), weights_only=True)["log"]
    board = EventAccumulator(str(Path("logs/DIGITS") / log)).Reload()
    return [(event.step, event.value) for event in board.Scalars("Accuracy")]


@pytest.fixture(scope="module")
def whole(runs):
    """What a run of `COMMAND` leaves that never stopped."""
    return left_behind(runs / "whole/local_data")


@pytest.mark.parametrize("opt", [pytest.param("HES", marks=pytest.mark.slow), "FIS"])
def test_run_that_dies_at_any_rename_ends_like_one_that_never_did(call, killed_at, capfd, opt):
    flags = ("--no-cuda", *FLAGS, *ESTIMATORS[opt], "--hyper-steps", 2)
    assert call("implicit-augment", *flags, "--data", "whole")[0] == 0
    whole = left_behind("whole")
    Path("logs").rename("logs of the whole run")
    said = []
    for number in (3, 5, 2, 6, 1, 4, 3, 5, 1000):
        revive = killed_at(number, after=number % 2 == 0)
        try:
            status, out, err = call("implicit-augment", *flags)
            break
        except Killed:
            said.append(capfd.readouterr())
        finally:
            revive()
    assert len(said) >= 4, (status, out, err)
    assert status == 0
    assert any("going on after epoch" in err for _, err in said)
    assert left_behind() == whole


@pytest.mark.parametrize(
    ("number", "status"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGTERM, 143)]
)
def test_signal_ends_the_run_after_the_step_and_the_same_command_goes_on(call, whole, monkeypatch, number, status):
    step, steps = Rows.move, iter(range(1000))

    def signalled(self, *arguments):
        step(self, *arguments)
        if next(steps) == 2:  # in the hyper pass of the third epoch
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(Rows, "move", signalled)
        found, _, err = call("implicit-augment", *COMMAND)
    assert found == status
    assert err.splitlines()[-1] == (
        f"error: stopped by {number.name} after epoch 2: the same command, without --fresh, goes on from there"
    )
    assert next(steps) == 3  # the step was the last one
    status, _, err = call("implicit-augment", *COMMAND)
    assert status == 0
    assert "note: going on after epoch 2" in err
    assert left_behind() == whole


def test_second_signal_does_not_wait():
    with Interruption() as interruption:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            interruption.check()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_log_has_every_epoch_once(call, stopped):
    assert call("implicit-augment", *stopped[0])[0] == 0
    assert [step for step, _ in scalars()] == [1, 2, 3]


@pytest.mark.parametrize("number", [3, 4])
def test_run_that_dies_in_its_first_epoch_keeps_its_log(call, killed_at, monkeypatch, number):
    revive = killed_at(number)
    with pytest.raises(Killed):
        call("implicit-augment", *COMMAND)
    revive()
    dated, later = time.strftime, time.localtime(time.time() + 100)
    monkeypatch.setattr(time, "strftime", lambda form: dated(form, later))
    assert call("implicit-augment", *COMMAND)[0] == 0
    assert len(list(Path("logs/DIGITS").iterdir())) == 1
    assert [step for step, _ in scalars()] == [1, 2, 3]


@pytest.mark.parametrize("log", ["../elsewhere", "..", "", 7, None])
def test_log_of_a_damaged_progress_file_is_not_taken(call, killed_at, log):
    flags = ("--no-cuda", *DISTORTION, "--epochs", 1)
    revive = killed_at(3)
    with pytest.raises(Killed):
        call("implicit-augment", *flags)
    revive()
    (progress,) = Path("local_data/DIGITS/run0").glob("progress_*")
    progress.write_text(json.dumps({"epoch": 0, "epochs": 1, "log": log, "diverged": None}))
    assert call("implicit-augment", *flags)[0] == 0
    assert all(path.name.startswith("run0_") for path in Path("logs/DIGITS").iterdir())
    assert [path.name for path in Path("logs").iterdir()] == ["DIGITS"]


@pytest.mark.parametrize(
    "setting",
    [
        ("--aug-model", "RAND"),
        ("--aug-model", "SHA", "--hyper-opt", "HES"),
        ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "FIS", "--rows-on", "host"),
        # Slow where the processor only emulates it.
        pytest.param(("--aug-model", "SEP", "--hyper-opt", "FIS", "--precision", "bf16"), marks=pytest.mark.slow),
    ],
)
def test_other_settings_go_on_as_well(call, killed_at, setting):
    flags = ("--no-cuda", *DISTORTION, "--epochs", 3, "--hyper-start", 1, *setting)
    revive = killed_at(12)
    with pytest.raises(Killed):
        call("implicit-augment", *flags)
    revive()
    for data in ("local_data", "whole"):
        assert call("implicit-augment", *flags, "--data", data)[0] == 0
    assert left_behind() == left_behind("whole")


@pytest.mark.parametrize(
    "damage", [pytest.param("cut", marks=pytest.mark.slow), "flipped", pytest.param("empty", marks=pytest.mark.slow)]
)
def test_damaged_last_checkpoint_falls_back_to_the_one_before_and_says_so(call, whole, stopped, damage):
    flags, last, previous = stopped
    assert torch.load(last, weights_only=True)["epoch"] == torch.load(previous, weights_only=True)["epoch"] + 1
    content = bytearray(last.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 100] = bytes(byte ^ 1 for byte in content[middle : middle + 100])  # more than the padding
    last.write_bytes({"cut": content[: len(content) // 2], "flipped": content, "empty": b""}[damage])
    status, _, err = call("implicit-augment", *flags)
    assert status == 0
    assert f"note: {last} is damaged" in err
    assert f"going on from {previous}" in err
    (kept,) = last.parent.glob("damaged_*")
    kept.unlink()
    assert left_behind() == whole


def test_checkpoints_that_are_all_damaged_end_in_one_line(call, stopped):
    flags, last, previous = stopped
    for path in (last, previous):
        path.write_bytes(path.read_bytes()[:-200])
    before = contents(Path("local_data"))
    status, _, err = call("implicit-augment", *flags)
    assert status == 2
    assert str(last) in err.splitlines()[-1]
    assert "--fresh" in err
    assert contents(Path("local_data")) == before


def test_second_process_on_the_same_row_is_refused(call, stopped):
    (lock,) = Path("local_data/DIGITS/run0").glob(".lock_smallnet*")
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        status, _, err = call("implicit-augment", *stopped[0])
    assert status == 2
    assert "another process is training" in err
    assert "--wait" in err
    assert call("implicit-augment", *stopped[0])[0] == 0


def test_second_process_that_waits_goes_on_where_the_first_was_stopped(call, stopped, runs):
    (lock,) = Path("local_data/DIGITS/run0").glob(".lock_smallnet*")
    released = []

    def release(file):
        released.append(True)
        file.close()

    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        timer = threading.Timer(1, release, [file])
        timer.start()
        status, _, err = call("implicit-augment", *stopped[0], "--wait")
        timer.join()
    assert status == 0
    assert released
    assert "note: waiting for another process, which trains smallnet_" in err
    assert "going on after epoch 2" in err
    assert left_behind() == left_behind(runs / "whole/local_data")


def test_results_script_shows_how_far_runs_are(call, stopped):
    setting = (*DISTORTION, "--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "HES", "--hyper-start", 1)
    status, _, err = call("get-results", *setting)
    assert status == 2
    assert "epoch 2 of 3, stopped; the same command goes on" in err
    (lock,) = Path("local_data/DIGITS/run0").glob(".lock_smallnet*")
    assert call("implicit-augment", *stopped[0], "-r", "run1")[0] == 0
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for flags in (setting, ("--all", "--format", "csv")):
            status, out, err = call("get-results", *flags)
            assert status == 0
            assert "run1" in out or "\n1," in out or ",1," in out
            assert err.startswith("note: run0 ")
            assert err.endswith("epoch 2 of 3, being trained\n")
    (progress,) = Path("local_data/DIGITS/run0").glob("progress_*")
    progress.write_text("{")
    assert "is damaged" in call("get-results", "--all")[2]
    assert call("implicit-augment", *stopped[0])[0] == 0
    assert not progress.exists()
    assert call("get-results", "--all")[2] == ""


def cpu_allocation():
    torch.empty(2**48)


def gpu_allocation():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")


@pytest.mark.parametrize("allocate", [cpu_allocation, gpu_allocation])
def test_lack_of_memory_is_one_line_and_leaves_the_checkpoint(call, stopped, monkeypatch, allocate):
    before = contents(Path("local_data"))
    with monkeypatch.context() as patch:
        patch.setattr(Rows, "move", lambda *_: allocate())
        status, _, err = call("implicit-augment", *stopped[0])
    assert status == 2
    assert "no memory left on the device: with --rows-on host the same run goes on" in err.splitlines()[-1]
    assert contents(Path("local_data")) == before
    assert call("implicit-augment", *stopped[0])[0] == 0
