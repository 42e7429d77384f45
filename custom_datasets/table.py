"""A data set as tables of images and labels."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from custom_datasets.given import GivenLabels
from utils.errors import UserError
from utils.runs.network_facts import FEATURES, IMAGES

STATISTICS_AT_ONCE = 4096  # features (N, D) that are in memory in float64


class Images(Protocol):
    """The source of N images: a table in memory, or files that are read when they are needed.

    A table may hold features of images in their place, float32 (N, D, 1, 1).
    """

    @property
    def kind(self) -> str:
        """`IMAGES` or `FEATURES`."""
        ...

    @property
    def labels(self) -> Tensor:
        """Labels int64 (N,), on the run's device, known without reading an image."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images."""
        ...

    @property
    def memory(self) -> int:
        """Bytes that the images take on the device that holds them."""
        ...

    def __len__(self) -> int: ...

    def to(self, device: torch.device, images: torch.device) -> "Images":
        """A copy with the labels on the run's device and the images, if they are in memory, on the device `images`."""
        ...

    @property
    def content(self) -> bytes:
        """A digest of the images; for streamed ones, of their files' names."""
        ...

    def select(self, places: Tensor, labels: Tensor) -> "Images":
        """The source of the images at these places (n,) on the CPU, with other labels (n,)."""
        ...

    def fetch(self, order: Sequence[Tensor], crops: int | None, workers: int) -> Iterator[Tensor]:
        """Images uint8 (B, C, H, W) of every index (B,) of `order`, on the labels' device.

        Args:
            order: indices of all batches, on the labels' device. They may be read ahead.
            crops: seed of a pass with random crops, None for the central crop; images in memory are not cropped.
            workers: number of processes that read files; images in memory need none.

        """
        ...


@dataclass(frozen=True)
class ImageTable:
    """Images uint8 (N, C, H, W) and labels int64 (N,); the images may stay on the host if the device is small."""

    images: Tensor
    labels: Tensor

    @property
    def kind(self) -> str:  # noqa: D102
        return IMAGES

    @property
    def shape(self) -> tuple[int, int, int]:  # noqa: D102
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def memory(self) -> int:  # noqa: D102
        return self.images.nbytes

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device, images: torch.device) -> "ImageTable":  # noqa: D102
        return replace(self, images=self.images.to(images), labels=self.labels.to(device))

    @cached_property
    def content(self) -> bytes:  # noqa: D102
        return hashlib.sha256(self.images.cpu().contiguous().numpy().data).digest()

    def select(self, places: Tensor, labels: Tensor) -> "ImageTable":  # noqa: D102
        images = self.images[places.to(self.images.device)]
        return replace(self, images=images, labels=labels.to(self.labels.device))

    def fetch(self, order: Sequence[Tensor], crops: int | None, workers: int) -> Iterator[Tensor]:  # noqa: D102
        if self.images.device == self.labels.device:
            yield from (self.images[index] for index in order)
            return
        for index in on_host(order):
            yield self.images[index].pin_memory().to(self.labels.device, non_blocking=True)


class FeatureTable(ImageTable):
    """Features of images, which an encoder has computed: `images` is float32 (N, D, 1, 1), a batch (B, D, 1, 1)."""

    @property
    def kind(self) -> str:  # noqa: D102
        return FEATURES

    @property
    def features(self) -> Tensor:
        """The features (N, D)."""
        return self.images.flatten(1)


@dataclass(frozen=True)
class Dataset:
    """A clean training set, a test set and the number of classes; both share the image shape, unless `tested_whole`.

    valid_given: the last so many images of `train` are the clean validation set; 0 without one. valid_drawn: it did not
    come with the data, but is of its training images. held_out: so many are to be split off; None for the usual number.
    places: of the training images in the data set's own training table, int64 (N,), None if it is this one.
    class_names: of the C classes; train_files: of every training image, relative to the data set's folder; None where
    the source has no such names. tested_whole: test images are whole pictures, and training images are patches of such,
    so that their sizes differ. tested_on_valid: there is no test set, and `test` is the validation set. evaluated:
    only so many of the test images are evaluated, the first ones; None for all. notes: for the user, on the files.
    duplicates: notes on training images that are under two labels, or clean or test images too. given: the labels that
    training images are given; None if these are the data set's own.
    image_size: the side to which pictures of any size were scaled; None where they are as they are. damaged: how many
    pictures were left out because they cannot be read.
    """

    train: Images
    test: Images
    classes: int
    valid_given: int = 0
    valid_drawn: bool = False
    held_out: int | None = None
    places: np.ndarray | None = None
    class_names: list[str] | None = None
    train_files: list[str] | None = None
    tested_whole: bool = False
    tested_on_valid: bool = False
    evaluated: int | None = None
    notes: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    given: GivenLabels | None = None
    image_size: int | None = None
    damaged: int = 0

    @property
    def kind(self) -> str:
        """What the tables hold: `IMAGES` or `FEATURES`."""
        return self.train.kind

    @property
    def channels(self) -> int:
        """C of the images; D of features."""
        return self.train.shape[0]

    @property
    def has_clean_part(self) -> bool:
        """Whether the clean validation set came with the data."""
        return self.valid_given > 0 and not self.valid_drawn

    @property
    def memory(self) -> int:
        """Bytes of all images in memory."""
        return self.train.memory + self.test.memory

    @property
    def test_labels(self) -> Tensor:
        """Labels of the test images that are evaluated, int64 (n,)."""
        return self.test.labels[: self.evaluated]

    def evaluating(self, images: int | None) -> "Dataset":
        """The data set of which only the first `images` test images are evaluated, None for all.

        Raises UserError when there are fewer.
        """
        if images is not None and images > len(self.test):
            raise UserError(f"--test-images {images} are more than there are; give {len(self.test)} or fewer")
        return replace(self, evaluated=images)

    def pixels(self, index: Tensor) -> Tensor:
        """Stored training images (B, C, H, W) in 0..1, at the places `index` (B,), on the labels' device."""
        (images,) = self.train.fetch([index], None, workers=0)
        return images.float() / 255

    def to(self, device: torch.device, images: torch.device | None = None) -> "Dataset":
        """The data set on another device, with its images on the device `images` if that is given."""
        images = images or device
        return replace(self, train=self.train.to(device, images), test=self.test.to(device, images))


