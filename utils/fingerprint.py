"""Fingerprints: a SHA-256 of what is in a dictionary of tensors."""

import hashlib
from typing import Any

import torch
from torch import Tensor

CHECKSUM = "checksum"  # the key of a dictionary's own fingerprint


def fingerprint(content: dict[str, Any]) -> str:
    """SHA-256, in hexadecimal, of everything in a checkpoint except its own fingerprint."""
    digest = hashlib.sha256()
    _feed(digest, {key: value for key, value in content.items() if key != CHECKSUM})
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, Tensor):
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    elif isinstance(value, dict):
        for key, part in value.items():
            digest.update(f"{key!r}:".encode())
            _feed(digest, part)
    elif isinstance(value, list | tuple):
        digest.update(f"{len(value)} parts".encode())
        for part in value:
            _feed(digest, part)
    else:
        digest.update(repr(value).encode())
