"""R, the rank of an image: its place in the order in which the training images are augmented.

With a budget of K images, the first K of the order are augmented and all others are not: Kuchnik and Smith, Efficient
Augmentation via Data Subsampling (arXiv 1810.05222) section 3. A rank has no gradient, so that it is no leaf.
"""

import torch
from torch import Tensor

from hyperopt.rows.letters import LETTERS, RANK

COLUMN = LETTERS[RANK]
LAST = torch.iinfo(torch.int64).max  # the rank of an image that is in no order, such as a clean one


class Order:
    """The ranks of all N training images of a table, and how many of the first ones are augmented.

    rank: (N,) int64, from 0. first: K; None if all images are augmented, whatever their rank.

    Args:
        images: N.
        first: K.
        device: of the run.

    """

    def __init__(self, images: int, first: int | None, device: torch.device):
        self.rank = torch.full((images,), LAST, device=device)
        self.first = first

    def fill(self, index: Tensor, rank: Tensor) -> None:
        """Replace the ranks of the images `index` (n,) by `rank` (n,) int64; either may be on any device."""
        self.rank[index.to(self.rank.device)] = rank.to(self.rank.device)

    def chosen(self, index: Tensor) -> Tensor | None:
        """A mask (B,) of the images `index` (B,) that are augmented; None if all of them are."""
        return None if self.first is None else self.rank[index] < self.first

    def columns(self, index: Tensor) -> dict[str, Tensor]:
        """The column of the images `index` (n,) on the host."""
        return {COLUMN: self.rank.cpu()[index.cpu()]}
