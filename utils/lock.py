"""One writer per row of a run."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from utils.errors import UserError
from utils.run_folder import RunFiles

ATTEMPTS, PAUSE = 5, 0.1  # seconds; whoever only looks whether there is a writer holds the lock for a moment


@contextmanager
def only_writer(files: RunFiles) -> Iterator[None]:
    """Keep other processes from the row's files. Raises UserError when one is at work on them.

    The lock is the system's, on a file that stays: it ends with its process, however that ends. What a killed process
    has left half written is removed.
    """
    files.folder.mkdir(parents=True, exist_ok=True)
    with files.lock.open("a") as file, _not_inherited(file):
        if not any(_locked(file) for _ in range(ATTEMPTS)):
            raise UserError(
                f"another process is training {files.name} in {files.folder}; wait for its end, or take another run"
            )
        for left in files.half_written():
            left.unlink(missing_ok=True)
        yield


@contextmanager
def _not_inherited(file: TextIO) -> Iterator[None]:
    """Close the file in forked children: they would keep the lock when their parent is killed."""
    _held.add(file)
    try:
        yield
    finally:
        _held.discard(file)


def _close_held() -> None:
    for file in _held:
        file.close()


_held: set[TextIO] = set()
os.register_at_fork(after_in_child=_close_held)


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(PAUSE)
        return False
    return True
