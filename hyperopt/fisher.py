"""The Fisher matrix of the linear head, which is the Gauss-Newton matrix of the softmax cross-entropy there.

With class probabilities p = softmax(W h + b), features h and image weights w:

    G = mean_i w_i S_i (x) h_i h_i^T,     S_i = diag(p_i) - p_i p_i^T            (C F, C F)

(Martens 2014, arXiv 1412.1193, sections 8 and 9). It is positive semi-definite whatever the training loss, which the
Hessian of the symmetric KL divergence is not. B: images, C: classes, F: features.
"""

from torch import Tensor

from hyperopt.hypergradient import head_gradient
from hyperopt.losses import fisher_product


def head_fisher_product(probabilities: Tensor, features: Tensor, weight: Tensor, V: Tensor) -> Tensor:
    """G V (C, F). Args: probabilities (B, C), features (B, F), weight (B,), V (C, F)."""
    return head_gradient(fisher_product(probabilities, features @ V.T), features, weight)


def mean_eigenvalue(probabilities: Tensor, features: Tensor, weight: Tensor) -> Tensor:
    """Trace of G over its size C F, a scalar: the scale of the damping."""
    # p (1 - p) instead of 1 - p^2: where the network is sure, the latter is all rounding.
    traces = (probabilities * (1 - probabilities)).sum(1) * features.square().sum(1)
    return (weight * traces).mean() / (probabilities.shape[1] * features.shape[1])
