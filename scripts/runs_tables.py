"""Tables of a page, made of the lists of runs in docs/results/*.csv as docs/tables.json describes them.

A table of docs/tables.json has

files: lists of runs, in docs/results; the first one that has a run of a setting gives it.
dataset, distortion: of its runs; a distortion is the part "ir_10_sr_1.0_nr_0.1" of a setting's name.
flags: parts of the names that further flags add on these data, by what stands for them, as in {"rand": "2,28"}.
runs: the numbers of the runs, such as "0-7".
settings: a name of its "settings", a list of {"key", "label", "name", "stages"}: the line's heading, the setting's name
    without its network, and names of the stages that its command trains before. In a name, {d} stands for the
    distortion, and another word in braces for that entry of "flags", or for nothing where it has none.
keys: the keys of the settings to show (all).
columns: keys of `COLUMNS`. against: the key of the setting that all are compared with, by `compare_by`.

A table with "beside": {heading: name} has one column of several tables: "column". A table with "file" copies a list of
means, as `copied_tables` says. `tables_file` reads docs/tables.json.
"""

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runs_lines import ACCURACIES, CURVES, SHARES, Line, Versions

from hyperopt.report.comparisons import paired_difference
from hyperopt.report.curves import budget_of_gain
from hyperopt.report.runs_list import read_runs
from hyperopt.report.tables import as_markdown, mean_and_spread
from utils.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs/results"
PLACES = ("", *"0123456789")  # behind the point


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
            networks: dict[tuple[str, int], str] = {}
            for run in read_runs(self._folder / file).values():
                number = int(run["run"])
                if run["dataset"] == self.spec["dataset"] and number in numbers(self.spec["runs"]):
                    network, _, name = run["setting"].partition("_opt_")
                    if networks.setdefault((name, number), network) != network:
                        raise UserError(f"{file} has run{number} of {name} with two networks; take one of them out")
                    found.setdefault(name, {}).setdefault(number, []).append({**run, "file": file})
        return found

    @cached_property
    def lines(self) -> list[Line]:
        """A line for each setting that has runs."""
        found = []
        for one in self._settings:
            own, *stages = (self._all_runs.get(name, {}) for name in self._names(one))
            if own:
                found.append(Line(one["key"], one["label"], own, stages))
        return found

    @property
    def names(self) -> set[str]:
        """The names of all settings and stages, without their network, also of those that have no runs."""
        return {name for one in self._settings for name in self._names(one)}

    def _names(self, setting: Mapping[str, Any]) -> list[str]:
        parts = defaultdict(str, {"d": self.spec["distortion"], **self.spec.get("flags", {})})
        return [name.format_map(parts) for name in (setting["name"], *setting.get("stages", []))]

    def line(self, key: str) -> Line:
        """The line of a setting. Raises UserError for one that there is not, or that has no runs."""
        found = {line.key: line for line in self.lines}
        if key not in found:
            raise UserError(f"{key} has no runs among {', '.join(found) or 'none'}; {self._chosen}")
        return found[key]

    @property
    def _chosen(self) -> str:
        asked = "{dataset}, {distortion}, runs {runs}".format(**self.spec)
        return f"its entry in docs/tables.json asks for {asked}"

    def markdown(self) -> str:
        """The table; the lowest mean error of each accuracy, among settings with all runs, is in bold."""
        if not self.lines:
            raise UserError(f"{', '.join(self.spec['files'])} have no run; {self._chosen}")
        columns, count = self.spec["columns"], len(numbers(self.spec["runs"]))
        grid = [["", *(heading(self, column) for column in columns)]]
        complete = {
            name: [mean(one) for line in self.lines if len(one := line.errors(name)) == count]
            for name in columns
            if name in ACCURACIES
        }
        for line in self.lines:
            cells = []
            for column in columns:
                text = COLUMNS[column][1](self, line)
                errors = line.errors(column) if column in ACCURACIES else {}
                best = len(errors) == count and mean(errors) == min(complete[column])
                cells.append(f"**{text}**" if best else text)
            grid.append([line.label, *cells])
        return as_markdown(grid)

    def value(self, key: str, column: str, detail: str = "") -> str:
        """A single value: a mean error to 1 or `detail` places or with ±; a difference to the line `detail`; a cell."""
        line = self.line(key)
        if column == "against":
            return compare(self, line, self.line(detail))
        if column in ACCURACIES and detail != "±":
            if detail not in PLACES:
                raise UserError(f"'{key} {column} {detail}' asks for '{detail}' places; they are a digit or ±")
            return f"{mean(line.measured(column)):.{detail or 1}f}"
        if column not in COLUMNS or (detail and column not in ACCURACIES):
            raise UserError(f"'{key} {column} {detail}' asks for no column of a table; they are {', '.join(COLUMNS)}")
        return COLUMNS[column][1](self, line)


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
        values = list(line.measured(accuracy).values())
        few = 0 < len(values) < len(numbers(table.spec["runs"]))
        return mean_and_spread(values, "±") + (f" (n = {len(values)})" if few else "")

    return cell


