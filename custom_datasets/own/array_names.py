"""The names of arrays in .npz files: of images, labels and classes, in a file per part or in one file for all."""

from collections.abc import Iterable
from pathlib import Path
from zipfile import BadZipFile, ZipFile

IMAGES, LABELS = ("images", "image", "x", "X", "data"), ("labels", "label", "y", "Y", "targets")
CLASS_NAMES = "class_names"


def first_of_names(names: Iterable[str], there: Iterable[str]) -> str | None:
    """The first of some names that is there."""
    found = set(there)
    return next((name for name in names if name in found), None)


def of_part(part: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names of an array of a part in a file of all parts, as MedMNIST (train_images) and Keras (x_train) have."""
    return tuple(whole for name in names for whole in (f"{part}_{name}", f"{name}_{part}"))


def names_of_arrays(path: Path) -> set[str]:
    """The names of the arrays in an .npz file; none when it cannot be read, which a reader reports."""
    try:
        with ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
    except (OSError, BadZipFile):
        return set()


def parts_within(path: Path, words: Iterable[str]) -> list[str]:
    """Those of the parts, such as `train`, whose images are in a file of all parts; none in a file of another kind."""
    there = names_of_arrays(path)
    return [part for part in words if first_of_names(of_part(part, IMAGES), there)]
