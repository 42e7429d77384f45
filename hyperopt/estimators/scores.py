"""Scores of images that are not of a logistic regression: the margin of a support vector machine, and clusters.

n: images, F: features, C: classes.
"""

import warnings
from typing import NamedTuple

import numpy as np

C_GRID = (0.01, 0.1, 1.0, 10.0, 100.0)  # as published
FOLDS = 4
ON_MARGIN = 1e-3  # within it, the solver's tolerance, an image lies on the margin
ITERATIONS = 20_000


class Margins(NamedTuple):
    """Where images lie beside the boundary of a linear support vector machine.

    signed: the distance to it in the space of features, (n,), negative on the side of another class.
    support: whether each image is a support vector, (n,) bool.
    c: the machine's C, the best of the grid.
    """

    signed: np.ndarray
    support: np.ndarray
    c: float

    @property
    def distance(self) -> np.ndarray:
        """The published score (n,): the distance, whichever the side. A label that is surely wrong counts as far."""
        return np.abs(self.signed)


def margins(features: np.ndarray, labels: np.ndarray) -> Margins:
    """The margins of images, C being chosen by accuracy in four folds.

    Two classes have the published machine, scikit-learn's SVC with a linear kernel. More have one machine per class
    against the rest with the same hinge loss by LinearSVC, whose cost is linear in n; it regularises the bias, too.
    Then an image's boundary is the one to the class that is nearest or, on the wrong side, furthest beyond, and it is a
    support vector if it is one of some class's machine.

    Args:
        features: (n, F).
        labels: (n,) int, of two classes at least. A class with fewer images than folds has none in some.

    Raises ValueError when all labels are the same.

    """
    from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC, LinearSVC

    features = np.asarray(features, np.float64)
    present = len(np.unique(labels))
    if present < 2:
        raise ValueError("a margin needs images of two classes")
    two = present == 2
    machine = SVC(kernel="linear") if two else LinearSVC(loss="hinge", random_state=0, max_iter=ITERATIONS)
    # In a fold without one of two classes there is no machine, whatever C is.
    search = GridSearchCV(machine, {"C": C_GRID}, cv=FOLDS, error_score=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a machine of a large C may end near its optimum
        warnings.simplefilter("ignore", FitFailedWarning)
        warnings.filterwarnings("ignore", message="The least populated class")
        search.fit(features, labels)
    best = search.best_estimator_
    c = float(search.best_params_["C"])
    decision = best.decision_function(features)
    if two:
        own = np.where(labels == best.classes_[1], decision, -decision)
        return Margins(own / np.linalg.norm(best.coef_), np.isin(np.arange(len(labels)), best.support_), c)
    is_own = labels[:, None] == best.classes_
    support = (np.where(is_own, decision, -decision) <= 1 + ON_MARGIN).any(1)
    return Margins(_to_nearest_boundary(decision, best.coef_, is_own), support, c)


def _to_nearest_boundary(decision: np.ndarray, weight: np.ndarray, is_own: np.ndarray) -> np.ndarray:
    """The least signed distance (n,) to the boundaries between an image's own class and the others.

    Args:
        decision: (n, C).
        weight: of the machines, (C, F).
        is_own: which class is an image's own, (n, C).

    """
    own = is_own.argmax(1)
    between = np.linalg.norm(weight[:, None] - weight, axis=2)[own]
    distance = (decision[is_own][:, None] - decision) / np.where(is_own, 1, between)
    return np.where(is_own, np.inf, distance).min(1)


def k_means(features: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """The cluster of each image, (n,) int64 in 0..clusters - 1, by the best of ten k-means; at most n clusters."""
    from sklearn.cluster import KMeans

    found = KMeans(clusters, n_init=10, random_state=seed).fit(np.asarray(features, np.float64))
    return found.labels_.astype(np.int64)
