"""How far a run is: a small file beside its other files, until there is a result."""

import contextlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from utils.file_lock import is_held
from utils.files import write_json
from utils.runs.files import RunFiles

PREFIX = "progress_"


def write_progress(files: RunFiles, epoch: int, epochs: int, log: str, diverged: str | None = None) -> None:
    """Write the number of epochs that are done, the log's name, and the message if the run has diverged."""
    write_json(files.progress, {"epoch": epoch, "epochs": epochs, "log": log, "diverged": diverged})


def log_of_progress(files: RunFiles) -> str | None:
    """The log's name; None when there is no such file or it is damaged."""
    try:
        log = json.loads(files.progress.read_text())["log"]
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return log if is_log_name(log) else None


def is_log_name(log: Any) -> bool:
    """Whether a name that was read from a file is the name of a single folder."""
    return isinstance(log, str) and log.isprintable() and log not in ("", "..") and Path(log).name == log


def unfinished(folders: Iterable[Path], wanted: re.Pattern[str] = re.compile("")) -> list[str]:
    """A line for each run without a result whose name matches the pattern: how far it is, and whether it goes on."""
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
    if is_held(files.lock):
        return f"{done}, being trained"
    return f"{done}, {diverged or 'stopped; the same command goes on'}"
