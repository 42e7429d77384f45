"""BACH (ICIAR 2018, part A): 400 microscope pictures of breast tissue, 2048 x 1536 colour, in four classes.

As DABO uses it (arXiv 2006.14699): trained on patches of 512 x 512 that do not overlap, labelled by their picture, and
tested on whole pictures.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from custom_datasets.names import BUILT_IN
from custom_datasets.pictures import files_in, read_pictures, refuse_unequal
from custom_datasets.reading import reading
from custom_datasets.table import Dataset, ImageTable, make_table
from utils.errors import UserError

ARCHIVE = "ICIAR2018_BACH_Challenge"
CLASSES = ("Normal", "Benign", "InSitu", "Invasive")
HEIGHT, WIDTH, PATCH = 1536, 2048, 512
FOLD = 4  # the published one
TESTED = 5  # without folds, one picture of so many is a test picture

Labelled = list[tuple[Path, int]]  # pictures with their labels


def bach(folder: Path) -> Dataset:
    """The patches of training pictures, and whole test pictures.

    The archive's Photos/ has a folder per class, and Iciar_folds/ beside it the published list of training and test
    pictures; without the list, a fifth of each class is the test set, the same in all runs. The validation set is of
    whole pictures of the training part, the same in all runs, so that no picture has patches on both sides.

    Raises UserError when files are missing, damaged or of another size.
    """
    photos = folder / ARCHIVE / "Photos"
    by_folder = {photos / name: files_in(photos / name, ".tif") for name in CLASSES}
    refuse_unequal(by_folder, f"unpack {ARCHIVE}.zip in {folder}")
    pictures = [(path, label) for label, paths in enumerate(by_folder.values()) for path in paths]
    parts, notes = _parts(folder, pictures)
    patches = (HEIGHT // PATCH) * (WIDTH // PATCH)
    held = BUILT_IN["BACH"].validation // patches
    trained, valid = draw(parts[0], held)
    return Dataset(
        _patches(trained + valid, photos),
        _whole(parts[1], photos),
        classes=len(CLASSES),
        valid_given=len(valid) * patches,
        class_names=list(CLASSES),
        train_files=[name for path, _ in trained + valid for name in _names(path.relative_to(folder).as_posix())],
        tested_whole=True,
        notes=notes,
    )


def _parts(folder: Path, pictures: Labelled) -> tuple[tuple[Labelled, Labelled], tuple[str, ...]]:
    """Training and test pictures, and notes for the user."""
    fold = folder / ARCHIVE / "Iciar_folds" / f"fold_{FOLD}"
    lists = [fold / f"{part}_f_{FOLD}.csv" for part in ("fulltrain", "test")]
    if not any(path.exists() for path in lists):
        note = f"no {fold}: a fifth of the pictures of each class are test pictures, drawn by this program"
        return draw(pictures, len(pictures) // TESTED), (note,)
    known = dict(pictures)
    train, test = ([(picture, known[picture]) for picture in _listed(path, folder, known)] for path in lists)
    if twice := {picture for picture, _ in train} & {picture for picture, _ in test}:
        raise UserError(f"{lists[1]} names {min(twice).name}, which {lists[0].name} has, too; replace these files")
    listed = len(train) + len(test)
    short = f"{fold} lists {listed} of the {len(known)} pictures; the others are neither trained on nor tested"
    return (train, test), (short,) if listed < len(known) else ()


def _listed(path: Path, folder: Path, known: dict[Path, int]) -> list[Path]:
    """The pictures that a list of a fold names, one per line, relative to `folder`: each once, some of each class."""
    with reading(path):
        names = [row[0] for row in csv.reader(path.read_text("utf-8-sig").splitlines()) if row]
    for name in names:
        if folder / name not in known:
            where = f"which is not in {folder}; unpack {ARCHIVE}.zip there, or replace the list"
            raise UserError(f"{path} names {name!r}, {where}")
    pictures = [folder / name for name in names]
    if twice := [picture for picture, count in Counter(pictures).items() if count > 1]:
        raise UserError(f"{path} names {twice[0].name} twice; replace it")
    if missing := set(range(len(CLASSES))) - {known[picture] for picture in pictures}:
        raise UserError(f"{path} names no picture of {CLASSES[min(missing)]}; replace it")
    return pictures


def draw(pictures: Labelled, count: int) -> tuple[Labelled, Labelled]:
    """The pictures without `count` of them, and these, drawn from each class alike, always the same.

    Raises UserError when there are too few.
    """
    from sklearn.model_selection import train_test_split  # slow to import

    labels = [label for _, label in pictures]
    if min(count, len(pictures) - count) < len(CLASSES) or min(np.bincount(labels)) < 2:
        raise UserError(f"BACH has {len(pictures)} pictures here, too few to hold out {count}; get the whole data set")
    places = train_test_split(np.arange(len(pictures)), test_size=count, stratify=labels, random_state=0)
    rest, drawn = ([pictures[place] for place in np.sort(part)] for part in places)
    return rest, drawn


def _patches(pictures: Labelled, origin: Path) -> ImageTable:
    """The patches of all pictures, those of a picture in the order of reading."""
    rows, columns = HEIGHT // PATCH, WIDTH // PATCH
    images = np.empty((len(pictures), rows, columns, 3, PATCH, PATCH), np.uint8)
    for place, picture in enumerate(read_pictures([path for path, _ in pictures], HEIGHT, WIDTH)):
        images[place] = picture.reshape(3, rows, PATCH, columns, PATCH).transpose(1, 3, 0, 2, 4)
    labels = np.repeat([label for _, label in pictures], rows * columns)
    return make_table(images.reshape(-1, 3, PATCH, PATCH), labels, len(CLASSES), origin)


def _whole(pictures: Labelled, origin: Path) -> ImageTable:
    images = np.empty((len(pictures), 3, HEIGHT, WIDTH), np.uint8)
    for place, picture in enumerate(read_pictures([path for path, _ in pictures], HEIGHT, WIDTH)):
        images[place] = picture
    return make_table(images, np.array([label for _, label in pictures]), len(CLASSES), origin)


def _names(name: str) -> Sequence[str]:
    """The names of a picture's patches: the picture's, and row and column of the patch's upper left pixel."""
    corners = ((top, left) for top in range(0, HEIGHT, PATCH) for left in range(0, WIDTH, PATCH))
    return [f"{name}:{top},{left}" for top, left in corners]
