"""The Fisher matrix of the linear head, which is the Gauss-Newton matrix of the softmax cross-entropy there.

With class probabilities p = softmax(W h + b), features h and image weights w:

    G = mean_i w_i S_i (x) h_i h_i^T,     S_i = diag(p_i) - p_i p_i^T            (C F, C F)

(Martens 2014, arXiv 1412.1193, sections 8 and 9). It is positive semi-definite whatever the training loss, which the
Hessian of the symmetric KL divergence is not. B: images, C: classes, F: features.
"""

import torch
from torch import Tensor

from hyperopt.head.hypergradient import HeadBatch, head_gradient
from hyperopt.head.losses import fisher_product
from hyperopt.head.solvers import conjugate_gradients


def head_fisher_product(probabilities: Tensor, features: Tensor, weight: Tensor, V: Tensor) -> Tensor:
    """G V (C, F). Args: probabilities (B, C), features (B, F), weight (B,), V (C, F)."""
    return head_gradient(fisher_product(probabilities, features @ V.T), features, weight)


def mean_eigenvalue(probabilities: Tensor, features: Tensor, weight: Tensor) -> Tensor:
    """Trace of G over its size C F, a scalar: the scale of the damping."""
    # p (1 - p) instead of 1 - p^2, which is only rounding where the network is sure.
    traces = (probabilities * (1 - probabilities)).sum(1) * features.square().sum(1)
    return (weight * traces).mean() / (probabilities.shape[1] * features.shape[1])


def fisher_direction(batch: HeadBatch, W: Tensor, clean: Tensor, iterations: int, damping: float) -> Tensor:
    """V (C, F) with (G / scale + damping) V = clean: conjugate gradients in the damped Fisher matrix at W (C, F).

    The matrix is divided by its mean eigenvalue, which falls by orders of magnitude as the network becomes sure.
    Without that, V would grow faster than the row optimiser's running square can follow. With a damping of 1, 30
    iterations come within 1e-4 of the dense solution; with 0.1 the error is 4 to 7 %. This needs float64: in float32,
    rounding destroys the conjugacy before that. Kronecker factors as preconditioner need fewer iterations, but save no
    time at 64 features (`benchmarks.hypergradient`). Their eigenvectors cost F^3 and make a GPU wait.
    """
    probabilities = batch.logits(W).double().softmax(1)
    features, weight = batch.features.double(), batch.weight.double()
    scale = mean_eigenvalue(probabilities, features, weight).clamp(min=torch.finfo(W.dtype).tiny)
    return conjugate_gradients(
        lambda V: head_fisher_product(probabilities, features, weight, V) / scale + damping * V,
        clean.double(),
        iterations,
    ).to(W.dtype)
