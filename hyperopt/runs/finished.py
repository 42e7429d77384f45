"""Compares a finished run with the present data."""

import sys
from typing import Any

import torch

from custom_datasets.split_file import preview_split
from hyperopt.options.stored import DATA
from hyperopt.runs.data import read_dataset
from hyperopt.runs.fingerprints import fingerprint_run, fingerprints, refuse_result_of_other_data
from hyperopt.runs.set_up import prepare_split
from hyperopt.runs.stages import Stage
from utils.errors import UserError


def check_finished(stage: Stage, result: dict[str, Any]) -> None:
    """Read the present data and split file, and compare a finished run with them.

    Nothing is written: a missing split file is made again only in memory. Data that an earlier version did not
    fingerprint cannot be compared; a note on stderr says so.

    Raises UserError when they differ or cannot be read.
    """
    options, path = stage.training, stage.run.files.result
    names = DATA | {"data": "split file"}
    if missing := [name for key, name in names.items() if key not in result]:
        print(
            f"note: {path} is of an earlier version, and was not compared with the present {', '.join(missing)}",
            file=sys.stderr,
        )
    if len(missing) == len(names):
        return
    labels = options.label_file
    if gone := labels is not None and not labels.path.exists():
        print(f"note: {labels} is not there, and {path} was not compared with it", file=sys.stderr)
        labels = None
    data = read_dataset(options, torch.device("cpu"), result, labels=labels)
    refuse_result_of_other_data(path, result, fingerprints(data))
    if gone:
        return
    if data.given and result["labels"]["fingerprint"] != data.given.fingerprint:
        raise UserError(
            f"{path} is of other labels than those of {labels}; put the earlier ones back, give the new file another "
            "name, or start over with --fresh"
        )
    if "data" in result and fingerprint_run(data, prepare_split(options, data, preview_split)) != result["data"]:
        raise UserError(
            f"{path} is of another split file than the present one; put the earlier one back, or start over with "
            "--fresh"
        )


def refuse_missing_rows(stage: Stage, following: Stage) -> None:
    """Raise UserError when the rows of a finished stage are gone, and the stage that follows needs them."""
    path = stage.run.files.rows
    if following.rows_path == path and not following.run.files.result.exists() and not path.exists():
        raise UserError(f"{path} of the finished run is not there; put it back, or train the run again with --fresh")
