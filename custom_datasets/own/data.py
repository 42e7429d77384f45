"""The data set that the parts of own data form: read, checked, with notes for the user."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from tqdm import tqdm

from custom_datasets.own.arrays import read_arrays
from custom_datasets.own.checks import Pictures, note_blank, note_duplicates, note_shared_with_test
from custom_datasets.own.folder import read_folder
from custom_datasets.own.parts import find_parts
from custom_datasets.own.picture import WHITE, Colour
from custom_datasets.table import Dataset, ImageTable, check_kind_of_labels, make_table
from utils.errors import UserError

JOINED = ("train", "valid")  # the parts of the training table


class Part(Protocol):
    """A part of N images, which are not read yet."""

    @property
    def path(self) -> Path:
        """The part's folder or file."""

    @property
    def labels(self) -> np.ndarray:
        """The labels (N,)."""

    @property
    def names(self) -> list[str] | None:
        """Names of the classes; None if there are none."""

    @property
    def files(self) -> list[str] | None:
        """Names of the images' files, relative to the data set's folder; None if there are none."""

    @property
    def notes(self) -> Sequence[str]:
        """Notes on files that are not read."""

    @property
    def colour(self) -> bool:
        """Whether the images need three channels."""

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the first image."""

    def __len__(self) -> int: ...

    def fill(self, images: np.ndarray, progress: Callable[[int], object]) -> None:
        """Read the images into uint8 (N, C, H, W), grey ones into each channel; `progress` counts the bytes.

        Raises UserError when one is damaged or of another size than the first.
        """


def own_data(folder: Path, background: Colour = WHITE) -> Dataset:
    """The data set in `folder`, in one of the two layouts. A validation set is put at the end of the training table.

    Without a test set the validation set takes its place. Transparent pictures are laid over the background.

    Raises UserError, naming the file, when something in it is damaged or does not fit.
    """
    found = find_parts(folder)
    train = read_part(found.paths["train"], None, background)
    parts: dict[str, Part] = {"train": train}
    parts |= {name: read_part(path, train.names, background) for name, path in found.paths.items() if name != "train"}
    classes = count_classes(train.labels, train.path)
    table, tables = empty_tables(parts, classes)
    read_images(parts, tables)

    pictures = {name: Pictures(part.path, tables[name], part.files) for name, part in parts.items()}
    notes = [*found.notes, *(note for part in parts.values() for note in part.notes), *note_blank(pictures)]
    joined = [parts[name] for name in JOINED if name in parts]
    files = None if train.files is None else [file for part in joined for file in part.files or ()]
    return Dataset(
        table,
        tables["test" if "test" in tables else "valid"],
        classes,
        valid_given=len(parts.get("valid", ())),
        class_names=train.names,
        train_files=files,
        tested_on_valid="test" not in parts,
        notes=(*notes, *note_shared_with_test(pictures)),
        duplicates=note_duplicates(pictures),
    )


def read_part(path: Path, names: list[str] | None, background: Colour) -> Part:
    """The part at `path`; `names` are the training part's classes, None for the training part itself."""
    return read_arrays(path) if path.suffix else read_folder(path, names, background)


def empty_tables(parts: Mapping[str, Part], classes: int) -> tuple[ImageTable, dict[str, ImageTable]]:
    """Empty tables for the images: the training table, with room for the validation images at its end, and the parts'.

    Raises UserError when a part's images have another size than the training part's.
    """
    for part in parts.values():
        check_size(part, parts["train"])
    colour = [part.colour for part in parts.values()]  # of all parts, to find errors first
    shape = 3 if any(colour) else 1, *parts["train"].size
    counts = {name: len(part) for name, part in parts.items()}
    held = np.empty((sum(counts.get(name, 0) for name in JOINED), *shape), np.uint8)
    images = {"train": held[: counts["train"]], "valid": held[counts["train"] :]}
    images["test"] = np.empty((counts.get("test", 0), *shape), np.uint8)
    tables = {name: make_table(images[name], part.labels, classes, part.path) for name, part in parts.items()}
    labels = torch.cat([tables[name].labels for name in JOINED if name in tables])
    return ImageTable(torch.from_numpy(held), labels), tables


def read_images(parts: Mapping[str, Part], tables: Mapping[str, ImageTable]) -> None:
    """Fill the tables of the parts, the training part first. Raises UserError for an image of another size."""
    total = sum(table.memory for table in tables.values())
    with tqdm(desc="reading", total=total, unit="B", unit_scale=True, leave=False, disable=None) as bar:
        for name, part in parts.items():
            part.fill(tables[name].images.numpy(), bar.update)


def count_classes(labels: np.ndarray, path: Path) -> int:
    """C of the training labels (N,) from `path`, which must be 0 to C - 1, each of them at least once."""
    check_kind_of_labels(labels, path)
    present = np.unique(labels)
    if len(present) < 2:
        raise UserError(f"{path} holds labels of fewer than two classes")
    if not np.array_equal(present, np.arange(len(present))):
        raise UserError(
            f"{path} holds labels from {present[0]} to {present[-1]}, {len(present)} different ones; "
            "they must count the classes from 0 without a gap"
        )
    return len(present)


def check_size(part: Part, train: Part) -> None:
    """Raise UserError when a part's first image has another size than the first training image."""
    (height, width), (train_height, train_width) = part.size, train.size
    if (height, width) != (train_height, train_width):
        raise UserError(
            f"{part.path} begins with an image of {width} x {height} pixels, but {train.path} with one of "
            f"{train_width} x {train_height}; all images must have the same size: resize them"
        )
