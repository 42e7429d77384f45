"""A cheap look at own data, at names and headers alone: what kind of images there are, and about how many."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from custom_datasets.own.arrays import read_arrays
from custom_datasets.own.kind import FEATURES_ARRAY, LABELS_ARRAY, holds_features, refuse_lacking
from custom_datasets.own.npz import read_array, read_headers
from custom_datasets.own.parts import find_parts, holds_arrays
from custom_datasets.own.picture import WHITE, Header, look, quiet
from custom_datasets.own.scale import choose_side
from custom_datasets.own.walk import list_part
from utils.errors import UserError

LOOKED_AT = 200  # pictures, evenly spread over the classes; their headers take a moment


@dataclass(frozen=True)
class Peek:
    """A training part at a glance.

    channels: 1 or 3, of features their number D. side: the shorter one of the images in pixels, as they are trained on;
    of pictures of different sizes an estimate; 1 of features. images, classes: how many, classes without an image left
    out. kind: "pictures", "arrays" or "features".
    """

    channels: int
    side: int
    images: int
    classes: int
    kind: str


def peek(folder: Path) -> Peek:
    """Look at the training part of the own data in `folder`; no pixel is read.

    Raises UserError as `find_parts`, `list_part` and `read_arrays`, and for features without labels.
    """
    path = find_parts(folder).paths["train"]
    if holds_features(folder):
        return _peek_features(path)
    return _peek_arrays(path) if holds_arrays(path) else _peek_pictures(path)


def _peek_pictures(path: Path) -> Peek:
    pictures = list_part(path).pictures
    paths = [picture for those in pictures.values() for picture in those]
    with quiet():
        seen = [header for picture in paths[:: -(-len(paths) // LOOKED_AT)] if (header := _header(picture))]
    return Peek(
        channels=3 if any(header.colour for header in seen) else 1,
        side=_side([header.size for header in seen], len(paths)),
        images=len(paths),
        classes=len(pictures),
        kind="pictures",
    )


def _side(sizes: list[tuple[int, int]], images: int) -> int:
    """The shorter side of images of these sizes (H, W) as they are trained on."""
    if not sizes:
        return 1  # no header can be read: the reader of the pictures says what is wrong with them
    side, _ = choose_side(sizes, images)
    return side or min(sizes[0])


def _header(path: Path) -> Header | None:
    """The header of a picture; None when it cannot be read."""
    try:
        return look(path, WHITE)
    except UserError:
        return None


def _peek_arrays(path: Path) -> Peek:
    part = read_arrays(path)
    return Peek(3 if part.colour else 1, min(part.size), len(part), len(np.unique(part.labels)), "arrays")


def _peek_features(path: Path) -> Peek:
    headers = read_headers(path)
    refuse_lacking(path, headers)
    shape, classes = headers[FEATURES_ARRAY].shape, len(np.unique(read_array(path, LABELS_ARRAY)))
    return Peek(channels=shape[-1], side=1, images=shape[0], classes=classes, kind="features")
