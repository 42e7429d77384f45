"""Random generators, one per use, so that a change in one use does not shift the draws of the others."""

import hashlib

import numpy as np

from utils.draws import Draws


def generator(seed: int, use: str) -> Draws:
    """A CPU generator seeded by the run's seed and the name of its use."""
    draws = Draws()
    draws.manual_seed(_seed(seed, use))
    return draws


def host_generator(seed: int, use: str) -> np.random.Generator:
    """A generator of numpy, seeded in the same way."""
    return np.random.default_rng(_seed(seed, use))


def _seed(seed: int, use: str) -> int:
    digest = hashlib.sha256(f"{seed} {use}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
