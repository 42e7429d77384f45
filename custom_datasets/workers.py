"""Errors of the processes that read images: too little shared memory, a failed start, a lost process."""

import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader

from utils.errors import UserError, first_line

AHEAD = 2  # batches that each worker reads ahead, torch's default
SHARED_MEMORY = Path("/dev/shm")
ADVICE = "use --workers 0, or give the container more shared memory (--shm-size)"


def refuse_little_shared_memory(batch: int, workers: int) -> None:
    """Raise UserError unless shared memory has room for the batches, of `batch` bytes each, that workers read ahead."""
    if not workers or not SHARED_MEMORY.is_dir():
        return
    needed = (AHEAD * workers + 1) * batch
    free = shutil.disk_usage(SHARED_MEMORY).free
    if free < needed:
        needs, has = (f"{number / 2**20:,.0f} MiB" for number in (needed, free))
        raise UserError(f"--workers {workers} needs {needs} of shared memory, {SHARED_MEMORY} has {has} left; {ADVICE}")


def start(loader: DataLoader) -> Iterator[Any]:
    """Start the loader's workers and return its batches. Raises UserError when the system cannot start them."""
    try:
        if loader.num_workers:
            multiprocessing.Lock()  # the loader needs some, and would fail with a traceback
            get_temp_dir()  # a worker that cannot make it fails in silence and returns nothing
        return iter(loader)
    except OSError as error:
        raise UserError(f"the system starts no process that reads images ({error.strerror}); {ADVICE}") from error


def shared(images: Tensor) -> Tensor:
    """Move a worker's images to shared memory. Raises UserError when there is too little.

    The loader's queue would also do it, but in a thread that drops images that do not fit, and the pass would hang.
    """
    try:
        return images.share_memory_()
    except RuntimeError as error:
        raise UserError(f"the images that --workers read do not fit into the shared memory; {ADVICE}") from error


@contextmanager
def lost_workers(hint: Callable[[], str]) -> Iterator[None]:
    """Turn the end of a worker, which torch may notice anywhere in a pass, into a UserError.

    `hint` is called then; it returns when that was and how to go on.
    """
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader "):
            raise
        raise UserError(
            f"a process that reads images has ended ({first_line(error)}), perhaps for want of memory, {hint()}, "
            "with fewer --workers or none"
        ) from error
