"""How far a run is: a small file beside its others, until there is a result."""

import contextlib
import fcntl
import json
import re
from collections.abc import Iterable
from pathlib import Path

from utils.files import write_json
from utils.run_folder import RunFiles

PREFIX = "progress_"


def write_progress(files: RunFiles, epoch: int, epochs: int, diverged: str | None = None) -> None:
    """Say that so many of the epochs are done, and if so that the run has diverged."""
    write_json(files.progress, {"epoch": epoch, "epochs": epochs, "diverged": diverged})


def unfinished(folders: Iterable[Path], wanted: re.Pattern[str]) -> list[str]:
    """A line for each row without a result whose name has the pattern: how far it is, and whether it goes on."""
    lines = []
    for folder in folders:
        for path in sorted(folder.glob(f"{PREFIX}*.json")):
            files = RunFiles(folder, path.stem.removeprefix(PREFIX))
            if wanted.search(files.name) and not files.result.exists():
                with contextlib.suppress(FileNotFoundError):  # finished at this moment
                    lines.append(f"{folder.name} {files.name}: {_state(files)}")
    return lines


def _state(files: RunFiles) -> str:
    try:
        content = json.loads(files.progress.read_text())
        done, diverged = f"epoch {int(content['epoch'])} of {int(content['epochs'])}", content["diverged"]
    except (ValueError, KeyError, TypeError):
        return f"{files.progress.name} is damaged"
    if _has_writer(files):
        return f"{done}, being trained"
    return f"{done}, {diverged or 'stopped; the same command goes on'}"


def _has_writer(files: RunFiles) -> bool:
    if not files.lock.exists():
        return False
    with files.lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
