"""Margins against scikit-learn's machines and closed forms; clusters."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

from hyperopt.estimators import scores
from hyperopt.estimators.scores import C_GRID, k_means, margins


def of_two_classes(images=80, seed=0):
    random = np.random.default_rng(seed)
    labels = np.arange(images) % 2
    return random.normal(size=(images, 4)) + 1.5 * labels[:, None], labels


def test_two_classes_have_the_published_machine():
    features, labels = of_two_classes()
    found = margins(features, labels)
    accuracy = [cross_val_score(SVC(kernel="linear", C=c), features, labels, cv=4).mean() for c in C_GRID]
    assert found.c == C_GRID[int(np.argmax(accuracy))]
    machine = SVC(kernel="linear", C=found.c).fit(features, labels)
    decision = machine.decision_function(features)
    np.testing.assert_allclose(found.distance, np.abs(decision) / np.linalg.norm(machine.coef_), rtol=1e-12)
    assert ((found.signed > 0) == (machine.predict(features) == labels)).all()
    assert np.flatnonzero(found.support).tolist() == sorted(machine.support_)
    assert (found.distance == np.abs(found.signed)).all()
    assert 0 < found.support.sum() < len(labels)


def test_separated_classes_have_the_distance_to_the_middle():
    """Between two pairs of points at distance 4; the outer ones are no support vectors."""
    features = np.array([[-5.0, 0], [-2, 0], [2, 0], [4, 1]] * 4)
    labels = np.array([0, 0, 1, 1] * 4)
    found = margins(100 * features, labels)
    np.testing.assert_allclose(found.signed, 100 * np.array([5, 2, 2, 4] * 4), rtol=1e-3)
    assert not found.support[[0, 3]].any()


def test_labels_of_two_other_classes_are_two_classes():
    features, labels = of_two_classes()
    for one, other in zip(margins(features, labels), margins(features, 3 + 4 * labels), strict=True):
        np.testing.assert_array_equal(one, other)


def test_wrong_label_is_far_on_the_wrong_side():
    features, labels = of_two_classes()
    sure = int(np.argmax(margins(features, labels).signed))
    labels[sure] = 1 - labels[sure]
    found = margins(features, labels)
    assert found.signed.argmin() == sure
    assert found.distance[sure] > np.median(found.distance)
    assert found.support[sure]


def hinge_machine(features, target, c):
    """LinearSVC's weights and bias, and the multipliers of the images, by the dual; its bias is a feature of ones."""
    rows = target[:, None] * np.column_stack((features, np.ones(len(features))))

    def dual(multipliers):
        return np.square(multipliers @ rows).sum() / 2 - multipliers.sum(), rows @ (multipliers @ rows) - 1

    options = {"maxiter": 10_000, "maxfun": 100_000, "ftol": 0, "gtol": 1e-8}
    found = minimize(dual, np.zeros(len(rows)), jac=True, bounds=[(0, c)] * len(rows), options=options)
    return found.x @ rows, found.x


def test_more_classes_have_the_nearest_boundary_of_machines_against_the_rest():
    iris = load_iris()
    features, labels = iris.data[::3] - iris.data.mean(0), iris.target[::3]
    found = margins(features, labels)
    machines = [hinge_machine(features, np.where(labels == k, 1.0, -1), found.c) for k in range(3)]
    weights = np.stack([weight for weight, _ in machines])
    decision = np.column_stack((features, np.ones(len(features)))) @ weights.T
    for image, label in enumerate(labels):
        boundaries = [
            (decision[image, label] - decision[image, k]) / np.linalg.norm(weights[label, :4] - weights[k, :4])
            for k in range(3)
            if k != label
        ]
        assert found.signed[image] == pytest.approx(min(boundaries), abs=2e-3)
    assert ((found.signed > 0) == (decision.argmax(1) == labels)).all()
    multipliers = np.stack([multiplier for _, multiplier in machines])
    assert (found.support == (multipliers > 1e-6).any(0)).all()
    assert 0 < found.support.sum() < len(labels)


def test_two_classes_of_many_images_have_nearly_the_same_margins(monkeypatch):
    """LinearSVC's bias is regularised, which the features do not need here."""
    features, labels = of_two_classes()
    features = features - features.mean(0)
    exact = margins(features, labels)
    monkeypatch.setattr(scores, "MOST_PRODUCTS", 79)
    linear = margins(features, labels)
    np.testing.assert_allclose(linear.signed, exact.signed, atol=0.1)
    assert (linear.support == exact.support).mean() > 0.9


@pytest.mark.parametrize("most", [80, 10_001])
def test_machine_is_that_of_the_largest_fit(most, monkeypatch):
    features, labels = of_two_classes()
    found = margins(features, labels, most)
    monkeypatch.setattr(scores, "MOST_PRODUCTS", 80 if most == 80 else 0)
    np.testing.assert_array_equal(found.signed, margins(features, labels).signed)


@pytest.mark.parametrize("classes", [2, 3])
def test_constant_features_have_no_boundary(classes):
    found = margins(np.zeros((30, 4)), np.arange(30) % classes)
    assert (found.distance == 0).all()


def test_margins_of_ten_classes_are_repeatable():
    digits = load_digits()
    features, labels = digits.data[:300] / 16, digits.target[:300]
    found, again = margins(features, labels), margins(features, labels)
    assert (found.signed > 0).mean() > 0.95
    assert 0 < found.support.mean() < 1
    assert (again.signed == found.signed).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_class_of_one_image(classes):
    features, labels = of_two_classes()
    labels = np.where(np.arange(80) == 5, 0, 1 + np.arange(80) % (classes - 1))
    found = margins(features, labels)
    assert np.isfinite(found.signed).all()
    assert found.support[5]


def test_one_class_has_no_margin():
    with pytest.raises(ValueError, match="two classes"):
        margins(np.ones((5, 2)), np.zeros(5, int))


def test_clusters_are_found_and_seeded():
    random = np.random.default_rng(0)
    planted = np.arange(90) % 3
    features = (10 * planted[:, None] + random.normal(size=(90, 2))).astype(np.float32)
    found = k_means(features, 3, seed=1)
    assert found.dtype == np.int64
    assert len(set(zip(planted, found, strict=True))) == len(set(found)) == 3
    assert (found == k_means(features, 3, seed=1)).all()
    assert sorted(k_means(features, 90, seed=0)) == list(range(90))


@pytest.mark.parametrize("each", [1, 2, 3])
@pytest.mark.parametrize("classes", [2, 5])
def test_few_images_per_class_have_margins(each, classes):
    """With fewer images than folds; the classes are apart, so that each image is on its own side."""
    labels = np.repeat(np.arange(classes), each)
    random = np.random.default_rng(0)
    features = 10 * np.eye(classes)[labels] + random.normal(size=(len(labels), classes)) / 10
    found = margins(features, labels)
    assert (found.signed > 0).all()
    assert np.isfinite(found.signed).all()


def test_fewer_different_images_than_clusters_are_grouped_without_a_warning(recwarn):
    features = np.repeat(np.eye(3), 4, 0)
    found = k_means(features, 5, 0)
    assert len(set(found)) == 3
    assert all(len(set(found[4 * group : 4 * group + 4])) == 1 for group in range(3))
    assert not len(recwarn)
