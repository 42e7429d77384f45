"""The view of a batch in training: augmentation at its places before and after normalisation."""

from collections.abc import Callable, Mapping
from enum import IntEnum, auto

import torch
from torch import Tensor

from custom_transforms.resized_crop import RandomResizedCrop
from custom_transforms.standard import RandomAffine, RandomCrop, RandomErasing, RandomFlip, RandomVerticalFlip

Random = Callable[[Tensor, torch.Generator], Tensor]


class Place(IntEnum):
    """The places of augmentation in a view, in their order: on uint8 images, then on normalised ones."""

    BEFORE_CROP = auto()
    RESIZED_CROP = auto()
    CROP = auto()
    AFFINE = auto()
    FLIP = auto()
    VERTICAL_FLIP = auto()
    AFTER_FLIP = auto()
    NORMALISATION = auto()
    ERASING = auto()
    AFTER_ERASING = auto()
    CUTOUT = auto()


STANDARD: dict[str, tuple[Place, Callable[[], Random]]] = {
    "resized": (Place.RESIZED_CROP, RandomResizedCrop),
    "crop": (Place.CROP, RandomCrop),
    "affine": (Place.AFFINE, RandomAffine),
    "flip": (Place.FLIP, RandomFlip),
    "vertical": (Place.VERTICAL_FLIP, RandomVerticalFlip),
    "erasing": (Place.ERASING, RandomErasing),
}


class TrainingView:
    """uint8 images (B, C, H, W) -> augmented, normalised images (B, C, H, W), float as `normalise` makes them.

    Args:
        augmentation: by place.
        normalise: maps uint8 to normalised images.
        generator: of all draws, on the CPU: the same for every device.

    """

    def __init__(
        self, augmentation: Mapping[Place, Random], normalise: Callable[[Tensor], Tensor], generator: torch.Generator
    ):
        steps: dict[Place, Random] = {**augmentation, Place.NORMALISATION: lambda images, _: normalise(images)}
        self._steps, self._generator = [steps[place] for place in sorted(steps)], generator

    def __call__(self, images: Tensor) -> Tensor:
        """The training view of the batch; shapes as in the class's docstring."""
        for step in self._steps:
            images = step(images, self._generator)
        return images
