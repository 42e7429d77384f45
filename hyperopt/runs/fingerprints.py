"""Fingerprints of a run's data, and refusing other data in its folder."""

from pathlib import Path
from typing import Any

import torch

from custom_datasets.distortion import Split, distorted_images
from custom_datasets.table import Dataset
from hyperopt.options.stored import DATA, read_result
from utils.errors import UserError
from utils.fingerprint import fingerprint
from utils.runs.files import RunFiles, unused_run_folder

FINGERPRINT_LETTERS = 64  # of a SHA-256 in hexadecimal


def fingerprint_run(data: Dataset, split: Split) -> str:
    """The fingerprint of a run's data: images, labels and split."""
    parts = [torch.from_numpy(part) for part in (split.valid, split.train, split.targets)]
    images = [(table.labels, table.content, table.shape) for table in (data.train, data.test)]
    clean = (*images, data.classes)
    return fingerprint({"clean": clean, "split": parts})


def fingerprint_training_set(data: Dataset, split: Split) -> str:
    """The fingerprint of a distorted training set; it does not depend on the use of clean images."""
    index = distorted_images(split)
    parts = [torch.from_numpy(part) for part in (index, split.targets[index])]
    clean = (data.train.labels, data.train.content, data.train.shape, data.classes)
    return fingerprint({"clean": clean, "split": parts})


def fingerprint_table(data: Dataset) -> str:
    """The fingerprint of the training table: its images, labels and file names."""
    return fingerprint({"images": data.train.content, "labels": data.train.labels, "files": data.train_files})


def fingerprint_test(data: Dataset) -> str:
    """The fingerprint of the test table: its images and labels."""
    return fingerprint({"images": data.test.content, "labels": data.test.labels})


def fingerprints(data: Dataset) -> dict[str, str]:
    """The fingerprints of both tables of a data set, by their keys in a result."""
    return {"table": fingerprint_table(data), "test_table": fingerprint_test(data)}


def other_data(result: dict[str, Any], found: dict[str, str]) -> list[str]:
    """Names of the data of a result that have changed since; data without a fingerprint are not compared.

    `found` are the `fingerprints` of the present data.
    """
    return [DATA[key] for key, value in found.items() if result.get(key) not in (None, value)]


def refuse_split_of_other_labels(folder: Path, split: str, data: Dataset) -> None:
    """Raise UserError when the run's split file was drawn for other labels or files than the present ones.

    It holds the given labels of all images by their places, so that corrected labels would be the old ones again.
    """
    path = _labels_beside_split(folder, split)
    if _known_labels(path) not in (None, _fingerprint_labels(data)):
        raise UserError(
            f"the split file of {path.parent} was drawn for other labels or files than the present ones; put the "
            f"earlier ones back, or train in another run folder (-r {unused_run_folder(folder.parent)})"
        )


def remember_labels_of_split(folder: Path, split: str, data: Dataset) -> None:
    """Write the fingerprint of a split file's labels and files beside it, unless it is known."""
    path = _labels_beside_split(folder, split)
    if _known_labels(path) is None:
        path.write_text(_fingerprint_labels(data))


def _labels_beside_split(folder: Path, split: str) -> Path:
    return folder / f".labels_{split}"


def _known_labels(path: Path) -> str | None:
    """The fingerprint in a file; None if the file is missing or incomplete."""
    known = path.read_text() if path.exists() else ""
    return known if len(known) == FINGERPRINT_LETTERS else None


def _fingerprint_labels(data: Dataset) -> str:
    return fingerprint({"labels": data.train.labels, "files": data.train_files})


def refuse_other_data(files: RunFiles, read_as: tuple, found: dict[str, str]) -> None:
    """Raise UserError when another run of the folder has other data than those of the fingerprints `found`.

    The runs of a folder share their split, and their results are shown side by side. Those that
    read them otherwise (`DataOptions.read_as`) have other images by intention.
    """
    for path in sorted(files.folder.glob("result_*.json")):
        if path == files.result:
            continue  # this run's own result: it is only trained again if it starts over
        try:
            result = read_result(path)
        except (UserError, FileNotFoundError):
            continue  # a damaged result of another run, which get-results.py names
        if result["options"].read_as == read_as:
            refuse_result_of_other_data(path, result, found)


def refuse_result_of_other_data(path: Path, result: dict[str, Any], found: dict[str, str]) -> None:
    """Raise UserError when the result at `path` is of other data than the present, with the fingerprints `found`."""
    if others := other_data(result, found):
        read_otherwise = "" if "commit" in result else " (an earlier version read some pictures otherwise, too)"
        raise UserError(
            f"{path} is of other data than the present ones ({', '.join(others)}); put the earlier ones back"
            f"{read_otherwise}, or train in another run folder (-r {unused_run_folder(path.parent.parent)})"
        )
