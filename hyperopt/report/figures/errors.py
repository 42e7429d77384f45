"""The table as a bar chart: the test error of every setting, with the published one if there is one."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hyperopt.report.figures import style
from hyperopt.report.figures.sources import Sources
from hyperopt.report.results import SettingResults
from hyperopt.report.tables import summarise
from utils.runs.accuracies import ACCURACIES

# Different in lightness and hatch, so that one can tell them apart in greyscale.
BARS: dict[str, dict[str, Any]] = dict(
    zip(
        ACCURACIES,
        (
            {"color": "#56B4E9"},
            {"color": "#E69F00", "hatch": "////"},
            {"color": "#FFFFFF", "hatch": "...."},
            {"color": "#999999"},
        ),
        strict=True,
    )
)
THICKNESS = 0.21  # of a bar; the settings are 1 apart


def draw(settings: list[SettingResults], _: Sources) -> Figure:
    """A bar per setting and accuracy: mean test error over runs; the error bars are standard deviations."""
    labels = [style.wrapped(f"{setting.label} ({style.runs(len(setting.results))})", 32) for setting in settings]
    lines = sum(max(4, label.count("\n") + 2) for label in labels)
    figure = style.new_figure(style.LINE * (lines + 6))
    axes = figure.subplots()
    places = np.arange(len(settings))
    first = places - (len(BARS) - 1) / 2 * THICKNESS
    for number, (accuracy, look) in enumerate(BARS.items()):
        means, spreads = np.array([style.two_numbers(summarise(setting.errors(accuracy))) for setting in settings]).T
        if np.isnan(means).all():
            continue
        place = first + number * THICKNESS
        axes.barh(place, means, THICKNESS, edgecolor="black", linewidth=0.6, label=ACCURACIES[accuracy], **look)
        axes.errorbar(means, place, xerr=spreads, fmt="none", ecolor="black", elinewidth=0.9, capsize=2)
    published = np.array([style.two_numbers(setting.published()) for setting in settings]).T
    if np.isfinite(published[0]).any():
        axes.errorbar(
            published[0],
            first,
            xerr=published[1],
            label="published (best on test)",
            fmt="D",
            color="#D55E00",
            markeredgecolor="black",
            markersize=5,
            capsize=2,
        )
    axes.set_yticks(places, labels)
    axes.set_ylim(len(settings) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("test error in %")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    figure.suptitle(style.title(settings[0], "test error: mean and standard deviation over runs"))
    style.legend_below(figure, axes)
    return figure
