"""Tables of the curves of selections, in Markdown: two for each group, of augmented and of clean test images.

Values are means over runs with the standard deviation. The accuracies at some shares of the images are those at the
nearest budgets, without interpolation. The area under the curve, by trapezoids over the shares of the images, is in %
and thus the mean accuracy over all budgets. The smallest budget with 95 % of the gain is that of the mean curve; the
gain is that of augmenting all images, each with its full weight. The areas of a selection are compared with those of
the random order, in bold, on the runs that both have: mean difference with its 95 % t-interval, and p-value of the
paired, two-sided t-test.
"""

from collections.abc import Iterable, Mapping
from statistics import mean, stdev
from typing import Any

from hyperopt.report.comparisons import paired_difference
from hyperopt.report.curves import (
    AUGMENTED,
    CLEAN,
    GAIN,
    TESTED_ON,
    Curves,
    Group,
    Selection,
    budget_of_gain,
    ends,
    read_curves,
    reference_of,
)
from hyperopt.report.results import SettingResults
from hyperopt.report.tables import MoreColumns, as_markdown, mean_and_spread
from utils.errors import UserError

SHARES = (0.10, 0.25, 0.50)  # of the images, at which the tables have the accuracy
NO_REFERENCE = "no finished run of the random order, so that areas are compared with none"


def curve_tables(curves: Curves, dataset: str) -> str:
    """The tables of all groups. Raises UserError when there is no curve."""
    if not curves.groups:
        nothing = "no finished run has budgets of augmented images; train one with --hyper-opt SEL"
        raise UserError("; ".join(curves.damaged) or nothing)
    found = []
    for title, group in curves.groups.items():
        for name, images in TESTED_ON.items():
            heading = f"{dataset}, {title}: test accuracy in % on the {images}"
            found += [f"{heading}; {_ends_and_points(group, name)}", *_table(group, name)]
    return "\n\n".join(found)


def without_reference(curves: Curves) -> list[str]:
    """A note for each group that has areas and no random order."""
    groups = {title: group for title, group in curves.groups.items() if not all(line.is_point for line in group)}
    return [f"{title}: {NO_REFERENCE}" for title, group in groups.items() if reference_of(group) is None]


def _ends_and_points(group: Group, name: str) -> str:
    """What the selections lie between: no image augmented and all of them; the support vectors, if there are any."""
    none, full = ends(group, name)
    images = {run: curve.budgets[-1] for line in group for run, curve in line.curves.items()}
    found = [f"no image augmented: {_cell(none.values())}", f"all {_count(images.values())}: {_cell(full.values())}"]
    for line in (line for line in group if line.is_point):
        chosen, accuracies = line.points(name)
        found.append(f"{line.label} (VSV), {_count(chosen)} images: {_cell(accuracies)}")
    return "; ".join(found)


def _table(group: Group, name: str) -> list[str]:
    """The table of the selections with an order, if there are any."""
    lines = [line for line in group if not line.is_point]
    if not lines:
        return []
    reference, full = reference_of(group), ends(group, name)[1]
    budgets = {share: _budget(lines[0], share) for share in SHARES}
    columns = [f"{100 * share:g} %{f' ({_images(count)})' if count else ''}" for share, count in budgets.items()]
    last = ["area", f"{100 * GAIN:g} % of the gain", "area against random", "runs"]
    grid = [[TESTED_ON[name], *columns, *last]]
    for line in lines:
        label = f"**{line.label}**" if line is reference else line.label
        cells = [_at(line, name, share, count) for share, count in budgets.items()]
        cells += [_cell(line.areas(name).values()), _smallest(line, name, full)]
        cells += [_against(line, reference, name), str(len(line.curves))]
        grid.append([label, *cells])
    return [as_markdown(grid)]


def _budget(line: Selection, share: float) -> int | None:
    place = line.place_of(share)
    return None if place is None else round(line.budgets[place])


def _at(line: Selection, name: str, share: float, count: int | None) -> str:
    """The accuracy at the budget nearest to a share; this budget follows if it is another than the column's."""
    place, own = line.place_of(share), _budget(line, share)
    if place is None:
        return "-"
    return _cell(line.accuracies(name)[:, place]) + ("" if own == count else f" (at {own})")


def _smallest(line: Selection, name: str, full: Mapping[int, float]) -> str:
    found = budget_of_gain(line, name, full)
    return f"{_images(found[0])} ({100 * found[1]:.0f} %)" if found else "-"


def _images(count: float) -> str:
    return f"{count:.0f} image{'' if round(count) == 1 else 's'}"


def _against(line: Selection, reference: Selection | None, name: str) -> str:
    if reference is None or line is reference:
        return "-"
    return paired_difference(line.areas(name, like=reference), reference.areas(name, like=line))


def _cell(values: Iterable[float]) -> str:
    return mean_and_spread([float(value) for value in values], "±")


def _count(values: Iterable[int]) -> str:
    """Mean and standard deviation of numbers of images, without the latter if they are all the same."""
    numbers = [int(value) for value in values]
    return f"{mean(numbers):.0f}" + (f" ± {stdev(numbers):.0f}" if len(set(numbers)) > 1 else "")


def curve_columns(settings: Iterable[SettingResults]) -> tuple[MoreColumns, list[str]]:
    """Columns for the table of all runs: areas in %, budgets and accuracies at them, by title of the setting and run.

    Runs without budgets have none. Beside them a line for each run whose metrics file is missing or damaged.
    """
    columns: dict[tuple[str, int], dict[str, Any]] = {}
    damaged = []
    for setting in (setting for setting in settings if setting.has_budgets):
        curves, problems = read_curves(setting)
        damaged += problems
        for run, curve in curves.items():
            columns[setting.title, run] = {
                "area_augmented": round(curve.area(AUGMENTED), 4),
                "area_clean": round(curve.area(CLEAN), 4),
                "budgets": " ".join(map(str, curve.budgets)),
                "curve_augmented": _numbers(curve.accuracies[AUGMENTED]),
                "curve_clean": _numbers(curve.accuracies[CLEAN]),
            }
    return columns, damaged


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{value:.4g}" for value in values)
