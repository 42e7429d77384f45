"""What leaving out an image would do to a fitted logistic regression, and the image's loss and gradient at it.

Influence is I_i = c_i g_i^T H^-1 g_i: to first order, the increase of image i's own loss when the model is fitted
without it (Koh and Liang 2017, arXiv 1703.04730; Kuchnik and Smith 2019, arXiv 1810.05222). H is the Hessian of what
was minimised, with its penalty and weights. Approximate leave-one-out (ALO; Rad and Maleki 2020, arXiv 1801.10243) also
takes the image's own curvature out of H, so that it is right for images of high leverage, whose influence is much too
small.
n: images, F: features, C: classes, M: rows of the coordinates of `hyperopt.head.linear_model`.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import qr
from scipy.special import logsumexp, softmax

from hyperopt.head.curvature import Curvature, extended
from hyperopt.head.linear_model import Coordinates, LinearModel

# With a large C and many features, an image's leverage can be 1 within rounding, and its loss without it infinite.
MOST_LEVERAGE = 1 - 1e-9


class LeaveOneOut(NamedTuple):
    """Two estimates of the increase of an image's loss in a fit without it, (n,) each and at least 0."""

    influence: np.ndarray
    alo: np.ndarray


def losses(model: LinearModel, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The cross-entropies (n,) of features (n, F) with labels (n,)."""
    return _cross_entropy(model.logits(np.asarray(features, np.float64)), labels)


def gradient_norms(model: LinearModel, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The norms (n,) of the gradients of `losses` by weight and bias."""
    features = np.asarray(features, np.float64)
    residual = _residual(softmax(model.logits(features), axis=1), labels) @ Coordinates(model.present).basis
    return np.linalg.norm(residual, axis=1) * np.sqrt(np.square(features).sum(1) + 1)


def leave_one_out(
    model: LinearModel,
    features: np.ndarray,
    labels: np.ndarray,
    c: float,
    weights: np.ndarray | None = None,
    first: int | None = None,
    curvature: Curvature | None = None,
) -> LeaveOneOut:
    """Influence and ALO of the first images, in the Hessian of all.

    Args:
        model: the fit to all images with `c` and `weights` (`hyperopt.head.logistic.fit`).
        features: (n, F), of any float type; with more features than images, these are rotated to n that are not zero.
        labels: (n,).
        c: the inverse of the regularisation's strength.
        weights: c_i of the images, (n,) positive; 1 by default. An image is left out with its whole weight.
        first: the number of scored images, such as the originals before their copies; all by default.
        curvature: the factor of the Hessian at this very fit, if it has been computed.

    Raises:
        TooManyParametersError: the Hessian does not fit into memory.

    """
    features = np.asarray(features, np.float64)
    if features.shape[1] > len(features):
        model, features, curvature = *_in_row_space(model, features), None
    own = np.ones(len(features)) if weights is None else np.asarray(weights, np.float64)
    curvature = curvature or Curvature.of(model, features, c, weights)
    features, labels, own = features[:first], labels[:first], own[:first, None]
    blocks = _leverage_blocks(curvature, features)

    basis = Coordinates(model.present).basis
    logits = model.logits(features)
    probability = softmax(logits, axis=1)
    residual = _residual(probability, labels) @ basis
    step = np.einsum("imk,ik->im", blocks, residual)
    influence = own[:, 0] * np.einsum("im,im->i", residual, step)

    # Without image i: logits + c_i (1 - c_i B_i S_i)^-1 B_i r_i, with the image's own Hessian S_i at the logits.
    centred = basis - (probability @ basis)[:, None]
    own_hessian = np.einsum("ic,icm,ick->imk", probability, centred, centred, optimize=True)
    system = np.eye(len(basis.T)) - MOST_LEVERAGE * own[:, :, None] * (blocks @ own_hessian)
    left_out = logits + own * np.linalg.solve(system, step[:, :, None])[:, :, 0] @ basis.T
    alo = _cross_entropy(left_out, labels) - _cross_entropy(logits, labels)
    return LeaveOneOut(influence, alo.clip(0))


def _in_row_space(model: LinearModel, features: np.ndarray) -> tuple[LinearModel, np.ndarray]:
    """The same logits and penalty with features (n, n): the directions that no image has change nothing."""
    directions, coordinates = qr(features.T, mode="economic", check_finite=False)
    return LinearModel(model.weight @ directions, model.bias), coordinates.T


def _leverage_blocks(curvature: Curvature, features: np.ndarray) -> np.ndarray:
    """B_i = X_i^T H^-1 X_i, (n, M, M), where X_i (M (F + 1), M) has the image's features once per row.

    As (L^-1 X_i)^T (L^-1 X_i), which is never negative. A row of blocks of L^-1 at a time, so that only batches are in
    memory.
    """
    rows, size = curvature.shape
    inverse = curvature.inverse_factor()
    blocks = np.zeros((len(features), rows, rows))
    for row in range(rows):
        strip = inverse[row * size : (row + 1) * size]
        parts = [strip[:, column * size : (column + 1) * size].T.copy() for column in range(row + 1)]
        for places, batch in extended(features):
            images = np.stack([batch @ part for part in parts], 1)
            blocks[places, : row + 1, : row + 1] += images @ images.swapaxes(1, 2)
    return blocks


def _residual(probability: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The gradients (n, C) of the losses by the logits with these probabilities (n, C)."""
    residual = probability.copy()
    residual[np.arange(len(labels)), labels] -= 1
    return residual


def _cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return logsumexp(logits, axis=1) - logits[np.arange(len(labels)), labels]
