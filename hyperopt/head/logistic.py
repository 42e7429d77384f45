"""Regularised logistic regression on features, scikit-learn's objective: the least sum_i c_i loss_i + |W|^2 / (2 C).

The biases are not regularised. Newton's method with conjugate gradients: what a step costs is products of the Hessian
with a vector, so a factorisation serves for many steps, and for many fits on nearly the same images.
n: images, F: features, C: classes, M: rows of the coordinates of `hyperopt.head.linear_model`.
"""

from collections.abc import Callable

import numpy as np

from hyperopt.head.curvature import Curvature, SharedBlock
from hyperopt.head.linear_model import Coordinates, LinearModel

STEPS, PRODUCTS = 200, 1000  # most Newton steps of a fit, most products of a step
DECREASE = 1e-4  # Armijo's share of the decrease that the slope promises
SHORTEST = 1e-12  # part of a step
ROUNDING = 1e-9  # of the objective, relative
# The largest norm of a gradient for C = 1 and less. The weights are wrong by at most C times the gradient.
TOLERANCE = 1e-6


class NotConvergedError(RuntimeError):
    """A fit has not come to its optimum."""


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    c: float,
    weights: np.ndarray | None = None,
    start: LinearModel | None = None,
    curvature: Curvature | None = None,
    tolerance: float | None = None,
) -> LinearModel:
    """The model of least objective, with one weight vector for two classes as scikit-learn has it.

    A class without images gets the weight 0 and the bias `ABSENT`: its optimum, since its bias goes to minus infinity.

    Args:
        features: (n, F), of any float type.
        labels: (n,) in 0..classes - 1.
        classes: the number of classes C, at least 2.
        c: the inverse of the regularisation's strength.
        weights: c_i of the images, (n,) positive; 1 by default.
        start: the model to start from, of the same classes and features; zeros where it is worse than these.
        curvature: a factor of the Hessian at a similar model on similar images, which makes a step cheaper.
        tolerance: the norm of the gradient at which the fit ends, if its rounding error is not larger; by default
            `TOLERANCE`, divided by C above 1.

    Raises:
        NotConvergedError: the gradient does not get that small, or a feature is not a number.
        ValueError: the weights are not positive, or the curvature is that of other classes or features.

    """
    objective = Objective(features, labels, classes, c, weights)
    if curvature is not None and curvature.shape != objective.shape:
        raise ValueError(f"a curvature of {curvature.shape} parameters is not of this fit, which has {objective.shape}")
    tolerance = TOLERANCE / max(1.0, c) if tolerance is None else tolerance
    values, state = _starting_point(objective, start)
    solve = None if curvature is None else curvature.solve
    for _ in range(STEPS):
        gradient = objective.gradient(values, state)
        norm = float(np.linalg.norm(gradient))
        if norm <= tolerance or norm <= objective.rounding(state):
            return objective.coordinates.model(values)
        # Measured with 64 to 2304 features: a factor of the whole Hessian at each step costs several times the
        # products that it saves, and L-BFGS needs 3 to 30 times as long on correlated features and pixels.
        solve = solve or objective.shared_block(state).solve
        within = max(min(0.1, norm**0.5) * norm, tolerance / 2)
        step = _conjugate_gradients(objective.product(state), gradient, solve, within)
        values, state = _line_search(objective, values, state, step, float((gradient * step).sum()))
    raise NotConvergedError(f"the logistic regression's gradient has the norm {norm:.1e} after {STEPS} steps")


class State:
    """Loss and probabilities (C, n) of an objective at some coordinates, from logits (C, n).

    The images are the last axis, since numpy is slow in sums over a short one.
    """

    def __init__(self, logits: np.ndarray, labels: np.ndarray, weights: np.ndarray):
        shifted = logits - logits.max(0)  # one exponential serves for both, unlike scipy's functions
        self.probability = np.exp(shifted)
        total = self.probability.sum(0)
        self.probability /= total
        self.loss = float(weights @ (np.log(total) - shifted[labels, np.arange(len(labels))]))


