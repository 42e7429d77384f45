"""Influence and approximate leave-one-out against true refits without the image, and against dense algebra."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import expit, softmax
from scipy.stats import pearsonr, spearmanr
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from test_logistic import in_coordinates, problem, stacked

from hyperopt.head import curvature as curvature_module
from hyperopt.head.curvature import Curvature, dense_hessian
from hyperopt.head.influence import gradient_norms, leave_one_out, losses
from hyperopt.head.linear_model import Coordinates
from hyperopt.head.logistic import fit

C = 0.7


def digits_3_and_8():
    digits = load_digits()
    chosen = np.isin(digits.target, (3, 8))
    return digits.data[chosen] / 16, (digits.target[chosen] == 8).astype(int), 2


def standardised(data):
    return (data.data - data.data.mean(0)) / data.data.std(0), data.target, len(data.target_names)


def ten_digits():
    digits = load_digits()
    return digits.data[:250] / 16, digits.target[:250], 10


DATA = {
    "digits 3 and 8": digits_3_and_8,
    "breast cancer": lambda: standardised(load_breast_cancer()),
    "wine, 3 classes": lambda: standardised(load_wine()),
    "digits, 10 classes": ten_digits,
}


def true_increases(features, labels, classes, c, images):
    """The increase of each image's loss in a fit without it."""
    model = fit(features, labels, classes, c, tolerance=1e-8)
    curvature = Curvature.of(model, features, c)
    before, every = losses(model, features, labels), np.arange(len(labels))
    for image in images:
        rest = every != image
        without = fit(features[rest], labels[rest], classes, c, start=model, curvature=curvature, tolerance=1e-8)
        yield losses(without, features[[image]], labels[[image]])[0] - before[image]


def compared(found, true):
    """Rank correlation, correlation, and slope of the estimate over the truth."""
    return spearmanr(found, true).statistic, pearsonr(found, true).statistic, np.polyfit(true, found, 1)[0]


@pytest.mark.parametrize(
    ("name", "c", "rank", "slope"),
    [
        ("digits 3 and 8", 0.1, 0.99, (0.85, 1)),
        ("digits 3 and 8", 1, 0.99, (0.5, 0.7)),
        ("breast cancer", 1, 0.99, (0.2, 0.45)),
        ("breast cancer", 10, 0.98, (0.05, 0.3)),
        ("wine, 3 classes", 0.1, 0.99, (0.5, 1)),
        ("wine, 3 classes", 1, 0.99, (0, 1)),
        ("digits, 10 classes", 0.1, 0.99, (0.5, 1)),
    ],
)
def test_true_leave_one_out(name, c, rank, slope):
    """Influence has the true order, and is too small at high leverage; ALO has the true size, too.

    On the 30 images of largest influence and 60 others.
    """
    features, labels, classes = DATA[name]()
    scores = leave_one_out(fit(features, labels, classes, c, tolerance=1e-8), features, labels, c)
    images = np.argsort(-scores.influence)
    images = np.r_[images[:30], np.random.default_rng(0).choice(images[30:], 60, replace=False)]
    true = np.fromiter(true_increases(features, labels, classes, c, images), float)
    influence, alo = (compared(score[images], true) for score in scores)
    for kind, values in (("influence", influence), ("ALO", alo)):
        print(f"{name}, C {c}: {kind}: Spearman {values[0]:.4f}, Pearson {values[1]:.4f}, slope {values[2]:.3f}")
    assert influence[0] > rank
    assert slope[0] < influence[2] < slope[1]
    assert alo[0] > 0.998
    assert alo[2] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("classes", [2, 4])
def test_losses_and_gradients_are_those_of_autograd(classes):
    features, labels, weights = problem(classes)
    model = fit(features, labels, classes, C, weights)

    def loss(parameters, image, label):
        logits = parameters[:, :-1] @ image + parameters[:, -1]
        return F.cross_entropy(torch.cat((torch.zeros(1), logits)) if classes == 2 else logits, label)

    per_image = torch.func.vmap(torch.func.grad_and_value(loss), (None, 0, 0))
    gradients, values = per_image(stacked(model), torch.from_numpy(features), torch.from_numpy(labels))
    np.testing.assert_allclose(losses(model, features, labels), values, rtol=1e-10)
    np.testing.assert_allclose(gradient_norms(model, features, labels), gradients.flatten(1).norm(dim=1), rtol=1e-10)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("batch", [1024, 7])
def test_dense_algebra_with_autograd(classes, batch, monkeypatch):
    """Images i with copies: g_i^T H^-1 g_i, and a Newton step from the Hessian without the image."""
    monkeypatch.setattr(curvature_module, "BATCH", batch)
    features, labels, weights = problem(classes)
    model, first = fit(features, labels, classes, C, weights), 25
    coordinates = Coordinates(np.ones(classes, bool))
    point = torch.from_numpy(coordinates.of(model))
    hessian = torch.func.hessian(in_coordinates(classes, features, labels, weights, C))(point).numpy()
    hessian = hessian.reshape(point.numel(), point.numel())

    found = leave_one_out(model, features, labels, C, weights, first)
    before = losses(model, features, labels)
    assert found.influence.shape == found.alo.shape == (first,)
    for image in range(first):
        one = (features[[image]], labels[[image]], np.ones(1), np.inf)
        gradient = torch.func.grad(in_coordinates(classes, *one))(point).numpy().ravel()
        own = torch.func.hessian(in_coordinates(classes, *one))(point).numpy().reshape(hessian.shape)
        influence = weights[image] * gradient @ np.linalg.solve(hessian, gradient)
        step = weights[image] * np.linalg.solve(hessian - weights[image] * own, gradient)
        without = coordinates.model(point.numpy() + step.reshape(point.shape))
        increase = losses(without, features[[image]], labels[[image]])[0] - before[image]
        assert found.influence[image] == pytest.approx(influence, rel=1e-9)
        assert found.alo[image] == pytest.approx(increase, rel=1e-6)


