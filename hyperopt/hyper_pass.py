"""The hyper pass: one sweep over the training set that moves the rows, not the network."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import repeat

import torch
from torch import Tensor, nn
from tqdm import tqdm

from hyperopt.estimators import ESTIMATORS, HyperSettings
from hyperopt.hypergradient import HeadBatch, validation_gradient
from hyperopt.hyperparameters import Hyperparameters
from utils.passes import Batch, Batches, refuse_non_finite

# Maps the head's weight matrix (C, F) to the gradient (C, F) of the clean validation loss there.
CleanGradient = Callable[[Tensor], Tensor]


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients for weights, both put back at the end."""
    training, wanted = model.training, [p.requires_grad for p in model.parameters()]
    model.eval().requires_grad_(False)
    try:
        yield
    finally:
        model.train(training)
        for parameter, flag in zip(model.parameters(), wanted, strict=True):
            parameter.requires_grad_(flag)


def clean_gradient(model: nn.Module, hyper: Hyperparameters, batches: Iterable[Batch]) -> CleanGradient:
    """The clean loss's gradient over all images of `batches` together; `model` must be frozen.

    What is kept are the features (n, F): the encoder rests during a hyper pass, the head moves with --hyper-steps.
    """
    with torch.no_grad():
        pairs = [(model.features(hyper.view_validation(images)), labels) for images, labels, _ in batches]
    features, labels = map(torch.cat, zip(*pairs, strict=True))
    return lambda W: validation_gradient(features @ W.T + model.head.bias, features, labels)


def clean_gradients(
    model: nn.Module, hyper: Hyperparameters, batches: Batches, settings: HyperSettings, count: int
) -> Iterator[CleanGradient]:
    """The clean gradient of each of the `count` steps of a hyper pass: of a batch, or again and again of all."""
    if settings.valid == "batch":
        return (clean_gradient(model, hyper, [batch]) for batch in batches)
    gradient = clean_gradient(model, hyper, batches)
    if settings.steps == 0:
        at_head = gradient(model.head.weight)
        return repeat(lambda _: at_head, count)
    return repeat(gradient, count)


def hyper_step(
    model: nn.Module,
    hyper: Hyperparameters,
    batch: Batch,
    clean: CleanGradient,
    settings: HyperSettings,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Hypergradient of one training batch against clean images, by the estimator that the settings name.

    `model` must be frozen, with `encoder` and a linear `head`. Returns a gradient per table, shaped like the batch's
    rows.
    """
    images, _, index = batch
    rows = {name: row.requires_grad_() for name, row in hyper.gather(index).items()}
    # The graph begins at the rows: where no augmentation is learned, the encoder builds none.
    features = model.features(hyper.augment(images, rows, generator))
    at_head = HeadBatch(hyper.loss, features, hyper.target(index, rows), hyper.weight(index, rows), model.head.bias)

    with torch.no_grad():
        W = at_head.descend(model.head.weight, settings.steps)
        V = ESTIMATORS[settings.opt](settings, at_head, W, clean(W))
    scalar = at_head.surrogate(W, V)
    return dict(zip(rows, torch.autograd.grad(scalar, list(rows.values())), strict=True))


def hyper_pass(
    model: nn.Module,
    hyper: Hyperparameters,
    batches: Batches,
    valid_batches: Batches,
    settings: HyperSettings,
    learning_rate: Callable[[float], float],
    generator: torch.Generator,
) -> float:
    """Move the rows of every training batch once; return the learning rate of the last step.

    Raises DivergenceError when a hypergradient is not a number.

    Args:
        model: encoder and head; left as it was, in mode and weights.
        batches: the training set, each image at most once.
        valid_batches: clean images: a batch per training batch, or with `valid="full"` the whole set once.
        settings: how the hypergradient is estimated.
        learning_rate: maps the share of the pass that is done, from 0 to below 1, to the rows' learning rate.
        generator: draws the augmentation.

    """
    bar = tqdm(batches, "hyper pass", leave=False, disable=None)
    sums = []
    with frozen(model):
        clean = clean_gradients(model, hyper, valid_batches, settings, len(batches))
        for step, (batch, gradient) in enumerate(zip(bar, clean, strict=True)):
            rate = learning_rate(step / len(batches))
            gradients = hyper_step(model, hyper, batch, gradient, settings, generator)
            hyper.update(batch[2], gradients, rate)
            sums.append(sum(one.abs().sum() for one in gradients.values()))
    refuse_non_finite("hypergradient", sums, "--lr or --hyper-lr")
    return rate
