"""Tables of a page, made of the lists of runs in docs/results/*.csv as docs/tables.json describes them.

A table of docs/tables.json has

files: lists of runs, in docs/results; the first one that has a run of a setting gives it.
dataset, distortion: of its runs; a distortion is the part "ir_10_sr_1.0_nr_0.1" of a setting's name.
runs: the numbers of the runs, such as "0-7".
settings: a name of its "settings", a list of {"key", "label", "name", "stages"}: the line's heading, the setting's name
    without its network, in which {d} stands for the distortion, and names of the stages that its command trains before.
keys: the keys of the settings to show (all).
columns: keys of `COLUMNS`. against: the key of the setting that all are compared with, by `compare_by`.

Or it copies a file of docs/results whose runs are not kept: {"file", "where": {column: value}, "columns": {heading:
column}}.
"""

import csv
import json
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hyperopt.report.comparisons import paired_difference
from hyperopt.report.tables import as_markdown, mean_and_spread

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs/results"
ACCURACIES = {
    "best_on_test": "best on test",
    "selected_on_validation": "selected on validation",
    "last_epoch": "last epoch",
    "last_five": "mean of last five",
}
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

    def errors(self, accuracy: str) -> dict[int, float]:
        """Test errors in % by run, of those that have the accuracy."""
        first = {number: versions[0] for number, versions in sorted(self.versions.items())}
        return {number: 100 - float(run[accuracy]) for number, run in first.items() if run.get(accuracy)}

    def seconds(self) -> dict[tuple[int, str], float]:
        """Seconds of the command, all stages together, by run and file, where one file has all stages."""
        parts = [
            {(number, run["file"]): float(run["seconds"]) for number, runs in stage.items() for run in runs}
            for stage in (self.versions, *self.stages)
        ]
        return {place: sum(part[place] for part in parts) for place in parts[0] if all(place in part for part in parts)}


class Table:
    """A table of runs, as its entry of docs/tables.json says."""

    def __init__(self, spec: Mapping[str, Any], settings: Mapping[str, Any], folder: Path = RESULTS) -> None:
        self.spec, self._folder = spec, folder
        chosen = spec.get("keys")
        self._settings = [one for one in settings[spec["settings"]] if chosen is None or one["key"] in chosen]

    @cached_property
    def _all_runs(self) -> dict[str, Versions]:
        """The runs of every setting, by the setting's name without its network."""
        found: dict[str, Versions] = {}
        for file in self.spec["files"]:
            for run in read(self._folder / file):
                number = int(run["run"])
                if run["dataset"] == self.spec["dataset"] and number in numbers(self.spec["runs"]):
                    name = run["setting"].partition("_opt_")[2]
                    found.setdefault(name, {}).setdefault(number, []).append({**run, "file": file})
        return found

    @cached_property
    def lines(self) -> list[Line]:
        """A line for each setting that has runs."""
        found = []
        for one in self._settings:
            names = [name.replace("{d}", self.spec["distortion"]) for name in (one["name"], *one.get("stages", []))]
            own, *stages = (self._all_runs.get(name, {}) for name in names)
            if own:
                found.append(Line(one["key"], one["label"], own, stages))
        return found

    def line(self, key: str) -> Line:
        """The line of a setting."""
        return {line.key: line for line in self.lines}[key]

    def markdown(self) -> str:
        """The table; the lowest mean error of each accuracy, among settings with all runs, is in bold."""
        columns, count = self.spec["columns"], len(numbers(self.spec["runs"]))
        grid = [["", *(heading(self, column) for column in columns)]]
        errors = {name: [line.errors(name) for line in self.lines] for name in ACCURACIES}
        lowest = {
            name: min((mean(one) for one in found if len(one) == count), default=0) for name, found in errors.items()
        }
        for line in self.lines:
            cells = []
            for column in columns:
                text = COLUMNS[column][1](self, line)
                best = column in ACCURACIES and mean(line.errors(column)) == lowest[column]
                cells.append(f"**{text}**" if best else text)
            grid.append([line.label, *cells])
        return as_markdown(grid)


def read(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def numbers(text: str) -> list[int]:
    """The numbers of "0-7", or "0 1 3"."""
    first, dash, last = text.partition("-")
    return list(range(int(first), int(last) + 1)) if dash else [int(part) for part in text.split()]


def mean(errors: Mapping[int, float]) -> float:
    """The mean of errors by run; infinite without any."""
    return statistics.mean(errors.values()) if errors else float("inf")


def heading(table: Table, column: str) -> str:
    """The heading of a column."""
    text = COLUMNS[column][0]
    return text.format(against=table.line(table.spec["against"]).label) if "{" in text else text


def error_cell(accuracy: str) -> Callable[[Table, Line], str]:
    """Mean and standard deviation of an error, and the number of runs if it is not the table's."""

    def cell(table: Table, line: Line) -> str:
        values = list(line.errors(accuracy).values())
        few = 0 < len(values) < len(numbers(table.spec["runs"]))
        return mean_and_spread(values, "±") + (f" (n = {len(values)})" if few else "")

    return cell


def difference_cell(table: Table, line: Line) -> str:
    """The difference to the setting that all are compared with, paired over runs."""
    other = table.line(table.spec["against"])
    by = table.spec.get("compare_by", "last_five")
    return "-" if line.key == other.key else paired_difference(line.errors(by), other.errors(by))


def cost_cell(table: Table, line: Line) -> str:
    """Seconds of a command over those of the first line, the baseline: median over runs that one file has of both."""
    ours, theirs = line.seconds(), table.lines[0].seconds()
    ratios = [seconds / theirs[place] for place, seconds in ours.items() if place in theirs]
    return f"{statistics.median(ratios):.1f}" if ratios else "-"


COLUMNS: dict[str, tuple[str, Callable[[Table, Line], str]]] = {
    **{name: (title, error_cell(name)) for name, title in ACCURACIES.items()},
    "rare_classes": ("rare classes, last epoch", error_cell("rare_classes")),
    "cost": ("seconds, baseline = 1", cost_cell),
    "difference": ("against {against}", difference_cell),
}


def copied(spec: Mapping[str, Any], folder: Path = RESULTS) -> str:
    """A table of a file whose runs are not kept, cell by cell."""
    lines = [
        line
        for line in read(folder / spec["file"])
        if all(line[column] == value for column, value in spec.get("where", {}).items())
    ]
    grid = [list(spec["columns"])]
    grid += [[line[column] or "-" for column in spec["columns"].values()] for line in lines]
    return as_markdown(grid)


def tables(path: Path = ROOT / "docs/tables.json") -> dict[str, Any]:
    """All tables of the pages by name: a `Table`, or the text of a copied one."""
    spec = json.loads(path.read_text())
    return {
        name: copied(one) if "file" in one else Table(one, spec["settings"]) for name, one in spec["tables"].items()
    }
