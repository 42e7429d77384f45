"""Accuracy per class; the classes that the distortion makes rare are marked."""

from itertools import zip_longest
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hyperopt.report.figures import style
from hyperopt.report.figures.sources import Sources
from hyperopt.report.results import SettingResults
from hyperopt.report.tables import summarise

TOGETHER = 8  # settings in a panel, so that one can tell them apart
SPREAD = 0.7  # width for the settings of a class; the classes are 1 apart


def draw(settings: list[SettingResults], _: Sources) -> Figure:
    """Test accuracy of the last epoch, mean and standard deviation over runs; a panel per 8 settings."""
    groups = [settings[first : first + TOGETHER] for first in range(0, len(settings), TOGETHER)]
    classes = max(setting.classes for setting in settings)
    figure, panels = style.grid(len(groups), columns=1, height=2.6)
    for axes, group in zip(panels, groups, strict=True):
        _draw_panel(axes, group, classes)
        style.legend_above(figure, axes)
    names = style.class_names(settings, classes)
    shown = range(0, classes, ceil(classes / 40))
    style.outer_labels(panels, "class", "test accuracy in %")
    rotation = 0 if max(map(len, names)) * len(shown) < 80 else 90
    for axes in panels:
        axes.set_xticks(shown, [names[place] for place in shown], rotation=rotation)
    figure.suptitle(
        style.title(settings[0], "accuracy per class at the last epoch: mean and standard deviation over runs")
    )
    return figure


def _draw_panel(axes: Axes, settings: list[SettingResults], classes: int) -> None:
    offsets, highest = SPREAD * ((np.arange(len(settings)) + 0.5) / len(settings) - 0.5), 100
    for number, (setting, offset) in enumerate(zip(settings, offsets, strict=True)):
        means, spreads = per_class(setting)
        highest = max(highest, np.nanmax(means + np.nan_to_num(spreads)))
        axes.errorbar(
            np.arange(len(means)) + offset,
            means,
            yerr=spreads,
            fmt=style.MARKERS[number],
            color=style.COLOURS[number],
            label=f"{setting.label} ({style.runs(len(setting.results))})",
            markersize=3,
            elinewidth=0.7,
            capsize=1.2,
            capthick=0.7,
        )
    low, high = axes.get_ylim()
    # Space for a label below; none above 100 %.
    axes.set_ylim(low - 0.1 * (high - low), min(high, highest + 1))
    if settings[0].distortion[0] > 1:
        _mark_rare(axes, settings[0].distortion[0], classes)
    axes.set_xlim(-0.5, classes - 0.5)
    axes.grid(axis="y", alpha=0.3)


def _mark_rare(axes: Axes, ratio: int, classes: int) -> None:
    """Shade the classes from C / 2 up, with a label below the marks."""
    axes.axvspan(ceil(classes / 2) - 0.5, classes - 0.5, color="0.9", zorder=0)
    text, transform = f"rare: {ratio} times fewer training images", axes.get_xaxis_transform()
    axes.text(classes - 0.55, 0.01, text, ha="right", va="bottom", transform=transform)


def per_class(setting: SettingResults) -> np.ndarray:
    """Mean and sample standard deviation per class, (2, C); NaN where they are not defined."""
    by_class = zip_longest(*setting.per_class())
    known = ([value for value in values if value is not None] for values in by_class)
    return np.array([style.two_numbers(summarise(values)) for values in known]).T
