"""Finished runs that select images, written by hand: their curves, results and rows."""

import csv
import json

import numpy as np
import torch

from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.rows.rows_file import RowsFile

SELECTING = "--aug-model RAND --hyper-opt SEL"
IMAGES = 120
BUDGETS = (0, 1, 1, 6, 12, 30, 60, 90, 120)  # the usual ones of so many images
POINT = "--select-score support --select-order top --select-budgets support"
CLASSES = 10


def options_of(flags, run=0):
    return resolve(parse_options(RunOptions, "", [*SELECTING.split(), *flags.split(), "-r", f"run{run}"]))


def write_run(flags, run, augmented, clean=None, budgets=BUDGETS, scores=None, tables=None):
    """A finished run with these accuracies (B,) in %, by default the same on both kinds of test images; its files."""
    options = options_of(flags, run)
    files = options.files
    clean = [*map(float, augmented if clean is None else clean)]
    files.folder.mkdir(parents=True, exist_ok=True)
    metrics = {"epoch": range(1, len(budgets) + 1), "train_loss": np.ones(len(budgets)), "test_loss": clean}
    metrics |= {"test_accuracy": clean, "budget": budgets, "test_augmented_accuracy": augmented}
    with files.metrics.open("w", newline="") as file:
        csv.writer(file).writerows([metrics, *zip(*metrics.values(), strict=True)])
    accuracy = {"best_on_test": max(clean), "selected_on_validation": clean[1], "last_epoch": clean[-1]}
    content = {"dataset": options.dataset, "run": f"run{run}", "name": options.name, "accuracy": accuracy}
    content |= {"epochs": dict.fromkeys(accuracy, 1), "accuracy_per_class": {"last_epoch": [clean[-1]] * CLASSES}}
    content |= {"options": options.identity | {"precision": "fp32"}, "budgets": list(budgets)}
    content |= {"images": {"train": 1257, "valid": 314, "test": 540}, **(tables or {})}
    files.result.write_text(json.dumps(content))
    if scores is not None:
        places = torch.arange(len(scores))
        columns = {"rank": torch.from_numpy(scores).argsort(descending=True), "score": torch.from_numpy(scores)}
        rows = RowsFile(3 * places, places % CLASSES, options.dataset, "split", columns)
        files.rows.write_bytes(rows.as_pt())
    return files
