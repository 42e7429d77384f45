"""Normalisation: from stored bytes to the input of a network."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Normalise:
    """(x / 255 - mean) / std per channel: uint8 (B, C, H, W) -> images (B, C, H, W) of the type `dtype`.

    `mean` and `std` have one value per channel, in units of the full range (0..1).
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ):
        self.mean, self.std, self.dtype = tuple(mean), tuple(std), dtype
        shape = (1, len(mean), 1, 1)
        deviation = torch.tensor(std, device=device, dtype=dtype).view(shape)
        self._mean, self._deviation = torch.tensor(mean, device=device, dtype=dtype).view(shape), deviation
        self._scale = 1 / (255 * deviation)
        self._shift = -self._mean / deviation

    def __call__(self, images: Tensor) -> Tensor:
        """Normalised images; shapes as in the class's docstring."""
        return images.to(self.dtype) * self._scale + self._shift

    def to_pixels(self, images: Tensor) -> Tensor:
        """Pixels in 0..1 of normalised images (B, C, H, W)."""
        return images * self._deviation + self._mean

    def of_pixels(self, pixels: Tensor) -> Tensor:
        """Normalised images of pixels (B, C, H, W) in 0..1."""
        return (pixels - self._mean) / self._deviation


class Standardise(Normalise):
    """(x - mean) / std per column of features: (B, D, 1, 1) -> the same shape; mean and std in their units."""

    def __call__(self, images: Tensor) -> Tensor:
        """Standardised features; shapes as in the class's docstring."""
        return self.of_pixels(images.to(self.dtype))
