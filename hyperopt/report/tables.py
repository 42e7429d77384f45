"""Results as tables: text, Markdown, LaTeX, CSV, JSON."""

import json
import statistics
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from custom_datasets.distortion import divide_classes
from hyperopt.report.metrics import epochs_of
from hyperopt.report.repetitions import name_ranges
from hyperopt.report.results import SettingResults
from hyperopt.report.runs_list import as_csv
from utils.grid import Grid, as_text
from utils.runs.accuracies import ACCURACIES

PLUS_MINUS = {"text": "+-", "markdown": "±", "latex": r"$\pm$"}
OF_BUDGETS = "an epoch is a budget, and the test images are clean; --compare curves has each budget, and augmented ones"


def setting_table(setting: SettingResults) -> str:
    """The table of one setting: test accuracy of every run, mean and standard deviation, test error."""

    def cells(accuracy: dict[str, float]) -> list[str]:
        return [f"{accuracy[name]:.2f}" if name in accuracy else "-" for name in ACCURACIES]

    grid = [["test accuracy, %", *ACCURACIES.values()]]
    grid += [[f"run{run}", *cells(result["accuracy"])] for run, result in sorted(setting.results.items())]
    errors = [setting.errors(name) for name in ACCURACIES]
    grid.append(["mean +- std", *(mean_and_spread([100 - error for error in column]) for column in errors)])
    grid.append(["test error, %", *map(mean_and_spread, errors)])
    return "\n".join([setting.title, as_text(grid), *([OF_BUDGETS] if setting.has_budgets else []), *setting.notes])


def all_tables(settings: list[SettingResults], layout: str) -> str:
    """All settings in a layout of `LAYOUTS`."""
    return LAYOUTS[layout](settings)


def mean_and_spread(values: list[float], plus_minus: str = "+-") -> str:
    """Mean and sample standard deviation, without the latter for a single value; a dash for no value."""
    return with_spread(summarise(values), plus_minus, digits=2)


def summarise(values: list[float]) -> list[float]:
    """Mean and, for several values, the sample standard deviation; [] for no value."""
    if not values:
        return []
    return [statistics.mean(values)] + ([statistics.stdev(values)] if len(values) > 1 else [])


def with_spread(summary: list[float], plus_minus: str, digits: int | None = None) -> str:
    """A mean and its standard deviation, if there is one; rounded only with `digits`."""
    return f" {plus_minus} ".join(str(value) if digits is None else f"{value:.{digits}f}" for value in summary) or "-"


def by_accuracy(settings: list[SettingResults], plus_minus: str) -> Grid:
    """One distortion: a line per setting, a column per accuracy."""
    grid = [[column_name(settings[0]), *ACCURACIES.values(), "runs"]]
    for setting in settings:
        grid.append([setting.label, *(cell(setting, name, plus_minus) for name in ACCURACIES), runs_of([setting])])
    return grid


def by_distortion(settings: list[SettingResults], accuracy: str, plus_minus: str) -> Grid:
    """As in the published tables, for one of `ACCURACIES`: a line per setting, a column per distortion."""
    columns = dict.fromkeys(
        column_name(setting) for setting in sorted(settings, key=lambda setting: setting.distortion)
    )
    lines: dict[str, dict[str, SettingResults]] = {}
    for setting in settings:
        lines.setdefault(setting.label, {})[column_name(setting)] = setting
    grid = [[ACCURACIES[accuracy], *columns, "runs"]]
    for label, found in lines.items():
        cells = (cell(found[column], accuracy, plus_minus) if column in found else "" for column in columns)
        grid.append([label, *cells, runs_of(list(found.values()))])
    return grid


def column_name(setting: SettingResults) -> str:
    """The name of the distortion in the published tables: IR-NR."""
    ir, sr, nr = setting.distortion
    return f"{ir}-{nr}" if sr == 1 else f"{ir}-{nr} (SR {sr})"


def cell(setting: SettingResults, accuracy: str, plus_minus: str) -> str:
    """Error in percent; that of the best epoch on the test set is followed by the published one, if there is one."""
    ours = mean_and_spread(setting.errors(accuracy), plus_minus)
    published = setting.published() if accuracy == "best_on_test" else []
    return f"{ours} [{with_spread(published, plus_minus)}]" if published else ours


