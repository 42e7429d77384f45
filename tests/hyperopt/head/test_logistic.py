"""The logistic fit against scikit-learn's, and its gradient and Hessian against autograd in float64."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from hyperopt.head import curvature as curvature_module
from hyperopt.head.curvature import Curvature, TooManyParametersError, dense_hessian
from hyperopt.head.linear_model import ABSENT, Coordinates, LinearModel
from hyperopt.head.logistic import NotConvergedError, Objective, fit

C = 0.7


def problem(classes, images=60, features=5, seed=0):
    """Features, labels and weights of overlapping classes."""
    random = np.random.default_rng(seed)
    labels = np.concatenate((np.arange(classes), random.integers(classes, size=images - classes)))
    centres = random.normal(size=(classes, features))
    return centres[labels] + random.normal(size=(images, features)), labels, random.uniform(0.2, 3, images)


def objective_by_definition(stacked, features, labels, weights, c=C):
    """The objective at weight and bias, (K, F + 1), as scikit-learn defines it."""
    features, weights = torch.from_numpy(features), torch.from_numpy(weights)
    logits = features @ stacked[:, :-1].T + stacked[:, -1]
    if len(stacked) == 1:
        logits = torch.cat((torch.zeros_like(logits), logits), 1)
    losses = F.cross_entropy(logits, torch.from_numpy(labels), reduction="none")
    return weights @ losses + stacked[:, :-1].square().sum() / (2 * c)


def in_coordinates(classes, *data):
    """The same as a function of coordinates."""
    basis = torch.from_numpy(Coordinates(np.ones(classes, bool)).basis)
    return lambda values: objective_by_definition((basis[1:] if classes == 2 else basis) @ values, *data)


def stacked(model):
    return torch.from_numpy(np.column_stack((model.weight, model.bias)))


def gradient_norm(model, features, labels, weights=None, c=C):
    weights = np.ones(len(labels)) if weights is None else weights
    gradient = torch.func.grad(objective_by_definition)(stacked(model), features, labels, weights, c)
    return gradient.norm().item()


def largest_error(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_gradient_and_hessian_are_those_of_autograd(classes):
    features, labels, weights = problem(classes)
    objective = Objective(features, labels, classes, C, weights)
    values = np.random.default_rng(1).normal(size=objective.shape)
    definition = in_coordinates(classes, features, labels, weights)
    point, state = torch.from_numpy(values), objective.state(values)
    hessian = torch.func.hessian(definition)(point).numpy().reshape(values.size, values.size)
    vector = np.random.default_rng(2).normal(size=values.shape)
    errors = {
        "value": largest_error(objective.value(values, state), definition(point).item()),
        "gradient": largest_error(objective.gradient(values, state), torch.func.grad(definition)(point).numpy()),
        "Hessian": largest_error(dense_hessian(objective.coordinates.model(values), features, C, weights), hessian),
        "product": largest_error(objective.product(state)(vector).ravel(), hessian @ vector.ravel()),
    }
    print(classes, errors)
    assert max(errors.values()) < 1e-10


@pytest.mark.parametrize("classes", [2, 4])
def test_curvature_solves_as_the_dense_hessian(classes):
    features, labels, weights = problem(classes)
    model = fit(features, labels, classes, C, weights)
    hessian, curvature = dense_hessian(model, features, C, weights), Curvature.of(model, features, C, weights)
    gradient = np.random.default_rng(1).normal(size=curvature.shape)
    np.testing.assert_allclose(curvature.solve(gradient).ravel(), np.linalg.solve(hessian, gradient.ravel()), rtol=1e-9)
    if classes == 2:
        objective = Objective(features, labels, classes, C, weights)
        block = objective.shared_block(objective.state(objective.coordinates.of(model)))
        np.testing.assert_allclose(block.solve(gradient), curvature.solve(gradient), rtol=1e-9)


def test_hessian_is_summed_over_batches(monkeypatch):
    features, labels, weights = problem(3)
    model = fit(features, labels, 3, C, weights)
    whole = dense_hessian(model, features, C, weights)
    monkeypatch.setattr(curvature_module, "BATCH", 7)
    np.testing.assert_allclose(dense_hessian(model, features, C, weights), whole, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_fit_is_scikit_learns(classes, c, weighted):
    features, labels, weights = problem(classes)
    weights = weights if weighted else None
    model = fit(features, labels, classes, c, weights)
    theirs = LogisticRegression(C=c, tol=1e-10, max_iter=10_000).fit(features, labels, weights)
    assert model.weight.shape == theirs.coef_.shape
    np.testing.assert_allclose(model.weight, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(model.bias, theirs.intercept_, atol=1e-4)
    np.testing.assert_allclose(model.logits(features).argmax(1), theirs.predict(features))
    assert gradient_norm(model, features, labels, weights, c) <= 1e-6


def test_fit_to_float32_is_in_float64():
    features, labels, _ = problem(3)
    features = features.astype(np.float32)
    model = fit(features, labels, 3, C)
    assert model.weight.dtype == model.bias.dtype == np.float64
    assert gradient_norm(model, features.astype(np.float64), labels) <= 1e-6


@pytest.mark.parametrize("classes", [2, 10])
def test_fit_of_pixels(classes):
    """Correlated features, and some that are always zero."""
    digits = load_digits()
    chosen = digits.target < classes
    features, labels = digits.data[chosen][:400] / 16, digits.target[chosen][:400]
    model = fit(features, labels, classes, 1.0)
    norm = gradient_norm(model, features, labels, c=1.0)
    print(f"{classes} classes of digits: gradient {norm:.1e}")
    assert norm <= 1e-6
    assert (model.weight[:, features.max(0) == 0] == 0).all()
    assert fit(features, labels, classes, 1.0, tolerance=1e-9).bias.sum() == pytest.approx(model.bias.sum(), abs=1e-7)


@pytest.mark.parametrize("classes", [2, 3])
def test_separable_images_have_a_regularised_optimum(classes):
    features, labels, _ = problem(classes, images=90, features=120)
    model = fit(features, labels, classes, 1e4)
    assert gradient_norm(model, features, labels, c=1e4) <= 1e-6
    assert (model.logits(features).argmax(1) == labels).all()


@pytest.mark.parametrize("c", [1e2, 1e4])
@pytest.mark.parametrize("name", ["pixels", "separable", "on the edge", "noise"])
def test_start_and_curvature_do_not_show_at_large_c(c, name):
    """At an absolute tolerance of the gradient, weights differ by up to 3e-3 for C = 1e4."""
    random, digits = np.random.default_rng(0), load_digits()
    chosen = np.isin(digits.target, (3, 8))
    features, labels = {
        "pixels": (digits.data[chosen], (digits.target[chosen] == 8).astype(int)),
        "separable": (10 * random.normal(size=(100, 150)), random.integers(2, size=100)),
        "on the edge": (10 * random.normal(size=(200, 102)), random.integers(2, size=200)),
        "noise": (100 * random.normal(size=(2000, 20)), random.integers(2, size=2000)),
    }[name]
    half = len(labels) // 2
    start = fit(features[:half], labels[:half], 2, c)
    cold = stacked(fit(features, labels, 2, c))
    warm = stacked(fit(features, labels, 2, c, None, start, Curvature.of(start, features[:half], c)))
    error = ((warm - cold).norm() / cold.norm()).item()
    print(f"{name}, C {c:g}: relative difference {error:.1e}")
    assert error < 1e-6


@pytest.mark.parametrize("classes", [2, 4])
def test_start_and_curvature_change_the_way_and_not_the_end(classes):
    features, labels, weights = problem(classes)
    model = fit(features, labels, classes, C, weights, tolerance=1e-10)
    other = fit(features[:40], labels[:40], classes, 10 * C, weights[:40])
    curvature = Curvature.of(other, features[:40], C)
    for how in ({"start": other}, {"curvature": curvature}, {"start": other, "curvature": curvature}):
        found = fit(features, labels, classes, C, weights, tolerance=1e-10, **how)
        np.testing.assert_allclose(found.weight, model.weight, atol=1e-9)
        np.testing.assert_allclose(found.bias, model.bias, atol=1e-9)
    again = fit(features, labels, classes, C, weights, start=model, tolerance=1e-8)
    np.testing.assert_allclose(again.weight, model.weight, atol=1e-14)
    with pytest.raises(ValueError, match="not of this fit"):
        fit(features[:, 1:], labels, classes, C, curvature=curvature)


@pytest.mark.parametrize("classes", [2, 3])
def test_weight_of_two_is_a_duplicate(classes):
    features, labels, _ = problem(classes)
    doubled = np.arange(len(labels)) % 3 == 0
    model = fit(features, labels, classes, C, 1.0 + doubled, tolerance=1e-10)
    more, more_labels = np.concatenate((features, features[doubled])), np.concatenate((labels, labels[doubled]))
    twice = fit(more, more_labels, classes, C, tolerance=1e-10)
    np.testing.assert_allclose(twice.weight, model.weight, atol=1e-10)
    np.testing.assert_allclose(twice.bias, model.bias, atol=1e-10)
    hessian = dense_hessian(model, features, C, 1.0 + doubled)
    np.testing.assert_allclose(dense_hessian(model, more, C), hessian, atol=1e-10)


@pytest.mark.parametrize("absent", [[0], [3], [1, 3]])
def test_class_without_images_has_no_probability(absent):
    """The others are fitted as if it were not there; as its bias falls, the objective does."""
    features, labels, weights = problem(4)
    there = ~np.isin(labels, absent)
    features, labels, weights = features[there], labels[there], weights[there]
    model = fit(features, labels, 4, C, weights, tolerance=1e-9)
    others = np.delete(np.arange(4), absent)
    assert model.present.tolist() == [number in others for number in range(4)]
    assert (model.weight[absent] == 0).all()
    assert (model.bias[absent] == ABSENT).all()
    assert model.bias[others].sum() == pytest.approx(0, abs=1e-9)
    assert gradient_norm(model, features, labels, weights) <= 1e-8
    if len(others) > 2:
        alone = fit(features, np.searchsorted(others, labels), len(others), C, weights, tolerance=1e-9)
        np.testing.assert_allclose(model.weight[others], alone.weight, atol=1e-9)
    raised = LinearModel(model.weight, model.bias.clip(-20))
    definition = (objective_by_definition(stacked(each), features, labels, weights) for each in (model, raised))
    assert next(definition) < next(definition)


@pytest.mark.parametrize(("classes", "only"), [(2, 0), (2, 1), (3, 1)])
def test_single_class_is_certain(classes, only):
    features, _, _ = problem(3)
    labels = np.full(len(features), only)
    model = fit(features, labels, classes, C)
    assert (model.weight == 0).all()
    assert (model.logits(features).argmax(1) == only).all()
    assert model.present.sum() == 1
    assert np.isfinite(model.logits(features)).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_class_that_the_start_lacks_is_found(classes):
    features, labels, _ = problem(classes)
    start = fit(features[labels > 0], labels[labels > 0], classes, C)
    model = fit(features, labels, classes, C, start=start)
    assert gradient_norm(model, features, labels) <= 1e-6


def test_bad_input_is_refused(monkeypatch):
    features, labels, weights = problem(3)
    with pytest.raises(ValueError, match="positive"):
        fit(features, labels, 3, C, weights * (labels > 0))
    with pytest.raises(NotConvergedError, match="NaN"):
        fit(np.where(features > 1, np.nan, features), labels, 3, C)
    model = fit(features, labels, 3, C)
    monkeypatch.setattr(curvature_module, "MOST_PARAMETERS", 11)
    with pytest.raises(TooManyParametersError, match="12 parameters"):
        Curvature.of(model, features, C)
