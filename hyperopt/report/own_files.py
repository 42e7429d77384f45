"""Where files for the user are written; marks by which those of this program are told from the user's own."""

from pathlib import Path

from utils.errors import UserError

NETWORKS = (".pt2", ".onnx")
EXPORTED = b"AutoDO network 1"  # in every exported network
PREDICTED = ("predicted_label", "probability")  # columns of every file of predictions, after the first


def refuse_place(path: Path) -> None:
    """Raise UserError when the folder that a file is to be written into is not there, or is a run's."""
    if not path.parent.is_dir():
        raise UserError(f"the folder of {path} is not there; make it, or name another")
    if any(path.parent.glob("result_*.json")):
        raise UserError(f"the folder of {path} is a run's; name a file elsewhere")


def refuse_foreign(path: Path) -> None:
    """Raise UserError when there is a file at `path` that this program has not written; its own is replaced."""
    if not path.exists():
        return
    mark = EXPORTED if path.suffix in NETWORKS else f",{','.join(PREDICTED)}".encode()
    if not path.is_file() or mark not in path.read_bytes():
        raise UserError(f"{path} is there, and this program has not written it; move it away, or name another file")
