"""Pictures are read by several threads: Pillow decodes and scales them without Python's lock."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from custom_datasets.own.picture import quiet

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST = 8  # each holds a whole picture
AHEAD = 1000  # results that wait, at most


def in_threads(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """The function's results for all items, in their order, within `quiet`."""
    with quiet(), ThreadPoolExecutor(min(MOST, usable_cores())) as pool:
        try:
            for start in range(0, len(items), AHEAD):
                yield from pool.map(function, items[start : start + AHEAD])
        finally:
            pool.shutdown(cancel_futures=True)


def usable_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
