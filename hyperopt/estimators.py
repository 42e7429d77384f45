"""The estimators of `--hyper-opt`: how V, an inverse curvature of the training loss times a gradient, is found.

An estimator sees a training batch at the linear head, whose weight matrix is W (C, F), and maps the clean loss's
gradient there (C, F) to V (C, F). Only V's direction matters: the row optimiser hides its scale.
C: classes, F: features.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hyperopt.fisher import head_fisher_product, mean_eigenvalue
from hyperopt.hypergradient import HeadBatch
from hyperopt.solvers import conjugate_gradients, neumann_sum


@dataclass(frozen=True)
class HyperSettings:
    """How the hypergradient is estimated; the flags of the same names.

    opt: a name of `ESTIMATORS`. iters: terms of the series, or iterations. alpha: step of the Neumann series (HES).
    damping: share of the mean eigenvalue (FIS). valid: whether the clean gradient is of a `batch` or of the `full`
    validation set. steps: steps of the head before each hypergradient.
    """

    opt: str
    iters: int
    alpha: float | None = None
    damping: float | None = None
    valid: str = "batch"
    steps: int = 0


def hessian_direction(settings: HyperSettings, batch: HeadBatch, W: Tensor, clean: Tensor) -> Tensor:
    """HES, as published: a truncated Neumann series in the Hessian of the training loss."""
    return neumann_sum(batch.hessian(W), clean, settings.iters, settings.alpha)


def fisher_direction(settings: HyperSettings, batch: HeadBatch, W: Tensor, clean: Tensor) -> Tensor:
    """FIS: conjugate gradients in the damped Fisher matrix, which is positive definite for every loss.

    The matrix is divided by its mean eigenvalue, which falls by orders of magnitude as the network gets sure: left in,
    it would drive V's scale up faster than the row optimiser's running square follows. With a damping of 1, 30
    iterations come within 1e-4 of the dense solution, where 0.1 leaves 4 to 7 %. That takes float64: in float32 the
    conjugacy is lost to rounding before. Kronecker factors as preconditioner need fewer iterations, but save no time at
    64 features (`benchmarks.hypergradient`); their eigenvectors cost F^3 and make a GPU wait, which these do not.
    """
    probabilities = batch.logits(W).double().softmax(1)
    features, weight = batch.features.double(), batch.weight.double()
    scale = mean_eigenvalue(probabilities, features, weight).clamp(min=torch.finfo(W.dtype).tiny)
    return conjugate_gradients(
        lambda V: head_fisher_product(probabilities, features, weight, V) / scale + settings.damping * V,
        clean.double(),
        settings.iters,
    ).to(W.dtype)


Estimator = Callable[[HyperSettings, HeadBatch, Tensor, Tensor], Tensor]
ESTIMATORS: dict[str, Estimator] = {"HES": hessian_direction, "FIS": fisher_direction}
