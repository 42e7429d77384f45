"""A file of weights as an option: given by its path, known by its content. Imports no library."""

import argparse
import hashlib
import re
from functools import lru_cache
from pathlib import Path

MARK = re.compile(r"[0-9a-f]{16}")
PIECE = 2**20  # bytes that are read at once
SHORT = 8  # letters of the mark in a run's name


def weights_file(text: str) -> str:
    """The path of a file of weights, or the mark of its content, which stored runs have in its place."""
    if not (MARK.fullmatch(text) or Path(text).is_file()):
        raise argparse.ArgumentTypeError(f"there is no file '{text}'; give one with the weights of a network")
    return text


def mark_of(source: str) -> str:
    """The mark of the content of what `weights_file` accepts."""
    path = Path(source)
    if MARK.fullmatch(source) and not path.is_file():
        return source
    status = path.stat()
    return _mark(source, status.st_mtime_ns, status.st_size)


def short_mark(source: str) -> str:
    """The mark as a run's name has it."""
    return mark_of(source)[:SHORT]


@lru_cache
def _mark(path: str, time: int, size: int) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()[:16]
