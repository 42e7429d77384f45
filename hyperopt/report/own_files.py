"""Marks by which files that this program has written for the user are told from the user's own."""

from pathlib import Path

from utils.errors import UserError

NETWORKS = (".pt2", ".onnx")
EXPORTED = b"AutoDO network 1"  # in every exported network
PREDICTED = ("predicted_label", "probability")  # columns of every file of predictions, after the first


def refuse_foreign(path: Path | None) -> None:
    """Raise UserError when there is a file at `path` that this program has not written; its own is replaced."""
    if path is None or not path.exists():
        return
    mark = EXPORTED if path.suffix in NETWORKS else f",{','.join(PREDICTED)}".encode()
    if not path.is_file() or mark not in path.read_bytes():
        raise UserError(f"{path} is there, and this program has not written it; move it away, or name another file")
