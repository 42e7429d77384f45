"""The data sets: one loader per source, one line in the table per data set."""

import urllib.error
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torchvision.datasets import MNIST

from custom_datasets.errors import DataError
from custom_datasets.table import Dataset, ImageTable

DIGITS_TEST_IMAGES = 540


def _digits(folder: Path) -> Dataset:
    """scikit-learn's 1,797 handwritten digits, 8 x 8 grey, embedded; a fixed stratified test set of 540."""
    bunch = load_digits()
    images = torch.from_numpy(np.rint(bunch.images * (255 / 16)).astype(np.uint8))[:, None]
    labels = torch.from_numpy(bunch.target.astype(np.int64))
    train, test = train_test_split(
        np.arange(len(labels)), test_size=DIGITS_TEST_IMAGES, stratify=bunch.target, random_state=0
    )
    return Dataset(ImageTable(images[train], labels[train]), ImageTable(images[test], labels[test]), 10)


def _mnist(folder: Path) -> Dataset:
    """MNIST's 60,000 + 10,000 digits, 28 x 28 grey, through torchvision."""
    raw = folder / "MNIST" / "raw"
    try:
        parts = [MNIST(str(folder), train=train, download=True) for train in (True, False)]
    except (RuntimeError, OSError, urllib.error.URLError) as error:
        raise DataError(
            f"MNIST is not in {raw} and cannot be downloaded ({_first_line(error)}): put the four files "
            "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte there"
        ) from error
    except (ValueError, TypeError, AssertionError, KeyError, IndexError) as error:
        raise DataError(f"a file of MNIST in {raw} is damaged ({_first_line(error)}); delete it") from error
    for part in parts:
        if len(part.data) != len(part.targets):
            raise DataError(f"{raw} holds {len(part.data)} images with {len(part.targets)} labels; delete the files")
    tables = [ImageTable(part.data[:, None].contiguous(), part.targets.long()) for part in parts]
    return Dataset(*tables, classes=10)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


SOURCES: dict[str, Callable[[Path], Dataset]] = {"DIGITS": _digits, "MNIST": _mnist}


def find_source(name: str) -> Callable[[Path], Dataset]:
    """The loader of a data set; it takes the data set's folder. Raises DataError when there is none."""
    if name not in SOURCES:
        raise DataError(f"data set {name} is not there yet; there are {', '.join(SOURCES)}")
    return SOURCES[name]


def load_dataset(name: str, folder: Path, device: torch.device) -> Dataset:
    """Read a data set whose files lie in `folder`, onto the device. Raises DataError when that is impossible."""
    return find_source(name)(folder).to(device)