def on_host(order: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Copy batches of indices (B,) to the host's memory in a single transfer."""
    return torch.cat(list(order)).cpu().split([len(index) for index in order])


def make_table(images: np.ndarray, labels: np.ndarray, classes: int, origin: Path) -> ImageTable:
    """A table of the images (N, C, H, W) and labels (N,) that were read from the file or folder `origin`.

    Raises UserError unless there are N uint8 images and N whole-numbered labels from 0 to classes - 1.
    """
    if images.dtype != np.uint8 or images.ndim != 4:
        raise UserError(
            f"{origin} holds {images.dtype} images of shape {images.shape}, not N colour or grey uint8 ones"
        )
    return ImageTable(torch.from_numpy(np.ascontiguousarray(images)), checked_labels(labels, images, classes, origin))


def make_features(features: np.ndarray, labels: np.ndarray, classes: int, origin: Path) -> FeatureTable:
    """A table of the features float32 (N, D) and labels (N,) that were read from the file `origin`.

    Raises UserError unless there are N whole-numbered labels from 0 to classes - 1.
    """
    images = torch.from_numpy(np.ascontiguousarray(features))[:, :, None, None]
    return FeatureTable(images, checked_labels(labels, features, classes, origin))


def checked_labels(labels: np.ndarray, images: np.ndarray, classes: int, origin: Path) -> Tensor:
    """The labels (N,) from `origin` as int64. Raises UserError as `make_table` does for those."""
    check_kind_of_labels(labels, origin)
    if len(images) != len(labels) or images.size == 0:
        raise UserError(f"{origin} holds {len(images)} images with {len(labels)} labels; replace it")
    if labels.min() < 0 or labels.max() >= classes:
        raise UserError(
            f"{origin} holds labels from {labels.min()} to {labels.max()}, not from 0 to {classes - 1}; replace it"
        )
    return torch.from_numpy(labels.astype(np.int64))


def check_kind_of_labels(labels: np.ndarray, origin: Path) -> None:
    """Raise UserError unless the labels from `origin` are whole numbers (N,)."""
    if not np.issubdtype(labels.dtype, np.integer) or labels.ndim != 1:
        raise UserError(f"{origin} holds {labels.dtype} labels of shape {labels.shape}, not a whole number per image")


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel of images uint8 (N, C, H, W), for pixels in 0..1.

    Exact, from the counts of the 256 values. The deviation is at least one grey level, since images are divided by it.
    """
    counts = torch.zeros(images.shape[1], 256, dtype=torch.float64)
    for part in images.split(1000):
        counts += torch.stack([torch.bincount(c.flatten(), minlength=256) for c in part.unbind(1)]).cpu()
    shares = counts / counts.sum(1, keepdim=True)
    values = torch.arange(256, dtype=torch.float64) / 255
    mean = shares @ values
    variance = (shares * (values - mean[:, None]).square()).sum(1)
    return tuple(mean.tolist()), tuple(variance.sqrt().clamp(min=1 / 255).tolist())


def feature_statistics(features: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every column of features float32 (N, D); 1 for a column with a single value."""
    parts = features.split(STATISTICS_AT_ONCE)
    mean = torch.stack([part.double().sum(0) for part in parts]).sum(0) / len(features)
    squares = torch.stack([(part.double() - mean).square().sum(0) for part in parts]).sum(0)
    deviation = (squares / len(features)).sqrt()
    deviation[is_constant(features)] = 1
    return tuple(mean.tolist()), tuple(deviation.tolist())


def is_constant(features: Tensor) -> Tensor:
    """A mask (D,) of the columns of features (N, D) that have a single value."""
    low, high = torch.aminmax(features, dim=0)
    return low == high
