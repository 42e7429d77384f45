"""Where files for the user are written; marks by which those of this program are told from the user's own."""

import os
from collections.abc import Sequence
from pathlib import Path

from utils.errors import UserError

NETWORKS = (".pt2", ".onnx")
FORMAT = "AutoDO network 1"  # an entry of every exported network
PREDICTED = ("predicted_label", "probability")  # columns of every file of predictions, after the first
# What is in every file of a kind, and hardly in another one.
EXPORTED = (FORMAT.encode(),)
PREDICTIONS = (f",{','.join(PREDICTED)}".encode(),)
AUDITED = b"given_label", b"learned_label", b"class_accuracy"  # as CSV and as JSON
PAGES = (b'<meta name="generator" content="AutoDO audit">',)
TABULATED = (b"dataset,setting,run,",)  # a line per run


def refuse_place(path: Path) -> None:
    """Raise UserError when the folder that a file is to be written into is not there, or is a run's."""
    if not path.parent.is_dir():
        raise UserError(f"the folder of {path} is not there; make it, or name another")
    if any(path.parent.glob("result_*.json")):
        raise UserError(f"the folder of {path} is a run's; name a file elsewhere")


def refuse_foreign(path: Path | None, marks: Sequence[bytes]) -> None:
    """Raise UserError when there is something at `path` that would be lost.

    A file with these marks is one of this program, and is replaced, as is an empty one.
    """
    if path is None or not path.exists():
        return
    if not path.is_file():
        raise UserError(f"{path} is a {'folder' if path.is_dir() else 'device'}; name a file")
    content = path.read_bytes()
    if content and not all(mark in content for mark in marks):
        raise UserError(f"{path} is there, and this program has not written it; move it away, or name another file")


def refuse_present(path: Path) -> None:
    """Raise UserError when there is something at `path`, of which nobody can tell whose it is."""
    if os.path.lexists(path):
        raise UserError(f"{path} is there, and nothing is overwritten; remove it, or name another")
