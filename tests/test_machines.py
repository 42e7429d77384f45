"""Machines as people have them: containers, schedulers, other systems, network drives, programs around this one."""

import errno
import fcntl
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest
import torch
from conftest import DISTORTION, ROOT, contents, load_script
from real_layouts import write_trainable
from torch.utils.data import DataLoader, get_worker_info

from custom_datasets.stream import FileReader, StreamedImages
from custom_datasets.workers import lost_workers, refuse_little_shared_memory
from hyperopt.estimators.estimator import Estimator
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.runs.set_up import read_at_once
from utils import file_lock
from utils.errors import Interrupted, UserError, exit_status
from utils.file_lock import HeldError, hold, is_held
from utils.group import ALONE
from utils.runs.files import RunFiles
from utils.runs.interruption import Interruption
from utils.runs.lock import wait_for_writer

RUN = Path("local_data/DIGITS/run0")
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


# Processes that read images.


def test_little_shared_memory_is_one_line_before_the_first_step(train, monkeypatch):
    folder = Path("local_data/ImageNet")
    write_trainable(monkeypatch, folder, "ImageNet")
    usage = shutil.disk_usage
    little = usage(".")._replace(free=9 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: little if path == Path("/dev/shm") else usage(path))
    monkeypatch.setattr(Path, "is_dir", lambda path, real=Path.is_dir: path == Path("/dev/shm") or real(path))
    status, out, err = train("--dataset", "ImageNet", "--workers", 1)
    assert (status, out) == (2, "")
    # Two batches ahead and the one in use, of all 60 pictures of 224 x 224.
    assert err == (
        f"error: --workers 1 needs {3 * 60 * 3 * 224 * 224 / 2**20:.0f} MiB of shared memory, /dev/shm has 9 MiB left; "
        "use --workers 0, or give the container more shared memory (--shm-size)\n"
    )
    assert not list((folder / "run0").glob("*_*.csv"))


@pytest.mark.parametrize(
    ("flags", "images"),
    [
        ((), 500),
        (("--batch-size", 600), 600),
        (("--hyper-opt", "HES", "--los-model", "WGHT", "--batch-size", 600, "--hyper-batch-size", 400), 800),
        (("--hyper-opt", "HES", "--los-model", "WGHT", "--batch-size", 600, "--hyper-batch-size", 40), 600),
        (("--hyper-opt", "UNR", "--los-model", "WGHT", "--batch-size", 600), 1200),
        (("--hyper-opt", "UNR", "--los-model", "WGHT", "--batch-size", 60), 500),
    ],
)
def test_training_and_clean_images_are_read_at_once_where_hypergradients_are_taken(flags, images):
    options = resolve(parse_options(RunOptions, "", [*map(str, flags), "--dataset", "ImageNet"]))
    assert read_at_once(options) == images


def test_no_worker_needs_no_shared_memory(monkeypatch, tmp_path):
    monkeypatch.setattr("custom_datasets.workers.SHARED_MEMORY", tmp_path)
    with pytest.raises(UserError, match="--workers 1 needs"):
        refuse_little_shared_memory(2**60, workers=1)
    assert refuse_little_shared_memory(2**60, workers=0) is None


@pytest.fixture
def streamed(monkeypatch):
    """streamed(read) -> the batches of two images, each of which a worker gets by calling `read`."""

    def make(read):
        monkeypatch.setattr(FileReader, "_read", lambda *_: read())
        source = StreamedImages(["a", "b"], torch.zeros(2, dtype=torch.int64))
        return source.fetch([torch.tensor([0]), torch.tensor([1])], None, workers=1)

    return make


def picture():
    return torch.zeros(3, 224, 224, dtype=torch.uint8)


def die():
    assert get_worker_info()
    os.kill(os.getpid(), signal.SIGKILL)


def test_full_shared_memory_is_one_line_and_no_hang(streamed, monkeypatch):
    def full(_):
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    with pytest.raises(UserError, match=r"do not fit into the shared memory; use --workers 0, or .*--shm-size"):
        list(streamed(picture))


def test_batches_of_workers_come_in_shared_memory(streamed):
    """The queue has nothing left to move, which it would do in a thread that hides its errors."""
    assert all(batch.is_shared() for batch in streamed(picture))


