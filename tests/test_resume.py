"""A run that is stopped anywhere goes on, and ends as if it had never stopped."""

import json
import os
import time
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from utils.checkpoint import checksum

FLAGS = ("-ir", 10, "-nr", 0.1, "--aug-model", "SEP", "--los-model", "BOTH", "--epochs", 4, "--hyper-start", 1)
ROWS = {"HES": ("--hyper-opt", "HES"), "FIS": ("--hyper-opt", "FIS")}


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it, so that nothing is cleaned up by intention."""


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
        tensors[kind] = checksum(state)
    return content, figures, tensors, sorted(path.name for path in run.iterdir())


def scalars():
    """(step, value) of the test accuracy in the run's TensorBoard log."""
    log = torch.load(next(Path("local_data/DIGITS/run0").glob("last_*")), weights_only=True)["log"]
    board = EventAccumulator(str(Path("logs/DIGITS") / log)).Reload()
    return [(event.step, event.value) for event in board.Scalars("Accuracy")]


@pytest.fixture
def killed_at(monkeypatch):
    """killed_at(n): the n-th time from now that a file gets its name, the process dies before (or after) it does."""

    def arrange(number, after=False):
        replace, count = os.replace, iter(range(1, 1000))

        def dying(source, target):
            due = next(count) == number
            if due and not after:
                raise Killed
            replace(source, target)
            if due:
                raise Killed

        monkeypatch.setattr(os, "replace", dying)
        return lambda: monkeypatch.setattr(os, "replace", replace)

    return arrange


@pytest.mark.parametrize("opt", ROWS)
def test_run_that_dies_at_any_rename_ends_like_one_that_never_did(call, killed_at, tmp_path, opt):
    flags = ("--no-cuda", *FLAGS, *ROWS[opt])
    assert call("implicit-augment", *flags, "--data", "whole")[0] == 0
    whole = left_behind("whole")
    Path("logs").rename("logs of the whole run")
    deaths = 0
    for number in (3, 5, 2, 6, 1, 4, 3, 5, 2, 6, 1000):
        time.sleep(1.1)  # TensorBoard orders a log's files by the second they began in
        revive = killed_at(number, after=number % 2 == 0)
        try:
            status, out, err = call("implicit-augment", *flags)
            break
        except Killed:
            deaths += 1
        finally:
            revive()
    assert deaths >= 4, (status, out, err)
    assert status == 0
    assert "going on after epoch" in err
    assert left_behind() == whole
    assert [step for step, _ in scalars()] == [1, 2, 3, 4]
