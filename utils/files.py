"""Writing files that a reader never sees half of."""

import errno
import io
import json
import os
import shutil
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from utils.device import is_lack_of_memory
from utils.errors import UserError


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have an OSError inside name `path`: those of writing, such as of a full disk, name no file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def replace_file(path: Path, content: bytes | memoryview, earlier: Path | None = None) -> None:
    """Write a file beside `path`, then move it there in one step; on failure `path` is as it was.

    What `path` was before gets the name `earlier`, if that is given; between the two moves there is no `path`.
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
    """Size of those of the files that exist."""
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


def write_tensors(path: Path, content: Any, earlier: Path | None = None) -> None:
    """Write what `torch.load(path, weights_only=True)` reads; a full disk is an OSError, as for other files."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    replace_file(path, buffer.getbuffer(), earlier)


def load_tensors(path: Path) -> Any:
    """What is in a file that torch has saved, on the CPU; nothing in it is executed.

    Raises ValueError when it is damaged, UserError when there is too little memory for it; OSError passes.
    """
    with _reading(path), warnings.catch_warnings():  # of pickles that are none of ours
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays in a file that numpy has saved, by name; nothing in it is executed. Raises as `load_tensors` does."""
    with _reading(path), np.load(path, allow_pickle=False) as content:
        return dict(content)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise ValueError for whatever damaged bytes lead a reader to, a seek to nowhere among it."""
    try:
        yield
    except Exception as error:
        if is_lack_of_memory(error):  # the file may be whole
            raise UserError(f"{path} takes more memory than there is; free some, or mend the file") from error
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise ValueError("damaged") from error
