"""Notes on pictures that look wrong: copies across parts or labels, and pictures that show nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from custom_datasets.own.names import counted
from custom_datasets.table import ImageTable


@dataclass(frozen=True)
class Pictures:
    """The images of the part at `path`, with their labels; `files` names them where they have names."""

    path: Path
    table: ImageTable
    files: list[str] | None

    @cached_property
    def digests(self) -> list[bytes]:
        """A digest of the pixels of every image."""
        return [blake2b(image, digest_size=16).digest() for image in self.table.images.numpy()]

    @cached_property
    def places(self) -> dict[bytes, list[int]]:
        """The places of the images with each digest, ascending."""
        places: dict[bytes, list[int]] = {}
        for place, digest in enumerate(self.digests):
            places.setdefault(digest, []).append(place)
        return places

    @cached_property
    def labels(self) -> list[int]:
        """The label of every image."""
        return self.table.labels.tolist()

    def name(self, place: int) -> str:
        """The name of an image for the user."""
        return self.files[place] if self.files else f"image {place} of {self.path.name}"


def note_blank(pictures: Mapping[str, Pictures]) -> list[str]:
    """A line on how many images have a single value everywhere; none if there are no such images."""
    blank = [
        part.name(place)
        for part in pictures.values()
        for place, image in enumerate(part.table.images.numpy())
        if image[0, 0, 0] == image[0, 0, -1] and (image == image[:, :1, :1]).all()
    ]
    if not blank:
        return []
    show = "shows" if len(blank) == 1 else "show"
    return [f"{counted(len(blank), 'picture')} {show} nothing: a single value everywhere, such as {blank[0]}"]


def note_duplicates(pictures: Mapping[str, Pictures]) -> tuple[str, ...]:
    """Lines on training images that are under two labels, or are clean or test images too.

    Without a clean part also on images that occur twice, since some training images will serve as clean ones.
    """
    train = pictures["train"]
    notes = [*_under_two_labels(train), *_shared(train, pictures, "valid"), *_shared(train, pictures, "test")]
    return (*notes, *([] if "valid" in pictures else _twice(train)))


def note_shared_with_test(pictures: Mapping[str, Pictures]) -> list[str]:
    """Lines on clean images that are test images too."""
    return _shared(pictures["valid"], pictures, "test") if "valid" in pictures else []


def _under_two_labels(train: Pictures) -> list[str]:
    groups = [places for places in train.places.values() if len({train.labels[place] for place in places}) > 1]
    if not groups:
        return []
    first = groups[0][0]
    other = next(place for place in groups[0] if train.labels[place] != train.labels[first])
    verb = "is" if len(groups) == 1 else "are"
    return [
        f"{counted(len(groups), 'picture')} in {train.path.name} {verb} there under different labels, "
        f"such as {train.name(first)}, which is {train.name(other)}"
    ]


def _twice(train: Pictures) -> list[str]:
    groups = [places for places in train.places.values() if len(places) > 1]
    if not groups:
        return []
    first, other = groups[0][:2]
    verb = "is" if len(groups) == 1 else "are"
    return [
        f"{counted(len(groups), 'picture')} in {train.path.name} {verb} there more than once, such as "
        f"{train.name(first)}, which is {train.name(other)}: one copy may be trained on and another serve as clean"
    ]


def _shared(part: Pictures, pictures: Mapping[str, Pictures], name: str) -> list[str]:
    """A line on how many images of the part of this name are in another part too, and how many with other labels."""
    if name not in pictures:
        return []
    other = pictures[name]
    shared = {place: part.places[digest] for place, digest in enumerate(other.digests) if digest in part.places}
    if not shared:
        return []
    differing = {
        place: copies
        for place, copies in shared.items()
        if any(part.labels[copy] != other.labels[place] for copy in copies)
    }
    place, copies = next(iter((differing or shared).items()))
    copy = next((copy for copy in copies if part.labels[copy] != other.labels[place]), copies[0])
    labels = f", {len(differing)} of them under another label" if differing else ""
    return [
        f"{len(shared)} of {counted(len(other.table), 'picture')} in {other.path.name} "
        f"{'is' if len(shared) == 1 else 'are'} in {part.path.name} as well{labels}, "
        f"such as {other.name(place)}, which is {part.name(copy)}"
    ]
