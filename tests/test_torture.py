"""Runs that are killed, or that find the disk full, at any moment: what is left goes on to the same end.

Five kills are part of the suite, all of this is `make torture`.
"""

import errno
import itertools
import multiprocessing
import os
import random
import shutil
from pathlib import Path

import pytest
import torch
from conftest import load_script
from test_resume import FLAGS, ROWS, left_behind

COMMAND = ("--no-cuda", *FLAGS, *ROWS["HES"])


def run_script(folder):
    os.chdir(folder)
    torch.set_num_threads(1)
    raise SystemExit(load_script("implicit-augment").main(list(map(str, COMMAND))))


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.torture)])
def test_run_that_is_killed_again_and_again_ends_like_one_that_never_was(call, kills):
    assert call("implicit-augment", *COMMAND, "--data", "whole")[0] == 0
    processes, moments = multiprocessing.get_context("forkserver"), random.Random(kills)
    processes.set_forkserver_preload(["torch", "torchvision", "sklearn.datasets", "torch.utils.tensorboard"])

    def start():
        process = processes.Process(target=run_script, args=(Path.cwd(),))
        process.start()
        return process

    done = 0
    while done < kills:
        process = start()
        process.join(moments.uniform(0.5, 4))
        if process.is_alive():
            process.kill()
            done += 1
        process.join()
        if process.exitcode == 0:
            assert left_behind() == left_behind("whole")
            shutil.rmtree("local_data")
    process = start()
    process.join()
    assert process.exitcode == 0
    assert left_behind() == left_behind("whole")


@pytest.mark.torture
def test_every_single_write_that_finds_the_disk_full_loses_no_finished_epoch(call, monkeypatch):
    """All writing ends in one of these calls; each of them fails once."""
    assert call("implicit-augment", *COMMAND, "--data", "whole")[0] == 0
    real = {name: getattr(os, name) for name in ("fsync", "replace", "link")}
    for fault in itertools.count(1):
        shutil.rmtree("local_data", ignore_errors=True)
        calls = itertools.count(1)

        def full(name, *arguments, fault=fault, calls=calls):
            if next(calls) == fault:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), arguments[0])
            return real[name](*arguments)

        with monkeypatch.context() as patch:
            for name in real:
                patch.setattr(os, name, lambda *arguments, name=name, full=full: full(name, *arguments))
            status, out, err = call("implicit-augment", *COMMAND)
        if status == 0:
            break
        assert status == 2
        assert "No space left on device" in err.splitlines()[-1]
        finished = sum(line.startswith("epoch") for line in out.splitlines())
        kept = sorted(Path("local_data/DIGITS/run0").glob("last_*.pt"))
        assert (torch.load(kept[0], weights_only=True)["epoch"] if kept else 0) >= finished
        assert not list(Path("local_data").rglob("*.part"))
        assert call("implicit-augment", *COMMAND)[0] == 0
        assert left_behind() == left_behind("whole")
    assert fault > 20