def test_two_classes_have_the_closed_form():
    features, labels, weights = problem(2)
    model = fit(features, labels, 2, C, weights)
    logits = model.logits(features)[:, 1]
    p, ones = expit(logits), np.column_stack((features, np.ones(len(features))))
    hessian = (ones.T * (weights * p * (1 - p))) @ ones + np.diag([*np.full(features.shape[1], 1 / C), 0])
    q = np.einsum("ij,ij->i", ones, np.linalg.solve(hessian, ones.T).T)
    left_out = logits + weights * (p - labels) * q / (1 - weights * p * (1 - p) * q)
    increase = np.logaddexp(0, left_out) - labels * left_out - np.logaddexp(0, logits) + labels * logits
    found = leave_one_out(model, features, labels, C, weights)
    np.testing.assert_allclose(found.influence, weights * (p - labels) ** 2 * q, rtol=1e-10)
    np.testing.assert_allclose(found.alo, increase, rtol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_more_features_than_images(classes):
    """The same as with the dense Hessian of all features."""
    features, labels, weights = problem(classes, images=30, features=50)
    model = fit(features, labels, classes, C, weights)
    basis = Coordinates(model.present).basis
    residual = softmax(model.logits(features), axis=1)
    residual[np.arange(30), labels] -= 1
    gradients = np.einsum("im,if->imf", residual @ basis, np.column_stack((features, np.ones(30)))).reshape(30, -1)
    solved = np.linalg.solve(dense_hessian(model, features, C, weights), gradients.T).T
    found = leave_one_out(model, features, labels, C, weights)
    np.testing.assert_allclose(found.influence, weights * (gradients * solved).sum(1), rtol=1e-8)
    assert (found.alo >= found.influence * 0.1).all()


def test_without_the_penalty_more_features_than_images_only_tell_the_margin():
    """Then influence is (p - y)^2 / (p (1 - p)) = exp(- margin), wherever the image lies; with it, it is not."""
    features, labels, _ = problem(2, images=40, features=60)
    model = fit(features, labels, 2, 1.0)
    logits = model.logits(features)[:, 1]
    by_margin = np.exp(np.where(labels == 1, -logits, logits))
    unregularised, large = leave_one_out(model, features, labels, 1e9)
    regularised = leave_one_out(model, features, labels, 1.0).influence
    print("ratio to exp(- margin):", unregularised[:3] / by_margin[:3], regularised[:3] / by_margin[:3])
    np.testing.assert_allclose(unregularised, by_margin, rtol=1e-4)
    assert (np.isfinite(large) & (large > 100)).all()  # each image's leverage is 1
    assert (regularised < 0.9 * by_margin).all()
    ratio = regularised / by_margin
    assert ratio.max() > 1.2 * ratio.min()


@pytest.mark.parametrize("classes", [2, 3])
def test_class_of_a_single_image(classes):
    """Without it the bias has no optimum; the estimates stay numbers, in the order of their size."""
    features, labels, _ = problem(classes, images=40)
    labels = np.where(np.arange(40) == 5, 0, labels.clip(1))
    for c in (1, 1e3):
        found = leave_one_out(fit(features, labels, classes, c), features, labels, c)
        assert np.isfinite(found).all()
        assert (found.alo >= found.influence - 1e-9).all()  # a convex loss rises faster than its tangent


@pytest.mark.parametrize("size", [5, 90])
def test_factor_that_is_there_serves_several_times(size):
    """With more features than images the scores are computed without it."""
    features, labels, weights = problem(3, features=size)
    model = fit(features, labels, 3, C, weights)
    curvature = Curvature.of(model, features, C, weights)
    data = (model, features, labels, C, weights)
    for found in (leave_one_out(*data, curvature=curvature), leave_one_out(*data, curvature=curvature)):
        np.testing.assert_array_equal(found, leave_one_out(*data))


def test_absent_classes_change_nothing():
    features, labels, weights = problem(3)
    model = fit(features, labels, 3, C, weights)
    wider = fit(features, 2 * labels, 5, C, weights)
    for one, other in zip(
        leave_one_out(model, features, labels, C, weights),
        leave_one_out(wider, features, 2 * labels, C, weights),
        strict=True,
    ):
        np.testing.assert_allclose(other, one, rtol=1e-4)
    np.testing.assert_allclose(
        gradient_norms(wider, features, 2 * labels), gradient_norms(model, features, labels), rtol=1e-4
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_weight_of_two_is_a_duplicate(classes):
    """The Hessian is the same, and both are left out together."""
    features, labels, _ = problem(classes)
    doubled = np.ones(len(labels))
    doubled[:10] = 2
    model = fit(features, labels, classes, C, doubled)
    found = leave_one_out(model, features, labels, C, doubled)
    more = np.concatenate((features, features[:10])), np.concatenate((labels, labels[:10]))
    single = leave_one_out(model, *more, C, first=len(labels))
    np.testing.assert_allclose(found.influence[:10], 2 * single.influence[:10], rtol=1e-9)
    np.testing.assert_allclose(found.influence[10:], single.influence[10:], rtol=1e-9)
    np.testing.assert_allclose(found.alo[10:], single.alo[10:], rtol=1e-6)
