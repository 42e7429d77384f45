"""Own data that hold features instead of pictures: .npz files with the arrays features (N, D) and labels (N,)."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from custom_datasets.own.array_labels import Labels, read_labels
from custom_datasets.own.array_names import CLASS_NAMES
from custom_datasets.own.checks import Pictures, note_duplicates, note_shared_with_test
from custom_datasets.own.data import count_classes
from custom_datasets.own.kind import FEATURES_ARRAY, FLOATS, LABELS_ARRAY, refuse_lacking
from custom_datasets.own.names import counted, describe_named
from custom_datasets.own.npz import read_array, read_headers
from custom_datasets.own.parts import JOINED, find_parts
from custom_datasets.table import Dataset, FeatureTable, is_constant, make_features
from utils.errors import UserError


class FeaturePart(NamedTuple):
    """Features float32 (N, D) in the file at `path`, their labels, and notes on arrays that are not read."""

    path: Path
    features: np.ndarray
    given: Labels
    notes: tuple[str, ...]

    @property
    def labels(self) -> np.ndarray:
        """The numbers of the classes, int64 (N,)."""
        return self.given.labels


def own_features(folder: Path) -> Dataset:
    """The data set in `folder`, of features. Clean ones are put at the end of the training table.

    Without a test set the validation set takes its place.

    Raises UserError, naming the file, when something in it is damaged or does not fit.
    """
    found = find_parts(folder)
    train = read_features(found.paths["train"])
    others = {name: read_features(path, train.given) for name, path in found.paths.items() if name != "train"}
    parts = {"train": train, **others}
    for part in parts.values():
        refuse_other_length(part, train)
    classes = count_classes(train.labels, train.path, train.given.names)
    tables = {name: make_features(part.features, part.labels, classes, part.path) for name, part in parts.items()}
    joined = [tables[name] for name in JOINED if name in tables]
    table = FeatureTable(torch.cat([part.images for part in joined]), torch.cat([part.labels for part in joined]))
    of_parts = {name: Pictures(parts[name].path, tables[name], None) for name in parts}
    return Dataset(
        table,
        tables["test" if "test" in tables else "valid"],
        classes,
        valid_given=len(tables.get("valid", ())),
        class_names=train.given.names,
        tested_on_valid="test" not in tables,
        notes=(*found.notes, *notes_on(parts, table), *note_shared_with_test(of_parts)),
        duplicates=note_duplicates(of_parts),
    )


def read_features(path: Path, train: Labels | None = None) -> FeaturePart:
    """The part at `path`, with labels as those of the training part, None for that itself; nothing is unpickled.

    Raises UserError when it is damaged, lacks an array, or holds features that are not N x D finite floats.
    """
    there = read_headers(path)
    refuse_lacking(path, there)
    features = as_float32(read_array(path, FEATURES_ARRAY), path)
    labels, notes = read_labels(path, path, LABELS_ARRAY, CLASS_NAMES if CLASS_NAMES in there else None, train)
    if left_out := sorted(there.keys() - {FEATURES_ARRAY, LABELS_ARRAY, CLASS_NAMES}):
        notes = [*notes, f"not read in {path}: {describe_named('array', left_out)}"]
    return FeaturePart(path, features, labels, tuple(notes))


def as_float32(features: np.ndarray, path: Path) -> np.ndarray:
    """The features (N, D) in float32. Raises UserError unless they are floats of this shape, and finite."""
    if features.dtype.name not in FLOATS or features.ndim != 2:
        raise UserError(
            f"{path} holds {features.dtype} features of shape {features.shape}; they must be N x D floats: save "
            "features.reshape(len(features), -1).astype(np.float32); of pictures, name the array images"
        )
    with np.errstate(over="ignore"):
        found = features.astype(np.float32, copy=False)
    wrong = np.argwhere(~np.isfinite(found))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise UserError(
            f"{path} holds {counted(len(wrong), 'feature')} that float32 has no finite number for, first "
            f"{features[row, column]} of image {row} in column {column}; replace these, or leave the images out"
        )
    return found


def refuse_other_length(part: FeaturePart, train: FeaturePart) -> None:
    """Raise UserError when the features of a part are more or fewer than the training part's, or none."""
    ours, theirs = part.features.shape[1], train.features.shape[1]
    if theirs == 0 or ours != theirs:
        raise UserError(
            f"{part.path} holds {ours} features of each image, and {train.path} {theirs}; take those of one network"
        )


def notes_on(parts: Mapping[str, FeaturePart], table: FeatureTable) -> list[str]:
    """Notes on arrays that are not read, and on columns that say nothing."""
    notes = [note for part in parts.values() for note in part.notes]
    constant = int(is_constant(table.features).sum())
    if constant:
        are, each = ("is", "it is") if constant == 1 else ("are", "they are")
        notes.append(
            f"{constant} of {table.shape[0]} features {are} the same for all training images; {each} divided by 1 "
            "instead of by the deviation"
        )
    return notes
