"""Results as tables: text, Markdown, LaTeX, CSV, JSON."""

import csv
import io
import json
import statistics
from collections.abc import Callable
from typing import Any

from hyperopt.report.repetitions import name_ranges
from hyperopt.report.results import SettingResults
from utils.grid import Grid, as_text
from utils.runs.accuracies import ACCURACIES

PLUS_MINUS = {"text": "+-", "markdown": "±", "latex": r"$\pm$"}


def setting_table(row: SettingResults) -> str:
    """One row: test accuracy of every run, mean and standard deviation, test error."""

    def cells(accuracy: dict[str, float]) -> list[str]:
        return [f"{accuracy[name]:.2f}" if name in accuracy else "-" for name in ACCURACIES]

    grid = [["test accuracy, %", *ACCURACIES.values()]]
    grid += [[f"run{run}", *cells(result["accuracy"])] for run, result in sorted(row.results.items())]
    errors = [row.errors(name) for name in ACCURACIES]
    grid.append(["mean +- std", *(mean_and_spread([100 - error for error in column]) for column in errors)])
    grid.append(["test error, %", *map(mean_and_spread, errors)])
    return "\n".join([row.title, as_text(grid), *row.notes])


def all_tables(rows: list[SettingResults], layout: str) -> str:
    """All rows in a layout of `LAYOUTS`."""
    return LAYOUTS[layout](rows)


def mean_and_spread(values: list[float], plus_minus: str = "+-") -> str:
    """Mean and sample standard deviation, the latter left out for a single value; a dash for none."""
    return with_spread(summarise(values), plus_minus, digits=2)


def summarise(values: list[float]) -> list[float]:
    """Mean and, of several values, the sample standard deviation; nothing of nothing."""
    if not values:
        return []
    return [statistics.mean(values)] + ([statistics.stdev(values)] if len(values) > 1 else [])


def with_spread(summary: list[float], plus_minus: str, digits: int | None = None) -> str:
    """A mean and, if there is one, its standard deviation; as given without `digits`."""
    return f" {plus_minus} ".join(str(value) if digits is None else f"{value:.{digits}f}" for value in summary) or "-"


def by_accuracy(rows: list[SettingResults], plus_minus: str) -> Grid:
    """One distortion: a line per row, a column per accuracy."""
    grid = [[column_name(rows[0]), *ACCURACIES.values(), "runs"]]
    for row in rows:
        grid.append([row.label, *(cell(row, name, plus_minus) for name in ACCURACIES), runs_of([row])])
    return grid


def by_distortion(rows: list[SettingResults], accuracy: str, plus_minus: str) -> Grid:
    """The published tables' shape for one of `ACCURACIES`: a line per row, a column per distortion."""
    columns = dict.fromkeys(column_name(row) for row in sorted(rows, key=lambda row: row.distortion))
    lines: dict[str, dict[str, SettingResults]] = {}
    for row in rows:
        lines.setdefault(row.label, {})[column_name(row)] = row
    grid = [[ACCURACIES[accuracy], *columns, "runs"]]
    for label, found in lines.items():
        cells = (cell(found[column], accuracy, plus_minus) if column in found else "" for column in columns)
        grid.append([label, *cells, runs_of(list(found.values()))])
    return grid


def column_name(row: SettingResults) -> str:
    """The distortion as the published tables name it: IR-NR."""
    ir, sr, nr = row.distortion
    return f"{ir}-{nr}" if sr == 1 else f"{ir}-{nr} (SR {sr})"


def cell(row: SettingResults, accuracy: str, plus_minus: str) -> str:
    """Error in percent; behind the best epoch's on the test set the published one, which is of that kind."""
    ours = mean_and_spread(row.errors(accuracy), plus_minus)
    published = row.published() if accuracy == "best_on_test" else []
    return f"{ours} [{with_spread(published, plus_minus)}]" if published else ours


def runs_of(rows: list[SettingResults]) -> str:
    """Numbers of the runs that are in, per distortion where they differ."""
    names = [", ".join(name_ranges(sorted(row.results))).replace("run", "") for row in rows]
    return " / ".join(dict.fromkeys(names))


def as_markdown(grid: Grid) -> str:
    """A pipe table."""
    header, *body = (f"| {' | '.join(line)} |" for line in grid)
    return "\n".join([header, "|---" * len(grid[0]) + "|", *body])


def as_latex(grid: Grid) -> str:
    """A tabular."""
    header, *body = (" & ".join(cell.replace("_", r"\_") for cell in line) + r" \\" for line in grid)
    begin = rf"\begin{{tabular}}{{l{'r' * (len(grid[0]) - 1)}}}"
    return "\n".join([begin, r"\hline", header, r"\hline", *body, r"\hline", r"\end{tabular}"])


def records(rows: list[SettingResults]) -> list[dict[str, Any]]:
    """A record per row and distortion: errors in percent, unrounded; what is not defined is None."""
    found = []
    for row in rows:
        ir, sr, nr = row.distortion
        record = {"row": row.label, "imbalance_ratio": ir, "subsample_ratio": sr, "noise_ratio": nr}
        record["runs"] = " ".join(map(str, sorted(row.results)))
        summaries = {f"{name}_error": summarise(row.errors(name)) for name in ACCURACIES}
        for name, summary in (summaries | {"published_error": row.published()}).items():
            record[f"{name}_mean"], record[f"{name}_std"] = [*summary, None, None][:2]
        found.append(record | {"notes": "; ".join(row.notes)})
    return found


def _grids(rows: list[SettingResults], layout: str, render: Callable[[Grid], str], comment: str = "") -> str:
    plus_minus = PLUS_MINUS[layout]
    if len({row.distortion for row in rows}) == 1:
        grids = [by_accuracy(rows, plus_minus)]
    else:
        grids = [by_distortion(rows, name, plus_minus) for name in ACCURACIES]
    title = f"{comment}test error in %, mean {PLUS_MINUS['text']} standard deviation"
    if any(row.published() for row in rows):
        title += " [published]"
    notes = [f"{comment}{row.title}: {note}" for row in rows for note in row.notes]
    return "\n\n".join([title, *map(render, grids), *(["\n".join(notes)] if notes else [])])


def run_records(rows: list[SettingResults]) -> list[dict[str, Any]]:
    """A record per finished run: its setting's name, test accuracies in percent, seconds of all passes, what made it.

    What is not defined, or was not kept by an earlier version, is None.
    """
    found = []
    for row in rows:
        for run, result in sorted(row.results.items()):
            timing = result.get("timing") or {}
            seconds = timing.get("seconds")
            found.append(
                {"dataset": result["dataset"], "setting": row.title, "run": run, "epochs": result["options"].epochs}
                | {name: result["accuracy"].get(name) for name in ACCURACIES}
                | {"seconds": seconds and round(seconds, 1), "commit": result.get("commit")}
                | {"date": timing.get("finished"), "torch": (result.get("versions") or {}).get("torch")}
            )
    return found


def runs_csv(rows: list[SettingResults]) -> str:
    """The records of all runs as the content of a CSV file."""
    return _as_csv(run_records(rows)) + "\n"


def _as_csv(content: list[dict[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(content[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(content)
    return file.getvalue().rstrip()


LAYOUTS = {
    "text": lambda rows: _grids(rows, "text", as_text),
    "markdown": lambda rows: _grids(rows, "markdown", as_markdown),
    "latex": lambda rows: _grids(rows, "latex", as_latex, "% "),
    "csv": lambda rows: _as_csv(records(rows)),
    "json": lambda rows: json.dumps(records(rows), indent=2),
}