def compare(table: Table, line: Line, other: Line) -> str:
    """The difference of a line to another one, paired over runs."""
    by = table.spec.get("compare_by", "last_five")
    return "-" if line.key == other.key else paired_difference(line.measured(by), other.measured(by))


def difference_cell(table: Table, line: Line) -> str:
    """The difference to the setting that all are compared with."""
    return compare(table, line, table.line(table.spec["against"]))


def cost_cell(table: Table, line: Line) -> str:
    """Seconds of a command over those of the first line, the baseline: median over runs that one list has of both."""
    ours, theirs = line.seconds(), table.lines[0].seconds()
    ratios = [seconds / theirs[place] for place, seconds in ours.items() if place in theirs]
    return f"{statistics.median(ratios):.1f}" if ratios else "-"


def gain_cell(table: Table, line: Line) -> str:
    """The share of the gain that the last line has over the first one, in the mean error by which they are compared."""
    first, last, own = (mean(one.measured(table.spec["compare_by"])) for one in (table.lines[0], table.lines[-1], line))
    return f"{100 * (first - own) / (first - last):.0f} %"


def gain_at(share: int) -> Callable[[Table, Line], str]:
    """The share of the gain of augmenting all images that a curve has reached at a share of the images."""

    def cell(table: Table, line: Line) -> str:
        full = mean(table.line(table.spec["against"]).measured("augmented_at_100"))
        none, own = (mean(line.measured(f"augmented_at_{place}")) for place in (0, share))
        return f"{100 * (own - none) / (full - none):.0f} %"

    return cell


def enough_cell(table: Table, line: Line) -> str:
    """The smallest budget at which a curve has 95 % of the gain of augmenting all images."""
    full = table.line(table.spec["against"]).measured("augmented_at_100")
    reached = budget_of_gain(line.curves(), "augmented", full)
    return f"at {100 * reached[1]:.0f} %" if reached else "never"


COLUMNS: dict[str, tuple[str, Callable[[Table, Line], str]]] = {
    **{name: (title, error_cell(name)) for name, title in ACCURACIES.items()},
    "rare_classes": ("rare classes, last epoch", error_cell("rare_classes")),
    "cost": ("seconds, baseline = 1", cost_cell),
    "difference": ("against {against}", difference_cell),
    "gain": ("share of the gain", gain_cell),
    **{f"{name}_at_{share}": (f"{share} %", error_cell(f"{name}_at_{share}")) for name in CURVES for share in SHARES},
    **{f"area_{name}": (f"area, {title}", error_cell(f"area_{name}")) for name, title in CURVES.items()},
    **{f"gain_at_{share}": (f"gain at {share} %", gain_at(share)) for share in SHARES},
    "enough": ("95 % of the gain", enough_cell),
}


@dataclass(frozen=True)
class Beside:
    """One column of several tables with the same settings; a line for each of the first one."""

    column: str
    parts: Mapping[str, Table]  # by heading

    def markdown(self) -> str:
        """The table; a dash where a table has no runs of a setting."""
        lines = [line for line in next(iter(self.parts.values())).lines if line.key not in self._references()]
        grid = [["", *self.parts]]
        for line in lines:
            grid.append([line.label, *(part.value(line.key, self.column) for part in self.parts.values())])
        return as_markdown(grid)

    def value(self, *_: str) -> str:
        """It has none: its parts do. Raises UserError."""
        raise UserError("single values are of the tables that stand beside each other; name one of these")

    def _references(self) -> set[str]:
        """The setting that others are compared with has no line of its own in a table of differences."""
        return {part.spec["against"] for part in self.parts.values()} if self.column == "difference" else set()
