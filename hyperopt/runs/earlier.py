"""The finished run of an earlier stage, whose network a stage starts from."""

import sys
from typing import Any

from hyperopt.runs.stages import EarlierStageError, FinishedRun, Stage
from utils.errors import UserError


def find_earlier(stage: Stage, data: str, classes: int) -> FinishedRun | None:
    """The run of the earlier stage, None without such a stage.

    `data` is the fingerprint of the stage's own data. Raises UserError when the run is of other data, or not readable.
    """
    if stage.earlier is None:
        return None
    found = FinishedRun(stage.earlier.run.files, classes)
    try:
        trained_on = found.last["data"]
    except UserError as error:
        raise EarlierStageError(str(error)) from error
    if trained_on != data:
        raise EarlierStageError(
            f"{found.files.last} was trained on another split file or data set; put the earlier one back, or train it "
            "again with --fresh"
        )
    return found


def refuse_other_network(stage: Stage, result: dict[str, Any]) -> None:
    """Raise UserError when the network that a finished run started from has changed since.

    If its checkpoint is gone, a note says so.
    """
    if stage.earlier is None:
        return
    files = stage.earlier.run.files
    if not files.last.exists():
        note = f"{files.last} is not there, so that it was not compared with what the run started from"
        print(f"note: {note}", file=sys.stderr)
        return
    if FinishedRun(files, 0).checksum != result.get("network_checksum"):
        raise UserError(
            f"{stage.run.files.result} is of a run that was started from another network than that of {files.last}; "
            "put the earlier one back, or start over with --fresh"
        )
