"""Expectation maximisation for a mixture of normal distributions of numbers that are known only above a floor.

Numbers at the floor count as somewhere below it (Lee and Scott 2012, EM for censored normal mixtures). Without a floor
these are a mode of their own, or a long tail that a normal distribution cannot follow. n: numbers, K: components.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

VARIANCE = 5e-4  # is added to each component's, so that equal numbers are no component of their own
ITERATIONS, TOLERANCE = 500, 1e-6  # of the mean log-likelihood


@dataclass(frozen=True)
class NormalMixture:
    """Shares, means and standard deviations, float64 (K,) each, and the log-likelihood of the n numbers.

    The likelihood is that of the mixture one step of EM before: at the end the two differ by less than the tolerance.
    """

    share: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    log_likelihood: float

    def bic(self, numbers: int) -> float:
        """The Bayesian information criterion for so many numbers: the lower, the better."""
        return (3 * len(self.mean) - 1) * float(np.log(numbers)) - 2 * self.log_likelihood


def fit_censored(numbers: np.ndarray, floor: float, means: np.ndarray) -> NormalMixture:
    """The mixture of numbers (n,), float64 and at least `floor`, from the given means (K,)."""
    known = numbers[numbers > floor]
    censored = len(numbers) - len(known)
    mixture = NormalMixture(np.full(len(means), 1 / len(means)), means, np.full(len(means), numbers.std() + 1e-3), 0)
    before = -np.inf
    for _ in range(ITERATIONS):
        found = _step(mixture, known, censored, floor)
        if found.log_likelihood - before < TOLERANCE * len(numbers):
            break
        mixture, before = found, found.log_likelihood
    return mixture


def _step(mixture: NormalMixture, known: np.ndarray, censored: int, floor: float) -> NormalMixture:
    """One step of expectation and maximisation; the log-likelihood is that of the given mixture."""
    share, mean, deviation = (part[:, None] for part in (mixture.share, mixture.mean, mixture.deviation))
    density = np.log(share) + _log_density(known, mean, deviation)
    every = np.logaddexp.reduce(density, 0)
    belongs = np.exp(density - every)  # (K, n)

    # Of the numbers below the floor: their components, and the first two moments of each component there.
    scaled = (floor - mixture.mean) / mixture.deviation
    below = np.log(mixture.share) + log_ndtr(scaled)
    every_below = np.logaddexp.reduce(below)
    count_below = censored * np.exp(below - every_below)
    hazard = np.exp(_log_density(scaled, 0, 1) - log_ndtr(scaled))
    mean_below = mixture.mean - mixture.deviation * hazard
    variance_below = mixture.deviation**2 * (1 - scaled * hazard - hazard**2)

    count = belongs.sum(1) + count_below
    new_mean = (belongs @ known + count_below * mean_below) / count
    squares = (belongs * (known - new_mean[:, None]) ** 2).sum(1)
    squares += count_below * (variance_below + (mean_below - new_mean) ** 2)
    likelihood = every.sum() + (censored * every_below if censored else 0)
    return NormalMixture(count / count.sum(), new_mean, np.sqrt(squares / count + VARIANCE), float(likelihood))


def _log_density(x: np.ndarray, mean: np.ndarray | float, deviation: np.ndarray | float) -> np.ndarray:
    return -(((x - mean) / deviation) ** 2 + np.log(2 * np.pi)) / 2 - np.log(deviation)