def test_workers_that_cannot_start_are_one_line(streamed, monkeypatch):
    def none(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(DataLoader, "__iter__", none)
    with pytest.raises(UserError, match=r"No space left on device.*use --workers 0"):
        list(streamed(picture))


def test_no_place_for_temporary_files_is_one_line(streamed, monkeypatch):
    """As in a container that is read-only: workers hand over their batches through a socket there."""
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/proc/nowhere"])
    monkeypatch.setitem(multiprocessing.current_process()._config, "tempdir", None)
    with pytest.raises(UserError, match=r"No usable temporary directory.*use --workers 0"):
        list(streamed(picture))


@pytest.mark.parametrize(
    ("epochs", "how"),
    [
        (0, "within the first epoch: the same command starts over"),
        (1, "after epoch 1: the same command, without --fresh, goes on from there"),
    ],
)
def test_killed_worker_ends_the_run_with_one_line(train, monkeypatch, epochs, how):
    write_trainable(monkeypatch, Path("local_data/ImageNet"), "ImageNet")
    epoch = Estimator.epoch

    def dying(estimator, number):
        if number > epochs:
            monkeypatch.setattr(FileReader, "_read", lambda *_: die())
        return epoch(estimator, number)

    monkeypatch.setattr(Estimator, "epoch", dying)
    status, out, err = train("--dataset", "ImageNet", "--workers", 1)
    assert (status, len(out.splitlines())) == (2, epochs)
    assert len(err.splitlines()) == 1, err
    assert err.startswith("error: a process that reads images has ended (DataLoader worker (pid")
    assert err.endswith(f", perhaps for want of memory, {how}, with fewer --workers or none\n")


@pytest.mark.slow  # torch looks after them every five seconds
def test_killed_worker_ends_a_pass_in_a_thread(streamed):
    ends = []

    def work():
        try:
            with lost_workers(lambda: ""):
                list(streamed(die))
        except UserError as error:
            ends.append(error)

    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's, if a pass in the main thread has set it
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(60)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert len(ends) == 1


# Signals.


class Numbers(list):
    """Stand for the batches of a single process."""

    group = ALONE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_every_signal_ends_a_pass_after_the_step(number):
    steps = []

    def work():
        with Interruption() as interruption:
            for step in interruption.watch(Numbers(range(3))):
                os.kill(os.getpid(), number)
                steps.append(step)

    before = signal.getsignal(number)
    assert exit_status(work) == 128 + number
    assert steps == [0]
    assert signal.getsignal(number) == before


def test_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    try:
        with Interruption() as interruption:
            os.kill(os.getpid(), signal.SIGHUP)
            interruption.check()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signal_explains_the_end_of_a_worker():
    with Interruption() as interruption:
        with pytest.raises(RuntimeError, match="DataLoader"), interruption.before_errors():
            raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Terminated.")
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted), interruption.before_errors():
            raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Terminated.")


def test_run_in_a_thread_needs_no_signals(train):
    ends = []
    thread = threading.Thread(target=lambda: ends.append(train(*DISTORTION, "--epochs", 2)))
    thread.start()
    thread.join()
    status, out, err = ends[0]
    assert status == 0, err
    assert "test accuracy" in out


# Locks.


def without_locks(number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.fixture(params=["locks", *NO_LOCKS])
def locks(request, monkeypatch):
    if request.param != "locks":
        monkeypatch.setattr(fcntl, "flock", without_locks(request.param))


@pytest.fixture
def no_locks(monkeypatch):
    monkeypatch.setattr(fcntl, "flock", without_locks(errno.ENOLCK))


def test_lock_is_held_by_one_at_a_time(locks, tmp_path):
    path = tmp_path / "lock"
    assert not is_held(path)
    for _ in range(2):
        with hold(path, wait=0):
            assert is_held(path)
            with pytest.raises(HeldError), hold(path, wait=0.15):
                pass
            assert is_held(path)
        assert not is_held(path)
    assert list(tmp_path.iterdir()) == [path]


def test_lock_is_waited_for(locks, tmp_path):
    path, order = tmp_path / "lock", []

    def second():
        with hold(path, wait=30):
            order.append("second")

    with hold(path, wait=0):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.15)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_marker_of_a_process_that_has_ended_is_taken_over(no_locks, tmp_path):
    path, marker = tmp_path / "lock", tmp_path / "lock.held"
    with hold(path, wait=0):
        content = marker.read_text()
    assert content.startswith(f"process {os.getpid()} on ")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = content.partition(" on ")[2]
    # Also that of an earlier process with this one's number, as the first of a container has it.
    for number in (ended.pid, os.getpid()):
        marker.write_text(f"process {number} on {here}")
        assert not is_held(path)
        with hold(path, wait=1):
            assert marker.read_text() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("owner", ["process 1 on {here}", "process 4194999 on elsewhere"])
def test_marker_of_a_process_that_may_run_is_left_and_named(no_locks, tmp_path, owner):
    path, marker = tmp_path / "lock", tmp_path / "lock.held"
    with hold(path, wait=0):
        owner = owner.format(here=marker.read_text().partition(" on ")[2])
    marker.write_text(owner)
    assert is_held(path)
    with pytest.raises(HeldError) as error, hold(path, wait=0.15):
        pass
    assert str(error.value) == f"; if {owner} has ended, remove {marker}"
    assert marker.read_text() == owner


