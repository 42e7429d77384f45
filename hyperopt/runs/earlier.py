"""The finished run whose network a stage starts from: that of an earlier stage, or another one."""

import sys
from dataclasses import replace
from typing import Any

from hyperopt.runs.stages import EarlierStageError, FinishedRun, Stage
from utils.errors import UserError
from utils.runs.files import RunFiles


def find_earlier(stage: Stage, data: str, classes: int) -> FinishedRun | None:
    """The run whose network the stage starts from; None if it starts from none.

    `data` is the fingerprint of the stage's own data. A network of another run folder, or one that is named, may have
    been trained on other data, which a note says. Raises UserError when the run of an earlier stage in this folder is
    of other data, and when a run is missing, not finished or not readable.
    """
    files = stage.network_files
    if files is None:
        return None
    if stage.earlier is None:
        _refuse_unfinished(files)
    found = FinishedRun(files, classes)
    try:
        trained_on = found.last["data"]
    except UserError as error:
        raise (EarlierStageError(str(error)) if stage.earlier else error) from error
    if trained_on == data:
        return found
    if stage.earlier and files.folder == stage.run.files.folder:
        raise EarlierStageError(
            f"{files.last} was trained on another split file or data set; put the earlier one back, or train it "
            "again with --fresh"
        )
    note = f"{files.last} was trained on other images or labels; clean images of this run may be among them"
    print(f"note: {note}", file=sys.stderr)
    return replace(found, same_data=False)


def _refuse_unfinished(files: RunFiles) -> None:
    """Raise UserError when a run that is named has no checkpoint, or one from within its training."""
    if not files.last.exists():
        raise UserError(
            f"there is no {files.last}; give --features-of a run folder, a run's name or the path of a checkpoint"
        )
    last = FinishedRun(files, 0).last
    done, epochs = last["epoch"], last["options"].get("epochs")
    if done != epochs:
        raise UserError(f"{files.last} is of epoch {done} of {epochs}; let its training end first")


def refuse_other_network(stage: Stage, result: dict[str, Any]) -> None:
    """Raise UserError when the network that a finished run started from has changed since.

    If its checkpoint is gone, a note says so.
    """
    files = stage.network_files
    if files is None:
        return
    if not files.last.exists():
        note = f"{files.last} is not there, so that it was not compared with what the run started from"
        print(f"note: {note}", file=sys.stderr)
        return
    if FinishedRun(files, 0).checksum != result.get("network_checksum"):
        raise UserError(
            f"{stage.run.files.result} is of a run that was started from another network than that of {files.last}; "
            "put the earlier one back, or start over with --fresh"
        )
