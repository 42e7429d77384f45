"""The hyper pass: one sweep over the training set that moves the rows, not the network."""

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat

import torch
from torch import Tensor
from tqdm import tqdm

from hyperopt.estimators import ESTIMATORS, HyperSettings
from hyperopt.hypergradient import HeadBatch, validation_gradient
from hyperopt.hyperparameters import Hyperparameters
from utils.passes import Batch, Batches, Network, refuse_non_finite

# Maps the head's weight matrix (C, F) to the gradient (C, F) of the clean validation loss there.
CleanGradient = Callable[[Tensor], Tensor]


def clean_features(network: Network, hyper: Hyperparameters, batches: Iterable[Batch]) -> tuple[Tensor, Tensor]:
    """Features (n, F) and labels (n,) of all clean images of `batches`, as a hyper pass sees them."""
    with torch.no_grad():
        pairs = [(network.features(hyper.view_validation(images)), labels) for images, labels, _ in batches]
    features, labels = map(torch.cat, zip(*pairs, strict=True))
    return features, labels


def clean_gradient(features: Tensor, labels: Tensor, bias: Tensor) -> CleanGradient:
    """The clean loss's gradient over images with these features (n, F) and labels (n,).

    What is kept are the features: the encoder rests during a hyper pass, the head moves with --hyper-steps.
    """
    return lambda W: validation_gradient(features @ W.T + bias, features, labels)


def gradients_of_batches(network: Network, hyper: Hyperparameters, batches: Batches) -> Iterator[CleanGradient]:
    """The clean gradient of each batch of clean images, for a step each."""
    return (clean_gradient(*clean_features(network, hyper, [batch]), network.head.bias) for batch in batches)


def gradients_of_all(
    network: Network, features: Tensor, labels: Tensor, settings: HyperSettings, count: int
) -> Iterator[CleanGradient]:
    """The clean gradient of all clean images, for `count` steps; where the head rests, it is computed once."""
    gradient = clean_gradient(features, labels, network.head.bias)
    if settings.steps == 0:
        at_head = gradient(network.head.weight)
        return repeat(lambda _: at_head, count)
    return repeat(gradient, count)


def hyper_step(
    network: Network,
    hyper: Hyperparameters,
    batch: Batch,
    clean: CleanGradient,
    settings: HyperSettings,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Hypergradient of one training batch against clean images, by the estimator that the settings name.

    Returns a gradient per table, shaped like the batch's rows.
    """
    images, _, index = batch
    rows = {name: row.requires_grad_() for name, row in hyper.gather(index).items()}
    # The graph begins at the rows: where no augmentation is learned, the encoder builds none.
    features = network.features(hyper.augment(images, rows, generator))
    at_head = HeadBatch(hyper.loss, features, hyper.target(index, rows), hyper.weight(index, rows), network.head.bias)

    with torch.no_grad():
        W = at_head.descend(network.head.weight, settings.steps)
        V = ESTIMATORS[settings.opt](settings, at_head, W, clean(W))
    scalar = at_head.surrogate(W, V)
    return dict(zip(rows, torch.autograd.grad(scalar, list(rows.values())), strict=True))


def hyper_pass(
    network: Network,
    hyper: Hyperparameters,
    batches: Batches,
    clean: Iterable[CleanGradient],
    settings: HyperSettings,
    learning_rate: Callable[[float], float],
    generator: torch.Generator,
) -> float:
    """Move the rows of every training batch once; return the learning rate of the last step.

    Raises DivergenceError when a hypergradient is not a number.

    Args:
        network: encoder and head at rest, whose weights take no gradient.
        batches: the training set, each image at most once.
        clean: the clean gradient of each step, as many as there are batches.
        settings: how the hypergradient is estimated.
        learning_rate: maps the share of the pass that is done, from 0 to below 1, to the rows' learning rate.
        generator: draws the augmentation.

    """
    bar = tqdm(batches, "hyper pass", leave=False, disable=None)
    sums = []
    for step, (batch, gradient) in enumerate(zip(bar, clean, strict=True)):
        rate = learning_rate(step / len(batches))
        gradients = hyper_step(network, hyper, batch, gradient, settings, generator)
        hyper.update(batch[2], gradients, rate)
        sums.append(sum(one.abs().sum() for one in gradients.values()))
    refuse_non_finite("hypergradient", sums, "--lr or --hyper-lr")
    return rate
