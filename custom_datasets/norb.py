"""small NORB (LeCun, Huang and Bottou, CVPR 2004): 24,300 + 24,300 photographs of toys, 96 x 96 grey, in five classes.

Its files, plain or packed as .gz, are arrays in little-endian order: the type's magic number, the number of dimensions,
at least three sizes, each int32, then the values. Every picture is a stereo pair, of which the left image is used.
"""

import gzip
import math
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from custom_datasets.reading import reading
from custom_datasets.table import Dataset, ImageTable, make_table
from utils.errors import UserError

SOURCE = "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/"
CLASSES = ("animal", "human", "airplane", "truck", "car")
PARTS = ("5x46789x9x18x6x2x96x96-training", "5x01235x9x18x6x2x96x96-testing")
MAGIC = {0x1E3D4C55: np.dtype(np.uint8), 0x1E3D4C54: np.dtype("<i4")}
SIDE = 96
PIECE = 1000  # pairs that are read at once
LEAST_SIZES = 3  # that a header has, for any number of dimensions
MOST_SIZES = 8

Bytes = BinaryIO | gzip.GzipFile


def small_norb(folder: Path) -> Dataset:
    """The left images. Raises UserError, naming the file, when one is missing, damaged or another array."""
    names = [f"smallnorb-{part}-{kind}.mat" for part in PARTS for kind in ("dat", "cat")]
    found = {name: path for name in names for path in (folder / f"{name}.gz", folder / name) if path.exists()}
    if missing := [name for name in names if name not in found]:
        raise UserError(f"{folder} lacks {', '.join(missing)}: put them there, plain or as .gz, from {SOURCE}")
    train, test = (_table(found[images], found[labels]) for images, labels in (names[:2], names[2:]))
    return Dataset(train, test, classes=len(CLASSES), class_names=list(CLASSES))


def _table(images: Path, labels: Path) -> ImageTable:
    return make_table(_left_images(images), _labels(labels), len(CLASSES), images)


def _left_images(path: Path) -> np.ndarray:
    """The left images uint8 (N, 1, H, W) of pairs (N, 2, H, W)."""
    with reading(path), _open(path) as file:
        pairs = _read_header(file, np.dtype(np.uint8), (2, SIDE, SIDE))
        images = np.empty((pairs, 1, SIDE, SIDE), np.uint8)
        for piece in np.split(images, range(PIECE, pairs, PIECE)):
            piece[:, 0] = _read(file, np.dtype(np.uint8), (len(piece), 2, SIDE, SIDE))[:, 0]
        _refuse_more(file)
    return images


def _labels(path: Path) -> np.ndarray:
    with reading(path), _open(path) as file:
        kind = np.dtype("<i4")
        labels = _read(file, kind, (_read_header(file, kind, ()),))
        _refuse_more(file)
    return labels


def _open(path: Path) -> Bytes:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _read_header(file: Bytes, kind: np.dtype, sizes: Sequence[int]) -> int:
    """The N of an array (N, *sizes). Raises ValueError for another array."""
    magic, dimensions = _read(file, np.dtype("<i4"), (2,)).tolist()
    if MAGIC.get(magic) != kind:
        raise ValueError(f"its magic number is not that of {kind.name} values")
    if not 1 <= dimensions <= MOST_SIZES:
        raise ValueError(f"it has {dimensions} dimensions")
    first, *others = _read(file, np.dtype("<i4"), (max(dimensions, LEAST_SIZES),)).tolist()[:dimensions]
    if others != list(sizes) or first < 1:
        wanted = " x ".join(("N", *map(str, sizes)))
        raise ValueError(f"it has {' x '.join(map(str, (first, *others)))} values, not {wanted}")
    return first


def _read(file: Bytes, kind: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    size = math.prod(shape) * kind.itemsize
    content = file.read(size)
    if len(content) < size:
        raise ValueError("it is shorter than its header says")
    return np.frombuffer(content, kind).reshape(shape)


def _refuse_more(file: Bytes) -> None:
    if file.read(1):
        raise ValueError("it is longer than its header says")
