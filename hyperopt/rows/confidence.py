"""What a training shows of the given label of every image: the network's confidence in it, and weights from that; and
how often the network forgets it.
"""

from typing import Any

import torch
from torch import Tensor

from utils.group import Group
from utils.passes import split_probability

TINY = torch.finfo(torch.float32).tiny


class MeanConfidence:
    """The probability that the network gives to each image's given label, averaged over the train passes.

    The probability of the most probable other label is averaged as well. Both cost only a softmax of the logits. A
    wrong label is learned late or never, so its mean stays low even if the last network has memorised it (Swayamdipta
    et al. 2020, arXiv 2009.10795, section 2). Forgetting is counted as well: the network predicts the given label at
    one visit of the image, and another one at its next visit (Toneva et al. 2019, arXiv 1812.05159, section 2).

    Args:
        given: the given labels of all N training images, (N,) int64, on the run's device.
        dtype: of the sums.

    """

    def __init__(self, given: Tensor, dtype: torch.dtype = torch.float32):
        self._given = given
        self._sum, self._other, self._count = (
            torch.zeros(len(given), dtype=dtype, device=given.device) for _ in range(3)
        )
        self._forgotten = torch.zeros_like(given)
        # At its last visit, and at any of them.
        self._right, self._learned = (torch.zeros_like(given, dtype=torch.bool) for _ in range(2))

    @torch.no_grad()
    def add(self, index: Tensor, logits: Tensor) -> None:
        """Add a training batch: the images `index` (B,), each at most once, with logits (B, C)."""
        given, other = split_probability(logits.softmax(1), self._given[index])
        self._sum[index] += given
        self._other[index] += other
        self._count[index] += 1
        right = logits.argmax(1) == self._given[index]
        self._forgotten[index] += self._right[index] & ~right
        self._right[index] = right
        self._learned[index] |= right

    def exchange(self, group: Group, before: Tensor) -> None:
        """Take over what the other processes of a group have seen in a pass, in which each image comes at most once.

        `before`: the count (N,) at the beginning of the pass.
        """
        if group.size == 1:
            return
        seen = self._count > before
        own = [torch.where(seen, values, 0).to(self._sum) for values in (seen, *self.state().values())]
        visited, *found = group.total(own)
        for mine, values in zip(self.state().values(), found, strict=True):
            mine.copy_(torch.where(visited > 0, values.to(mine), mine))

    @property
    def count(self) -> Tensor:
        """A copy of how many batches have had each image, (N,)."""
        return self._count.clone()

    def mean(self) -> Tensor:
        """The mean (N,) in 0..1; NaN for an image that no batch has had."""
        return self._sum / self._count

    def mean_other(self) -> Tensor:
        """The same for the most probable other label."""
        return self._other / self._count

    def forgetting(self) -> Tensor:
        """How often each label has been forgotten, (N,) int64; -1 for an image that no batch has had.

        A label that was never predicted counts as forgotten most often: with the largest number of visits of any image.
        No other label gets there, since at most every second visit forgets it.
        """
        visits = self._count.to(self._forgotten)
        counts = torch.where(self._learned, self._forgotten, visits.max())
        return torch.where(visits > 0, counts, -1)

    def state(self) -> dict[str, Any]:
        """The state, for `load`."""
        return {
            "sum": self._sum,
            "other": self._other,
            "count": self._count,
            "forgotten": self._forgotten,
            "right": self._right,
            "learned": self._learned,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a run on the same training set."""
        for name, mine in self.state().items():
            mine.copy_(state[name])


def lacks_other(state: Any) -> bool:
    """Whether a checkpoint's state is of an earlier version, without the probability of other labels."""
    return isinstance(state, dict) and state.keys() == {"sum", "count"}


def lacks_forgetting(state: Any) -> bool:
    """Whether a checkpoint's state is of an earlier version, without what is forgotten."""
    return lacks_other(state) or (isinstance(state, dict) and state.keys() == {"sum", "other", "count"})


def complete(state: dict[str, Any]) -> dict[str, Any]:
    """Complete the state of an earlier version.

    The other label gets all remaining probability, an upper bound; no label has been learned or forgotten so far.
    """
    other = {"other": state["count"] - state["sum"]} if lacks_other(state) else {}
    nothing = torch.zeros_like(state["count"], dtype=torch.bool)
    counts = {"forgotten": nothing.long(), "right": nothing, "learned": nothing}
    return state | other | counts


def relative_confidence(confidence: Tensor, given: Tensor) -> Tensor:
    """A factor (n,) of the weights in 0..1: an image's confidence over the highest in its given class (n,).

    A network is less confident in right labels of a rare class, which would otherwise lose most of its weight.
    """
    none = torch.zeros(int(given.max()) + 1, dtype=confidence.dtype)
    highest = none.scatter_reduce(0, given, confidence, "amax", include_self=True)
    return confidence / highest[given].clamp(min=TINY)
