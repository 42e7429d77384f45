"""A part that is a folder of pictures, with the class of each."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from custom_datasets.own.names import describe_named
from custom_datasets.own.picture import Colour, Header, as_array, look, open_picture, quiet
from custom_datasets.own.scale import choose_side
from custom_datasets.own.threads import in_threads
from custom_datasets.own.walk import Listing, list_part
from utils.errors import UTF_8, UserError

AS_THEY_ARE = 0  # instead of a side: pictures that all have one size, unscaled


@dataclass(frozen=True)
class FolderPart:
    """N pictures in files, as a part of own data (`own.data.Part`).

    colour, side, size: known after `look_at`; without a side the pictures stay as they are, all of one size.
    failed: the errors of those that cannot be read, by place in the part; `fill` adds to it.
    """

    path: Path
    labels: np.ndarray
    names: list[str]
    paths: list[Path]
    notes: list[str]
    background: Colour
    colour: bool = True
    side: int | None = None
    size: tuple[int, int] = (0, 0)  # (H, W)
    failed: dict[int, UserError] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:  # noqa: D102
        return [path.relative_to(self.path.parent).as_posix() for path in self.paths]

    def __len__(self) -> int:
        return len(self.paths)

    def fill(self, images: np.ndarray, progress: Callable[[int], object]) -> None:
        """Read the images into uint8 (N, C, H, W); those that cannot be read, or have another size, go to `failed`."""
        for place, error in enumerate(in_threads(partial(self._fill, images), range(len(self)))):
            if error:
                self.failed[place] = error
            progress(images[place].nbytes)

    def _fill(self, images: np.ndarray, place: int) -> UserError | None:
        found = self.read(self.paths[place], images.shape[1] > 1)
        if isinstance(found, UserError):
            return found
        if found.shape != images.shape[1:]:
            (height, width), (usual_height, usual_width) = found.shape[1:], images.shape[2:]
            return UserError(
                f"{self.paths[place]} is {width} x {height} pixels, but others are {usual_width} x {usual_height}; "
                "add --image-size, to which all are scaled"
            )
        images[place] = found
        return None

    def read(self, path: Path, colour: bool) -> np.ndarray | UserError:
        """A picture uint8 (C, H, W), or why it cannot be read; to be called within `quiet`."""
        try:
            return as_array(open_picture(path, colour, self.background, self.side))
        except UserError as error:
            return error

    def look(self) -> list[Header | UserError]:
        """The header of every picture, or why it cannot be read."""

        def header(path: Path) -> Header | UserError:
            try:
                return look(path, self.background)
            except UserError as error:
                return error

        found = in_threads(header, self.paths)
        return list(tqdm(found, f"looking at {self.path.name}", len(self), leave=False, disable=None))

    def without(self, failed: Mapping[int, UserError]) -> tuple["FolderPart", np.ndarray]:
        """The part without the pictures at some places, and the places (n,) that it keeps."""
        kept = np.array([place for place in range(len(self)) if place not in failed], np.int64)
        paths = [self.paths[place] for place in kept]
        return replace(self, labels=self.labels[kept], paths=paths, failed={}), kept


def read_folder(path: Path, names: list[str] | None, background: Colour) -> FolderPart:
    """The part at `path`. The classes of any part but the training part must be among the latter's `names`.

    Raises UserError for a class that is not among them or whose name cannot be shown, for a training part whose classes
    lie one level too deep, and as `list_part`.
    """
    listing = list_part(path)
    if names is None:
        refuse_deep_classes(listing)
    names = names or list(listing.pictures)
    for name in listing.pictures:
        if not name.isprintable():
            mended = "rename it" if sys.getfilesystemencoding() == "utf-8" else UTF_8
            raise UserError(f"{str(path / name)!a} is a class whose name cannot be shown; {mended}")
        if name not in names:
            raise UserError(f"{path / name} is a class that the training set lacks")
    labels = [names.index(name) for name, pictures in listing.pictures.items() for _ in pictures]
    paths = [picture for pictures in listing.pictures.values() for picture in pictures]
    return FolderPart(path, np.array(labels), names, paths, listing.notes, background)


def refuse_deep_classes(listing: Listing) -> None:
    """Raise UserError when a training part has one folder, which holds the folders of the classes."""
    if len(listing.pictures) != 1 or listing.table:
        return
    ((name, paths),) = listing.pictures.items()
    holder = listing.path / name
    inside = sorted({path.relative_to(holder).parts[0] for path in paths if path.parent != holder})
    if len(inside) > 1 and all(path.parent != holder for path in paths):
        raise UserError(
            f"{listing.path} has one folder, {name}, with {describe_named('folder', inside)} in it: if these are the "
            f"classes, move them up into {listing.path}"
        )


def look_at(
    parts: Mapping[str, FolderPart], image_size: int | None
) -> tuple[dict[str, FolderPart], dict[Path, UserError], list[str]]:
    """The parts without the pictures whose headers cannot be read, and these with their errors; notes on the scaling.

    image_size: to which all pictures are scaled; None to choose it, `AS_THEY_ARE` for pictures of one size.
    """
    looked, failed, headers = dict[str, FolderPart](), dict[Path, UserError](), list[Header]()
    for name, part in parts.items():
        found = part.look()
        errors = {place: header for place, header in enumerate(found) if isinstance(header, UserError)}
        failed |= {part.paths[place]: error for place, error in errors.items()}
        headers += [header for header in found if isinstance(header, Header)]
        looked[name], _ = part.without(errors)
    if not headers:
        return looked, failed, []
    colour, sizes = any(header.colour for header in headers), [header.size for header in headers]
    side, notes = image_size or None, []
    if image_size is None:
        side, reason = choose_side(sizes, len(sizes))
        notes = [describe_scaling(sizes, side, reason)] if side else []
    size = (side, side) if side else _usual_size(looked.values()) or sizes[0]
    return {name: replace(part, colour=colour, side=side, size=size) for name, part in looked.items()}, failed, notes


def _usual_size(parts: Iterable[FolderPart]) -> tuple[int, int] | None:
    """(H, W) of the first picture that can be read, which may be turned by what stands after its pixels."""
    pictures = [(part, path) for part in parts for path in part.paths]
    with quiet():
        for owner, path in pictures:
            found = owner.read(path, colour=False)
            if not isinstance(found, UserError):
                return found.shape[1], found.shape[2]
    return None


def describe_scaling(sizes: list[tuple[int, int]], side: int, reason: str) -> str:
    """What is done to pictures of these sizes (H, W), and why."""
    (low_height, low_width), (height, width) = (pick(sizes, key=lambda size: size[0] * size[1]) for pick in (min, max))
    smallest, largest = f"{low_width} x {low_height}", f"{width} x {height}"
    which = f"of {largest}" if len(set(sizes)) == 1 else f"of {len(set(sizes))} sizes, {smallest} to {largest},"
    return (
        f"pictures {which} are scaled to {side} x {side}, their centres kept: {reason}; --image-size sets another side"
    )
