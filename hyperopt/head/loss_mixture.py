"""A mixture of two normal distributions of log losses: views that a network knows, and views that are strange to it.

ReSmooth (arXiv 2205.12606). `p` is the posterior of the component with the smaller mean, so the probability that a view
is in the distribution on which the network was trained. n: views, B: views of a batch, C: classes.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hyperopt.head.censored_mixture import VARIANCE, fit_censored

SMALLEST_LOSS = 1e-4  # below it, losses differ by the network's margin, not by what the view is
FLOOR = float(np.float32(np.log(SMALLEST_LOSS)))
RELEASED_OFFSET = 1e-10
SEPARATION = 2.0  # smallest distance of the means, in root mean square standard deviations, of two modes
VIEWS_OF_A_CLASS = 200  # fewer do not tell its mixture
# Pairs of quantiles of the log losses at which the means of the robust fit start; the most probable fit is taken. One
# pair alone ends in a poor fit for some shares of strange views.
STARTS = ((0.5, 0.99), (0.25, 0.75), (0.5, 0.999))


def log_losses(logits: Tensor, labels: Tensor, form: str = "robust") -> Tensor:
    """The logarithms (B,) of the cross-entropies at logits (B, C) with labels (B,).

    The robust form is exact at small losses, where the cross-entropy in float32 is zero from margins of 17 on, and it
    ends at `FLOOR`. The released one adds 1e-10 to the loss, so that zeros become a mode of their own.
    """
    if form == "released":
        return (F.cross_entropy(logits, labels, reduction="none") + RELEASED_OFFSET).log()
    own = labels[:, None]
    others = logits.scatter(1, own, -torch.inf).logsumexp(1)
    return F.softplus(others - logits.gather(1, own)[:, 0]).log().clamp(min=FLOOR)


@dataclass(frozen=True)
class LossMixture:
    """Shares, means and standard deviations of both components, the smaller mean first: (C, 3, 2), one row per class.

    A single mode stands there twice, with the shares 1 and 0: every view is in distribution. clips: whether log losses
    outside the two means count as those at the means; without that, unequal variances make the posterior rise again for
    the largest losses.
    """

    numbers: Tensor
    clips: bool = True

    def posterior(self, log_loss: Tensor, labels: Tensor) -> Tensor:
        """The probability p (B,) of views with these log losses and labels (B,), on the device of the numbers."""
        share, mean, deviation = self.numbers[labels].unbind(1)
        if self.clips:
            log_loss = log_loss.maximum(mean[:, 0]).minimum(mean[:, 1])
        log_density = share.log() - deviation.log() - ((log_loss[:, None] - mean) / deviation).square() / 2
        return (log_density[:, 0] - log_density[:, 1]).sigmoid()


def fit_mixture(log_loss: np.ndarray, labels: np.ndarray, classes: int, form: str, seed: int) -> LossMixture:
    """The mixture of views with these log losses and labels (n,), in float64.

    The robust form takes losses at the floor as censored, runs EM to its end from several means, and replaces two
    components that are not two modes by one. It fits a class with `VIEWS_OF_A_CLASS` views by itself: losses of rare
    classes are higher, which would make their views strange. The released form has one mixture for all, and the
    published constants, which end EM early.
    """
    log_loss = log_loss.astype(np.float64)
    if form == "released":
        return LossMixture(_released(log_loss, seed).repeat(classes, 1, 1), clips=False)
    counts = np.bincount(labels, minlength=classes)
    every = _two_modes(log_loss)
    own = (_two_modes(log_loss[labels == c]) if counts[c] >= VIEWS_OF_A_CLASS else every for c in range(classes))
    return LossMixture(torch.stack(list(own)))


def _two_modes(log_loss: np.ndarray) -> Tensor:
    """The robust fit (3, 2), a single mode unless two components are more probable (BIC) and apart.

    Either condition alone lets some skewed or small samples with one mode pass.
    """
    starts = [np.quantile(log_loss, pair) for pair in STARTS]
    best = max((fit_censored(log_loss, FLOOR, means) for means in starts), key=lambda fit: fit.log_likelihood)
    one = fit_censored(log_loss, FLOOR, np.quantile(log_loss, [0.5]))
    numbers = _ascending(best.share, best.mean, best.deviation)
    _, mean, deviation = numbers
    apart = mean[1] - mean[0] > SEPARATION * deviation.square().mean().sqrt()
    if apart and best.bic(len(log_loss)) < one.bic(len(log_loss)):
        return numbers
    return _ascending(np.array((1.0, 0.0)), one.mean.repeat(2), one.deviation.repeat(2))


def _released(log_loss: np.ndarray, seed: int) -> Tensor:
    """The published fit (3, 2)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture  # slow to import

    mixture = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=VARIANCE, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ten iterations are few
        mixture.fit(log_loss[:, None])
    return _ascending(mixture.weights_, mixture.means_[:, 0], mixture.covariances_[:, 0, 0] ** 0.5)


def _ascending(share: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> Tensor:
    """The numbers of two components as a tensor (3, 2), the smaller mean first."""
    return torch.from_numpy(np.stack((share, mean, deviation))[:, mean.argsort(kind="stable")])
