"""Tensors that can be computed again, kept in a file with the fingerprint of what they were computed from."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from utils.arrays import load_tensors, write_tensors
from utils.fingerprint import CHECKSUM, fingerprint

FINGERPRINT = "fingerprint"


def find_stored(path: Path, mark: str, compute: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """The tensors in the file at `path`, which is written if it has none with the fingerprint `mark`.

    A note says that a damaged file is replaced, or that a file cannot be written.
    """
    try:
        if path.exists() and (stored := _read(path, mark)):
            return stored
    except (ValueError, OSError) as error:
        print(f"note: {path} cannot be read ({error}); its features are computed again", file=sys.stderr)
    found = dict(compute())
    content = found | {FINGERPRINT: mark}
    try:
        write_tensors(path, content | {CHECKSUM: fingerprint(content)})
    except OSError as error:
        print(f"note: {path} cannot be written ({error.strerror}); its features are not kept", file=sys.stderr)
    return found


def _read(path: Path, mark: str) -> dict[str, Any] | None:
    """The tensors in a file; None if they are others. Raises ValueError when it is damaged."""
    content = load_tensors(path)
    if not isinstance(content, dict) or content.get(CHECKSUM) != fingerprint(content):
        raise ValueError("damaged")
    if content.get(FINGERPRINT) != mark:
        return None
    return {name: value for name, value in content.items() if name not in (FINGERPRINT, CHECKSUM)}
