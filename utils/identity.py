"""Numbers that stand for what a run is trained on, and for what is in a file."""

import hashlib
from typing import Any

import torch
from torch import Tensor

from custom_datasets import Dataset, Split, distorted_images

CHECKSUM = "checksum"  # the key under which a dictionary has its own


def checksum(content: dict[str, Any]) -> str:
    """SHA-256, in hexadecimal, of everything in a checkpoint but its own checksum."""
    digest = hashlib.sha256()
    _feed(digest, {key: value for key, value in content.items() if key != CHECKSUM})
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, Tensor):
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    elif isinstance(value, dict):
        for key, part in value.items():
            digest.update(f"{key!r}:".encode())
            _feed(digest, part)
    elif isinstance(value, list | tuple):
        digest.update(f"{len(value)} parts".encode())
        for part in value:
            _feed(digest, part)
    else:
        digest.update(repr(value).encode())


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
