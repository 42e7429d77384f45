"""Reads the pictures of a public data set that is a folder of files, all of one size."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from custom_datasets.own.picture import WHITE, read_picture
from custom_datasets.reading import reading
from utils.errors import UserError


def read_pictures(paths: Sequence[Path], height: int, width: int) -> Iterator[np.ndarray]:
    """The pictures in files, one after the other, uint8 (3, height, width); grey ones get three equal channels.

    Raises UserError for a file that is damaged, not of 8 bits, or of another size.
    """
    for path in tqdm(paths, "reading", leave=False, disable=None):
        picture = read_picture(path, colour=True, background=WHITE)
        if picture.shape[1:] != (height, width):
            found = f"{picture.shape[2]} x {picture.shape[1]} pixels, not {width} x {height}"
            raise UserError(f"{path} has {found}; replace it by the original")
        yield picture


def refuse_unequal(by_folder: Mapping[Path, Sequence[Path]], advice: str) -> None:
    """Raise UserError, with the advice, unless the classes' folders have equally many pictures, at least one."""
    most = max(map(len, by_folder.values()), default=0)
    others = f", others have {most}" if most else ""
    for folder, paths in by_folder.items():
        if len(paths) < max(most, 1):
            raise UserError(f"{folder} has {len(paths)} pictures{others}: {advice}")


def files_in(folder: Path, suffix: str) -> list[Path]:
    """The files in a folder with a suffix, ascending by name; none if there is no folder. Hidden ones do not count.

    Raises UserError for a folder that cannot be read.
    """
    with reading(folder):
        found = list(folder.iterdir()) if folder.is_dir() else []
    return sorted(path for path in found if path.suffix == suffix and not path.name.startswith("."))
