"""Scores of images that are not of a logistic regression: the margin of a support vector machine, and clusters.

n: images, F: features, C: classes.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np

C_GRID = (0.01, 0.1, 1.0, 10.0, 100.0)  # as published
FOLDS = 4
ON_MARGIN = 1e-3  # within it, the solver's tolerance, an image lies on the margin
MOST_PRODUCTS = 10_000  # images and copies with a matrix of products, which has 0.8 GB then
# Where the solvers end: with a large C and classes that overlap, the optimum takes minutes for a thousand images, and
# the decisions correlate with it by more than 0.999 long before.
SVC_UPDATES, LINEAR_UPDATES = 200_000, 5_000_000  # of an image's multiplier


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


def margins(features: np.ndarray, labels: np.ndarray, most: int | None = None) -> Margins:
    """The margins of images, C being chosen by accuracy in four folds.

    Two classes have the published machine, scikit-learn's SVC with a linear kernel. More classes, or more images than a
    matrix of their products has room for, have one machine per class against the rest with the same hinge loss, by
    LinearSVC, which regularises the bias, too. An image's boundary is the one to the class that is nearest or, on the
    wrong side, furthest beyond; then it is a support vector if it is one of some class's machine.

    Args:
        features: (n, F).
        labels: (n,) int, of two classes at least. A class with fewer images than folds has none in some.
        most: the largest n of all margins that these are compared with, which decides on the machine; n by default.

    Raises ValueError when all labels are the same.

    """
    from sklearn.svm import SVC, LinearSVC

    features = np.asarray(features, np.float64)
    classes = len(np.unique(labels))
    if classes < 2:
        raise ValueError("a margin needs images of two classes")
    if classes == 2 and (most or len(labels)) <= MOST_PRODUCTS:
        products = features @ features.T
        machine = _best_machine(SVC(kernel="precomputed", max_iter=SVC_UPDATES), products, labels)
        decision, weight = machine.decision_function(products), machine.dual_coef_ @ features[machine.support_]
    else:
        passes = max(100, LINEAR_UPDATES // len(labels))
        machine = _best_machine(LinearSVC(loss="hinge", random_state=0, max_iter=passes), features, labels)
        decision, weight = machine.decision_function(features), machine.coef_
    if classes == 2:  # scikit-learn gives the second class's decision alone
        decision, weight = np.stack((-decision, decision), 1), np.concatenate((-weight, weight))
    is_own = labels[:, None] == machine.classes_
    if isinstance(machine, SVC):
        support = np.isin(np.arange(len(labels)), machine.support_)
    else:
        support = (np.where(is_own, decision, -decision) <= 1 + ON_MARGIN).any(1)
    return Margins(_to_nearest_boundary(decision, weight, is_own), support, machine.C)


def _best_machine(machine: Any, inputs: np.ndarray, labels: np.ndarray) -> Any:
    """The machine with the C of most accuracy, fitted to all images; without two images of any class, with C = 1."""
    from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
    from sklearn.model_selection import GridSearchCV

    folds = min(FOLDS, int(np.unique(labels, return_counts=True)[1].max()))
    # In a fold without one of two classes there is no machine, whatever C is.
    search = GridSearchCV(machine, {"C": C_GRID}, cv=folds, error_score=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", FitFailedWarning)
        warnings.filterwarnings("ignore", message="The least populated class")
        return machine.fit(inputs, labels) if folds < 2 else search.fit(inputs, labels).best_estimator_


def _to_nearest_boundary(decision: np.ndarray, weight: np.ndarray, is_own: np.ndarray) -> np.ndarray:
    """The least signed distance (n,) to the boundaries between an image's own class and the others.

    It is 0 to a class whose machine has the same weights, as for constant features: there is no boundary.

    Args:
        decision: (n, C).
        weight: of the machines, (C, F).
        is_own: which class is an image's own, (n, C).

    """
    own = is_own.argmax(1)
    between = np.linalg.norm(weight[:, None] - weight, axis=2)[own]
    difference = decision[is_own][:, None] - decision
    distance = np.divide(difference, between, out=np.zeros_like(difference), where=between > 0)
    return np.where(is_own, np.inf, distance).min(1)


def k_means(features: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """The cluster of each image, (n,) int64 in 0..clusters - 1, by the best of ten k-means; at most n clusters.

    Images with the same features are in one cluster, so that there can be fewer.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(clusters, n_init=10, random_state=seed).fit(np.asarray(features, np.float64))
    return found.labels_.astype(np.int64)
