"""Files in torch's and numpy's formats: written as a whole, read without executing anything in them."""

import errno
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from utils.device import is_lack_of_memory
from utils.errors import UserError
from utils.files import replace_file


def write_tensors(path: Path, content: Any, earlier: Path | None = None) -> None:
    """Write a file that `torch.load(path, weights_only=True)` reads. A full disk raises OSError, as for other files."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    replace_file(path, buffer.getbuffer(), earlier)


def load_tensors(path: Path) -> Any:
    """Load a file that torch has saved, onto the CPU; nothing in it is executed.

    Raises ValueError when it is damaged, UserError when there is too little memory for it, and OSError.
    """
    with _reading(path), warnings.catch_warnings():  # about pickles that this program has not written
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file that numpy has saved, by name; nothing in it is executed. Errors as in `load_tensors`."""
    with _reading(path), np.load(path, allow_pickle=False) as content:
        return dict(content)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise ValueError for any error that damaged bytes cause in a reader, such as a seek outside of the file."""
    try:
        yield
    except Exception as error:
        if is_lack_of_memory(error):  # the file may be whole
            raise UserError(f"{path} needs more memory than there is; free some, or mend the file") from error
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise ValueError("damaged") from error
