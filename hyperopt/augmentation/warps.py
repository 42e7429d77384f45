"""The warps of the learned augmentation by the names of `--warp`."""

from typing import Protocol

from torch import Tensor

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


def make_warp(name: str, enlargement: int) -> Warp:
    """The warp of that name; `enlargement` is the recipe's, for the warp of the published code."""
    warps: dict[str, Warp] = {"paper": PaperWarp(), "original": OriginalWarp(enlargement)}
    return warps[name]
