"""Reads the metrics file of a run: its figures epoch by epoch."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from utils.errors import UserError

CURVES = ("test_accuracy", "test_loss", "train_loss")


def epochs_of(result: dict[str, Any]) -> int:
    """Number of epochs of a run, which its metrics file has a line of each; of budgets, where these are epochs."""
    return len(result["budgets"]) if "budgets" in result else result["options"].epochs


def read_metrics(path: Path, epochs: int, columns: Iterable[str] = CURVES) -> dict[str, list[float]]:
    """Some columns of a metrics file with this number of epochs. Raises UserError when it is missing or damaged."""
    try:
        with path.open(newline="") as file:
            lines = [{key: float(value) for key, value in line.items()} for line in csv.DictReader(file)]
        metrics = {key: [line[key] for line in lines] for key in ("epoch", *columns)}
        if metrics["epoch"] != list(range(1, epochs + 1)):
            raise ValueError(f"it does not have the epochs 1 to {epochs}")
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise UserError(
            f"{path} is not a metrics file that can be read ({error}); train the run again with --fresh"
        ) from error
    return metrics
