"""A cheap look at own data, at names and headers alone: what kind of images there are, and about how many."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from custom_datasets.own.arrays import read_arrays, read_header
from custom_datasets.own.parts import find_parts
from custom_datasets.own.picture import GREY_MODES
from custom_datasets.own.walk import list_part
from custom_datasets.reading import reading

LOOKED_AT = 200  # pictures, evenly spread over the classes; their headers take a moment
PREPARED = 256  # pixels: pictures of a single size up to this stay as they are
SCALED = 128  # pixels: others are scaled to a shorter side of at most this


@dataclass(frozen=True)
class Peek:
    """A training part at a glance.

    channels: 1 or 3, of features their number D. side: the shorter one of the images in pixels, as they are trained on;
    of pictures of different sizes an estimate, the lower quartile; 1 of features. images, classes: how many, classes
    without an image left out. kind: "pictures", "arrays" or "features".
    """

    channels: int
    side: int
    images: int
    classes: int
    kind: str


def peek(folder: Path) -> Peek:
    """Look at the training part of the own data in `folder`; no pixel is read.

    Raises UserError as `find_parts`, `list_part` and `read_arrays`.
    """
    path = find_parts(folder).paths["train"]
    return _peek_arrays(path) if path.suffix else _peek_pictures(path)


def _peek_pictures(path: Path) -> Peek:
    pictures = list_part(path).pictures
    paths = [picture for those in pictures.values() for picture in those]
    seen = [header for picture in paths[:: -(-len(paths) // LOOKED_AT)] if (header := _header(picture))]
    return Peek(
        channels=1 if all(grey for _, grey in seen) else 3,
        side=_side([size for size, _ in seen]),
        images=len(paths),
        classes=len(pictures),
        kind="pictures",
    )


def _side(sizes: list[tuple[int, int]]) -> int:
    """About the shorter side of pictures of these sizes in pixels, after scaling."""
    if not sizes:
        return 1  # no header can be read: the reader of the pictures says what is wrong with them
    quartile = int(np.quantile([min(size) for size in sizes], 0.25, method="lower"))
    prepared = len(set(sizes)) == 1 and max(sizes[0]) <= PREPARED
    return quartile if prepared else min(quartile, SCALED)


def _header(path: Path) -> tuple[tuple[int, int], bool] | None:
    """The size of a picture in pixels, and whether it is grey; None when its header cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about very large pictures and damaged metadata
        try:
            with Image.open(path) as image:
                return image.size, image.mode in GREY_MODES
        except Exception:  # decoders can raise anything for damaged bytes
            return None


def _peek_arrays(path: Path) -> Peek:
    if features := _peek_features(path):
        return features
    part = read_arrays(path)
    return Peek(3 if part.colour else 1, min(part.size), len(part), len(np.unique(part.labels)), "arrays")


def _peek_features(path: Path) -> Peek | None:
    """The features (N, D) in a file; None if it has none."""
    with reading(path), ZipFile(path) as archive:
        if not {"features.npy", "labels.npy"} <= set(archive.namelist()):
            return None
        with archive.open("features.npy") as file:
            shape, _, _ = read_header(file)
        with archive.open("labels.npy") as file:
            classes = len(np.unique(npy.read_array(file, allow_pickle=False)))
    return Peek(channels=shape[-1], side=1, images=shape[0], classes=classes, kind="features")
