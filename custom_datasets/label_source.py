"""Where the given labels of training images come from: a file, and a key where it holds several arrays."""

import argparse
import re
from pathlib import Path
from typing import NamedTuple

SUFFIXES = (".csv", ".npy", ".npz", ".pt")
WITH_KEYS = (".npz", ".pt")


class LabelSource(NamedTuple):
    """A file of labels; `key` names one of its arrays, None for the only one."""

    path: Path
    key: str | None = None

    @classmethod
    def of(cls, text: str) -> "LabelSource":
        """What `FILE[:KEY]` means. A colon belongs to the file's name unless a suffix of `WITH_KEYS` stands before."""
        path, _, key = text.rpartition(":")
        if key and Path(path).suffix.lower() in WITH_KEYS:
            return cls(Path(path), key)
        return cls(Path(text))

    @property
    def short(self) -> str:
        """Its part of a run's name: the file's stem and the key, with `-` for characters that file names lack."""
        words = [self.path.stem, *([self.key] if self.key else [])]
        return "-".join(re.sub(r"[^A-Za-z0-9_.%-]", "-", word) for word in words)

    def __str__(self) -> str:
        return f"{self.path}:{self.key}" if self.key else str(self.path)


def label_source(text: str) -> str:
    """The text of a flag that names a file of labels."""
    if LabelSource.of(text).path.suffix.lower() not in SUFFIXES:
        keys = f"and of {' and '.join(WITH_KEYS)} a key, such as labels.pt:worse_label"
        raise argparse.ArgumentTypeError(f"'{text}' must be a file {', '.join(SUFFIXES)}, {keys}")
    return text


def short_labels(text: str) -> str:
    """A source of labels in a run's name."""
    return LabelSource.of(text).short
