"""A part of own data that is an .npz file, or a part of one: its images are read into the table, a piece at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from custom_datasets.own.array_images import Kind, kind_of_images, read_into
from custom_datasets.own.array_labels import Labels, read_labels
from custom_datasets.own.array_names import CLASS_NAMES, IMAGES, LABELS, first_of_names, of_part
from custom_datasets.own.names import describe_named
from custom_datasets.own.npz import Header, listed, opened_array, read_header, read_headers
from utils.errors import UserError


@dataclass(frozen=True)
class ArrayPart:
    """N images (N, H, W), (N, H, W, C) or (N, C, H, W) in a file, as a part of own data (`own.data.Part`).

    path: of the part, for the user: the file, or the file and the part's name in it.
    """

    path: Path
    file: Path
    array: str  # of the images, its name
    header: Header
    kind: Kind
    given: Labels
    notes: tuple[str, ...]  # for the user on what is not read, or read otherwise than it is stored
    files: None = None

    @property
    def labels(self) -> np.ndarray:  # noqa: D102
        return self.given.labels

    @property
    def names(self) -> list[str] | None:  # noqa: D102
        return self.given.names

    @property
    def colour(self) -> bool:  # noqa: D102
        return self.kind.channels == 3

    @property
    def size(self) -> tuple[int, int]:  # noqa: D102
        return self.kind.size

    def __len__(self) -> int:
        return self.header.shape[0]

    def fill(self, images: np.ndarray, progress: Callable[[int], object]) -> None:  # noqa: D102
        channels = self.kind.channels
        # A view in the order of the file's axes, the slowest first.
        target = self.kind.as_stored(images[:, :channels])
        with opened_array(self.file, self.array) as file:
            _, fortran, stored = read_header(file)
            copies = images.shape[1] // channels
            convert = self.kind.pixels.convert
            read_into(target.T if fortran else target, file, stored, convert, lambda count: progress(count * copies))
            if file.read(1):  # the archive's checksum is compared at the end of the file
                raise ValueError("it is longer than its header says")
        images[:, channels:] = images[:, :1]


def read_arrays(path: Path, train: "ArrayPart | None" = None) -> ArrayPart:
    """The part at `path`: a file, or a part in one of all parts. Nothing is unpickled; the images are not read yet.

    The class names and the first number of the labels are those of the training part `train`; None for that itself.

    Raises UserError when the file is damaged or lacks an array, or when its arrays cannot be images and labels.
    """
    inside = path.parent.is_file()
    file = path.parent if inside else path
    headers = read_headers(file)
    images, labels = (of_part(path.name, names) if inside else names for names in (IMAGES, LABELS))
    image, label = first_of_names(images, headers), first_of_names(labels, headers)
    if image is None or label is None:
        missing = [names[0] for names, found in ((images, image), (labels, label)) if found is None]
        raise UserError(
            f"{file} has no array {' and no array '.join(missing)}; it holds {listed(headers)}: write "
            f"numpy.savez({file.name!r}, {images[0]}=..., {labels[0]}=...)"
        )
    kind, notes = kind_of_images(file, image, headers, headers[label].shape[:1])
    names = CLASS_NAMES if CLASS_NAMES in headers else None
    given, more = read_labels(path, file, label, names, train.given if train is not None else None)
    if len(given.labels) != headers[image].shape[0]:
        raise UserError(
            f"{path} holds {headers[image].shape[0]} images with {len(given.labels)} labels; mend it: it holds "
            f"{listed(headers)}"
        )
    left_out = [] if inside else sorted(headers.keys() - {image, label, CLASS_NAMES})
    noted = [f"not read in {path}: {describe_named('array', left_out)}"] if left_out else []
    return ArrayPart(path, file, image, headers[image], kind, given, (*notes, *more, *noted))