class Objective:
    """The objective of `fit` as a function of coordinates U (M, F + 1), its gradient and products of its Hessian."""

    def __init__(
        self, features: np.ndarray, labels: np.ndarray, classes: int, c: float, weights: np.ndarray | None = None
    ):
        self.features, self.labels, self.c = np.asarray(features, np.float64), labels, c
        self.weights = np.ones(len(labels)) if weights is None else np.asarray(weights, np.float64)
        if not (self.weights > 0).all():
            raise ValueError("weights of images must be positive")
        self.coordinates = Coordinates(np.bincount(labels, minlength=classes) > 0)
        self.shape = self.coordinates.rows, self.features.shape[1] + 1
        self._lengths = np.sqrt(np.einsum("if,if->i", self.features, self.features) + 1)

    def state(self, values: np.ndarray) -> State:
        """What all others are computed from."""
        logits = self.coordinates.basis @ self._along(values) + self.coordinates.offset[:, None]
        return State(logits, self.labels, self.weights)

    def value(self, values: np.ndarray, state: State) -> float:
        """The objective."""
        return state.loss + float(np.square(values[:, :-1]).sum()) / (2 * self.c)

    def gradient(self, values: np.ndarray, state: State) -> np.ndarray:
        """Its gradient (M, F + 1)."""
        return self._gather(self._residual(state), values)

    def rounding(self, state: State) -> float:
        """A bound on the gradient's rounding error: its terms' norms times the precision of float64."""
        lengths = self._lengths * np.linalg.norm(self._residual(state), axis=0)
        return float(np.finfo(float).eps * (self.weights @ lengths))

    def product(self, state: State) -> Callable[[np.ndarray], np.ndarray]:
        """The function that multiplies the Hessian with V (M, F + 1)."""
        if self.coordinates.rows == 1:  # the losses' curvatures are numbers, the same in every product
            variance = self.coordinates.variance(state.probability) * self.weights
            return lambda vector: self._join(self._along(vector) * variance, vector)

        def times(vector: np.ndarray) -> np.ndarray:
            change = self.coordinates.basis @ self._along(vector)
            change -= np.einsum("ci,ci->i", state.probability, change)
            change *= state.probability
            return self._gather(change, vector)

        return times

    def shared_block(self, state: State) -> SharedBlock:
        """An approximation of the Hessian that is cheap to factorise."""
        variance = self.coordinates.variance(state.probability)
        return SharedBlock(self.features, self.weights * variance, self.c)

    def _residual(self, state: State) -> np.ndarray:
        """The losses' gradients (C, n) by the logits."""
        residual = state.probability.copy()
        residual[self.labels, np.arange(len(self.labels))] -= 1
        return residual

    def _along(self, values: np.ndarray) -> np.ndarray:
        """The images' products with coordinates (M, F + 1): (M, n)."""
        return values[:, :-1] @ self.features.T + values[:, -1:]

    def _gather(self, at_logits: np.ndarray, values: np.ndarray) -> np.ndarray:
        """From the logits (C, n) to the coordinates, with the weights of images and the penalty at `values`."""
        return self._join(self.coordinates.basis.T @ (at_logits * self.weights), values)

    def _join(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The sum of the images with the factors (M, n), and the penalty at `values`: (M, F + 1)."""
        return np.column_stack((rows @ self.features + values[:, :-1] / self.c, rows.sum(1)))


def _starting_point(objective: Objective, start: LinearModel | None) -> tuple[np.ndarray, State]:
    """The coordinates of a model, or zeros where these are better: a model of other classes is a bad start."""
    zeros = np.zeros(objective.shape)
    points = [zeros] if start is None else [objective.coordinates.of(start), zeros]
    states = [objective.state(point) for point in points]
    return min(zip(points, states, strict=True), key=lambda pair: objective.value(*pair))


def _conjugate_gradients(
    product: Callable[[np.ndarray], np.ndarray],
    gradient: np.ndarray,
    solve: Callable[[np.ndarray], np.ndarray],
    within: float,
) -> np.ndarray:
    """V with a residual of product(V) = gradient within the given norm, preconditioned by `solve`."""
    found, residual = np.zeros_like(gradient), gradient
    direction = preconditioned = solve(residual)
    slope = (residual * preconditioned).sum()
    for _ in range(PRODUCTS):
        image = product(direction)
        length = slope / (direction * image).sum()
        found = found + length * direction
        residual = residual - length * image
        if np.linalg.norm(residual) <= within:
            break
        preconditioned = solve(residual)
        slope, previous = (residual * preconditioned).sum(), slope
        direction = preconditioned + slope / previous * direction
    return found


def _line_search(
    objective: Objective, values: np.ndarray, state: State, step: np.ndarray, slope: float
) -> tuple[np.ndarray, State]:
    """The point and its state after the longest halving of the step that decreases the objective."""
    before = objective.value(values, state)
    length = 1.0
    while length > SHORTEST:
        point = values - length * step
        at_point = objective.state(point)
        if objective.value(point, at_point) <= before - DECREASE * length * slope + ROUNDING * abs(before):
            return point, at_point
        length /= 2
    raise NotConvergedError("no step decreases the objective of the logistic regression; look for features of NaN")
