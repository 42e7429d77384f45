"""A cheap look at own data, at names and headers alone: what kind of images there are, and about how many."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from custom_datasets.own.arrays import read_header
from custom_datasets.own.parts import find_parts
from custom_datasets.own.picture import GREY_MODES
from custom_datasets.own.walk import list_part
from custom_datasets.reading import reading

LOOKED_AT = 200  # pictures, evenly spread over the classes; their headers take a moment


@dataclass(frozen=True)
class Peek:
    """A training part at a glance.

    channels: 1 or 3, of features their number D. side: of the images in pixels, such that three of four pictures have
    no shorter side below it; 1 of features. images, classes: how many, classes without an image left out. kind:
    "pictures", "arrays" or "features".
    """

    channels: int
    side: int
    images: int
    classes: int
    kind: str


def peek(folder: Path) -> Peek:
    """Look at the training part of the own data in `folder`; no pixel is read.

    Raises UserError as `find_parts` and `list_part`, and for an array file that cannot be read.
    """
    path = find_parts(folder).paths["train"]
    return _peek_arrays(path) if path.suffix else _peek_pictures(path)


def _peek_pictures(path: Path) -> Peek:
    pictures = list_part(path).pictures
    paths = [picture for those in pictures.values() for picture in those]
    seen = [header for picture in paths[:: -(-len(paths) // LOOKED_AT)] if (header := _header(picture))]
    # Without any header that can be read, the reader of the pictures says what is wrong with them.
    sides = [side for side, _ in seen] or [1]
    return Peek(
        channels=1 if all(grey for _, grey in seen) else 3,
        side=int(np.quantile(sides, 0.25, method="lower")),
        images=len(paths),
        classes=len(pictures),
        kind="pictures",
    )


def _header(path: Path) -> tuple[int, bool] | None:
    """The shorter side of a picture in pixels, and whether it is grey; None when its header cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about very large pictures and damaged metadata
        try:
            with Image.open(path) as image:
                return min(image.size), image.mode in GREY_MODES
        except Exception:  # decoders can raise anything for damaged bytes
            return None


def _peek_arrays(path: Path) -> Peek:
    with reading(path), ZipFile(path) as archive:
        names = [name for name in ("images.npy", "features.npy") if name in archive.namelist()]
        if not names:
            return Peek(channels=1, side=1, images=0, classes=0, kind="arrays")  # the reader says what is missing
        with archive.open(names[0]) as file:
            shape, _, _ = read_header(file)
        classes = 0
        if "labels.npy" in archive.namelist():
            with archive.open("labels.npy") as file:
                classes = len(np.unique(npy.read_array(file, allow_pickle=False)))
    if names[0] == "features.npy":
        return Peek(channels=shape[-1], side=1, images=shape[0], classes=classes, kind="features")
    images, *size = shape
    channels = 1
    if len(size) == 3:
        first = size[0] in (1, 3) and size[2] not in (1, 3)
        channels = size.pop(0 if first else 2)
    return Peek(channels, min(size, default=1), images, classes, "arrays")
