"""Learned rows that a training starts from: which file they are in, and whether they fit it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from custom_datasets.distortion import Split, distorted_images
from custom_datasets.table import Dataset
from hyperopt.hyperparameters import Hyperparameters
from hyperopt.learned_rows import LearnedRows
from hyperopt.runs.identity import identify_training_set
from utils.checksum import checksum
from utils.errors import UserError
from utils.flags import is_rows_file
from utils.options import TrainOptions
from utils.row_options import CONFIDENCE, ROW_PARTS, ROWS_COLUMNS, part_name
from utils.run_folder import rows_file, run_files


@dataclass(frozen=True)
class StartingRows:
    """The rows of a file, and what is taken over: letters of `ROW_PARTS` and `CONFIDENCE`."""

    path: Path
    rows: LearnedRows
    use: str

    @property
    def checksum(self) -> str:
        """Of the content, which is the same in both kinds of file."""
        return checksum(self.rows.columns())

    def check_training_set(self, data: Dataset, split: Split) -> None:
        """Raise UserError when the rows are not those of the distorted images of this split."""
        if self.rows.split != identify_training_set(data, split):
            raise UserError(f"{self.path} is of another split; take one that was learned on this run's split file")
        if not np.array_equal(np.sort(self.rows.index.numpy()), distorted_images(split)):
            raise UserError(f"{self.path} has not one row for each of the split's distorted images; write it anew")
        if not np.array_equal(self.rows.given_label.numpy(), split.targets[self.rows.index.numpy()]):
            raise UserError(f"{self.path} has other given labels than the split; write it anew")
        if self.rows.soft_label is not None and self.rows.soft_label.shape[1] != data.classes:
            raise UserError(f"{self.path} has soft labels of other than {data.classes} classes; write it anew")

    def fill(self, hyper: Hyperparameters) -> None:
        """Put the parts that are taken over into the tables; the others, and those of other images, stay."""
        rows, use = self.rows, self.use
        if CONFIDENCE in use:
            rows = rows.weighted_by_confidence(learned_weight="W" in use)
            use = "W" + use.replace("W", "").replace(CONFIDENCE, "")
        values = rows.tables()
        hyper.start_from(rows.index, {ROW_PARTS[letter]: values[ROW_PARTS[letter]] for letter in use})


def find_starting_rows(options: TrainOptions) -> StartingRows | None:
    """The learned rows that the options name, None where rows start as usual.

    Raises UserError when there are none, or none with the parts that are asked for, or those of another data set.
    """
    path = rows_file(options)
    if path is None:
        return None
    if not path.exists() and (options.refit or not is_rows_file(options.rows)):
        name = options.rows or options.learning.run_name
        raise UserError(f"no finished run {name} with rows in {path.parent}; train it first, with --fresh if it is old")
    rows = LearnedRows.read(path)
    if rows.dataset != options.dataset:
        raise UserError(f"{path} is of the data set {rows.dataset}, not of {options.dataset}")
    there = "".join(letter for letter, column in ROWS_COLUMNS.items() if column in {*rows.parts, *rows.columns()})
    if not there:
        raise UserError(f"{path} has none of the learned columns; take another file")
    if missing := [letter for letter in options.rows_use or "" if letter not in there]:
        raise UserError(
            f"{path} has no {part_name(missing[0])}, only {there}; change --rows-use, or, if the file is of an earlier "
            "version, train its run again with --fresh"
        )
    use = options.rows_use or "".join(letter for letter in options.row_parts if letter in there)
    if not use:
        raise UserError(
            f"{path} has {there}, the row {options.row_parts}; change --rows-use, --aug-model or --los-model"
        )
    return StartingRows(path, rows, use)


def refuse_other_rows(options: TrainOptions, result: dict[str, Any]) -> None:
    """Raise UserError when a finished run started from other rows than those that are in its rows file now.

    What it was trained with may be gone by then.
    """
    path = rows_file(options)
    if path and not path.exists():
        print(f"note: {path} is not there, so that it was not compared with what the run started from", file=sys.stderr)
        return
    if path and checksum(LearnedRows.read(path).columns()) != result.get("rows_checksum"):
        raise UserError(
            f"{run_files(options).result} is of a run that was started with another rows file than {path}; "
            "put the earlier one back, or start over with --fresh"
        )
