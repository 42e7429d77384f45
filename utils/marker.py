"""A file that replaces a lock where the file system has none: it exists while a process holds the lock."""

import os
import platform
import re
from pathlib import Path

# Content of a marker: the process, by a number that a system can assign, and its machine.
OWNER = re.compile(r"process ([1-9][0-9]{0,8}) on (.*)")


class Marker:
    """Replaces the lock on the file `path`: a file beside it, which names the process that made it.

    A killed process leaves its marker behind. The next process on the same machine notices that and removes it. Whether
    a process on another machine still runs cannot be known, nor can it from a damaged marker.
    """

    def __init__(self, path: Path):
        path = path.resolve()  # one lock for all spellings of the path, also after a change of the working folder
        self.path = path.with_name(f"{path.name}.held")
        self._taken = False

    def take(self) -> bool:
        """Make the file; False when it exists. A file that was left behind is removed, for the next try."""
        self._taken = _made(self.path)
        if self._taken:
            _mine.add(self.path)
        elif self._is_left():
            self._clear()
        return self._taken

    def close(self) -> None:
        """Remove the file, if it was taken."""
        if self._taken:
            self._taken = False
            _mine.discard(self.path)
            self.path.unlink(missing_ok=True)

    def is_free(self) -> bool:
        """Whether no process holds it."""
        return not self.path.exists() or self._is_left()

    def advice(self) -> str:
        """Which process made the file, and what to do when it has ended; empty without a file."""
        if not self.path.exists():
            return ""
        owner = self._owner()
        return f"; if {owner[0] if owner else 'the process that made it'} has ended, remove {self.path}"

    def _owner(self) -> re.Match[str] | None:
        """The file's content as a match of OWNER; None when the file is gone or damaged."""
        try:
            return OWNER.fullmatch(self.path.read_text(errors="replace"))
        except FileNotFoundError:
            return None

    def _is_left(self) -> bool:
        """Whether the process that made it ran on this machine and has ended."""
        owner = self._owner()
        return owner is not None and owner[2] == _machine() and not self._runs(int(owner[1]))

    def _runs(self, process: int) -> bool:
        if process == os.getpid():
            return self.path in _mine
        if os.name == "nt":
            return True  # os.kill would end the process
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True

    def _clear(self) -> None:
        """Remove a marker that was left behind. One process at a time: another could remove the next owner's marker."""
        guard = self.path.with_name(f"{self.path.name}.cleared")
        if _made(guard):
            try:
                if self._is_left():
                    self.path.unlink()
            finally:
                guard.unlink()


_mine: set[Path] = set()


def _made(path: Path) -> bool:
    """Make a file that names this process; False when it exists."""
    try:
        with path.open("x") as file:
            file.write(f"process {os.getpid()} on {_machine()}")
    except FileExistsError:
        return False
    return True


def _machine() -> str:
    """The machine's name and its namespace of processes, since each container numbers its own processes."""
    try:
        return f"{platform.node()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()
