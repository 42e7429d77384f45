"""The published results."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from custom_datasets.names import BUILT_IN

TABLES = Path(__file__).parent / "paper_tables.json"
# Augmentation, loss and estimator of the published settings, in their order.
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
def read_tables() -> dict[str, Any]:
    """Mean and standard deviation of the test error in percent, best epoch on test: data set, "IR-NR", setting."""
    return json.loads(TABLES.read_text())


def published_error(dataset: str, setting: tuple[str, str, str], ir: int, sr: float, nr: float) -> list[float]:
    """Mean and standard deviation (percent; the latter absent for a single run) of a published cell; [] without one."""
    column = read_tables().get(dataset, {}).get(f"{ir}-{nr}") if dataset in BUILT_IN else None
    if column is None or sr != 1 or setting not in SETTINGS:
        return []
    return [value for value in column[SETTINGS.index(setting)] or [] if value is not None]
