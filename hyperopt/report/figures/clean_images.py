"""Test error against the number of clean images, a panel per distortion."""

from collections.abc import Sequence
from statistics import mean, stdev

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from hyperopt.report.comparisons import ByCount, collect
from hyperopt.report.figures import style
from hyperopt.report.results import SettingResults
from utils.runs.accuracies import ACCURACIES


def draw(settings: list[SettingResults], accuracy: str) -> Figure:
    """A line per setting, dashed for controls, with bars of a standard deviation; it looks the same in all panels."""
    groups = collect(settings, accuracy)
    labels = sorted({line.label for by_count in groups.values() for lines in by_count.values() for line in lines})
    figure, panels = style.grid(len(groups), columns=2, height=4.2)
    for axes, (distortion, by_count) in zip(panels, groups.items(), strict=True):
        draw_panel(axes, by_count, labels)
        axes.set(xlabel="clean images", ylabel=f"test error in %, {ACCURACIES[accuracy]}")
        axes.set_title(f"{settings[0].options.dataset}, {distortion}")
    handles = dict(pair[::-1] for axes in panels for pair in zip(*axes.get_legend_handles_labels(), strict=True))
    figure.legend([handles[label] for label in labels], labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def draw_panel(axes: Axes, by_count: ByCount, labels: Sequence[str]) -> None:
    """The settings of one distortion; a setting's place among all labels gives its look."""
    for place, label in enumerate(labels):
        points = {c: line for c, lines in sorted(by_count.items()) for line in lines if line.label == label}
        if not points:
            continue
        errors = [list(line.errors.values()) for line in points.values()]
        axes.errorbar(
            [count * 1.02**place for count in points],  # side by side
            list(map(mean, errors)),
            [stdev(values) if len(values) > 1 else 0 for values in errors],
            label=label,
            color=style.COLOURS[place % len(style.COLOURS)],
            marker=style.MARKERS[place % len(style.MARKERS)],
            linestyle="--" if next(iter(points.values())).control else "-",
            capsize=2,
        )
    axes.set_xscale("log")
    axes.set_xticks(sorted(by_count), list(map(str, sorted(by_count))))
    axes.minorticks_off()
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
