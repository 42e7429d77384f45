"""Runs that are killed, or that find the disk full, at any moment: what is left goes on to the same end.

Two kills are part of the suite, all of this is `make torture`.
"""

import contextlib
import errno
import itertools
import multiprocessing
import os
import random
import shutil
import time
from pathlib import Path

import pytest
import torch
from conftest import COMMAND, load_script
from tensorboard.summary.writer.record_writer import RecordWriter
from test_resume import left_behind

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["torch", "torchvision", "sklearn.datasets", "torch.utils.tensorboard"])
DISTORTION = ("--no-cuda", "-ir", 10, "-nr", 0.1, "--epochs", 3, "--hyper-start", 1)
EIGHT_ROWS = [
    (),
    ("--aug-model", "RAND"),
    ("--aug-model", "SHA", "--hyper-opt", "HES"),
    ("--aug-model", "SEP", "--hyper-opt", "HES"),
    ("--aug-model", "SEP", "--los-model", "WGHT", "--hyper-opt", "HES"),
    ("--aug-model", "SEP", "--los-model", "SOFT", "--hyper-opt", "HES"),
    ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "HES"),
    ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "FIS"),
]


def run_script(folder, command, together=None):
    os.chdir(folder)
    torch.set_num_threads(1)
    script = load_script("implicit-augment")
    if together:
        together.wait()
    with open(f"stderr of {os.getpid()}", "w") as errors, contextlib.redirect_stderr(errors):
        status = script.main(list(map(str, command)))
    raise SystemExit(status)


@pytest.mark.torture
@pytest.mark.parametrize(
    ("rows", "finished"), [(EIGHT_ROWS, 8), (EIGHT_ROWS[-1:] * 2, 1)], ids=["eight rows", "one row"]
)
def test_processes_that_start_at_the_same_moment(tmp_path, rows, finished):
    together = PROCESSES.Barrier(len(rows))
    started = [PROCESSES.Process(target=run_script, args=(tmp_path, (*DISTORTION, *row), together)) for row in rows]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert sorted(process.exitcode for process in started) == [0] * finished + [2] * (len(rows) - finished)
    said = "".join(path.read_text() for path in tmp_path.glob("stderr of *")).splitlines()
    errors = [line for line in said if line.startswith("error")]
    assert len(errors) == len(rows) - finished
    assert all("another process is training" in line for line in errors)
    (split,) = tmp_path.glob("local_data/DIGITS/run0/data_*")
    content = torch.load(split, weights_only=True)
    run = tmp_path / "local_data/DIGITS/run0"
    assert len(list(run.glob("result_*"))) == finished
    assert len({torch.load(path, weights_only=True)["data"] for path in run.glob("last_*")}) == 1
    # The file is the one that any of them would have made alone.
    alone = PROCESSES.Process(target=run_script, args=(tmp_path, (*DISTORTION, "--data", "alone")))
    alone.start()
    alone.join()
    (other,) = tmp_path.glob("alone/DIGITS/run0/data_*")
    assert str(torch.load(other, weights_only=True)) == str(content)


def wait_for_writing(process):
    """Until the run has begun to write files, or has ended."""
    folder = Path("local_data/DIGITS/run0")
    before = folder.exists() and folder.stat().st_mtime_ns
    while process.is_alive() and before == (folder.exists() and folder.stat().st_mtime_ns):
        time.sleep(0.01)


@pytest.mark.parametrize(
    "kills", [pytest.param(2, marks=pytest.mark.slow), pytest.param(50, marks=pytest.mark.torture)]
)
def test_run_that_is_killed_again_and_again_ends_like_one_that_never_was(call, runs, kills):
    whole = left_behind(runs / "whole/local_data")
    moments = random.Random(kills)

    def start():
        process = PROCESSES.Process(target=run_script, args=(Path.cwd(), COMMAND))
        process.start()
        return process

    done = 0
    while done < kills:
        process = start()
        wait_for_writing(process)
        process.join(moments.uniform(0, 0.6))
        if process.is_alive():
            process.kill()
            done += 1
        process.join()
        if process.exitcode == 0:
            assert left_behind() == whole
            shutil.rmtree("local_data")
    process = start()
    process.join()
    assert process.exitcode == 0
    assert left_behind() == whole


@pytest.mark.torture
def test_every_single_write_that_finds_the_disk_full_loses_no_finished_epoch(call, runs, monkeypatch):
    """All writing goes through one of these calls; each of them fails once."""
    whole = left_behind(runs / "whole/local_data")
    points = [(os, "fsync"), (os, "replace"), (os, "link"), (RecordWriter, "write")]
    real = {name: getattr(owner, name) for owner, name in points}
    said = []
    for fault in itertools.count(1):
        shutil.rmtree("local_data", ignore_errors=True)
        calls = itertools.count(1)

        def full(name, *arguments, fault=fault, calls=calls):
            if next(calls) == fault:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real[name](*arguments)

        with monkeypatch.context() as patch:
            for owner, name in points:
                patch.setattr(owner, name, lambda *arguments, name=name, full=full: full(name, *arguments))
            status, out, err = call("implicit-augment", *COMMAND)
        if status == 0:
            break
        assert status == 2
        assert "No space left on device" in err.splitlines()[-1]
        assert len([line for line in err.splitlines() if not line.startswith("note: ")]) == 1
        said.append(err.splitlines()[-1])
        finished = sum(line.startswith("epoch") for line in out.splitlines())
        # Between the two moves of a checkpoint there is only the one before.
        kept = [path for kind in ("last", "previous") for path in Path("local_data/DIGITS/run0").glob(f"{kind}_*.pt")]
        assert (torch.load(kept[0], weights_only=True)["epoch"] if kept else 0) >= finished
        assert not list(Path("local_data").rglob("*.part"))
        assert call("implicit-augment", *COMMAND)[0] == 0
        assert left_behind() == whole
    assert fault > 30
    for named in ("logs/DIGITS/run0_", *(f"local_data/DIGITS/run0/{kind}_" for kind in ("data", "last", "metrics"))):
        assert any(line.startswith(f"error: {named}") for line in said)
    assert not any(line.startswith("error: a file") for line in said)
