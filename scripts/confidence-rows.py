#!/usr/bin/env python3
"""Write rows files to train with that use a network's confidence in other ways than `--rows-use C` does.

    python3 scripts/confidence-rows.py local_data/DIGITS/run0/rows_NAME.npz FOLDER [--threshold 0.4]

FOLDER/absolute.npz has the learned weights times the confidence itself, not relative to the highest of the class.
FOLDER/kept.npz gives weight 0 to the images whose given label has less confidence than the threshold, 1 to the others.
FOLDER/relabelled.npz gives those images the class that the run's network predicts, in a soft label as smooth as all
are at the start. The predictions are read from the file beside the rows.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from hyperopt.report.audit import THRESHOLD
from hyperopt.rows.rows import start_soft_labels
from hyperopt.rows.rows_file import RowsFile
from utils.errors import UserError, exit_status
from utils.files import replace_file
from utils.flags import Parser, number
from utils.runs.predictions import Predictions


def main() -> int:
    """The command line; returns the exit status."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, help="rows file of a finished run with soft labels")
    parser.add_argument("folder", type=Path, help="folder for the new files")
    parser.add_argument("--threshold", type=number(float, 0, 1), default=THRESHOLD, help="of the confidence")
    flags = parser.parse_args()
    return exit_status(lambda: write(flags.rows, flags.folder, flags.threshold))


def write(path: Path, folder: Path, threshold: float) -> None:
    """Write the three files. Raises UserError when one that is read is missing, damaged or without a column."""
    rows = RowsFile.read(path)
    if any(column is None for column in (rows.confidence, rows.weight, rows.soft_label)):
        raise UserError(f"{path} has not all columns; take the rows of a finished run with --los-model BOTH")
    classes = rows.soft_label.shape[1]
    if not path.name.startswith("rows_"):
        raise UserError(f"{path} is not named as a run's file is, rows_NAME; its predictions are looked for beside it")
    predictions = Predictions.read(path.with_name(f"predictions_{path.stem.removeprefix('rows_')}.npz"), classes)
    distorted = np.isin(predictions.train_index, rows.index)  # a control may have been trained on clean images as well
    rows = rows.in_order_of(predictions.train_index[distorted], predictions.train_given[distorted], classes, path)
    predicted = torch.from_numpy(predictions.train_predicted[distorted])
    believed = rows.confidence >= threshold
    label = torch.where(believed, rows.given_label, predicted)
    plain = replace(rows, weight=None, soft_label=None, probability=None, magnitude=None, confidence=None)
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / "absolute.npz", replace(plain, weight=rows.weight * rows.confidence).as_npz())
    replace_file(folder / "kept.npz", replace(plain, weight=believed.float()).as_npz())
    soft_label = start_soft_labels(label, classes).softmax(1)
    replace_file(folder / "relabelled.npz", replace(plain, soft_label=soft_label).as_npz())


if __name__ == "__main__":
    raise SystemExit(main())
