"""A lock on a file that one process at a time holds, on every system and file system.

It is a lock of the operating system, on a file that is never removed: the lock ends with its process, even if that is
killed. Where there are no such locks, as on some network drives, a marker file replaces it.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO

from utils.marker import Marker

PAUSE = 0.1  # seconds between two tries
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}  # errors of a file system without locks


class HeldError(Exception):
    """Another process holds the lock. Where that is not certain, the message says what to do."""


@contextmanager
def hold(path: Path, wait: float) -> Iterator[None]:
    """Hold the lock on the file `path`, which is created if it is missing.

    Raises HeldError when another process still has it after `wait` seconds, OSError when `path` cannot be opened.
    """
    end = time.monotonic() + wait
    with path.open("a") as file, _not_inherited(file), closing(Marker(path)) as marker:
        while not _taken(file, marker.take):
            if time.monotonic() > end:
                raise HeldError(marker.advice())
            time.sleep(PAUSE)
        yield


def is_held(path: Path) -> bool:
    """Whether a process holds the lock on the file `path`."""
    if not path.exists():
        return False
    with path.open() as file:
        return not _taken(file, Marker(path).is_free, shared=True)


def _taken(file: TextIO, without_locks: Callable[[], bool], shared: bool = False) -> bool:
    """Try to take the system's lock on an open file; where there are no locks, return what `without_locks` returns."""
    try:
        return _lock(file, shared)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise OSError(error.errno, error.strerror, file.name) from error
        return without_locks()


try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    def _lock(file: TextIO, shared: bool) -> bool:  # Windows has no shared locks
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # typed only on Windows
        except PermissionError:
            return False
        return True

else:

    def _lock(file: TextIO, shared: bool) -> bool:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


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
if hasattr(os, "register_at_fork"):  # systems without it do not fork
    os.register_at_fork(after_in_child=_close_held)
