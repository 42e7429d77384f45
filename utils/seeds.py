"""Random generators, one per use, so that a change in one use does not shift the draws of the others."""

import hashlib

import torch


def generator(seed: int, use: str) -> torch.Generator:
    """A CPU generator seeded by the run's seed and the name of its use."""
    digest = hashlib.sha256(f"{seed} {use}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
