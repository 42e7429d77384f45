"""The view of a batch in training: policy, crop and flip, normalisation, erasing, in this order."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from custom_transforms.standard import RandomCrop, RandomErasing, RandomFlip

Random = Callable[[Tensor, torch.Generator], Tensor]
ON_BYTES = {"crop": RandomCrop, "flip": RandomFlip}
ON_NORMALISED = {"erasing": RandomErasing}


class TrainingView:
    """uint8 images (B, C, H, W) -> augmented, normalised float32 images (B, C, H, W).

    Args:
        policy: an operation on uint8 images, None for none.
        standard: names of the standard augmentation: crop, flip, erasing.
        normalise: maps uint8 to normalised images.
        generator: of all draws, on the CPU: the same for every device.

    """

    def __init__(
        self,
        policy: Random | None,
        standard: Sequence[str],
        normalise: Callable[[Tensor], Tensor],
        generator: torch.Generator,
    ):
        self._before = [policy] if policy else []
        self._before += [make() for name, make in ON_BYTES.items() if name in standard]
        self._after = [make() for name, make in ON_NORMALISED.items() if name in standard]
        self._normalise, self._generator = normalise, generator

    def __call__(self, images: Tensor) -> Tensor:
        """The training view of the batch; shapes as in the class's docstring."""
        for augment in self._before:
            images = augment(images, self._generator)
        images = self._normalise(images)
        for augment in self._after:
            images = augment(images, self._generator)
        return images
