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
        return half_cosine(self.base, self.base * self.rate**3, time, self.epochs)


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


@dataclass(frozen=True)
class WarmMultiplier:
    """A line from `base` to base x multiplier, then half a cosine; constant within an epoch.

    The warm-up ends with the epoch number `warm_epochs`, counted from 0 and at least 1. The epoch after that begins the
    cosine, over `epochs`, to `base` x rate^3: from `base` if `after` is "base", from the warm-up's end if it is "peak".
    Time as in `Cosine`.
    """

    base: float
    epochs: float
    rate: float
    warm_epochs: int
    multiplier: float
    after: str

    def __call__(self, time: float) -> float:
        """The learning rate at `time` epochs."""
        epoch = math.floor(time)
        if epoch <= self.warm_epochs:
            return self.base * (1 + (self.multiplier - 1) * epoch / self.warm_epochs)
        top = self.base * (self.multiplier if self.after == "peak" else 1)
        return half_cosine(top, self.base * self.rate**3, epoch - self.warm_epochs - 1, self.epochs)


def half_cosine(top: float, floor: float, time: float, length: float) -> float:
    """The value at `time` on the way from `top` to `floor`, which takes `length`."""
    return floor + (top - floor) * (1 + math.cos(math.pi * time / length)) / 2


def make_schedule(
    name: str,
    base: float,
    epochs: int,
    rate: float,
    decays: str,
    warm_epochs: int,
    multiplier: float = 2.0,
    after: str = "base",
) -> Callable[[float], float]:
    """The learning rate by time in epochs.

    Args:
        name: one of `SCHEDULES`.
        base: the learning rate.
        epochs: of the schedule.
        rate: of the decay.
        decays: epochs, separated by commas; for steps.
        warm_epochs: of the warm-up.
        multiplier, after: for the warm-up with a multiplier.

    """
    if name == "warm-multiplier":
        return WarmMultiplier(base, epochs, rate, warm_epochs, multiplier, after)
    if name == "steps":
        return Steps(base, rate, tuple(map(int, decays.split(","))), warm_epochs)
    return Cosine(base, epochs, rate, warm_epochs)
