"""Runs of a toy that selects images, written by hand: their curves, results and rows."""

import csv
import json
import sys
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch

from hyperopt.estimators.estimator import Estimator
from hyperopt.estimators.table import ESTIMATORS, Entry
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.rows import rows_file
from hyperopt.rows.parts import Column
from hyperopt.rows.rows_file import RowsFile
from utils.flags import flag, number

SELECTING = "--aug-model RAND --los-model WGHT --hyper-opt SEL"
BUDGETS = (0, 12, 25, 60, 120)
CLASSES = 10


class Toy(Estimator):
    """It has the flags of a selection, and trains nothing."""

    fills = "W"

    @dataclass(frozen=True)
    class Options:
        """Of the selection, and of the model."""

        select_score: str = flag("influence", "score")
        select_order: str = flag("proportional", "order")
        select_copies: int = flag(4, "copies of an image", type=number(int, 1, 99))
        select_c: float = flag(1.0, "inverse of the penalty", type=number(float, 0, 99))
        select_update: bool = flag(False, "score anew")
        select_downweight: bool = flag(False, "less weight")
        select_clusters: int = flag(0, "clusters", type=number(int, 0, 999))
        select_suspects: str = flag("keep", "wrong labels", choices=("keep", "last"))
        features_of: str | None = flag(None, "another run")


def add_toy(patch):
    """Put the toy into the table of estimators, and its columns into that of rows files."""
    module = ModuleType("toy_selection")
    module.Toy = Toy
    patch.setitem(sys.modules, "toy_selection", module)
    patch.setitem(ESTIMATORS, "SEL", Entry("toy_selection", "Toy", "order of being augmented"))
    patch.setitem(rows_file.COLUMNS, "rank", Column(torch.int64))
    patch.setitem(rows_file.COLUMNS, "score", Column())


def options_of(flags, run=0):
    return resolve(parse_options(RunOptions, "", [*SELECTING.split(), *flags.split(), "-r", f"run{run}"]))


def write_run(flags, run, augmented, clean=None, budgets=BUDGETS, scores=None, tables=None):
    """A finished run with these accuracies in %, by default the same on both kinds of test images; its files."""
    options, files = options_of(flags, run), options_of(flags, run).files
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
