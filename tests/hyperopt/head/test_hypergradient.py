"""The closed form at the head against autograd twice over, finite differences and dense solves, in float64."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from oracle import (
    LOSSES,
    Problem,
    at_work,
    estimator,
    hypergradient,
    loss_by_definition,
    relative_error,
    tiny_hyper_problem,
)
from torch import nn

from hyperopt.estimators.hyper_pass import gradients_of_batches, hyper_pass, hyper_step
from hyperopt.head.hypergradient import HeadBatch, validation_gradient
from hyperopt.head.solvers import neumann_sum
from utils.passes import Batch

BY_NAME = pytest.mark.parametrize("name", LOSSES)


def closed_product(problem, V):
    return problem.batch().hessian(problem.W)(V)


@BY_NAME
def test_gradient_at_the_head(name):
    problem = Problem(name)
    assert relative_error(problem.batch().gradient(problem.W), problem.gradient()) < 1e-8


@BY_NAME
def test_hessian_product_at_the_head(name):
    problem = Problem(name)
    reference = (problem.hessian() @ problem.direction.flatten()).view_as(problem.direction)
    assert relative_error(closed_product(problem, problem.direction), reference) < 1e-8


@BY_NAME
def test_hessian_product_against_finite_differences(name):
    problem, step = Problem(name), 1e-5
    ahead, behind = (problem.batch().gradient(problem.W + sign * step * problem.direction) for sign in (1, -1))
    assert relative_error(closed_product(problem, problem.direction), (ahead - behind) / (2 * step)) < 1e-5


def test_validation_gradient():
    problem = Problem("cross-entropy")
    W = problem.W.clone().requires_grad_()
    logits = problem.valid_features @ W.T + problem.bias
    (reference,) = torch.autograd.grad(F.cross_entropy(logits, problem.valid_labels), W)
    closed = validation_gradient(logits.detach(), problem.valid_features, problem.valid_labels)
    assert relative_error(closed, reference) < 1e-8


@BY_NAME
@pytest.mark.parametrize("terms", [0, 1, 5, 40])
def test_neumann_sum_is_the_dense_one(name, terms):
    problem, alpha = Problem(name), 0.01
    identity = torch.eye(problem.W.numel(), dtype=torch.float64)
    shrink = identity - alpha * problem.hessian()
    dense = sum(torch.linalg.matrix_power(shrink, j) for j in range(terms + 1)) @ problem.direction.flatten()
    closed = neumann_sum(lambda V: closed_product(problem, V), problem.direction, terms, alpha)
    assert relative_error(closed, dense.view_as(closed)) < 1e-8


def test_long_neumann_sum_is_the_inverse():
    problem = Problem("KL", features=3, images=200)
    hessian = problem.hessian()
    # The head's Hessian is flat where all classes' weights move together; the gradient has no part there.
    gradient = problem.batch().gradient(problem.W)
    alpha = 1 / torch.linalg.eigvalsh(hessian)[-1].item()
    closed = alpha * neumann_sum(lambda V: closed_product(problem, V), gradient, 20_000, alpha)
    dense = torch.linalg.pinv(hessian, rtol=1e-10) @ gradient.flatten()
    assert relative_error(closed.flatten(), dense) < 1e-6


@BY_NAME
def test_surrogate_is_the_mixed_second_derivative(name):
    """Gradients by weight, features and soft label against differentiating grad_W L_train once more."""
    problem = Problem(name)
    weight, features = problem.weight.clone().requires_grad_(), problem.features.clone().requires_grad_()
    wanted, target = [weight, features], problem.target
    if target.is_floating_point():
        target = target.clone().requires_grad_()
        wanted.append(target)
    W = problem.W.clone().requires_grad_()
    loss = (weight * loss_by_definition(name, features @ W.T + problem.bias, target)).mean()
    (gradient,) = torch.autograd.grad(loss, W, create_graph=True)
    reference = torch.autograd.grad(-(gradient * problem.direction).sum(), wanted)

    batch = HeadBatch(problem.loss, features, target, weight, problem.bias)
    closed = torch.autograd.grad(batch.surrogate(problem.W, problem.direction), wanted)
    for value, expected in zip(closed, reference, strict=True):
        assert relative_error(value, expected) < 1e-8


def hypergradient_by_autograd(model, rows, batch, valid, iters, alpha, seed):
    """create_graph all the way: Neumann with autograd's Hessian products, then the mixed derivative."""
    images, _, index = batch
    leaves = {letter: leaf.requires_grad_() for letter, leaf in rows.leaves(index).items()}
    W = model.head.weight
    features = model.encoder(rows.augment(images, index, leaves, torch.Generator().manual_seed(seed)))
    loss = rows.loss(F.linear(features, W, model.head.bias), index, leaves)
    (gradient,) = torch.autograd.grad(loss, W, create_graph=True)
    (term,) = torch.autograd.grad(F.cross_entropy(model(rows.still(valid.images)), valid.given), W)
    total = term
    for _ in range(iters):
        term = term - alpha * torch.autograd.grad(gradient, W, term, retain_graph=True)[0]
        total = total + term
    return dict(zip(leaves, torch.autograd.grad(gradient, list(leaves.values()), -total), strict=True))


