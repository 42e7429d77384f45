"""The split file of a run: (validation indices, training indices, noisy targets of all training images).

The file has the layout of the published code, two lists and an int64 tensor, so that either program reads the other's
files. All settings of a run folder with the same distortion share it, and it is never overwritten.
"""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import binom, hypergeom
from scipy.stats.distributions import rv_frozen

from custom_datasets.distortion import Distortion, Split, divide_classes, make_split
from utils.arrays import write_tensors
from utils.errors import UserError
from utils.file_lock import HeldError, hold
from utils.runs.files import SPLIT_LOCK, distortion_name

# The published code's lists hold numpy integers. Exactly the functions that unpickle those may be loaded, under their
# names in numpy 1 and 2.
NUMPY_INTEGERS: list[Any] = [
    *[(np.int64().__reduce__()[0], f"{module}.multiarray.scalar") for module in ("numpy.core", "numpy._core")],
    np.dtype,
    *[type(np.dtype(name)) for name in ("int32", "int64")],
]

WAIT = 60  # seconds; writing the largest split takes less than one
IMPOSSIBLE = 1e-12


def split_file_name(distortion: Distortion) -> str:
    """Published name of the split file; a subset of the data set has its own."""
    ratios = distortion.imbalance_ratio, distortion.subsample_ratio, distortion.noise_ratio
    return f"data_{distortion_name(*ratios)}{distortion.subset}.pt"


def write_split(path: Path, split: Split) -> None:
    """Write a split; a reader never sees half a file. Raises OSError if there is no space or no permission."""
    write_tensors(path, (split.valid.tolist(), split.train.tolist(), torch.from_numpy(split.targets)))


def find_split(folder: Path, labels: np.ndarray, classes: int, distortion: Distortion, seed: int) -> Split:
    """The distorted training set of a run: read if another setting has made it already, otherwise made and written.

    Of several processes that start at the same time, one makes it.

    Args and errors as in `make_split` and `read_split`; `folder` is the run's.
    """
    path = folder / split_file_name(distortion)
    if not os.path.lexists(path):
        _write_once(path, make_split(labels, classes, distortion, seed))
    return read_split(path, labels, classes, distortion)


def preview_split(folder: Path, labels: np.ndarray, classes: int, distortion: Distortion, seed: int) -> Split:
    """The split that `find_split` would return, with the same arguments and errors; nothing is written."""
    path = folder / split_file_name(distortion)
    if os.path.lexists(path):
        return read_split(path, labels, classes, distortion)
    return make_split(labels, classes, distortion, seed)


def _write_once(path: Path, split: Split) -> None:
    """Write a split unless another process does."""
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with hold(folder / SPLIT_LOCK, WAIT):
            if not os.path.lexists(path):
                write_split(path, split)
    except HeldError as error:
        raise UserError(
            f"another process has been writing {path} for {WAIT} seconds; wait for its end, or end it{error}"
        ) from error


def read_split(path: Path, labels: np.ndarray, classes: int, distortion: Distortion) -> Split:
    """Read a split and check that it fits the clean labels (N,) and the distortion.

    No code is unpickled. Raises UserError when the file is unreadable or does not fit.
    """
    split = _load(path)
    problem = _misfit(split, labels, classes, distortion)
    if problem:
        raise UserError(
            f"{path} does not fit this data set and these flags: {problem}; move it away or use other flags"
        )
    return split


def _load(path: Path) -> Split:
    try:
        with torch.serialization.safe_globals(NUMPY_INTEGERS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles of other programs, which the error below names
            valid, train, targets = torch.load(path, map_location="cpu", weights_only=True)
        return Split(*(_integers(part) for part in (valid, train, targets)))
    except Exception as error:  # the unpickler can raise anything for damaged bytes
        # Its message is not repeated: it recommends loading the file without protection.
        raise UserError(f"{path} is damaged or holds other things than a split; move it away") from error


def _integers(part: list | torch.Tensor) -> np.ndarray:
    array = np.asarray(part.tolist() if isinstance(part, torch.Tensor) else part)
    if array.ndim != 1 or not (np.issubdtype(array.dtype, np.integer) or array.size == 0):
        raise ValueError("not a list of integers")
    return array.astype(np.int64)


def _misfit(split: Split, labels: np.ndarray, classes: int, distortion: Distortion) -> str | None:
    """What is wrong with a split; None if nothing is. Later checks rely on the earlier ones."""
    return (
        _range_misfit(split, len(labels), classes)
        or _validation_misfit(split, len(labels), distortion)
        or _train_misfit(split, labels, classes, distortion)
        or _noise_misfit(split, labels, classes, distortion.noise_ratio)
    )


def _range_misfit(split: Split, total: int, classes: int) -> str | None:
    if len(split.targets) != total:
        return f"it has {len(split.targets)} targets for {total} training images"
    if not _within(split.targets, classes):
        return f"its targets are not classes from 0 to {classes - 1}"
    for name, indices in (("validation", split.valid), ("training", split.train)):
        if not _within(indices, total) or len(np.unique(indices)) != len(indices):
            return f"its {name} indices are not different places among {total} images"
    return None


def _validation_misfit(split: Split, total: int, distortion: Distortion) -> str | None:
    images = distortion.valid_images
    if len(split.valid) != images:
        return f"it has {len(split.valid)} validation images instead of {images}"
    if distortion.valid_given and split.valid.min() < total - images:
        return f"its validation images are not the given ones, the last {images}"
    return "validation and training images overlap" if np.intersect1d(split.valid, split.train).size else None


def _train_misfit(split: Split, labels: np.ndarray, classes: int, distortion: Distortion) -> str | None:
    ratio = distortion.subsample_ratio
    could_be_kept = np.setdiff1d(np.arange(len(labels)), split.valid)
    kept = int(len(could_be_kept) * ratio)
    if distortion.imbalance_ratio == 1:
        right = len(split.train) == kept
        return None if right else f"it has {len(split.train)} training images instead of {kept}"
    frequent, rare = (len(part) for part in divide_classes(split.train, labels, classes))
    all_frequent = len(divide_classes(could_be_kept, labels, classes)[0])
    if not _plausible(frequent, hypergeom(len(could_be_kept), all_frequent, kept)):
        return f"{frequent} images of frequent classes are not what a subsample ratio of {ratio} leaves"
    if rare != min(frequent // distortion.imbalance_ratio, kept - frequent):
        return f"it has {rare} images of rare classes beside {frequent} of frequent ones"
    return None


def _noise_misfit(split: Split, labels: np.ndarray, classes: int, noise_ratio: float) -> str | None:
    changed = split.targets != labels
    if changed.sum() > changed[split.train].sum():
        return "labels differ from the data set's outside of the training images"
    drawn = round(len(split.train) * noise_ratio)
    if not _plausible(changed.sum(), binom(drawn, 1 - 1 / classes)):
        return f"{changed.sum()} wrong labels are not what a noise ratio of {noise_ratio} makes"
    return None


def _plausible(count: int, distribution: rv_frozen) -> bool:
    """Whether the random draw could have given a count (two-sided, at odds of one in 10^12)."""
    return min(distribution.cdf(count), distribution.sf(count - 1)) > IMPOSSIBLE


def _within(values: np.ndarray, end: int) -> bool:
    return values.size > 0 and values.min() >= 0 and values.max() < end
