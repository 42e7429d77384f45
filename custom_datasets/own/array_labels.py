"""The labels of a part in an .npz file: numbers of classes from 0, with names if the file has them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from custom_datasets.label_kinds import plain_labels
from custom_datasets.own.npz import read_array
from utils.errors import UserError


class Labels(NamedTuple):
    """The labels int64 (N,) of a part, the classes' names, if there are any, and which number the first class has."""

    labels: np.ndarray
    names: list[str] | None
    first: int


def read_labels(
    path: Path, file: Path, name: str, class_names: str | None, train: Labels | None
) -> tuple[Labels, list[str]]:
    """The labels of this name in a file, and notes for the user; `path` is the part's, for messages.

    Text names the classes, which are in the order of the array `class_names` if there is one, else of their names.
    Numbers that begin at one in the training part, whose labels are `train`, are read as beginning at zero.

    Raises UserError for labels of other kinds, and for names that the training part lacks.
    """
    labels, notes = plain_labels(read_array(file, name), str(path))
    names = _class_names(file, class_names) if class_names else None
    if train and names is not None and train.names != names:
        raise UserError(f"{file} has other {class_names} than the training part; make them the same")
    names = train.names if train else names
    if labels.dtype.kind == "U":
        if train and names is None:
            raise UserError(f"{path} holds names of classes, and the training part numbers; make them the same")
        names = names or np.unique(labels).tolist()
        _refuse_names(path, names)
        places = {label: place for place, label in enumerate(names)}
        if unknown := sorted(set(labels.tolist()) - places.keys()):
            raise UserError(f"{path} holds the label {unknown[0]!a}, which is none of the classes {', '.join(names)}")
        return Labels(np.array([places[label] for label in labels.tolist()], np.int64), names, 0), notes
    first = train.first if train else int(len(labels) > 0 and labels.min() == 1)
    if first and not train:
        notes.append(f"the labels of {path} begin at 1: they are read as the classes 0 to {labels.max() - 1}")
    if train and first and len(labels) and labels.min() < first:
        raise UserError(f"{path} holds labels from {labels.min()}, and those of the training part begin at 1; mend it")
    if names is not None and not train and len(labels) and labels.max() - first >= len(names):
        raise UserError(f"{path} holds labels up to {labels.max()}, and {class_names} has {len(names)} names; mend it")
    return Labels(labels - first, names, first), notes


def _class_names(file: Path, name: str) -> list[str]:
    names, _ = plain_labels(read_array(file, name), f"{file}, {name},")
    if names.dtype.kind != "U" or len(set(names.tolist())) < len(names):
        raise UserError(f"{name} of {file} are not different names; write {name} = numpy.array(['first', 'second'])")
    _refuse_names(file, names.tolist())
    return names.tolist()


def _refuse_names(path: Path, names: list[str]) -> None:
    if unprintable := [name for name in names if not name or not name.isprintable()]:
        raise UserError(f"{path} has a class {unprintable[0]!a}, whose name cannot be shown; rename it")
