"""A part of own data that is an .npz file: its images are read into the table, a piece at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from zipfile import ZipFile, is_zipfile

import numpy as np
from numpy.lib import format as npy

from custom_datasets.own.names import describe_named
from custom_datasets.reading import reading
from utils.errors import UserError

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
READ = {"images", "labels"}  # names of arrays
PIECE = 2**20  # bytes that are read at once


@dataclass(frozen=True)
class ArrayPart:
    """N images uint8 (N, H, W) or (N, H, W, C) in a file, as a part of own data (`own.data.Part`)."""

    path: Path
    labels: np.ndarray
    shape: tuple[int, ...]
    fortran: bool
    notes: tuple[str, ...]  # for the user on arrays that are not read
    names: None = None
    files: None = None

    @property
    def colour(self) -> bool:  # noqa: D102
        return self.shape[3:] == (3,)

    @property
    def size(self) -> tuple[int, int]:  # noqa: D102
        return self.shape[1], self.shape[2]

    def __len__(self) -> int:
        return self.shape[0]

    def fill(self, images: np.ndarray, progress: Callable[[int], object]) -> None:  # noqa: D102
        channels = 3 if self.colour else 1
        # Views in the order of the file's axes, the slowest first.
        target = images[:, 0] if len(self.shape) == 3 else images[:, :channels].transpose(0, 2, 3, 1)
        with reading(self.path), ZipFile(self.path) as archive, archive.open("images.npy") as file:
            read_header(file)
            copies = images.shape[1] // channels
            read_into(target.T if self.fortran else target, file, lambda count: progress(count * copies))
            if file.read(1):  # the archive's checksum is compared at the end of the file
                raise ValueError("it is longer than its header says")
        images[:, channels:] = images[:, :1]


def read_arrays(path: Path) -> ArrayPart:
    """The part at `path`; nothing in it is unpickled, and the images are not read yet.

    Raises UserError when the file is damaged or lacks an array, or when the images are not uint8 ones.
    """
    if not is_zipfile(path):
        raise UserError(f"{path} is damaged: it is no .npz file; replace it")
    with reading(path), ZipFile(path) as archive:
        there = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
        if missing := sorted(READ - there):
            raise UserError(f"{path} has no array {' and no array '.join(missing)}; add it")
        with archive.open("images.npy") as file:
            shape, fortran, kind = read_header(file)
        with archive.open("labels.npy") as file:
            labels = npy.read_array(file, allow_pickle=False)
    if kind != np.uint8 or len(shape) not in (3, 4) or shape[3:] not in ((), (1,), (3,)):
        raise UserError(
            f"{path} holds {kind} images of shape {shape}; they must be uint8, "
            "N x H x W or N x H x W x C with one or three channels C"
        )
    left_out = sorted(there - READ)
    notes = (f"not read in {path}: {describe_named('array', left_out)}",) if left_out else ()
    return ArrayPart(path, labels, shape, fortran, notes)


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape of the array in an .npy file, whether it is in Fortran order, and the type of its values."""
    version = npy.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"version {version} of the format is not known")
    return HEADERS[version](file)


def read_into(target: np.ndarray, file: IO[bytes], progress: Callable[[int], object]) -> None:
    """Fill an array of any strides with the next bytes of a file; `progress` is called with their number."""
    if target.ndim > 1 and target[0].size > PIECE:
        for part in target:
            read_into(part, file, progress)
        return
    step = max(1, PIECE // max(1, target[0].size))
    for start in range(0, len(target), step):
        piece = target[start : start + step]
        content = file.read(piece.size)
        if len(content) < piece.size:
            raise ValueError("it is shorter than its header says")
        piece[...] = np.frombuffer(content, np.uint8).reshape(piece.shape)
        progress(piece.size)
