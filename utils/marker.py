"""A file that stands for a lock where the file system has none: it is there while a process holds it."""

import os
import platform
import re
from pathlib import Path

# What a marker holds: the process, by a number that a system could have given to it, and its machine.
OWNER = re.compile(r"process ([1-9][0-9]{0,8}) on (.*)")


class Marker:
    """Stands for the lock on the file `path`: a file beside it, which names the process that made it.

    A process that is killed leaves its marker. The next one on the same machine sees that, and removes it; of a process
    on another machine, or one that a damaged marker names, nobody can know.
    """

    def __init__(self, path: Path):
        path = path.resolve()  # one lock, however it is spelled and wherever the process goes
        self.path = path.with_name(f"{path.name}.held")
        self._taken = False

    def take(self) -> bool:
        """Make the file; False when it is there. One that was left behind is removed, for the next try."""
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
        """Whose the file is, and what to do when that process has ended; nothing without a file."""
        if not self.path.exists():
            return ""
        owner = self._owner()
        return f"; if {owner[0] if owner else 'the process that made it'} has ended, remove {self.path}"

    def _owner(self) -> re.Match[str] | None:
        """What the file says, as OWNER has it; None when it is gone, or does not say it."""
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
            return True  # to ask would end it
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True

    def _clear(self) -> None:
        """Remove what was left behind. One process at a time does: it could remove the marker of the next one."""
        guard = self.path.with_name(f"{self.path.name}.cleared")
        if _made(guard):
            try:
                if self._is_left():
                    self.path.unlink()
            finally:
                guard.unlink()


_mine: set[Path] = set()


def _made(path: Path) -> bool:
    """Make a file that names this process; False when it is there."""
    try:
        with path.open("x") as file:
            file.write(f"process {os.getpid()} on {_machine()}")
    except FileExistsError:
        return False
    return True


def _machine() -> str:
    """The machine's name and, as containers number theirs anew, where its processes are numbered."""
    try:
        return f"{platform.node()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()
