"""Solvers of (G + damping I) V = g for the head: V and g are (C, F), G is given by its products.

A product maps (C, F) to (C, F) and is symmetric and positive (semi-)definite in the C F entries. The iterations never
read from the device, so that they do not wait for a GPU. C: classes, F: features.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]


def neumann_sum(product: Product, gradient: Tensor, terms: int, alpha: float) -> Tensor:
    """Sum of v_0 .. v_terms with v_0 = gradient and v_{j+1} = v_j - alpha H v_j.

    This is H^-1 gradient / alpha truncated after `terms` steps (Lorraine et al. 2020, arXiv 1911.02590, alg. 3): as in
    the published code the sum is not multiplied by alpha, since the row optimiser hides the scale. `product` maps
    (C, F) to H times it.
    """
    term = total = gradient
    for _ in range(terms):
        term = term - alpha * product(term)
        total = total + term
    return total


def conjugate_gradients(
    product: Product, gradient: Tensor, iterations: int, precondition: Product | None = None
) -> Tensor:
    """Approximate solution V (C, F) of product(V) = gradient from V = 0 (Hestenes and Stiefel 1952).

    The number of iterations is fixed, since a stopping rule would read the residual from the device. Once the residual
    is exactly zero (for a zero gradient, from the start), V no longer changes.

    Args:
        product: the positive definite matrix.
        gradient: the right-hand side, (C, F).
        iterations: number of products.
        precondition: an approximation of the inverse, also positive definite.

    """
    precondition = precondition or (lambda residual: residual)
    V, residual = torch.zeros_like(gradient), gradient
    direction = precondition(residual)
    slope = (residual * direction).sum()
    for _ in range(iterations):
        image = product(direction)
        step = _ratio(slope, (direction * image).sum())
        V = V + step * direction
        residual = residual - step * image
        preconditioned = precondition(residual)
        previous, slope = slope, (residual * preconditioned).sum()
        direction = preconditioned + _ratio(slope, previous) * direction
    return V


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient of two non-negative scalars; 0 for 0 / 0."""
    return torch.where(denominator > 0, numerator / denominator, 0)
