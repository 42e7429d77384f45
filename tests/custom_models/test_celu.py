"""CELU against torch's."""

import pytest
import torch
import torch.nn.functional as F

from custom_models.celu import CELU


def test_values_and_gradients_are_those_of_torch():
    x = torch.cat((torch.linspace(-30, 30, 4001), torch.tensor([-1e30, -1e-30, 0.0, 1e-30, 1e30, -torch.inf])))
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, expected = CELU()(ours), F.celu(theirs)
    torch.testing.assert_close(y, expected, rtol=1e-6, atol=1.5e-7)
    y.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1.5e-7)


def test_input_is_left_as_it_is():
    x = torch.randn(100)
    before = x.clone()
    CELU()(x)
    assert torch.equal(x, before)


def test_twice_differentiable():
    x = torch.randn(20, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(CELU(), x)
    assert torch.autograd.gradgradcheck(CELU(), x)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_numbers_gone_wrong_stay_so(value):
    assert torch.equal(CELU()(torch.tensor(value)), torch.tensor(value)) or torch.isnan(CELU()(torch.tensor(value)))
