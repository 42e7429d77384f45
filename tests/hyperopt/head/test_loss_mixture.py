"""The mixture of log losses against planted ones, scikit-learn's and a likelihood that is maximised numerically."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from scipy.stats import norm
from sklearn.mixture import GaussianMixture

from hyperopt.head.censored_mixture import fit_censored
from hyperopt.head.loss_mixture import FLOOR, LossMixture, fit_mixture, log_losses

VIEWS = 20_000
NO_FLOOR = -1e9


def planted(share, seed=0, known=(-6, 2), strange=(0.5, 0.8), floor=NO_FLOOR, views=VIEWS):
    """Log losses of known and of strange views, and which are strange."""
    random = np.random.default_rng(seed)
    is_strange = np.arange(views) < share * views
    losses = np.where(is_strange, random.normal(*strange, views), random.normal(*known, views))
    return np.maximum(losses, floor), is_strange


def posteriors(losses, form, labels=None, classes=1):
    labels = np.zeros(len(losses), int) if labels is None else labels
    mixture = fit_mixture(losses, labels, classes, form, seed=0)
    return mixture.posterior(torch.from_numpy(losses).float(), torch.from_numpy(labels)).numpy(), mixture


def accuracy(posterior, is_strange):
    return ((posterior < 0.5) == is_strange).mean()


@pytest.mark.parametrize("share", [0.5, 0.2, 0.1, 0.05, 0.02])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_robust_fit_finds_planted_shares(share, seed):
    losses, is_strange = planted(share, seed, floor=FLOOR)
    posterior, mixture = posteriors(losses, "robust")
    assert accuracy(posterior, is_strange) >= 0.985
    assert mixture.numbers[0, 0, 1].item() == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(("share", "published"), [(0.5, 0.99), (0.2, 0.99), (0.1, 0.93), (0.05, 0.80), (0.02, 0.61)])
def test_released_constants_end_early(share, published):
    """On average over planted sets, as far as the reference's figures have digits."""
    found = [accuracy(posteriors(*pair)[0], strange) for pair, strange in _released_sets(share)]
    assert np.mean(found) == pytest.approx(published, abs=0.02)


def _released_sets(share):
    for seed in range(5):
        losses, is_strange = planted(share, seed)
        yield (losses, "released"), is_strange


def test_overlapping_modes_are_told_as_well_as_the_true_densities_tell_them():
    known, strange = (-4, 2), (0, 1)
    losses, is_strange = planted(0.3, 1, known, strange, FLOOR)
    posterior, _ = posteriors(losses, "robust")
    best = (0.7 * norm.pdf(losses, *known) > 0.3 * norm.pdf(losses, *strange)) != is_strange
    assert accuracy(posterior, is_strange) == pytest.approx(best.mean(), abs=0.01)
    assert 0.90 < best.mean() < 0.93


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_views_with_a_loss_of_zero_are_no_mode_of_their_own(share):
    """From margins of 17 on, the cross-entropy in float32 is exactly zero."""
    losses, is_strange = planted(0.2, 3)
    random = np.random.default_rng(1)
    certain = ~is_strange & (random.random(VIEWS) < share)
    # Logits of two classes with that loss for class 0.
    margin = np.where(certain, random.uniform(17, 40, VIEWS), -np.log(np.expm1(np.exp(losses))))
    logits = torch.from_numpy(np.stack((margin, np.zeros(VIEWS)), 1)).float()
    labels = torch.zeros(VIEWS, dtype=torch.long)
    assert (F.cross_entropy(logits, labels, reduction="none") == 0).float().mean() > 0.9 * share * 0.8
    robust, released = (
        posteriors(log_losses(logits, labels, form).double().numpy(), form)[0] for form in ("robust", "released")
    )
    assert accuracy(robust, is_strange) >= 0.98
    assert accuracy(released, is_strange) < 0.6


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5])
def test_posterior_never_rises_with_the_loss(share):
    _, mixture = posteriors(planted(share, floor=FLOOR)[0], "robust")
    line = torch.linspace(-23, 5, 2000)
    posterior = mixture.posterior(line, torch.zeros(2000, dtype=torch.long))
    assert (posterior.diff() <= 0).all()
    assert posterior[0] > 0.99
    assert posterior[-1] < 0.2


def test_released_posterior_rises_again():
    """A wide strange component claims the smallest losses, too."""
    numbers = torch.tensor([[[0.8, 0.2], [-6, 0.5], [0.5, 5]]])
    line, labels = torch.linspace(-23, -6, 200), torch.zeros(200, dtype=torch.long)
    assert (LossMixture(numbers, clips=False).posterior(line, labels).diff() > 0).any()
    assert (LossMixture(numbers).posterior(line, labels).diff() <= 0).all()