CASES = [
    ("SEP", "NONE", True, "paper"),
    ("SEP", "NONE", True, "original"),
    ("SHA", "NONE", True, "paper"),
    ("NONE", "WGHT", True, "paper"),
    ("NONE", "SOFT", True, "paper"),
    ("NONE", "SOFT", False, "paper"),
    ("SEP", "BOTH", True, "paper"),
    ("SEP", "BOTH", False, "paper"),
]


@pytest.mark.parametrize(("aug_model", "los_model", "distorted", "warp"), CASES)
def test_hypergradients_of_all_rows_against_autograd_twice_over(aug_model, los_model, distorted, warp):
    model, rows, batch, valid = tiny_hyper_problem(aug_model, los_model, distorted, warp)
    model.eval()
    reference = hypergradient_by_autograd(model, rows, batch, valid, iters=5, alpha=0.01, seed=3)
    gradients = hypergradient(model, rows, batch, valid, "HES", hyper_iters=5, hyper_alpha=0.01)
    assert gradients.keys() == reference.keys() == rows.holders.keys()
    for letter, gradient in gradients.items():
        assert gradient.shape == rows.leaves(batch.index)[letter].shape
        assert reference[letter].norm() > 0
        assert relative_error(gradient, reference[letter]) < 1e-8, letter


@pytest.mark.parametrize(("letter", "step"), [("W", 1e-5), ("S", 1e-5), ("A", 1e-6)])
def test_hypergradients_against_finite_differences(letter, step):
    """The inner product of V with the training gradient, differenced in every entry of the batch's rows."""
    model, rows, batch, valid = tiny_hyper_problem("SEP", "BOTH", True)
    table, (images, _, index) = rows.holders[letter], batch
    if letter == "A":
        # Whether an operation happens is a draw with a straight-through gradient: only magnitudes have a slope.
        table.values[:, :7] = 40.0
    model.eval()
    W = model.head.weight.detach().clone().requires_grad_()
    logits = F.linear(model.encoder(valid.images), W, model.head.bias)
    (V,) = torch.autograd.grad(F.cross_entropy(logits, valid.given), W)
    gradients = hypergradient(model, rows, batch, valid, "HES", hyper_iters=0, hyper_alpha=0.01)

    def objective():
        leaves = rows.leaves(index)
        W = model.head.weight.detach().clone().requires_grad_()
        features = model.encoder(rows.augment(images, index, leaves, torch.Generator().manual_seed(3))).detach()
        loss = rows.loss(F.linear(features, W, model.head.bias), index, leaves)
        return -(torch.autograd.grad(loss, W)[0] * V).sum().item()

    model.eval()
    differences = torch.zeros_like(gradients[letter])
    for i, row in enumerate(index):
        for j in range(table.values.shape[1]):
            start = table.values[row, j].item()
            ends = []
            for sign in (1, -1):
                table.values[row, j] = start + sign * step
                ends.append(objective())
            table.values[row, j] = start
            differences[i, j] = (ends[0] - ends[1]) / (2 * step)
    assert differences.norm() > 0
    assert relative_error(gradients[letter], differences) < 1e-5


def test_bilevel_problem_with_a_known_answer():
    """A toy: the inner optimum in closed form, its hypergradient by hand.

    One feature h = 1 and two classes: the inner optimum fits the weighted share of the labels, logit difference
    d* = log(w1 n1 / (w0 n0)); the validation loss is lowest where that share is the validation set's. Descending along
    the exact hypergradient (a long Neumann sum) finds it.
    """
    labels = torch.tensor([0] * 8 + [1] * 2)
    valid_labels = torch.tensor([0, 1])
    features, valid_features = torch.ones(10, 1).double(), torch.ones(2, 1).double()
    loss = LOSSES["cross-entropy"]
    bias = torch.zeros(2).double()
    logit = torch.zeros(10, 1).double()
    for _ in range(300):
        rows = logit.clone().requires_grad_()
        weight = F.softplus(rows[:, 0])
        share = (weight.detach() * labels).sum() / weight.detach().sum()
        half = 0.5 * torch.log(share / (1 - share))
        W = torch.stack((-half, half))[:, None]
        batch = HeadBatch(loss, features, labels, weight, bias)
        valid_logits = valid_features @ W.T + bias
        with torch.no_grad():
            V = 0.5 * neumann_sum(
                batch.hessian(W),
                validation_gradient(valid_logits, valid_features, valid_labels),
                terms=200,
                alpha=0.5,
            )
        (gradient,) = torch.autograd.grad(batch.surrogate(W, V), rows)
        # By hand: d L_valid / d w_i = dL/dd . dd*/dw_i with d* = logit(share).
        slope = share - 0.5
        by_hand = slope / (share * (1 - share)) * (labels - share) / weight.detach().sum()
        torch.testing.assert_close(gradient[:, 0], by_hand * logit[:, 0].sigmoid(), rtol=1e-6, atol=1e-12)
        logit = logit - 5 * gradient
    assert abs(share - 0.5) < 1e-3
    assert F.softplus(logit[9, 0]) / F.softplus(logit[0, 0]) == pytest.approx(4, rel=5e-3)


