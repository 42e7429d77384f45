"""Learning rates."""

import math
from collections.abc import Callable
from dataclasses import dataclass

WARM_UP_FROM = 0.1


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from `base` to base x rate^3 over `epochs`, after a linear warm-up from base / 10.

    The warm-up ends on the cosine, or at `base` when it is as long as the whole schedule. Time is in epochs, with
    fractions, from 0 at the schedule's start.
    """

    base: float
    epochs: float
    rate: float
    warm_epochs: float

    def __call__(self, time: float) -> float:
        """The learning rate at `time` epochs."""
        if time >= self.warm_epochs:
            return self._cosine(time)
        low = self.base * WARM_UP_FROM
        high = self._cosine(self.warm_epochs) if self.warm_epochs < self.epochs else self.base
        return low + (high - low) * time / self.warm_epochs

    def _cosine(self, time: float) -> float:
        floor = self.base * self.rate**3
        return floor + (self.base - floor) * (1 + math.cos(math.pi * time / self.epochs)) / 2


@dataclass(frozen=True)
class Steps:
    """`base`, times `rate` for each epoch of `decays` that is over, after a linear warm-up from base / 10.

    Time as in `Cosine`.
    """

    base: float
    rate: float
    decays: tuple[int, ...]
    warm_epochs: float

    def __call__(self, time: float) -> float:
        """The learning rate at `time` epochs."""
        if time < self.warm_epochs:
            low = self.base * WARM_UP_FROM
            return low + (self.base - low) * time / self.warm_epochs
        return self.base * self.rate ** sum(time >= epoch for epoch in self.decays)


def make_schedule(
    name: str, base: float, epochs: int, rate: float, decays: str, warm_epochs: float
) -> Callable[[float], float]:
    """The learning rate by time in epochs: `name` is one of `SCHEDULES`; `decays` are epochs, separated by commas."""
    if name == "steps":
        return Steps(base, rate, tuple(map(int, decays.split(","))), warm_epochs)
    return Cosine(base, epochs, rate, warm_epochs)
