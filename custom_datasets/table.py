"""A data set as tables on the device."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ImageTable:
    """Images uint8 (N, C, H, W) and labels int64 (N,), on one device."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "ImageTable":
        """The same table on another device."""
        return ImageTable(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """A clean training set, a test set and the number of classes; both tables share the image shape."""

    train: ImageTable
    test: ImageTable
    classes: int

    def to(self, device: torch.device) -> "Dataset":
        """The same data set on another device."""
        return Dataset(self.train.to(device), self.test.to(device), self.classes)
