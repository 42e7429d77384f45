"""Kronecker factors of the head's Fisher matrix, as a solver and as a preconditioner of conjugate gradients.

FIS does not use them: at 64 features they need fewer iterations but save no time. B: images, C: classes, F: features.
"""

import torch
from torch import Tensor

from hyperopt.head.hypergradient import head_gradient
from hyperopt.head.solvers import Product


def kronecker_factors(probabilities: Tensor, features: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Factors S (C, C) and A (F, F) with G close to S (x) A (K-FAC; Martens and Grosse 2015, arXiv 1503.05671).

    A = mean_i w_i h_i h_i^T has the scale of the weights; S is the weighted mean of S_i, so that weights count once.
    The product is exact if all images with a weight have the same probabilities, or the same features.
    """
    shares = weight / weight.sum()
    S = (shares @ probabilities).diag() - (shares[:, None] * probabilities).T @ probabilities
    return S, head_gradient(features, features, weight)


def kronecker_inverse(left: Tensor, right: Tensor, damping: Tensor | float) -> Product:
    """Exact products with (left (x) right + damping I)^-1, from the eigenvectors of the two factors.

    Args: left (C, C) and right (F, F), symmetric and positive semi-definite; damping above zero. The Kronecker product
    acts on V (C, F) as left V right.
    """
    left_values, left_vectors = torch.linalg.eigh(left)
    right_values, right_vectors = torch.linalg.eigh(right)
    # Rounding can make eigenvalues of zero slightly negative, by more than a small damping.
    values = left_values.clamp(min=0)[:, None] * right_values.clamp(min=0) + damping

    def inverse(gradient: Tensor) -> Tensor:
        return left_vectors @ (left_vectors.T @ gradient @ right_vectors / values) @ right_vectors.T

    return inverse
