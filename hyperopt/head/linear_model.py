"""A linear model over features, and the coordinates in which its logistic loss is strictly convex.

Logits of several classes can all be raised by the same amount. So the parameters of a fit are coordinates U (M, F + 1)
of weight and bias in a basis Q (C, M): for two classes M is 1 and Q is (0, 1), as there is one weight vector; otherwise
Q is an orthonormal basis of what sums to zero over the classes, where the regularised optimum lies. Coordinates of the
bias are the last column.
n: images, F: features, C: classes, K: rows of a model's weight, M: rows of the coordinates.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import helmert

# The bias of a class without images, whose optimum is minus infinity: its probability is exactly zero in float64, and
# the loss of an image that has this label elsewhere is still a number.
ABSENT = -1000.0


@dataclass(frozen=True)
class LinearModel:
    """Weight (K, F) and bias (K,), float64; K is 1 for two classes, otherwise the number of classes."""

    weight: np.ndarray
    bias: np.ndarray

    @property
    def classes(self) -> int:
        """The number of classes C."""
        return max(2, len(self.bias))

    @property
    def present(self) -> np.ndarray:
        """Whether each class had images in the fit: (C,) bool."""
        bias = self._rows(self.bias)
        return bias - bias.max() > ABSENT

    def logits(self, features: np.ndarray) -> np.ndarray:
        """The logits (n, C) of features (n, F); (0, z) for two classes."""
        logits = features @ self.weight.T + self.bias
        return logits if len(self.bias) > 1 else np.hstack((np.zeros_like(logits), logits))

    def stacked(self) -> np.ndarray:
        """Weight and bias of every class: (C, F + 1)."""
        return self._rows(np.column_stack((self.weight, self.bias)))

    @staticmethod
    def _rows(values: np.ndarray) -> np.ndarray:
        """A row per class instead of one for both."""
        return values if len(values) > 1 else np.concatenate((np.zeros_like(values), values))


class Coordinates:
    """The coordinates of models with these classes present, (C,) bool."""

    def __init__(self, present: np.ndarray):
        classes, count = len(present), int(present.sum())
        self.basis = np.zeros((classes, max(count - 1, 0)))
        if classes == count == 2:
            self.basis[1] = 1
        elif count > 1:
            self.basis[present] = helmert(count).T
        self.offset = np.where(present, 0.0, ABSENT)

    @property
    def rows(self) -> int:
        """The number of rows M."""
        return self.basis.shape[1]

    def variance(self, probability: np.ndarray) -> np.ndarray:
        """The curvature (n,) of a loss with probabilities (C, n) by a row of the coordinates, the mean of the rows."""
        squares = np.square(self.basis).sum(1) @ probability - np.square(self.basis.T @ probability).sum(0)
        return squares.clip(0) / self.rows

    def of(self, model: LinearModel) -> np.ndarray:
        """The coordinates (M, F + 1) of a model."""
        return np.linalg.pinv(self.basis) @ model.stacked()

    def model(self, values: np.ndarray) -> LinearModel:
        """The model with the coordinates (M, F + 1)."""
        stacked = self.basis @ values
        stacked[:, -1] += self.offset
        if len(stacked) == 2:
            stacked = stacked[1:] - stacked[:1]
        return LinearModel(stacked[:, :-1], stacked[:, -1])