@pytest.mark.parametrize("views", [1000, 20_000])
@pytest.mark.parametrize("draw", ["normal", "gumbel", "exponential"])
def test_single_mode_leaves_every_view_known(draw, views):
    random = np.random.default_rng(5)
    losses = getattr(random, draw)(size=views)
    losses = np.log(losses.clip(1e-4)) if draw == "exponential" else 2 * losses - 3
    posterior, mixture = posteriors(losses, "robust")
    assert (posterior == 1).all()
    share, mean, deviation = mixture.numbers[0]
    assert share.tolist() == [1, 0]
    known = losses[losses > FLOOR]
    if len(known) == len(losses):  # one normal distribution, without EM
        torch.testing.assert_close(mean, torch.full((2,), known.mean(), dtype=torch.float64))
        expected = torch.full((2,), (known.var() + 5e-4) ** 0.5, dtype=torch.float64)
        torch.testing.assert_close(deviation, expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("losses", [np.full(300, FLOOR), np.full(300, 1.0), np.r_[0.5, np.full(299, FLOOR)]])
def test_equal_losses_leave_every_view_known(losses):
    posterior, _ = posteriors(losses.astype(float), "robust")
    assert (posterior == 1).all()


def test_class_with_enough_views_has_its_own_mixture():
    """A rare class has higher losses, which are those of strange views elsewhere."""
    frequent, strange_frequent = planted(0.1, 0, views=8000, floor=FLOOR)
    rare, strange_rare = planted(0.1, 1, known=(-1.5, 1), strange=(3, 0.5), views=400, floor=FLOOR)
    few = np.random.default_rng(2).normal(-6, 2, 60).clip(FLOOR)
    losses, labels = np.r_[frequent, rare, few], np.repeat([0, 1, 2], [8000, 400, 60])
    posterior, mixture = posteriors(losses, "robust", labels, classes=4)
    assert accuracy(posterior[labels == 1], strange_rare) > 0.97
    assert accuracy(posterior[labels == 0], strange_frequent) > 0.98
    together = posteriors(losses, "robust", np.zeros_like(labels))[1].numbers[0]
    assert torch.equal(mixture.numbers[2], together)
    assert torch.equal(mixture.numbers[3], together)


def test_log_losses_are_exact_in_both_directions():
    margins = torch.tensor([-80.0, -5, 0, 5, 9, 25, 80, 500])
    logits = torch.stack((margins, torch.zeros(8), torch.full((8,), -1e4)), 1)
    expected = torch.log(torch.log1p(torch.exp(-margins.double()))).clamp(min=FLOOR)
    found = log_losses(logits, torch.zeros(8, dtype=torch.long))
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)
    random = torch.randn(50, 7, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 7
    expected = F.cross_entropy(random.double(), labels, reduction="none").log()
    torch.testing.assert_close(log_losses(random, labels).double(), expected, rtol=1e-5, atol=1e-6)


def test_without_a_floor_the_fit_is_scikit_learns():
    losses = planted(0.3)[0]
    means = np.quantile(losses, (0.5, 0.99))
    ours = fit_censored(losses, NO_FLOOR, means)
    theirs = GaussianMixture(2, means_init=means[:, None], reg_covar=5e-4, max_iter=500, tol=1e-9).fit(losses[:, None])
    np.testing.assert_allclose(ours.share, theirs.weights_, atol=2e-3)
    np.testing.assert_allclose(ours.mean, theirs.means_[:, 0], atol=1e-2)
    np.testing.assert_allclose(ours.deviation, theirs.covariances_[:, 0, 0] ** 0.5, atol=1e-2)
    assert ours.bic(len(losses)) == pytest.approx(theirs.bic(losses[:, None]), rel=1e-4)


def test_with_a_floor_the_fit_maximises_the_censored_likelihood():
    """The floor cuts off two thirds of the known views."""
    losses = planted(0.2, 4, known=(-8, 2), floor=-7.0, views=4000)[0]
    found = fit_censored(losses, -7.0, np.quantile(losses, (0.25, 0.9)))
    known, censored = losses[losses > -7], (losses <= -7).sum()

    def negative(parameters):
        share, means, deviations = 1 / (1 + np.exp(-parameters[0])), parameters[1:3], np.exp(parameters[3:])
        shares = np.array([share, 1 - share])[:, None]
        above = (shares * norm.pdf(known, means[:, None], deviations[:, None])).sum(0)
        below = (shares[:, 0] * norm.cdf(-7, means, deviations)).sum()
        return -np.log(above).sum() - censored * np.log(below)

    best = minimize(negative, [1.4, -8, 0.5, 0.7, -0.2], method="L-BFGS-B")
    np.testing.assert_allclose(found.mean, best.x[1:3], atol=0.06)
    np.testing.assert_allclose(found.deviation, np.exp(best.x[3:]), atol=0.06)
    assert -found.log_likelihood == pytest.approx(best.fun, rel=1e-4)
