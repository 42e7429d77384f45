"""Tiny-ImageNet (Stanford CS231n) as its archive unpacks: 200 classes of ImageNet, 64 x 64 colour."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from custom_datasets.pictures import files_in, read_pictures, refuse_unequal
from custom_datasets.reading import reading
from custom_datasets.table import Dataset, ImageTable, make_table
from utils.errors import UserError

ROOT = "tiny-imagenet-200"
SIDE = 64
AGAIN = f"unpack {ROOT}.zip again"


def tiny_imagenet(folder: Path) -> Dataset:
    """100,000 training pictures, and as test set the 10,000 of the validation part, since the test part has no labels.

    The classes are in the order of their WordNet numbers. Raises UserError when files are missing or damaged.
    """
    root = folder / ROOT
    wnids = sorted(line.strip() for line in _lines(root / "wnids.txt") if line.strip())
    words = dict(line.rstrip("\n").split("\t", 1) for line in _lines(root / "words.txt") if "\t" in line)
    by_folder = {root / "train" / wnid: files_in(root / "train" / wnid / "images", ".JPEG") for wnid in wnids}
    refuse_unequal(by_folder, AGAIN)
    with reading(root / "train"):
        present = [path.name for path in (root / "train").iterdir() if path.is_dir() and not path.name.startswith(".")]
    if wnids != sorted(present):  # or names one of them twice
        raise UserError(f"{root / 'wnids.txt'} does not name the classes in {root / 'train'}: {AGAIN}")
    train = [path for paths in by_folder.values() for path in paths]
    labels = [label for label, paths in enumerate(by_folder.values()) for _ in paths]
    test, test_labels = _annotated(root / "val", wnids)
    return Dataset(
        _table(train, labels, len(wnids), root / "train"),
        _table(test, test_labels, len(wnids), root / "val"),
        classes=len(wnids),
        class_names=[words.get(wnid, wnid) for wnid in wnids],
        train_files=[path.relative_to(folder).as_posix() for path in train],
    )


def _table(paths: Sequence[Path], labels: Sequence[int], classes: int, origin: Path) -> ImageTable:
    images = np.empty((len(paths), 3, SIDE, SIDE), np.uint8)
    for place, picture in enumerate(read_pictures(paths, SIDE, SIDE)):
        images[place] = picture
    return make_table(images, np.array(labels, int), classes, origin)


def _annotated(val: Path, wnids: Sequence[str]) -> tuple[list[Path], list[int]]:
    """The pictures of the validation part, in the order of its list, and their labels.

    Raises UserError unless the list names all of them once: a shorter one would be another test set.
    """
    path, images = val / "val_annotations.txt", val / "images"
    pairs = [line.split("\t")[:2] for line in _lines(path) if line.strip()]
    if any(len(pair) < 2 or pair[1] not in wnids for pair in pairs):
        raise UserError(f"{path} is damaged: a line has no class of wnids.txt; {AGAIN}")
    named, there = Counter(name for name, _ in pairs), Counter(picture.name for picture in files_in(images, ".JPEG"))
    if differing := (named - there) + (there - named):
        raise UserError(f"{path} does not name each picture in {images} once, see {min(differing)!r}: {AGAIN}")
    return [images / name for name, _ in pairs], [wnids.index(wnid) for _, wnid in pairs]


def _lines(path: Path) -> list[str]:
    if not path.exists():
        raise UserError(f"{path} is missing, so this is no whole Tiny-ImageNet: unpack {ROOT}.zip above {ROOT}/")
    with reading(path):
        return path.read_text().splitlines()
