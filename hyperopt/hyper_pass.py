"""The hyper pass: one sweep over the training set that moves the rows, not the network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from hyperopt.hypergradient import descend_head, hessian_product, neumann_sum, surrogate, validation_gradient
from hyperopt.hyperparameters import Hyperparameters
from utils.passes import Batch, Batches


@dataclass(frozen=True)
class HyperSettings:
    """How the hypergradient is estimated; the flags of the same names."""

    iters: int
    alpha: float
    steps: int


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


def hyper_step(
    model: nn.Module,
    hyper: Hyperparameters,
    batch: Batch,
    valid: Batch,
    settings: HyperSettings,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Hypergradient of one training batch against one validation batch (HES: head Hessian, Neumann series).

    `model` must be frozen, with `encoder` and a linear `head`. Returns a gradient per table, shaped like the batch's
    rows.
    """
    images, _, index = batch
    W, bias = model.head.weight, model.head.bias
    with torch.no_grad():
        valid_features = model.encoder(hyper.view_validation(valid[0]))

    rows = {name: row.requires_grad_() for name, row in hyper.gather(index).items()}
    features = model.encoder(hyper.augment(images, rows, generator))
    target, weight = hyper.target(index, rows), hyper.weight(index, rows)

    with torch.no_grad():
        W = descend_head(hyper.loss, W, bias, target, features, weight, settings.steps)
        valid_logits = valid_features @ W.T + bias
        gradient = validation_gradient(valid_logits, valid_features, valid[1])
        logits = features @ W.T + bias
        V = neumann_sum(
            lambda V: hessian_product(hyper.loss, logits, target, features, weight, V),
            gradient,
            settings.iters,
            settings.alpha,
        )
    scalar = surrogate(hyper.loss, features @ W.T + bias, target, features, weight, V)
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

    Args:
        model: encoder and head; left as it was, in mode and weights.
        batches: the training set, each image at most once.
        valid_batches: clean images, as many batches.
        learning_rate: maps the share of the pass that is done, from 0 to below 1, to the rows' learning rate.
        generator: draws the augmentation.

    """
    bar = tqdm(batches, "hyper pass", leave=False, disable=None)
    with frozen(model):
        for step, (batch, valid) in enumerate(zip(bar, valid_batches, strict=True)):
            rate = learning_rate(step / len(batches))
            hyper.update(batch[2], hyper_step(model, hyper, batch, valid, settings, generator), rate)
    return rate
