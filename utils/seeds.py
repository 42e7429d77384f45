"""Random generators, one per use, so that a change in one use does not shift the draws of the others."""

import hashlib

import numpy as np
import torch


def generator(seed: int, use: str) -> torch.Generator:
    """A CPU generator seeded by the run's seed and the name of its use."""
    return torch.Generator().manual_seed(_seed(seed, use))


def host_generator(seed: int, use: str) -> np.random.Generator:
    """A generator of numpy, seeded in the same way."""
    return np.random.default_rng(_seed(seed, use))


def _seed(seed: int, use: str) -> int:
    digest = hashlib.sha256(f"{seed} {use}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
