"""The train pass and the evaluation."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from utils.errors import DivergenceError
from utils.group import ALONE, Group
from utils.share import ALL, Share

View = Callable[[Tensor], Tensor]  # maps stored images uint8 (B, C, H, W) to what a network sees, floats


@dataclass(frozen=True)
class Batch:
    """Stored images uint8 (B, C, H, W), their labels and their places in the table, both int64 (B,).

    Training images come with their given labels, never with the true ones. If several processes train the run, they are
    this one's share of the batch.
    """

    images: Tensor
    given: Tensor
    index: Tensor
    share: Share = ALL

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.images, self.given, self.index))

    @property
    def whole(self) -> int:
        """Number of images of the whole batch."""
        return len(self.given) if self.share.alone else self.share.whole

    def split(self, count: int) -> tuple["Batch", "Batch"]:
        """The whole batch's first `count` images, and the others."""
        own, shares = self.share.among(count), replace(self.share, whole=self.whole).split(count)
        halves = slice(own), slice(own, None)
        first, rest = (
            Batch(self.images[half], self.given[half], self.index[half], share)
            for half, share in zip(halves, shares, strict=True)
        )
        return first, rest


class Batches(Protocol):
    """A known number of batches, which the processes of a group share."""

    @property
    def group(self) -> Group:
        """These processes."""
        ...

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Batch]: ...


def train_pass(
    batches: Batches,
    step: Callable[[Batch], Tensor],
    set_rate: Callable[[float], None],
    log_interval: int,
) -> float:
    """One epoch of training; returns the mean loss of its batches.

    Raises DivergenceError when a loss is not a number.

    Args:
        batches: of the training set.
        step: trains the network on a batch and returns the whole batch's loss (scalar).
        set_rate: called before each step with the share of the pass that is done, from 0 to below 1.
        log_interval: number of steps between two updates of the mean loss in the progress bar, which are the only reads
            from the device within the pass.

    """
    losses: list[Tensor] = []
    total = torch.zeros(())
    bar = tqdm(batches, "train pass", leave=False, disable=None)
    for number, batch in enumerate(bar):
        set_rate(number / len(batches))
        losses.append(step(batch).detach())
        total = total + losses[-1] if number else losses[-1]
        if (number + 1) % log_interval == 0:
            bar.set_postfix(loss=f"{total.item() / (number + 1):.4f}")
    refuse_non_finite("training loss", losses, "--lr")
    return total.item() / len(batches)


def refuse_non_finite(what: str, values: Iterable[Tensor], flag_names: str) -> None:
    """Raise DivergenceError that names the first step whose value is not a number; reads from the device once."""
    wrong = torch.stack([~value.isfinite().all() for value in values]).nonzero()
    if len(wrong):
        advice = f"start over with --fresh and a lower {flag_names}"
        raise DivergenceError(f"the {what} of step {wrong[0].item() + 1} is not a number; {advice}")


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy in nats, accuracy and accuracy per class in percent (None for a class without images)."""

    loss: float
    accuracy: float
    per_class: list[float | None]


class Network(Protocol):
    """A classifier in evaluation mode: the features (B, F) of images, and the linear head that maps them to logits."""

    @property
    def head(self) -> nn.Linear:
        """Maps features to logits."""
        ...

    def features(self, images: Tensor) -> Tensor:
        """Features (B, F) of normalised images (B, channels, H, W)."""


@dataclass(frozen=True)
class Outputs:
    """A network's outputs for n images: features (n, F), labels and most probable classes, both int64 (n,)."""

    features: Tensor
    labels: Tensor
    predicted: Tensor


class OutputCollector:
    """Collects the outputs of an evaluation for later use."""

    def __init__(self) -> None:
        self._parts: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, features: Tensor, labels: Tensor, logits: Tensor) -> None:
        """Add a batch's features (B, F), labels (B,) and logits (B, C)."""
        self._parts.append((features, labels, logits.argmax(1)))

    def outputs(self) -> Outputs:
        """The outputs of all batches, in their order."""
        return Outputs(*map(torch.cat, zip(*self._parts, strict=True)))


def mean_per_class(evaluations: Sequence[Evaluation]) -> list[float | None]:
    """The accuracy per class, averaged over evaluations of the same images."""
    by_class = zip(*(evaluation.per_class for evaluation in evaluations), strict=True)
    return [None if None in accuracies else statistics.fmean(accuracies) for accuracies in by_class]


def evaluation_of(logits: Tensor, labels: Tensor, classes: int) -> Evaluation:
    """The evaluation of logits (n, C) for images with labels (n,)."""
    sums = _no_images(classes, logits.device)
    _add_images(sums, logits, labels)
    return _summarise(sums.tolist())


@torch.inference_mode()
def evaluate(
    network: Network,
    batches: Iterable[Batch],
    view: View,
    classes: int,
    collector: OutputCollector | None = None,
    group: Group = ALONE,
) -> Evaluation:
    """Evaluate a classifier in evaluation mode on batches of clean images; `collector` gets the outputs.

    Each process of the group evaluates its share of every batch; all get the outputs and figures of all images.
    """
    sums = _no_images(classes, network.head.weight.device)
    for batch in batches:
        features = network.features(view(batch.images))
        logits = network.head(features)
        if collector:
            collector.add(*batch.share.join_all((features, batch.given, logits)))
        _add_images(sums, logits, batch.given)
    (sums,) = group.total([sums])
    return _summarise(sums.tolist())


def _no_images(classes: int, device: torch.device) -> Tensor:
    """Sums per class (3, C): images, correct ones, loss."""
    return torch.zeros(3, classes, dtype=torch.float64, device=device)


def _add_images(sums: Tensor, logits: Tensor, labels: Tensor) -> None:
    """Add images with logits (B, C) to these sums."""
    loss = F.cross_entropy(logits, labels, reduction="none")
    correct = logits.argmax(1) == labels
    sums.index_add_(1, labels, torch.stack((torch.ones_like(loss), correct.to(loss), loss)).double())


def _summarise(sums: list[list[float]]) -> Evaluation:
    count, correct, loss = sums
    return Evaluation(
        loss=sum(loss) / sum(count),
        accuracy=100 * sum(correct) / sum(count),
        per_class=[100 * c / n if n else None for c, n in zip(correct, count, strict=True)],
    )


def split_probability(probabilities: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
    """The probability of the given label and of the most probable other label, (B,) each.

    Args: probabilities (B, C), given (B,).
    """
    given = given[:, None]
    return probabilities.gather(1, given)[:, 0], probabilities.scatter(1, given, 0).amax(1)
