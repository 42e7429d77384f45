"""What is in an .npz or .npy file, without reading the arrays: their names, types and shapes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple
from zipfile import ZipFile, is_zipfile

import numpy as np
from numpy.lib import format as npy

from custom_datasets.reading import reading
from utils.errors import UserError

READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
END = ".npy"


class Header(NamedTuple):
    """The shape of an array, whether it is in Fortran order, and the type of its values."""

    shape: tuple[int, ...]
    fortran: bool
    kind: np.dtype


def read_header(file: IO[bytes]) -> Header:
    """The header of an .npy file, whose values come next."""
    version = npy.read_magic(file)
    if version not in READERS:
        raise ValueError(f"version {version} of the format is not known")
    return Header(*READERS[version](file))


@contextmanager
def opened_array(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The bytes of an array of an .npz file, or of the only one of an .npy file, as an .npy file has them.

    Any error inside becomes a UserError that names the file.
    """
    with reading(path):
        if is_single(path):
            with path.open("rb") as file:
                yield file
            return
        with ZipFile(path) as archive, archive.open(name + END) as file:
            yield file


def is_single(path: Path) -> bool:
    """Whether a file holds a single array without a name."""
    return path.suffix.lower() == END


def read_headers(path: Path, single: str = "") -> dict[str, Header]:
    """The headers of all arrays of a file, by name; that of an .npy file by the name `single`.

    Raises UserError when the file is damaged.
    """
    if is_single(path):
        with opened_array(path, single) as file:
            return {single: read_header(file)}
    if not is_zipfile(path):
        raise UserError(f"{path} is damaged: it is no .npz file; replace it")
    found = {}
    with reading(path), ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(END):
                with archive.open(name) as file:
                    found[name.removesuffix(END)] = read_header(file)
    return found


def read_array(path: Path, name: str) -> np.ndarray:
    """An array of a file. Nothing in it is unpickled. Raises UserError when it is damaged or of objects."""
    if read_headers(path, name)[name].kind.hasobject:
        raise UserError(
            f"{path} has Python objects in {name}, which are not unpickled; write {name} = numpy.array({name}.tolist())"
        )
    with opened_array(path, name) as file:
        return npy.read_array(file, allow_pickle=False)


def listed(headers: Mapping[str, Header]) -> str:
    """Names, types and shapes of arrays for the user."""
    found = ", ".join(f"{name} {header.kind} {header.shape}" for name, header in sorted(headers.items()))
    return found or "no array"
