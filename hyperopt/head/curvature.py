"""The Hessian of a regularised logistic loss at a linear model: sum_i c_i loss_i + |W|^2 / (2 C).

It is taken in the coordinates of `hyperopt.head.linear_model`, where it is positive definite. With the probabilities p,
basis rows q and the image's features x~, to which a one is appended for the bias, it is exactly

    sum over classes k < l of (q_k - q_l) (q_k - q_l)^T (x) sum_i c_i p_ik p_il x~_i x~_i^T,  plus 1 / C of the weight.

So it is made of Gram matrices with positive weights. n: images, F: features, C: classes, M: rows of the coordinates.
"""

from collections.abc import Iterator

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, lapack
from scipy.special import softmax

from hyperopt.head.linear_model import Coordinates, LinearModel

BATCH = 1024  # images whose scaled features are in memory, and mostly in the cache
MOST_PARAMETERS = 20_000  # of a dense Hessian, which then has 3 GB


class TooManyParametersError(ValueError):
    """A dense Hessian would not fit into memory."""


def extended(features: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Batches of features with a one for the bias, (B, F + 1) each, and their places."""
    for start in range(0, len(features), BATCH):
        batch = features[start : start + BATCH]
        yield slice(start, start + BATCH), np.column_stack((batch, np.ones(len(batch))))


def weighted_grams(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sums over the images of weight x~ x~^T, (P, F + 1, F + 1), for non-negative weights (n, P)."""
    size = features.shape[1] + 1
    grams, roots = np.zeros((weights.shape[1], size, size)), np.sqrt(weights)
    for places, batch in extended(features):
        for gram, root in zip(grams, roots[places].T, strict=True):
            scaled = batch * root[:, None]
            gram += scaled.T @ scaled
    return grams


def add_penalty(hessian: np.ndarray, rows: int, c: float) -> np.ndarray:
    """Add 1 / C to the diagonal at the weights, in place; biases are the last of each of the rows."""
    diagonal = np.einsum("ii->i", hessian).reshape(rows, -1)
    diagonal[:, :-1] += 1 / c
    return hessian


def dense_hessian(model: LinearModel, features: np.ndarray, c: float, weights: np.ndarray | None = None) -> np.ndarray:
    """The Hessian (M (F + 1), M (F + 1)). Raises TooManyParametersError.

    Args:
        model: the model at which it is taken.
        features: (n, F) float64.
        c: the inverse of the regularisation's strength, as in scikit-learn.
        weights: of the images, (n,) positive; 1 by default.

    """
    basis = Coordinates(model.present).basis
    rows, size = basis.shape[1], features.shape[1] + 1
    if rows * size > MOST_PARAMETERS:
        raise TooManyParametersError(
            f"the Hessian of {rows * size} parameters does not fit into memory, {MOST_PARAMETERS} are the most; take "
            "fewer classes or features, or a score without a Hessian"
        )
    first, second = np.triu_indices(len(basis), 1)
    probability = softmax(model.logits(features), axis=1)
    products = probability[:, first] * probability[:, second]
    grams = weighted_grams(features, products if weights is None else products * weights[:, None])
    between = basis[first] - basis[second]
    outer = between[:, :, None] * between[:, None]
    blocks = outer.reshape(len(between), -1).T @ grams.reshape(len(between), -1)
    del grams  # as large as half of the Hessian
    hessian = blocks.reshape(rows, rows, size, size).swapaxes(1, 2).reshape(rows * size, rows * size)
    return add_penalty(hessian, rows, c)


class Curvature:
    """The Cholesky factor L of the Hessian of `dense_hessian`, which is positive definite.

    Args:
        factor: the lower triangular L.
        rows: M.

    """

    def __init__(self, factor: np.ndarray, rows: int):
        self.factor, self.rows = factor, rows

    @classmethod
    def of(cls, model: LinearModel, features: np.ndarray, c: float, weights: np.ndarray | None = None) -> "Curvature":
        """That of a model. Arguments and errors are those of `dense_hessian`."""
        hessian = dense_hessian(model, np.asarray(features, np.float64), c, weights)
        factor = cholesky(hessian.T, lower=True, overwrite_a=True, check_finite=False)
        return cls(factor, Coordinates(model.present).rows)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (M, F + 1) of the coordinates."""
        return self.rows, len(self.factor) // self.rows

    def solve(self, gradient: np.ndarray) -> np.ndarray:
        """The solution V (M, F + 1) of H V = gradient (M, F + 1)."""
        return cho_solve((self.factor, True), gradient.ravel(), check_finite=False).reshape(gradient.shape)

    def inverse_factor(self) -> np.ndarray:
        """The inverse of L, lower triangular."""
        inverse, _ = lapack.dtrtri(self.factor, lower=1)
        return inverse


class SharedBlock:
    """One matrix (F + 1, F + 1) for every row of the coordinates: the Hessian's blocks of one row, averaged.

    For two classes it is the Hessian. For more it costs as much as for two.
    """

    def __init__(self, features: np.ndarray, curvature: np.ndarray, c: float):
        """Of images with these mean curvatures (n,) of the loss, their weights included."""
        gram = weighted_grams(features, curvature[:, None])[0]
        self._factor = cho_factor(add_penalty(gram, 1, c), lower=True, overwrite_a=True, check_finite=False)

    def solve(self, gradient: np.ndarray) -> np.ndarray:
        """The solution V (M, F + 1) of block V_m = gradient_m for each row m of the gradient (M, F + 1)."""
        return cho_solve(self._factor, gradient.T, check_finite=False).T
