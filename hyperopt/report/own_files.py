"""Where files for the user are written; marks by which those of this program are told from the user's own."""

import os
from pathlib import Path

from utils.errors import UserError

NETWORKS = (".pt2", ".onnx")
EXPORTED = b"AutoDO network 1"  # in every exported network
PREDICTED = ("predicted_label", "probability")  # columns of every file of predictions, after the first
AUDITED = b"given_label", b"learned_label", b"class_accuracy"  # in every audit, as CSV and as JSON
TABULATED = (b"dataset,setting,run,",)  # in every file with a line per run


def refuse_place(path: Path) -> None:
    """Raise UserError when the folder that a file is to be written into is not there, or is a run's."""
    if not path.parent.is_dir():
        raise UserError(f"the folder of {path} is not there; make it, or name another")
    if any(path.parent.glob("result_*.json")):
        raise UserError(f"the folder of {path} is a run's; name a file elsewhere")


def refuse_foreign(path: Path, *marks: bytes) -> None:
    """Raise UserError when there is a file without these marks at `path`, which would be lost.

    With them it is replaced. Without marks, they are those of a network or of predictions. An empty file is replaced,
    too.
    """
    if not path.exists():
        return
    if not marks:
        marks = (EXPORTED if path.suffix in NETWORKS else f",{','.join(PREDICTED)}".encode(),)
    content = path.read_bytes() if path.is_file() else None
    if content is None or (content and not all(mark in content for mark in marks)):
        raise UserError(f"{path} is there, and this program has not written it; move it away, or name another file")


def refuse_present(path: Path) -> None:
    """Raise UserError when there is something at `path`, of which nobody can tell whose it is."""
    if os.path.lexists(path):
        raise UserError(f"{path} is there, and nothing is overwritten; remove it, or name another")
