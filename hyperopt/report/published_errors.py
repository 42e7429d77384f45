"""The figures of the published systems: AutoDO, DABO and Efficient Augmentation.

None of ReSmooth's is there: its repository prints no accuracy, and the tables of its paper were not available.
"""

import csv
from functools import cache
from pathlib import Path

from custom_datasets.names import BUILT_IN

# A figure per line, with how its epoch was chosen and where it was read; a field is empty if it was not published.
FIGURES = Path(__file__).parent / "published.csv"
# Augmentation, loss and estimator of AutoDO's published settings, in their order.
SETTINGS = (
    ("NONE", "NONE", "NONE"),
    ("RAND", "NONE", "NONE"),
    ("AUTO", "NONE", "NONE"),
    ("DADA", "NONE", "NONE"),
    ("SHA", "NONE", "HES"),
    ("SEP", "NONE", "HES"),
    ("SEP", "WGHT", "HES"),
    ("SEP", "BOTH", "HES"),
)


@cache
def read_figures() -> tuple[dict[str, str], ...]:
    """The lines of the file, by column."""
    with FIGURES.open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


@cache
def errors_of_autodo() -> dict[tuple[str, str, str], list[float]]:
    """Mean and deviation of the test error in percent, best epoch on test, by data set, setting and "IR-NR"."""
    return {
        (line["dataset"], line["setting"], line["distortion"]): [
            float(line[name]) for name in ("value", "spread") if line[name]
        ]
        for line in read_figures()
        if (line["system"], line["measure"], line["epoch"]) == ("AutoDO", "test error in %", "best on test")
    }


def published_error(dataset: str, setting: tuple[str, str, str], ir: int, sr: float, nr: float) -> list[float]:
    """Mean and standard deviation (percent; the latter absent for a single run) of a published cell; [] without one."""
    if dataset not in BUILT_IN or sr != 1:
        return []
    augmentation, loss, estimator = setting
    return errors_of_autodo().get((dataset, f"{augmentation}/{loss} {estimator}", f"{ir}-{nr}"), [])