def test_marker_is_named_by_a_process_that_waits_for_its_removal(no_locks, tmp_path, monkeypatch, capsys):
    files = RunFiles(tmp_path, "setting")
    marker = Path(f"{files.lock}.held")
    marker.write_text("process 4194999 on elsewhere")
    files.lock.touch()
    monkeypatch.setattr(time, "sleep", lambda _: marker.unlink())
    wait_for_writer(files)
    waiting = "note: waiting for another process, which trains setting"
    assert capsys.readouterr().err == f"{waiting}; if process 4194999 on elsewhere has ended, remove {marker}\n"


@pytest.mark.parametrize(
    "content",
    ["", "process x on {here}", "process -1 on {here}", f"process {2**64} on {{here}}", "process 4194999", b"\xff\x00"],
)
def test_damaged_marker_is_left_and_named(no_locks, tmp_path, content):
    path, marker = tmp_path / "lock", tmp_path / "lock.held"
    with hold(path, wait=0):
        here = marker.read_text().partition(" on ")[2]
    content = content if isinstance(content, bytes) else content.format(here=here).encode()
    marker.write_bytes(content)
    assert is_held(path)
    with pytest.raises(HeldError) as error, hold(path, wait=0):
        pass
    assert str(error.value) == f"; if the process that made it has ended, remove {marker}"
    assert marker.read_bytes() == content


def test_lock_is_the_same_however_it_is_spelled(locks, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    monkeypatch.chdir(tmp_path)
    with hold(Path("folder/lock"), wait=0):
        for folder, path in ((".", tmp_path / "folder/lock"), (".", "link/lock"), ("folder", "lock")):
            monkeypatch.chdir(tmp_path / folder)
            assert is_held(Path(path))
            with pytest.raises(HeldError), hold(Path(path), wait=0):
                pass
    assert os.listdir(tmp_path / "folder") == ["lock"]


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_lock_that_fails_otherwise_names_its_file(monkeypatch, tmp_path, number):
    monkeypatch.setattr(fcntl, "flock", without_locks(number))
    with pytest.raises(OSError, match="lock") as error, hold(tmp_path / "lock", wait=0):
        pass
    assert (error.value.errno, error.value.filename) == (number, str(tmp_path / "lock"))


def test_run_on_a_file_system_without_locks(train, results, no_locks):
    assert train(*DISTORTION, "--epochs", 2)[0] == 0
    assert not [path for path in RUN.iterdir() if path.name.endswith((".held", ".cleared"))]
    (lock,) = RUN.glob(".lock_smallnet*")
    before = contents(Path("local_data"))
    with hold(lock, wait=0):
        status, _, err = train(*DISTORTION, "--epochs", 2, "--fresh")
    assert status == 2
    assert err.startswith("error: another process is training smallnet_")
    assert err.endswith(f"has ended, remove {lock.resolve()}.held\n")
    assert contents(Path("local_data")) == before


# Windows.


@pytest.fixture
def on_windows(monkeypatch, tmp_path):
    """The training script's main as Windows has it, without what it lacks; its locks are flock under another name."""
    monkeypatch.chdir(tmp_path)
    held = types.ModuleType("msvcrt")
    held.LK_NBLCK = fcntl.LOCK_EX | fcntl.LOCK_NB

    def locking(file, mode, _, flock=fcntl.flock):
        try:
            flock(file, mode)
        except BlockingIOError as error:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from error

    held.locking = locking
    monkeypatch.setitem(sys.modules, "msvcrt", held)
    for name in ("fcntl", "resource"):
        monkeypatch.setitem(sys.modules, name, None)
    for owner, name in ((os, "register_at_fork"), (signal, "SIGHUP"), (signal, "SIGUSR1")):
        monkeypatch.delattr(owner, name)
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    for name in [name for name in sys.modules if name.partition(".")[0] in rooms]:
        monkeypatch.delitem(sys.modules, name)
    yield load_script("implicit-augment").main
    for name in [name for name in sys.modules if name.partition(".")[0] in rooms]:
        del sys.modules[name]  # monkeypatch puts the others back


def test_run_on_windows(on_windows, capfd):
    method = ("--hyper-start", "0", "--aug-model", "SEP", "--hyper-opt", "HES")
    flags = ("--no-cuda", *map(str, DISTORTION), *method, "--epochs", "1")
    assert on_windows(flags) == 0
    assert sys.modules["utils.file_lock"] is not file_lock
    out, err = capfd.readouterr()
    assert err == ""
    assert "epoch 1/1" in out
    assert "GiB" not in out
    (lock,) = RUN.glob(".lock_smallnet*")
    with hold(lock, wait=0):
        assert on_windows((*flags, "--fresh")) == 2
    assert capfd.readouterr().err.startswith("error: another process is training smallnet_")
