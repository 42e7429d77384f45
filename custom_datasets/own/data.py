"""The data set that the parts of own data form: read, checked, with notes for the user."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from tqdm import tqdm

from custom_datasets.own.arrays import ArrayPart, read_arrays
from custom_datasets.own.checks import Pictures, note_blank, note_duplicates, note_shared_with_test
from custom_datasets.own.damage import note_damaged, refuse_damaged, refuse_lost, without_failed
from custom_datasets.own.folder import FolderPart, look_at, read_folder
from custom_datasets.own.parts import JOINED, find_parts, holds_arrays
from custom_datasets.own.picture import WHITE, Colour
from custom_datasets.own.streamed import is_too_large, stream_parts
from custom_datasets.table import Dataset, Images, ImageTable, check_kind_of_labels, make_table
from utils.errors import UserError


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


def own_data(
    folder: Path, background: Colour = WHITE, image_size: int | None = None, skip_damaged: bool = False
) -> Dataset:
    """The data set in `folder`, in one of the two layouts. A validation set is put at the end of the training table.

    Without a test set the validation set takes its place. Transparent pictures are laid over the background. Pictures
    are scaled to `image_size`; None for a side that suits them, 0 for pictures of one size as they are. With
    `skip_damaged`, those that cannot be read are left out.

    Raises UserError, naming the files, when something in it is damaged or does not fit.
    """
    found = find_parts(folder)
    train = read_part(found.paths["train"], None, background)
    others = {name: read_part(path, train, background) for name, path in found.paths.items() if name != "train"}
    parts = {"train": train, **others}
    folders = {name: part for name, part in parts.items() if isinstance(part, FolderPart)}
    if folders:
        return read_pictures(folder, folders, found.notes, image_size, skip_damaged)
    if image_size or skip_damaged:
        flag = "--image-size" if image_size else "--skip-damaged"
        raise UserError(f"{flag} is for pictures in files, and {folder} holds arrays; leave it out")
    for part in others.values():
        check_size(part, train)
    classes = count_classes(train.labels, train.path, train.names)
    table, tables = empty_tables(parts, classes)
    read_images(parts, tables)
    return make_dataset(parts, table, tables, classes, found.notes)


def read_pictures(
    folder: Path, folders: Mapping[str, FolderPart], notes: Sequence[str], image_size: int | None, skip_damaged: bool
) -> Dataset:
    """The data set of parts that are folders of pictures; arguments as for `own_data`, and notes on the folder."""
    count, classes = sum(map(len, folders.values())), count_classes(folders["train"].labels, folders["train"].path)
    parts, failed, scaling = look_at(folders, image_size)
    if failed and skip_damaged:
        refuse_lost(parts)
    elif not all(map(len, parts.values())):  # nothing is left of one; otherwise the pixels may show more damage
        refuse_damaged(failed, count, folder)
    if is_too_large(parts):
        if not skip_damaged:
            refuse_damaged(failed, count, folder)
        train, test, note = stream_parts(parts)
        notes = [*notes, *scaling, *note, *note_damaged(failed, count, folder)]
        return replace(
            _described(parts, train, test, classes, notes), image_size=parts["train"].side, damaged=len(failed)
        )
    table, tables = empty_tables(parts, classes)
    read_images(parts, tables)
    failed |= {part.paths[place]: error for part in parts.values() for place, error in part.failed.items()}
    if failed:
        if not skip_damaged:
            refuse_damaged(failed, count, folder)
        parts, table, tables = without_failed(parts, tables)
    data = make_dataset(parts, table, tables, classes, [*notes, *scaling, *note_damaged(failed, count, folder)])
    return replace(data, image_size=parts["train"].side, damaged=len(failed))


def make_dataset(
    parts: Mapping[str, Part],
    table: ImageTable,
    tables: Mapping[str, ImageTable],
    classes: int,
    notes: Sequence[str],
) -> Dataset:
    """The data set of the parts, whose images are in the training table and in the tables of the parts."""
    pictures = {name: Pictures(part.path, tables[name], part.files) for name, part in parts.items()}
    data = _described(parts, table, tables["test" if "test" in parts else "valid"], classes, notes)
    looked = note_blank(pictures) + note_shared_with_test(pictures)
    return replace(data, notes=(*data.notes, *looked), duplicates=note_duplicates(pictures))


def _described(parts: Mapping[str, Part], train: Images, test: Images, classes: int, notes: Sequence[str]) -> Dataset:
    """A data set with what is known of its parts."""
    return Dataset(
        train,
        test,
        classes,
        valid_given=len(parts.get("valid", ())),
        class_names=parts["train"].names,
        train_files=train_files(parts),
        tested_on_valid="test" not in parts,
        notes=(*notes, *(note for part in parts.values() for note in part.notes)),
    )


def train_files(parts: Mapping[str, Part]) -> list[str] | None:
    """The names of the files of all training and validation images; None if they have no names."""
    if parts["train"].files is None:
        return None
    return [file for name in JOINED if name in parts for file in parts[name].files or ()]


def read_part(path: Path, train: Part | None, background: Colour) -> Part:
    """The part at `path`, with the classes of the training part; None for the training part itself."""
    if holds_arrays(path):
        return read_arrays(path, train if isinstance(train, ArrayPart) else None)
    return read_folder(path, None if train is None else train.names, background)


def empty_tables(parts: Mapping[str, Part], classes: int) -> tuple[ImageTable, dict[str, ImageTable]]:
    """Empty tables for the images: the training table, which ends with the validation images, and the parts' own."""
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
    """Fill the tables of the parts, the training part first."""
    total = sum(table.memory for table in tables.values())
    with tqdm(desc="reading", total=total, unit="B", unit_scale=True, leave=False, disable=None) as bar:
        for name, part in parts.items():
            part.fill(tables[name].images.numpy(), bar.update)


def count_classes(labels: np.ndarray, path: Path, names: Sequence[str] | None = None) -> int:
    """C of the training labels (N,) from `path`, which must be 0 to C - 1, each of them at least once.

    Raises UserError, also when there are more names of classes.
    """
    check_kind_of_labels(labels, path)
    present = np.unique(labels)
    if len(present) < 2:
        raise UserError(f"{path} holds labels of fewer than two classes")
    if not np.array_equal(present, np.arange(len(present))):
        raise UserError(
            f"{path} holds labels from {present[0]} to {present[-1]}, {len(present)} different ones; "
            "they must count the classes from 0 without a gap"
        )
    if names is not None and len(names) > len(present):
        lacking = names[len(present)]
        raise UserError(f"{path} names the class {lacking}, which has no image; leave it out of the names")
    return len(present)


def check_size(part: Part, train: Part) -> None:
    """Raise UserError when a part's first image has another size than the first training image."""
    (height, width), (train_height, train_width) = part.size, train.size
    if (height, width) != (train_height, train_width):
        raise UserError(
            f"{part.path} begins with an image of {width} x {height} pixels, but {train.path} with one of "
            f"{train_width} x {train_height}; all images must have the same size: resize them"
        )
