"""Checkpoints: the state from which a run goes on as if it had never stopped, and how a damaged one is noticed.

A checkpoint is a dictionary with the published code's keys (encoder, head, tables of hyperparameters, accuracy, epoch)
and the state of the training. It loads with `torch.load(path, weights_only=True)`, so without unpickling code.
"""

import dataclasses
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from utils.arrays import load_tensors, write_tensors
from utils.device import is_lack_of_memory
from utils.errors import UserError
from utils.fingerprint import CHECKSUM, fingerprint
from utils.runs.epochs import Epoch
from utils.runs.files import RunFiles
from utils.runs.progress import is_log_name

# The keys of the published code for an epoch, and the options.
PUBLISHED_KEYS = (
    "encoder_state_dict",
    "decoder_state_dict",
    "reweight_state_dict",
    "augment_state_dict",
    "acc",
    "epoch",
    "options",
)
RESUMABLE = {*PUBLISHED_KEYS, "data", "training", "epochs", "log", CHECKSUM}


@dataclass(frozen=True)
class Origin:
    """Fingerprints of a run's data, and of the learned rows and the network that it starts from, if any."""

    data: str
    rows_checksum: str | None = None
    network_checksum: str | None = None

    def stored(self) -> dict[str, str | None]:
        """The entries of a checkpoint and a result; that of a network only if there is one."""
        found = dataclasses.asdict(self)
        return found if self.network_checksum else {n: value for n, value in found.items() if n != "network_checksum"}


def write_last(files: RunFiles, content: dict[str, Any]) -> None:
    """Write the latest checkpoint with its fingerprint; the one before is kept as `previous`."""
    write_tensors(files.last, content | {CHECKSUM: fingerprint(content)}, earlier=files.previous)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint from which a run can go on, on the CPU. Raises ValueError when it is damaged or of another kind."""
    content = load_tensors(path)
    try:
        found = fingerprint(content) if isinstance(content, dict) else None
    except Exception as error:  # odd tensors
        if is_lack_of_memory(error):
            raise
        raise ValueError("damaged") from error
    if not isinstance(content, dict) or not content.keys() >= RESUMABLE:
        raise ValueError("not one that a run can go on from")
    if content[CHECKSUM] != found:
        raise ValueError("damaged: its checksum is another")
    return content


def find_checkpoint(
    files: RunFiles,
    origin: Origin,
    expected: dict[str, Any],
    different: Callable[[Any], list[str]],
    update: Callable[[dict[str, Any]], list[str]],
) -> dict[str, Any] | None:
    """The checkpoint from which a run goes on, which is printed to stderr; None for a run from scratch.

    It is the last one, or the one before if the last one is damaged. Raises UserError when no existing checkpoint can
    be read, when the run was started with other options, on other data or from other rows, or when the tensors do not
    fit this network.

    Args:
        files: of the run.
        origin: fingerprints of the run's data and rows.
        expected: a checkpoint of this run, for its keys, types and shapes.
        different: returns which options of a checkpoint differ from this run's.
        update: brings the checkpoint of an earlier version up to date in place, and returns notes about it.

    """
    found = [path for path in (files.last, files.previous) if os.path.lexists(path)]
    if not found:
        return None
    problems = []
    for path in found:
        try:
            content = read_checkpoint(path)
        except ValueError as error:
            problems.append(f"{path} is {error}")
            continue
        notes = update(content)
        _refuse_another_run(path, content, different(content["options"]), origin)
        _refuse_misfit(path, content, expected)
        if problems:
            # Renamed, since otherwise the next checkpoint would replace the good one with it.
            os.replace(files.last, files.damaged)
            print(f"note: {problems[0]}, it is {files.damaged} now; going on from {path}", file=sys.stderr)
        for note in (f"going on after epoch {content['epoch']}", *notes):
            print(f"note: {note}", file=sys.stderr)
        return content
    raise UserError(f"{'; '.join(problems)}; there is no other checkpoint: use --fresh to start over")


def _refuse_another_run(path: Path, content: dict[str, Any], differences: list[str], origin: Origin) -> None:
    if differences:
        raise UserError(
            f"{path} is of a run that was started with other options ({', '.join(differences)}); "
            "use --fresh to start over, or another run folder"
        )
    if content["data"] != origin.data:
        raise UserError(
            f"{path} is of a run that was started on another split file or data set, or with other --labels; "
            "put the earlier one back, or start over with --fresh"
        )
    started = {"rows_checksum": "rows file", "network_checksum": "network of the stage before"}
    for name, what in started.items():
        if content.get(name) != getattr(origin, name):
            raise UserError(
                f"{path} is of a run that was started with another {what}; "
                "put the earlier one back, or start over with --fresh"
            )


def _refuse_misfit(path: Path, content: dict[str, Any], expected: dict[str, Any]) -> None:
    wrong = [key for key, value in expected.items() if not same_layout(content.get(key), value)]
    if not _has_every_epoch(content):
        wrong.append("epochs")
    if not is_log_name(content["log"]):
        wrong.append("log")
    if wrong:
        raise UserError(f"{path} does not fit this run, in {', '.join(wrong)}; use --fresh to start over")


def same_layout(found: Any, expected: Any) -> bool:
    """Whether two values have the same layout: tensors their type and shape, dictionaries their keys and values."""
    if isinstance(expected, Tensor):
        return isinstance(found, Tensor) and (found.dtype, found.shape) == (expected.dtype, expected.shape)
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(same_layout(found[key], value) for key, value in expected.items())
        )
    return type(found) is type(expected)


def _has_every_epoch(content: dict[str, Any]) -> bool:
    try:
        numbers = [Epoch.of(stored).epoch for stored in content["epochs"]]
    except (TypeError, ValueError):
        return False
    return numbers == list(range(1, len(numbers) + 1)) and numbers[-1:] == [content["epoch"]]
