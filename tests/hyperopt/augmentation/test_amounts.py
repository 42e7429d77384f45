import pytest
import torch
from scipy.stats import binomtest, kstest

from hyperopt.augmentation.amounts import draw_amounts, probabilities_and_magnitudes, start_rows
from hyperopt.augmentation.warp import RANGES


def test_start_is_the_published_one():
    rows = start_rows(3, torch.device("cpu"))
    assert rows.shape == (3, 14)
    probabilities, magnitudes = probabilities_and_magnitudes(rows)
    torch.testing.assert_close(probabilities, torch.full((3, 7), 0.2))
    torch.testing.assert_close(magnitudes, torch.full((3, 7), 0.5))


def test_ranges_are_the_nominal_ones():
    assert list(RANGES.values()) == [30.0, 0.45, 0.45, 0.30, 0.30, 0.50, 0.50]


def rows_of(probability, magnitude):
    return torch.logit(torch.tensor([[probability] * 7 + [magnitude] * 7], dtype=torch.float64))


@pytest.mark.parametrize(("probability", "magnitude"), [(0.2, 0.5), (0.05, 0.9), (0.7, 0.1)])
def test_draws_follow_their_definition(probability, magnitude):
    """An operation happens with its probability; its amount is then normal with the magnitude as deviation."""
    amounts = draw_amounts(rows_of(probability, magnitude), 20_000, torch.Generator().manual_seed(0))
    for amount in amounts.T:
        happened = amount != 0
        assert binomtest(happened.sum().item(), len(amount), probability).pvalue > 1e-4
        assert kstest(amount[happened].numpy() / magnitude, "norm").pvalue > 1e-4


def test_images_and_operations_are_drawn_independently():
    happened = (draw_amounts(rows_of(0.5, 0.5), 20_000, torch.Generator().manual_seed(1)) != 0).double()
    assert (torch.corrcoef(happened.T) - torch.eye(7)).abs().max() < 0.04


def test_gradient_is_straight_through():
    """Against torch's Gumbel-softmax formula with the same noise: the hard value, the soft value's slope."""
    rows = rows_of(0.3, 0.6).repeat(50, 1).requires_grad_()
    amounts = draw_amounts(rows, 50, torch.Generator().manual_seed(2))
    upstream = torch.randn(50, 7, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((amounts * upstream).sum(), rows)

    generator = torch.Generator().manual_seed(2)
    uniform = torch.rand(50, 7, generator=generator).double()
    normal = torch.randn(50, 7, generator=generator).double()
    p, m = rows.detach().sigmoid().chunk(2, dim=1)
    # Gumbel noise of the two classes enters as its difference, which is logistic.
    scores = torch.stack((p.log() + torch.logit(uniform), (1 - p).log()), -1)
    soft = scores.softmax(-1)[..., 0]
    hard = (scores.argmax(-1) == 0).double()
    torch.testing.assert_close(amounts.detach(), hard * m * normal)
    slope_p = soft * (1 - soft) * m * normal * upstream
    slope_m = hard * m * (1 - m) * normal * upstream
    torch.testing.assert_close(gradient, torch.cat((slope_p, slope_m), 1))


def test_every_precision_has_the_same_draws():
    rows = rows_of(0.5, 0.5)
    exact, rounded = (draw_amounts(kind, 500, torch.Generator().manual_seed(0)) for kind in (rows, rows.float()))
    assert (exact.dtype, rounded.dtype) == (torch.float64, torch.float32)
    torch.testing.assert_close(exact.float(), rounded)


def test_one_seed_repeats_the_draws():
    first, again, other = (draw_amounts(rows_of(0.5, 0.5), 9, torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
