"""Pictures or features without labels, for a network that exists: a folder, a picture, or an array in a file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from custom_datasets.own.array_images import kind_of_images
from custom_datasets.own.array_names import IMAGES, first_of_names
from custom_datasets.own.kind import FEATURES_ARRAY, FLOATS
from custom_datasets.own.names import counted, is_read
from custom_datasets.own.npz import Header, read_array, read_headers
from custom_datasets.own.picture import Colour, has_colour, read_picture
from custom_datasets.own.walk import list_pictures
from utils.errors import UserError
from utils.runs.network_facts import FEATURES

ARRAYS = (".npz", ".npy")


class Unlabelled(Protocol):
    """N pictures or features, one after the other.

    heading: what `names` are: "file" or "index". items: of each uint8 (C, H, W), or float32 (D,) of features; a
    UserError in place of a damaged one. notes: for the user, complete after the last item.
    """

    heading: str
    notes: list[str]

    @property
    def names(self) -> list[str]: ...  # noqa: D102

    def items(self) -> Iterator[np.ndarray | UserError]: ...  # noqa: D102


@dataclass
class PictureFiles:
    """Pictures in files. Their names are relative to the folder in which they were found.

    channels: one or three. side: to which pictures are scaled, None if they stay as they are.
    """

    paths: list[Path]
    names: list[str]
    notes: list[str]
    channels: int
    background: Colour
    side: int | None
    heading: str = "file"

    def items(self) -> Iterator[np.ndarray | UserError]:
        """As in the protocol. Colour pictures become grey for a network of one channel, with a note."""
        coloured = []
        for path, name in zip(self.paths, self.names, strict=True):
            try:
                if has_colour(path, self.background) and self.channels == 1:
                    coloured.append(name)
                yield read_picture(path, self.channels > 1, self.background, self.side)
            except UserError as error:
                yield error
        if coloured:
            self.notes.append(
                f"{counted(len(coloured), 'picture')} in colour became grey, since the network takes one channel, such "
                f"as {coloured[0]}"
            )


@dataclass
class ArrayItems:
    """The rows of an array: images uint8 (N, C, H, W), or features float32 (N, D). They are named by their places."""

    path: Path
    rows: np.ndarray
    notes: list[str] = field(default_factory=list)
    heading: str = "index"

    @property
    def names(self) -> list[str]:  # noqa: D102
        return [str(place) for place in range(len(self.rows))]

    def items(self) -> Iterator[np.ndarray | UserError]:
        """As in the protocol; features that are not finite are damaged."""
        for place, row in enumerate(self.rows):
            finite = row.dtype == np.uint8 or np.isfinite(row).all()
            yield row if finite else UserError(f"row {place} of {self.path} has a feature that is not finite")


def find_unlabelled(
    path: Path, kind: str, channels: int, background: Colour = (255, 255, 255), side: int | None = None
) -> Unlabelled:
    """What lies at `path`: a folder of pictures, nested or not, a picture, or .npz or .npy.

    Args:
        path: of a folder or file.
        kind: `IMAGES` or `FEATURES` (`utils.runs.network_facts`), which the network takes.
        channels: of its images, or the number of features.
        background: colour under transparent pictures.
        side: to which pictures in files are scaled; None if they stay as they are.

    Raises:
        UserError: when there is nothing that the network takes.

    """
    if not path.exists():
        raise UserError(f"{path} is not there; name a folder of pictures, a picture, or an .npz or .npy file")
    if path.suffix.lower() in ARRAYS and path.is_file():
        return _features(path, channels) if kind == FEATURES else _images(path, channels)
    if kind == FEATURES:
        raise UserError(f"the network takes {channels} features of each image, which {path} has not; name .npz or .npy")
    if path.is_dir():
        paths, notes = list_pictures(path)
        return PictureFiles(
            paths, [file.relative_to(path).as_posix() for file in paths], notes, channels, background, side
        )
    if not is_read(path.name):
        raise UserError(f"{path} is not read: pictures are JPEG, PNG, WebP, TIFF, BMP or PPM, and arrays .npz or .npy")
    return PictureFiles([path], [path.name], [], channels, background, side)


def _name(path: Path, headers: Mapping[str, Header], usual: Sequence[str]) -> str:
    """The name of the array to predict: a usual one, or that of the only array."""
    name = first_of_names(usual, headers)
    if name is None and len(headers) != 1:
        found = ", ".join(headers) or "nothing"
        raise UserError(f"{path} has no array {usual[0]}, but {found}; save the one to predict as {usual[0]}")
    return name or next(iter(headers))


def _images(path: Path, channels: int) -> ArrayItems:
    """Images as the arrays of a training part may hold them; grey ones become three equal channels if need be."""
    headers = read_headers(path, IMAGES[0])
    name = _name(path, headers, IMAGES)
    kind, notes = kind_of_images(path, name, headers, ())
    if kind.channels not in (1, channels):
        raise UserError(f"{path} holds images of {kind.channels} channels, and the network takes {channels}")
    images = kind.as_images(read_array(path, name))
    return ArrayItems(path, np.broadcast_to(images, (len(images), channels, *images.shape[2:])), notes)


def _features(path: Path, features: int) -> ArrayItems:
    array = read_array(path, _name(path, read_headers(path, FEATURES_ARRAY), (FEATURES_ARRAY,)))
    if array.dtype.name not in FLOATS or array.ndim != 2 or array.shape[1] != features or not array.size:
        raise UserError(
            f"{path} holds {array.dtype} features of shape {array.shape}, and the network takes floats, N x {features}"
        )
    return ArrayItems(path, array.astype(np.float32))
