"""The train pass and the evaluation."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from utils.errors import DivergenceError

Batch = tuple[Tensor, Tensor, Tensor]  # images (B, C, H, W), labels (B,), index (B,)


class Batches(Protocol):
    """A known number of batches."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Batch]: ...


def train_pass(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    loss_of: Callable[[Batch], Tensor],
    learning_rate: Callable[[float], float],
    log_interval: int,
) -> float:
    """One epoch of training; returns the mean loss of its batches.

    Raises DivergenceError when a loss is not a number.

    Args:
        loss_of: maps a batch to its loss (scalar).
        learning_rate: maps the share of the pass that is done, from 0 to below 1, to the learning rate.
        log_interval: the progress bar shows the mean loss so far every so many steps. These are the only reads from the
            device within the pass.

    """
    model.train()
    total, losses = 0.0, []
    bar = tqdm(batches, "train pass", leave=False, disable=None)
    for step, batch in enumerate(bar):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step / len(batches))
        loss = loss_of(batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        total = total + losses[-1]
        if (step + 1) % log_interval == 0:
            bar.set_postfix(loss=f"{total.item() / (step + 1):.4f}")
    refuse_non_finite("training loss", losses, "--lr")
    return total.item() / len(batches)


def refuse_non_finite(what: str, values: Iterable[Tensor], flag_names: str) -> None:
    """Raise DivergenceError with the first step whose value is not a number; one read from the device."""
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
    """A classifier at rest: features (B, F) of images, and the linear head that makes logits (B, C) of them."""

    head: nn.Module

    def features(self, images: Tensor) -> Tensor:
        """Of normalised images (B, channels, H, W)."""


@dataclass(frozen=True)
class Outputs:
    """What a network makes of images: their features (n, F), labels and most probable classes, both int64 (n,)."""

    features: Tensor
    labels: Tensor
    predicted: Tensor


class Seen:
    """Collects the outputs of an evaluation for whoever needs them afterwards."""

    def __init__(self) -> None:
        self._parts: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, features: Tensor, labels: Tensor, logits: Tensor) -> None:
        """A batch's features (B, F), labels (B,) and logits (B, C)."""
        self._parts.append((features, labels, logits.argmax(1)))

    def outputs(self) -> Outputs:
        """Those of all batches, in their order."""
        return Outputs(*map(torch.cat, zip(*self._parts, strict=True)))


def mean_per_class(evaluations: Sequence[Evaluation]) -> list[float | None]:
    """The accuracy per class, averaged over evaluations of the same images."""
    by_class = zip(*(evaluation.per_class for evaluation in evaluations), strict=True)
    return [None if None in accuracies else statistics.fmean(accuracies) for accuracies in by_class]


@torch.inference_mode()
def evaluate(network: Network, batches: Iterable[Batch], classes: int, seen: Seen | None = None) -> Evaluation:
    """Evaluate a classifier at rest on batches of clean images; `seen` takes what it makes of them."""
    sums = None  # per class: images, correct ones, loss
    for images, labels, _ in batches:
        features = network.features(images)
        logits = network.head(features)
        if seen:
            seen.add(features, labels, logits)
        if sums is None:
            sums = torch.zeros(3, classes, dtype=torch.float64, device=logits.device)
        loss = F.cross_entropy(logits, labels, reduction="none")
        correct = logits.argmax(1) == labels
        sums.index_add_(1, labels, torch.stack((torch.ones_like(loss), correct.to(loss), loss)).double())
    count, correct, loss = sums.tolist()
    return Evaluation(
        loss=sum(loss) / sum(count),
        accuracy=100 * sum(correct) / sum(count),
        per_class=[100 * c / n if n else None for c, n in zip(correct, count, strict=True)],
    )
