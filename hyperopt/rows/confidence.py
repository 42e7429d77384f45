"""A network's confidence in the given label of every training image during the training, and weights from it."""

from typing import Any

import torch
from torch import Tensor

from utils.passes import split_probability

TINY = torch.finfo(torch.float32).tiny


class MeanConfidence:
    """The probability that the network gives to each image's given label, averaged over the train passes.

    The probability of the most probable other label is averaged as well. Both cost only a softmax of the logits. A
    wrong label is learned late or never, so its mean stays low even if the last network has memorised it (Swayamdipta
    et al. 2020, arXiv 2009.10795, section 2).

    Args:
        given: the given labels of all N training images, (N,) int64, on the run's device.

    """

    def __init__(self, given: Tensor):
        self._given = given
        self._sum, self._other, self._count = (torch.zeros(len(given), device=given.device) for _ in range(3))

    @torch.no_grad()
    def add(self, index: Tensor, logits: Tensor) -> None:
        """Add a training batch: the images `index` (B,), each at most once, with logits (B, C)."""
        given, other = split_probability(logits.softmax(1), self._given[index])
        self._sum[index] += given
        self._other[index] += other
        self._count[index] += 1

    def mean(self) -> Tensor:
        """The mean (N,) in 0..1; NaN for an image that no batch has had."""
        return self._sum / self._count

    def mean_other(self) -> Tensor:
        """The same for the most probable other label."""
        return self._other / self._count

    def state(self) -> dict[str, Any]:
        """The state, for `load`."""
        return {"sum": self._sum, "other": self._other, "count": self._count}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a run on the same training set."""
        self._sum.copy_(state["sum"])
        self._other.copy_(state["other"])
        self._count.copy_(state["count"])


def lacks_other(state: Any) -> bool:
    """Whether a checkpoint's state is of an earlier version, without the probability of other labels."""
    return isinstance(state, dict) and state.keys() == {"sum", "count"}


def complete(state: dict[str, Any]) -> dict[str, Any]:
    """Complete the state of an earlier version: the other label gets all remaining probability, an upper bound."""
    return state | {"other": state["count"] - state["sum"]}


def relative_confidence(confidence: Tensor, given: Tensor) -> Tensor:
    """A factor (n,) of the weights in 0..1: an image's confidence over the highest in its given class (n,).

    A network is less confident in right labels of a rare class, which would otherwise lose most of its weight.
    """
    highest = torch.zeros(int(given.max()) + 1).scatter_reduce(0, given, confidence, "amax", include_self=True)
    return confidence / highest[given].clamp(min=TINY)
