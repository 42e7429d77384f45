"""The warps of the learned augmentation by the names of `--warp`, and what applies rows of amounts to images."""

from typing import Protocol

import torch
from torch import Tensor

from hyperopt.augmentation.amounts import draw_amounts
from hyperopt.augmentation.warp import PaperWarp
from hyperopt.augmentation.warp_original import OriginalWarp


class Warp(Protocol):
    """A warp of pictures (B, C, H, W); both methods return pictures of the same shape.

    blurs_still: whether `still` changes pictures.
    """

    blurs_still: bool

    def __call__(self, images: Tensor, amounts: Tensor) -> Tensor:
        """Warp training images by amounts (B, 7), in units of the operations' ranges."""

    def still(self, images: Tensor) -> Tensor:
        """Pictures that are not moved: without learned augmentation, and the validation images of a hyper pass."""


class Effect(Protocol):
    """What the learned augmentation of rows does to normalised images (B, C, H, W)."""

    @property
    def blurs_still(self) -> bool:
        """Whether `still` changes images."""

    def __call__(self, images: Tensor, leaves: Tensor, draws: torch.Generator) -> Tensor:
        """Training images under their leaves (B or 1, k)."""

    def still(self, images: Tensor) -> Tensor:
        """Images without learned augmentation."""


class RandomAmounts:
    """The effect of rows of probabilities and magnitudes: a warp by amounts that are drawn from them."""

    def __init__(self, warp: Warp):
        self._warp = warp

    @property
    def blurs_still(self) -> bool:
        """Whether `still` changes images."""
        return self._warp.blurs_still

    def __call__(self, images: Tensor, leaves: Tensor, draws: torch.Generator) -> Tensor:
        """Training images under augmentation logits (B or 1, 2 K)."""
        return self._warp(images, draw_amounts(leaves, len(images), draws))

    def still(self, images: Tensor) -> Tensor:
        """Images without learned augmentation."""
        return self._warp.still(images)


def make_warp(name: str, enlargement: int) -> Warp:
    """The warp of that name; `enlargement` is the recipe's, for the warp of the published code."""
    warps: dict[str, Warp] = {"paper": PaperWarp(), "original": OriginalWarp(enlargement)}
    return warps[name]
