"""Test accuracy against the number of augmented images, by selection; beside it that of the clean test images."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import t

from hyperopt.report.curves import TESTED_ON, Group, collect_curves, ends
from hyperopt.report.figures import style
from hyperopt.report.figures.sources import Sources
from hyperopt.report.results import SettingResults

GROUPS = style.PANELS // len(TESTED_ON)  # at most in a figure
LETTERS = int(style.WIDTH / len(TESTED_ON) / style.LETTER)  # of a line above a panel
# Grey, so that they are told from the black line and point.
ENDS: dict[str, dict[str, Any]] = {
    "no image augmented": {"color": "0.4", "linestyle": (0, (1, 2)), "linewidth": 1.2},
    "all images augmented": {"color": "0.4", "linestyle": (0, (6, 3)), "linewidth": 0.9},
}
POINT: dict[str, Any] = {"fmt": "x", "color": "black", "markersize": 7, "markeredgewidth": 1.6, "zorder": 5}
BARS: dict[str, Any] = {"elinewidth": 0.7, "capsize": 2, "capthick": 0.7}


def draw(settings: list[SettingResults], sources: Sources) -> Figure | None:
    """Two panels for each group of selections: augmented and clean test images.

    A line is the mean over runs. Its bars are the 95 % t-interval of that mean when each run's own level has been taken
    off: runs differ in their networks far more than selections do. A cross is the support vectors. A selection looks
    the same in all panels.
    """
    found = collect_curves(settings)
    sources.notes += found.notes
    sources.damaged += found.damaged
    groups = dict(list(found.groups.items())[:GROUPS])
    if not groups:
        return None
    if len(found.groups) > GROUPS:
        sources.notes.append(f"curves of the first {GROUPS} of {len(found.groups)} groups; choose others with --match")
    labels = dict.fromkeys(line.label for group in groups.values() for line in group if not line.is_point)
    looks = {label: look(place) for place, label in enumerate(labels)}
    figure = style.new_figure(2.5 * len(groups) + 5 * style.LINE)
    grid = figure.subplots(len(groups), len(TESTED_ON), squeeze=False)
    for (title, group), panels in zip(groups.items(), grid, strict=True):
        for axes, (name, images) in zip(panels, TESTED_ON.items(), strict=True):
            draw_panel(axes, group, name, looks)
            axes.set(xlabel="augmented training images", ylabel=f"accuracy in %, {images}")
        panels[0].set_title(style.wrapped(title, LETTERS), loc="left")
    shown = "test accuracy by augmented training images: mean over runs, 95 % t-interval without the runs' own levels"
    figure.suptitle(f"{settings[0].options.dataset}: {shown}", fontsize="medium")
    style.legend_below(figure, *grid.flatten())
    return figure


def draw_panel(axes: Axes, group: Group, name: str, looks: dict[str, dict[str, Any]]) -> None:
    """One of the accuracies of a group, between dashed lines without augmented images and with all of them."""
    for (label, appearance), values in zip(ENDS.items(), ends(group, name), strict=True):
        axes.axhline(float(np.mean([*values.values()])), label=label, **appearance)
    level = own_levels(group, name)
    for line in group:
        own = np.array([[level.get(run, 0.0)] for run in line.curves])
        if line.is_point:
            budgets, accuracies = line.points(name)
            (height,), (half,) = mean_and_half(accuracies[:, None], own)
            axes.errorbar(budgets.mean(), height, half, label=f"{line.label} (VSV)", **POINT, **BARS)
        else:
            appearance, (heights, halves) = looks[line.label], mean_and_half(line.accuracies(name), own)
            axes.errorbar(line.budgets, heights, halves, label=line.label, linewidth=1.2, **appearance, **BARS)
    axes.grid(alpha=0.3)


def own_levels(group: Group, name: str) -> dict[int, float]:
    """By how much each run's accuracies without and with all augmented images exceed those of all runs, on average."""
    none, full = ends(group, name)
    mean = {run: (none[run] + full[run]) / 2 for run in none.keys() & full.keys()}
    middle = np.mean([*mean.values()]) if mean else 0.0
    return {run: value - float(middle) for run, value in mean.items()}


def mean_and_half(values: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean over runs of values (R, B), and half the length of a 95 % t-interval, (B,); NaN for a single run.

    The interval is that of the values without the level (R, 1) of their runs.
    """
    runs = len(values)
    if runs < 2:
        return values.mean(0), np.full(values.shape[1], np.nan)
    return values.mean(0), t.ppf(0.975, runs - 1) * (values - level).std(0, ddof=1) / np.sqrt(runs)


def look(number: int) -> dict[str, Any]:
    """The look of a selection; its marker and dashes tell it from others without colours."""
    return style.line(number) | {"marker": style.MARKERS[number % len(style.MARKERS)], "markersize": 3.5}
