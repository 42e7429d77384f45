"""A part that is a folder with a folder of pictures per class."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from custom_datasets.own.picture import Colour, has_colour, read_picture
from custom_datasets.own.walk import list_part
from utils.errors import UserError


@dataclass(frozen=True)
class FolderPart:
    """N pictures in files, as a part of own data (`own.data.Part`)."""

    path: Path
    labels: np.ndarray
    names: list[str]
    paths: list[Path]
    notes: list[str]
    background: Colour

    @property
    def files(self) -> list[str]:  # noqa: D102
        return [path.relative_to(self.path.parent).as_posix() for path in self.paths]

    @cached_property
    def colour(self) -> bool:  # noqa: D102
        headers = tqdm(self.paths, f"looking at {self.path.name}", leave=False, disable=None)
        colour = [has_colour(path, self.background) for path in headers]  # for all, to find errors first
        return any(colour)

    @cached_property
    def size(self) -> tuple[int, int]:  # noqa: D102
        return read_picture(self.paths[0], False, self.background).shape[1:]

    def __len__(self) -> int:
        return len(self.paths)

    def fill(self, images: np.ndarray, progress: Callable[[int], object]) -> None:  # noqa: D102
        height, width = self.size
        for image, path in zip(images, self.paths, strict=True):
            picture = read_picture(path, len(image) > 1, self.background)
            if picture.shape[1:] != (height, width):
                raise UserError(
                    f"{path} is {picture.shape[2]} x {picture.shape[1]} pixels, but {self.paths[0]} is "
                    f"{width} x {height}; all images must have the same size: resize them"
                )
            image[...] = picture
            progress(image.nbytes)


def read_folder(path: Path, names: list[str] | None, background: Colour) -> FolderPart:
    """The part at `path`. The classes of any part but the training part must be among the latter's `names`.

    Raises UserError for a class that is not among them or whose name cannot be shown, and as `list_part`.
    """
    listing = list_part(path)
    names = names or list(listing.pictures)
    for name in listing.pictures:
        if not name.isprintable():
            raise UserError(f"{str(path / name)!a} is a class whose name cannot be shown; rename the folder")
        if name not in names:
            raise UserError(f"{path / name} is a class that the training set lacks")
    labels = [names.index(name) for name, pictures in listing.pictures.items() for _ in pictures]
    paths = [picture for pictures in listing.pictures.values() for picture in pictures]
    return FolderPart(path, np.array(labels), names, paths, listing.notes, background)
