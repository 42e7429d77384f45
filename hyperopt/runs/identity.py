"""Numbers that stand for what a run is trained on, and the refusal of anything else in its folder."""

import torch

from custom_datasets.distortion import Split, distorted_images
from custom_datasets.table import Dataset
from utils.checksum import checksum
from utils.errors import UserError
from utils.options import TrainOptions
from utils.run_folder import read_result, run_files


def identify(data: Dataset, split: Split) -> str:
    """A number that stands for what a run is trained on: images, labels and split."""
    parts = [torch.from_numpy(part) for part in (split.valid, split.train, split.targets)]
    images = [(table.labels, table.content, table.shape) for table in (data.train, data.test)]
    clean = (*images, data.classes)
    return checksum({"clean": clean, "split": parts})


def identify_training_set(data: Dataset, split: Split) -> str:
    """A number that stands for a distorted training set, whichever of the clean images are used beside it, and how."""
    index = distorted_images(split)
    parts = [torch.from_numpy(part) for part in (index, split.targets[index])]
    clean = (data.train.labels, data.train.content, data.train.shape, data.classes)
    return checksum({"clean": clean, "split": parts})


def identify_table(data: Dataset) -> str:
    """A number that stands for the training table: its images, labels and file names."""
    return checksum({"images": data.train.content, "labels": data.train.labels, "files": data.train_files})


def refuse_other_table(options: TrainOptions, table: str) -> None:
    """Raise UserError when another row of the run folder was trained on other data than `table` stands for.

    The rows of a run share their split, and their results stand side by side.
    """
    files = run_files(options)
    for path in sorted(files.folder.glob("result_*.json")):
        if path == files.result:
            continue  # of this row, which is only trained again when it starts over
        try:
            trained_on = read_result(path).get("table")
        except (UserError, FileNotFoundError):
            continue  # another row's trouble, which get-results.py names
        if trained_on not in (None, table):
            raise UserError(
                f"{path} is of other data than there is now; put that back, or train in another run folder (-r run1)"
            )
