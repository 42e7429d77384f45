import pytest
import torch
from oracle import LOSSES, Problem, loss_by_definition, relative_error

BY_NAME = pytest.mark.parametrize("name", LOSSES)


@BY_NAME
def test_value_is_the_definition(name):
    problem = Problem(name)
    value = problem.loss.value(problem.logits(), problem.target)
    assert relative_error(value, loss_by_definition(name, problem.logits(), problem.target)) < 1e-12


@BY_NAME
def test_residual_is_the_gradient_at_the_logits(name):
    problem = Problem(name)
    logits = problem.logits().requires_grad_()
    (reference,) = torch.autograd.grad(loss_by_definition(name, logits, problem.target).sum(), logits)
    assert relative_error(problem.loss.residual(logits, problem.target), reference) < 1e-8


@BY_NAME
def test_curvature_is_the_second_derivative_at_the_logits(name):
    problem = Problem(name)
    direction = problem.features @ problem.direction.T

    def total(logits):
        return loss_by_definition(name, logits, problem.target).sum()

    reference = torch.autograd.functional.hvp(total, problem.logits(), direction)[1]
    assert relative_error(problem.loss.curvature(problem.logits(), problem.target, direction), reference) < 1e-8


@pytest.mark.parametrize("name", ["KL", "symmetric KL"])
def test_certain_labels_and_predictions_stay_finite(name):
    logits = torch.tensor([[200.0, -200.0, 0.0], [-200.0, 200.0, 0.0]])
    target = torch.tensor([[200.0, -200.0, 0.0], [200.0, -200.0, 0.0]])
    loss = LOSSES[name]
    for result in (
        loss.value(logits, target),
        loss.residual(logits, target),
        loss.curvature(logits, target, torch.ones_like(logits)),
    ):
        assert torch.isfinite(result).all()
    assert loss.value(logits, target)[0] == 0
