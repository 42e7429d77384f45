"""A setting of a table of runs, with its numbers by run, as the lists in docs/results have them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hyperopt.report.curves import Curve, Selection
from utils.errors import UserError

ACCURACIES = {
    "best_on_test": "best on test",
    "selected_on_validation": "selected on validation",
    "last_epoch": "last epoch",
    "last_five": "mean of last five",
}
CURVES = {"augmented": "test images and copies", "clean": "test images"}  # of budgets
SHARES = (0, 10, 25, 50, 100)  # of the images, in %, at whose budgets a curve is shown
AT_SHARE = re.compile(r"(\w+)_at_(\d+)")
MEASURED = (
    *(*ACCURACIES, "rare_classes"),
    *(f"area_{name}" for name in CURVES),
    *(f"{name}_at_{share}" for name in CURVES for share in SHARES),
)
LATER = ("rare_classes", "commit")  # columns that older lists do not have
Versions = dict[int, list[Mapping[str, str]]]  # a run as each file has it, by its number


@dataclass(frozen=True)
class Line:
    """A setting of a table.

    versions: each run as the files have it, those of the first file first. stages: the same for the stages that the
    setting's command trains before.
    """

    key: str
    label: str
    versions: Versions
    stages: list[Versions]

    @property
    def runs(self) -> dict[int, Mapping[str, str]]:
        """The runs by number, as the first file has them."""
        return {number: versions[0] for number, versions in sorted(self.versions.items())}

    def errors(self, accuracy: str) -> dict[int, float]:
        """Test errors in % by run, of those that have the accuracy."""
        return {number: 100 - number_of(run, accuracy) for number, run in self.runs.items() if cell_of(run, accuracy)}

    def measured(self, name: str) -> dict[int, float]:
        """By run in %: the accuracies of a curve, at a share of the images or as the area; the errors of others."""
        if at_share := AT_SHARE.fullmatch(name):
            return self._heights(at_share[1], int(at_share[2]))
        if name.startswith("area_"):
            return {number: number_of(run, name) for number, run in self.runs.items()}
        return self.errors(name)

    def curves(self) -> Selection:
        """The curves of the runs, whose epochs are budgets."""
        found = {}
        for number, run in self.runs.items():
            budgets, *heights = (
                np.array(cell_of(run, name).split(), float) for name in ("budgets", *map("curve_{}".format, CURVES))
            )
            found[number] = Curve(budgets, dict(zip(CURVES, heights, strict=True)))
        return Selection(self.label, found)

    def _heights(self, name: str, share: int) -> dict[int, float]:
        selection = self.curves()
        place = {0: 0, 100: -1}.get(share, selection.place_of(share / 100))
        return {number: float(curve.accuracies[name][place]) for number, curve in selection.curves.items()}

    def seconds(self) -> dict[tuple[int, str, str], float]:
        """Seconds of the command, all stages together, by run, file and commit, where these are those of all stages.

        A list grows over several machines, each with a commit of its own.
        """
        parts = [
            {
                (number, run["file"], run.get("commit", "")): number_of(run, "seconds")
                for number, runs in stage.items()
                for run in runs
            }
            for stage in (self.versions, *self.stages)
        ]
        return {place: sum(part[place] for part in parts) for place in parts[0] if all(place in part for part in parts)}


def cell_of(run: Mapping[str, str], column: str) -> str:
    """A cell of a run; empty for an accuracy that other runs have. Raises UserError where its list lacks the column."""
    if column not in run and column not in LATER:
        raise UserError(f"{run['file']} has no column {column}, which a table of docs/tables.json shows")
    return run.get(column, "")


def number_of(run: Mapping[str, str], column: str) -> float:
    """A number of a run. Raises UserError where its list has none."""
    text = cell_of(run, column)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        title = f"{run['file']}: run{run['run']} of {run['setting']}"
        raise UserError(f"{title} has {column} = '{text}', which is no number; mend that line")
    return number
