"""Arrays of images as people store them: channels last or first, whole or floating-point, read as uint8 by pieces."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from custom_datasets.own.npz import Header, listed, opened_array, read_header
from utils.errors import UserError

PIECE = 2**20  # bytes that are read at once
CHANNELS = (1, 3)
HELD = "they must be uint8, or floating-point in 0..1: N x H x W, N x H x W x C or N x C x H x W with 1 or 3 channels C"

Convert = Callable[[np.ndarray], np.ndarray]


class Pixels(NamedTuple):
    """How stored values become uint8, and a note on it for the user, if they are not uint8."""

    convert: Convert
    note: str | None


@dataclass(frozen=True)
class Kind:
    """How N images are stored: their channels, (H, W), whether the channels come first, and their pixels."""

    channels: int
    size: tuple[int, int]
    dimensions: int
    first: bool
    pixels: Pixels

    def as_stored(self, images: np.ndarray) -> np.ndarray:
        """A view of images (N, C, H, W) with the axes in the stored order."""
        if self.dimensions == 3:
            return images[:, 0]
        return images if self.first else images.transpose(0, 2, 3, 1)

    def as_images(self, stored: np.ndarray) -> np.ndarray:
        """Images uint8 (N, C, H, W) of a stored array."""
        images = self.pixels.convert(stored)
        if self.dimensions == 3:
            return images[:, None]
        return images if self.first else images.transpose(0, 3, 1, 2)


def kind_of_images(path: Path, name: str, headers: Mapping[str, Header], labels: tuple[int, ...]) -> tuple[Kind, list]:
    """How the images of this name in a file are stored, beside labels of shape `labels`, and notes for the user.

    Raises UserError, with the line of numpy that mends it, when they cannot be images.
    """
    shape, _, kind = headers[name]
    found = f"{path} holds {kind} images of shape {shape}"
    first = len(shape) == 4 and shape[3] not in CHANNELS and shape[1] in CHANNELS
    fits = len(shape) == 3 or (len(shape) == 4 and (first or shape[3] in CHANNELS))
    moved = len(shape) == 4 and labels and shape[0] != labels[0] == shape[3]
    if kind.kind not in "buif" or not fits or moved:
        raise UserError(f"{found}; {HELD}{_mending(name, headers[name], bool(moved))}. It holds {listed(headers)}")
    if 0 in shape:
        raise UserError(f"{path} holds 0 images: {name} is of shape {shape}; replace it")
    pixels = pixels_of(path, name, found)
    notes = [f"the channels of {path} come first: {name} is {shape}"] if first else []
    notes += [pixels.note] if pixels.note else []
    size = shape[2:] if first else shape[1:3]
    channels = 1 if len(shape) == 3 else shape[1] if first else shape[3]
    return Kind(channels, (size[0], size[1]), len(shape), first, pixels), notes


def _mending(name: str, header: Header, moved: bool) -> str:
    """The line of numpy that is likely to mend an array; empty if none is."""
    shape, _, kind = header
    if kind.names:
        line = f"{name}['{kind.names[0]}'], or what the field of the images is"
    elif kind.kind == "O":
        line = f"numpy.stack({name})"
    elif moved:
        line = f"{name}.transpose(3, 0, 1, 2)"
    elif len(shape) == 4 and 4 in (shape[1], shape[3]):
        line = f"{name}[..., :3]" if shape[3] == 4 else f"{name}[:, :3]"
        return f"; if the fourth channel is opacity, write {name} = {line}"
    elif len(shape) == 2:
        return f"; if each row is an image of H x W pixels, write {name} = {name}.reshape(-1, H, W)"
    else:
        return ""
    return f"; write {name} = {line}"


def pixels_of(path: Path, name: str, found: str) -> Pixels:
    """How the values of an array become uint8. Values that are not uint8 are read once more for their range.

    Raises UserError when they are neither whole numbers in 0..255 nor in 0..1.
    """
    with opened_array(path, name) as file:
        shape, _, kind = read_header(file)
        if kind == np.uint8:
            return Pixels(lambda values: values, None)
        if kind.kind == "b":
            return Pixels(
                lambda values: values * np.uint8(255), f"the images of {path} are truth values, black or white"
            )
        ranges = [(piece.min(), piece.max()) for piece in _pieces(file, int(np.prod(shape)), kind)]
    low, high = (float(choose(ends)) for choose, ends in zip((np.min, np.max), zip(*ranges, strict=True), strict=True))
    if kind.kind == "f" and 0 <= low <= high <= 1:
        return Pixels(_from_share, f"the images of {path} are {kind} in 0..1, and are read as uint8 in 0..255")
    if 0 <= low <= high <= 255:
        return Pixels(_rounded, f"the images of {path} are {kind} in 0..255, and are read as uint8")
    line = f"({name} - low) / (high - low)" if np.isfinite((low, high)).all() else f"numpy.nan_to_num({name})"
    raise UserError(
        f"{found}, with values from {low:g} to {high:g}; {HELD}: write {name} = {line}, low and high of all parts"
    )


def _from_share(values: np.ndarray) -> np.ndarray:
    return np.rint(values.astype(np.float64) * 255).astype(np.uint8)


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.rint(values).astype(np.uint8)


def _pieces(file: IO[bytes], count: int, kind: np.dtype) -> Iterator[np.ndarray]:
    """The next `count` values of a file, by pieces."""
    step = max(1, PIECE // kind.itemsize)
    for start in range(0, count, step):
        yield _values(file, min(step, count - start), kind)


def _values(file: IO[bytes], count: int, kind: np.dtype) -> np.ndarray:
    content = file.read(count * kind.itemsize)
    if len(content) < count * kind.itemsize:
        raise ValueError("it is shorter than its header says")
    return np.frombuffer(content, kind)


def read_into(
    target: np.ndarray, file: IO[bytes], kind: np.dtype, convert: Convert, progress: Callable[[int], object]
) -> None:
    """Fill an array of any strides with the next values of a file; `progress` is called with their number."""
    if target.ndim > 1 and target[0].size > PIECE:
        for part in target:
            read_into(part, file, kind, convert, progress)
        return
    step = max(1, PIECE // max(1, target[0].size))
    for start in range(0, len(target), step):
        piece = target[start : start + step]
        piece[...] = convert(_values(file, piece.size, kind)).reshape(piece.shape)
        progress(piece.size)
