"""One writer at a time for each setting of a run."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from utils.errors import UserError
from utils.file_lock import HeldError, hold, is_held
from utils.marker import Marker
from utils.runs.files import RunFiles

WAIT = 0.5  # seconds; a process that only checks for a writer holds the lock for a moment


class BusyError(UserError):
    """Another process is training the setting."""


@contextmanager
def only_writer(files: RunFiles) -> Iterator[None]:
    """Keep other processes from the setting's files. Raises BusyError when another process is training it.

    Files that a killed process has left half written are removed.
    """
    files.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(hold(files.lock, WAIT))
        except HeldError as error:
            raise BusyError(
                f"another process is training {files.name} in {files.folder}; "
                f"wait for its end (--wait), or take another run{error}"
            ) from error
        for left in files.half_written():
            left.unlink(missing_ok=True)
        yield


def wait_for_writer(files: RunFiles) -> None:
    """Wait until no other process trains the setting; a note on stderr says so."""
    if is_held(files.lock):
        advice = Marker(files.lock).advice()
        print(f"note: waiting for another process, which trains {files.name}{advice}", file=sys.stderr)
    while is_held(files.lock):
        time.sleep(WAIT)