@BY_NAME
def test_head_steps_lead_to_a_stationary_point(name):
    problem = Problem(name, images=200, features=3)
    batch = problem.batch()
    norms = [batch.gradient(batch.descend(problem.W, steps)).norm().item() for steps in (0, 1, 10, 100, 1000)]
    assert norms == sorted(norms, reverse=True)
    assert norms[-1] < 1e-3 * norms[0]


def test_settings_shape_the_hypergradient():
    """Terms and step of the series against the oracle; head steps against the oracle at the moved head."""
    model, rows, batch, valid = tiny_hyper_problem("SEP", "BOTH", True)
    model.eval()
    for iters, alpha in ((0, 0.01), (2, 0.5)):
        reference = hypergradient_by_autograd(model, rows, batch, valid, iters, alpha, seed=3)
        gradients = hypergradient(model, rows, batch, valid, "HES", hyper_iters=iters, hyper_alpha=alpha)
        assert all(relative_error(gradients[letter], reference[letter]) < 1e-8 for letter in reference)

    gradients = hypergradient(model, rows, batch, valid, "HES", hyper_iters=5, hyper_alpha=0.01, hyper_steps=4)
    with torch.no_grad():
        leaves = rows.leaves(batch.index)
        features = model.encoder(rows.augment(batch.images, batch.index, leaves, torch.Generator().manual_seed(3)))
        target, weight = rows.target(batch.index, leaves), rows.weight(batch.index, leaves)
        at_head = HeadBatch(rows.training_loss, features, target, weight, model.head.bias)
        model.head.weight.copy_(at_head.descend(model.head.weight, 4))
    reference = hypergradient_by_autograd(model, rows, batch, valid, 5, 0.01, seed=3)
    assert all(relative_error(gradients[letter], reference[letter]) < 1e-8 for letter in reference)


def test_hyper_pass_is_its_steps_with_the_dense_optimiser():
    """Statistics and weights stay as they were."""
    model, rows, batch, valid = tiny_hyper_problem("SEP", "BOTH", True)
    training = at_work(model, rows, seed=5)
    find, rates = estimator("HES", hyper_iters=5, hyper_alpha=0.01).direction, {0.0: 0.3, 1 / 3: 0.2, 2 / 3: 0.1}
    batches = [Batch(*(part[3 * i : 3 * i + 3] for part in batch)) for i in range(3)]
    before = {name: value.clone() for name, value in training.frozen.state_dict().items()}

    dense = {letter: nn.Parameter(holder.values.clone()) for letter, holder in rows.holders.items()}
    optimizer = torch.optim.RMSprop(dense.values(), alpha=0.99)
    reference = at_work(model, tiny_hyper_problem("SEP", "BOTH", True)[1], seed=5)
    clean = list(gradients_of_batches(reference, [valid] * 3))
    for step_batch, gradient, rate in zip(batches, clean, rates.values(), strict=True):
        gradients = hyper_step(reference, step_batch, gradient, find, 0)
        optimizer.param_groups[0]["lr"] = rate
        for letter, parameter in dense.items():
            parameter.grad = torch.zeros_like(parameter)
            parameter.grad[step_batch.index] = gradients[letter]
        optimizer.step()
        for letter, parameter in dense.items():
            reference.rows.holders[letter].values = parameter.detach().clone()

    last = hyper_pass(training, batches, clean, find, 0, rates.__getitem__)
    assert last == 0.1
    for letter, holder in rows.holders.items():
        torch.testing.assert_close(holder.values, dense[letter].detach(), rtol=1e-9, atol=1e-9)
    assert all(p.grad is None for p in training.frozen.parameters())
    assert all(torch.equal(before[name], value) for name, value in training.frozen.state_dict().items())


def test_hyper_pass_sees_images_in_their_views():
    """Training and clean images go through a view each; the image alone is what a step takes from its batch."""
    model, rows, batch, valid = tiny_hyper_problem("SEP", "BOTH", True)
    find = estimator("HES").direction
    seen = at_work(model, rows)
    seen.views.training, seen.views.clean = torch.neg, torch.square
    (clean,) = gradients_of_batches(seen, [valid])
    hyper_pass(seen, [batch], [clean], find, 0, lambda done: 0.1)

    plain = at_work(model, tiny_hyper_problem("SEP", "BOTH", True)[1])
    (clean,) = gradients_of_batches(plain, [replace(valid, images=valid.images.square())])
    hyper_pass(plain, [replace(batch, images=-batch.images)], [clean], find, 0, lambda done: 0.1)
    for letter, holder in rows.holders.items():
        assert torch.equal(holder.values, plain.rows.holders[letter].values)
