"""The hyper pass: one pass over the training set that moves the rows, not the network."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import repeat

import torch
from torch import Tensor, nn
from tqdm import tqdm

from hyperopt.estimators.training import Training
from hyperopt.head.hypergradient import HeadBatch, validation_gradient
from hyperopt.rows.rows import Leaves
from utils.passes import Batch, Batches, View, refuse_non_finite

# Maps the head's weight matrix (C, F) to the gradient (C, F) of the clean validation loss there.
CleanGradient = Callable[[Tensor], Tensor]
# Finds V (C, F) for a training batch at the head, the head's weight matrix and the clean gradient there, (C, F) each.
Direction = Callable[[HeadBatch, Tensor, Tensor], Tensor]


@torch.no_grad()
def clean_features(training: Training, batches: Iterable[Batch], view: View) -> tuple[Tensor, Tensor]:
    """Features (n, F) and labels (n,) of all clean images of `batches`, in the view of a hyper pass."""
    rows, network = training.rows, training.frozen
    found = []
    for batch in batches:
        features = network.features(rows.still(training.seen(batch, view)))
        found.append(batch.share.join_all((features, batch.given)))
    features, labels = map(torch.cat, zip(*found, strict=True))
    return features, labels


def clean_gradient(features: Tensor, labels: Tensor, bias: Tensor) -> CleanGradient:
    """The gradient of the loss on clean images with these features (n, F) and labels (n,).

    The features are computed once: during a hyper pass the encoder is fixed, while --hyper-steps move the head.
    """
    return lambda W: validation_gradient(features @ W.T + bias, features, labels)


def gradients_of_batches(training: Training, batches: Batches) -> Iterator[CleanGradient]:
    """The clean gradient of each batch of clean images, one per step."""
    bias = training.frozen.head.bias
    return (clean_gradient(*clean_features(training, [batch], training.views.clean), bias) for batch in batches)


def gradients_of_all(
    head: nn.Linear, features: Tensor, labels: Tensor, head_is_fixed: bool, count: int
) -> Iterator[CleanGradient]:
    """The clean gradient of all clean images, for `count` steps; if the head is fixed, it is computed once."""
    gradient = clean_gradient(features, labels, head.bias)
    if head_is_fixed:
        at_head = gradient(head.weight)
        return repeat(lambda _: at_head, count)
    return repeat(gradient, count)


def hyper_step(training: Training, batch: Batch, clean: CleanGradient, direction: Direction, steps: int) -> Leaves:
    """Hypergradient of one training batch, in its training view, against clean images.

    Returns a gradient per part, shaped like the batch's leaves. `steps`: of the head, before the hypergradient.
    Several processes gather the batch at the head, solve the same system, and differentiate their own images.
    """
    rows, network, share = training.rows, training.frozen, batch.share
    leaves = {letter: leaf.requires_grad_() for letter, leaf in rows.leaves(batch.index, share).items()}
    # The graph begins at the leaves: without a learned augmentation the encoder builds none.
    training.draws.share = share
    features = network.features(rows.augment(batch.images, batch.index, leaves, training.draws))
    target, weight = rows.target(batch.index, leaves), rows.weight(batch.index, leaves)
    features, target, weight = share.join_all((features, target, weight))
    at_head = HeadBatch(rows.training_loss, features, target, weight, network.head.bias)

    with torch.no_grad():
        W = at_head.descend(network.head.weight, steps)
        V = direction(at_head, W, clean(W))
    scalar = at_head.surrogate(W, V)
    return dict(zip(leaves, torch.autograd.grad(scalar, list(leaves.values())), strict=True))


def hyper_pass(
    training: Training,
    batches: Batches,
    clean: Iterable[CleanGradient],
    direction: Direction,
    steps: int,
    learning_rate: Callable[[float], float],
) -> float:
    """Move the rows of every training batch once; return the learning rate of the last step.

    Raises DivergenceError when a hypergradient is not a number.

    Args:
        training: its rows move, its network is fixed.
        batches: the training set, each image at most once.
        clean: the clean gradient of each step, as many as there are batches.
        direction: computes V.
        steps: of the head before each hypergradient.
        learning_rate: maps the share of the pass that is done, from 0 to below 1, to the rows' learning rate.

    """
    bar = tqdm(_seen(batches, training.strong), "hyper pass", len(batches), leave=False, disable=None)
    rate, sums = 0.0, []
    for step, (batch, gradient) in enumerate(zip(bar, clean, strict=True)):
        rate = learning_rate(step / len(batches))
        gradients = hyper_step(training, batch, gradient, direction, steps)
        training.rows.move(batch.index, gradients, rate, batch.share)
        sums.append(torch.stack([one.abs().sum() for one in gradients.values()]).sum())
    refuse_non_finite("hypergradient", training.group.total(sums), training.rows.rate_flags)
    return rate


def _seen(batches: Batches, view: Callable[[Batch], Tensor]) -> Iterator[Batch]:
    """The batches in their training view, which is drawn before the clean images of the same step."""
    return (replace(batch, images=view(batch)) for batch in batches)