def runs_of(settings: list[SettingResults]) -> str:
    """Numbers of the runs, per distortion if they differ."""
    names = [", ".join(name_ranges(sorted(setting.results))).replace("run", "") for setting in settings]
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


def records(settings: list[SettingResults]) -> list[dict[str, Any]]:
    """A record per setting and distortion: errors in percent, unrounded; None where they are not defined."""
    found = []
    for setting in settings:
        ir, sr, nr = setting.distortion
        record = {"row": setting.label, "imbalance_ratio": ir, "subsample_ratio": sr, "noise_ratio": nr}
        record["runs"] = " ".join(map(str, sorted(setting.results)))
        summaries = {f"{name}_error": summarise(setting.errors(name)) for name in ACCURACIES}
        for name, summary in (summaries | {"published_error": setting.published()}).items():
            record[f"{name}_mean"], record[f"{name}_std"] = [*summary, None, None][:2]
        found.append(record | {"notes": "; ".join(setting.notes)})
    return found


def _grids(settings: list[SettingResults], layout: str, render: Callable[[Grid], str], comment: str = "") -> str:
    plus_minus = PLUS_MINUS[layout]
    if len({setting.distortion for setting in settings}) == 1:
        grids = [by_accuracy(settings, plus_minus)]
    else:
        grids = [by_distortion(settings, name, plus_minus) for name in ACCURACIES]
    title = f"{comment}test error in %, mean {PLUS_MINUS['text']} standard deviation"
    if any(setting.published() for setting in settings):
        title += " [published]"
    notes = [f"{comment}{setting.title}: {note}" for setting in settings for note in setting.notes]
    return "\n\n".join([title, *map(render, grids), *(["\n".join(notes)] if notes else [])])


MoreColumns = Mapping[tuple[str, int], Mapping[str, Any]]  # by title of the setting and run


def run_records(settings: list[SettingResults], more: MoreColumns) -> list[dict[str, Any]]:
    """A record per finished run: setting, test accuracies in percent, seconds of all passes, commit and versions.

    `rare_classes` is the mean accuracy per class, at the last epoch, of the classes that the imbalance made rare.

    Then the columns that only some runs have. Values that are not defined, or that an earlier version did not store,
    are None.
    """
    found, names = [], dict.fromkeys(name for own in more.values() for name in own)
    for setting in settings:
        for run, result in sorted(setting.results.items()):
            timing, versions = result.get("timing") or {}, result.get("versions") or {}
            seconds = timing.get("seconds")
            found.append(
                {"dataset": result["dataset"], "setting": setting.title, "run": run, "epochs": epochs_of(result)}
                | {name: result["accuracy"].get(name) for name in ACCURACIES}
                | {"rare_classes": rare_accuracy(setting, result)}
                | {"seconds": seconds and round(seconds, 1), "commit": result.get("commit")}
                | {"date": timing.get("finished"), "torch": versions.get("torch"), "device": versions.get("device")}
                | {name: more.get((setting.title, run), {}).get(name) for name in names}
            )
    return found


def rare_accuracy(setting: SettingResults, result: Mapping[str, Any]) -> float | None:
    """Mean accuracy in % of the classes that the imbalance made rare, at the last epoch; None without such classes."""
    accuracies = (result.get("accuracy_per_class") or {}).get("last_epoch")
    if setting.distortion[0] == 1 or accuracies is None:
        return None
    _, rare = divide_classes(np.arange(len(accuracies)), np.arange(len(accuracies)), len(accuracies))
    values = [accuracies[place] for place in rare if accuracies[place] is not None]
    return statistics.mean(values) if values else None


LAYOUTS = {
    "text": lambda settings: _grids(settings, "text", as_text),
    "markdown": lambda settings: _grids(settings, "markdown", as_markdown),
    "latex": lambda settings: _grids(settings, "latex", as_latex, "% "),
    "csv": lambda settings: as_csv(records(settings)).rstrip(),
    "json": lambda settings: json.dumps(records(settings), indent=2),
}
