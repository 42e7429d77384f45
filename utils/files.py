"""Writing files that a reader never sees half of."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from utils.errors import UserError


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add the name `path` to an OSError raised inside: errors of writing, such as a full disk, name no file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def replace_file(path: Path, content: bytes | memoryview, earlier: Path | None = None) -> None:
    """Write a file beside `path`, then rename it to `path` in one step; on failure `path` is as it was.

    The file that was at `path` is renamed to `earlier`, if that is given; between the two steps there is no `path`.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with naming(path):
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if earlier and path.exists():
                os.replace(path, earlier)
            os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def bytes_there(paths: Iterable[Path]) -> int:
    """Total size of the files that exist."""
    return sum(path.stat().st_size for path in paths if path.exists())


def refuse_full_disk(folder: Path, size: int) -> None:
    """Raise UserError when the disk of `folder` has no room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if free < size:
        needed, left = (f"{number / 2**20:,.1f} MiB" for number in (size, free))
        raise UserError(f"the run's files need {needed} in {folder}, whose disk has {left} left; make room first")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, indented."""
    replace_file(path, (json.dumps(content, indent=2) + "\n").encode())
