"""The table as a bar chart: test error of every row, with the published one where there is one."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hyperopt.report.figures import style
from hyperopt.report.figures.sources import Sources
from hyperopt.report.results import SettingResults
from hyperopt.report.tables import summarise
from utils.runs.accuracies import ACCURACIES

# Of different lightness, and hatched: told apart in greyscale as well.
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
THICKNESS = 0.21  # of a bar; the rows are 1 apart


def draw(rows: list[SettingResults], _: Sources) -> Figure:
    """A bar per row and accuracy: mean test error over runs; the error bars are standard deviations."""
    labels = [style.wrapped(f"{row.label} ({style.runs(len(row.results))})", 32) for row in rows]
    lines = sum(max(4, label.count("\n") + 2) for label in labels)
    figure = style.new_figure(style.LINE * (lines + 6))
    axes = figure.subplots()
    places = np.arange(len(rows))
    first = places - (len(BARS) - 1) / 2 * THICKNESS
    for number, (accuracy, look) in enumerate(BARS.items()):
        means, spreads = np.array([filled(summarise(row.errors(accuracy))) for row in rows]).T
        if np.isnan(means).all():
            continue
        place = first + number * THICKNESS
        axes.barh(place, means, THICKNESS, edgecolor="black", linewidth=0.6, label=ACCURACIES[accuracy], **look)
        axes.errorbar(means, place, xerr=spreads, fmt="none", ecolor="black", elinewidth=0.9, capsize=2)
    published = np.array([filled(row.published()) for row in rows]).T
    if np.isfinite(published[0]).any():
        axes.errorbar(
            published[0],
            places - (len(BARS) - 1) / 2 * THICKNESS,
            xerr=published[1],
            label="published (best on test)",
            fmt="D",
            color="#D55E00",
            markeredgecolor="black",
            markersize=5,
            capsize=2,
        )
    axes.set_yticks(places, labels)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("test error in %")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    figure.suptitle(style.title(rows[0], "test error: mean and standard deviation over runs"))
    style.legend_below(figure, axes)
    return figure


def filled(summary: list[float]) -> list[float]:
    """Mean and standard deviation; not a number where they are not defined."""
    return [*summary, np.nan, np.nan][:2]
