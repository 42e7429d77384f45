"""Numbers that stand for what a run is trained on."""

import torch

from custom_datasets import Dataset, Split, distorted_images
from utils.checksum import checksum


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
