"""Random numbers for the images of a batch, drawn on the host for the whole batch and cut to this process's share.

So one seed is one result for every number of processes. Other generators of torch have no share: they draw for the
images that there are.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from utils.share import ALL, Share


class Draws(torch.Generator):
    """A CPU generator of numbers for images. `share` is that of the batch that they are for, and set before it."""

    share = ALL

    def __deepcopy__(self, memo: dict[int, object]) -> "Draws":
        """A copy with the same state; torch's own would have no share."""
        found = Draws()
        found.set_state(self.get_state())
        found.share = self.share
        return found


def share_of(generator: torch.Generator) -> Share:
    """The share of the batch that a generator draws for."""
    return generator.share if isinstance(generator, Draws) else ALL


def uniform(shape: Sequence[int], generator: torch.Generator, images: int = 0) -> Tensor:
    """Numbers in 0..1, float32, of this process's shape, in which images are along the axis `images`."""
    whole, share = _whole(shape, generator, images)
    return share.cut(torch.rand(whole, generator=generator), images)


def normal(shape: Sequence[int], generator: torch.Generator, images: int = 0) -> Tensor:
    """The same, of the standard normal distribution."""
    whole, share = _whole(shape, generator, images)
    return share.cut(torch.randn(whole, generator=generator), images)


def integers(low: int, high: int, shape: Sequence[int], generator: torch.Generator, images: int = 0) -> Tensor:
    """The same, whole numbers from low to high - 1."""
    whole, share = _whole(shape, generator, images)
    return share.cut(torch.randint(low, high, whole, generator=generator), images)


def _whole(shape: Sequence[int], generator: torch.Generator, images: int) -> tuple[list[int], Share]:
    """The shape for the whole batch."""
    share, whole = share_of(generator), list(shape)
    if not share.alone:
        if whole[images] != share.among(share.whole):
            raise ValueError(f"numbers for {whole[images]} images, but the share of the batch has others")
        whole[images] = share.whole
    return whole, share
