"""The warps of the learned augmentation by the names of `--warp`."""

from typing import Protocol

from torch import Tensor

from hyperopt.augmentation.warp import PaperWarp
from hyperopt.augmentation.warp_original import OriginalWarp


class Warp(Protocol):
    """What is done to pictures (B, C, H, W); both methods return as many of the same shape.

    moves_still: whether `still` changes anything.
    """

    moves_still: bool

    def __call__(self, images: Tensor, amounts: Tensor) -> Tensor:
        """Training images under their learned augmentation: amounts (B, 7) in units of the operations' ranges."""

    def still(self, images: Tensor) -> Tensor:
        """Training images of rows without one, and the validation images of a hyper pass."""


def make_warp(name: str, enlargement: int) -> Warp:
    """The warp of that name; `enlargement` is the recipe's, of the published code's pictures."""
    warps: dict[str, Warp] = {"paper": PaperWarp(), "original": OriginalWarp(enlargement)}
    return warps[name]
