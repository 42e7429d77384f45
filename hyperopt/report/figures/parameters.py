"""The parameters that augmentation networks have for training images: mean and spread over images by epoch."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hyperopt.augmentation.augmenter_names import unit_of
from hyperopt.report.figures import style
from hyperopt.report.figures.sources import Sources
from hyperopt.report.results import SettingResults

MARKS = 6  # on a line
BAND = 0.25  # opacity of the band of a single run

Curves = dict[str, list[float]]


def draw(settings: list[SettingResults], sources: Sources) -> Figure | None:
    """A line of panels for each setting with a network, a panel per unit of its parameters."""
    shown = sources.first_settings([setting for setting in settings if setting.options.augmenter.shown], "parameters")
    found = [(setting, curves) for setting in shown if (curves := list(sources.curves(setting).values()))]
    if not found:
        return None
    names = list(dict.fromkeys(name for setting, _ in found for name in setting.options.augmenter.shown))
    units = list(dict.fromkeys(map(unit_of, names)))
    figure = style.new_figure(2.2 * len(found) + 5 * style.LINE)
    figure.set_layout_engine("constrained", h_pad=style.LINE)  # room for the headings
    lines = figure.subplots(len(found), len(units), squeeze=False)
    for (setting, curves), panels in zip(found, lines, strict=True):
        for axes, unit in zip(panels, units, strict=True):
            own = [name for name in setting.options.augmenter.shown if unit_of(name) == unit]
            _draw_panel(axes, curves, {name: _look(names.index(name)) for name in own})
            if own:
                axes.set_ylabel(style.wrapped(unit, 25))
                axes.set_xlabel("epoch" if setting is found[-1][0] else "")
        heading = panels[0].text(0, 1.06, f"{setting.label} ({style.runs(len(curves))})", transform=panels[0].transAxes)
        heading.set_in_layout(False)  # it is wider than its panel
    for number, name in enumerate(names):
        lines[0, 0].plot([], [], label=name.replace("_", " "), **_look(number))
    subtitle = "parameters of the augmentation network: a line per run, mean over images; band: one standard deviation"
    figure.suptitle(style.title(settings[0], subtitle))
    style.legend_below(figure, lines[0, 0])
    return figure


def _draw_panel(axes: Axes, curves: list[Curves], looks: dict[str, dict[str, Any]]) -> None:
    """The parameters of one unit, if there are any, of all runs; zero, which changes nothing, is a thin line."""
    if not looks:
        axes.set_frame_on(False)
        axes.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
        return
    axes.grid(alpha=0.3)
    axes.axhline(0, color="grey", linewidth=0.5)
    for place, (name, look) in enumerate(looks.items()):
        for run in curves:
            epochs, mean, deviation = (np.array(run[key]) for key in ("epoch", f"{name}_mean", f"{name}_std"))
            step = -(-len(epochs) // MARKS)
            every = (place * step // len(looks), step)  # the marks of different lines are at different places
            axes.plot(epochs, mean, linewidth=1.2 if len(curves) == 1 else 0.6, markevery=every, **look)
            ends = mean - deviation, mean + deviation
            axes.fill_between(epochs, *ends, color=look["color"], alpha=BAND / len(curves), linewidth=0)


def _look(number: int) -> dict[str, Any]:
    """The look of a parameter; its marker tells it from others of its panel without colours."""
    return style.line(number) | {"marker": style.MARKERS[number % len(style.MARKERS)], "markersize": 3}
