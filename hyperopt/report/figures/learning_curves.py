"""Learning curves in the layout of the paper's figure 1: test error, test loss and training loss by epoch."""

import numpy as np
from matplotlib.figure import Figure

from hyperopt.report.figures import style
from hyperopt.report.figures.sources import Sources
from hyperopt.report.results import SettingResults

PANELS = {
    "test_error": "test error in %",
    "test_loss": "test loss in nats",
    "train_loss": "training loss in nats",
}
MARKS = 8  # on a line


def draw(settings: list[SettingResults], sources: Sources) -> Figure | None:
    """A line per setting: mean over runs; the band goes from the lowest to the highest run.

    The training losses of settings with and without soft labels are of different kinds. Settings whose epochs are
    budgets have a figure of their own (`curves`).
    """
    found = [(setting, list(sources.curves(setting).values())) for setting in settings if not setting.has_budgets]
    found = [(setting, curves) for setting, curves in found if curves]
    if not found:
        return None
    figure = style.new_figure(2.7)
    panels = dict(zip(PANELS, figure.subplots(1, len(PANELS)), strict=True))
    for number, (setting, curves) in enumerate(found):
        look = style.line(number)
        label = f"{setting.label} ({style.runs(len(curves))})"
        for column, axes in panels.items():
            values = over_runs(curves, column)
            epochs = np.arange(1, values.shape[1] + 1)
            # The marks of different lines are at different places.
            every = (number / len(found) / MARKS, 1 / MARKS)
            axes.plot(epochs, values.mean(0), label=label, linewidth=1.2, markersize=3, markevery=every, **look)
            axes.fill_between(epochs, values.min(0), values.max(0), color=look["color"], alpha=0.15, linewidth=0)
    for column, axes in panels.items():
        axes.set(xlabel="epoch", ylabel=PANELS[column])
        axes.grid(alpha=0.3)
        axes.set_ylim(bottom=0)
    figure.suptitle(
        style.title(settings[0], "learning curves: mean over runs, band from the lowest to the highest run")
    )
    style.legend_below(figure, panels["test_error"])
    return figure


def over_runs(curves: list[dict[str, list[float]]], column: str) -> np.ndarray:
    """A panel's values (runs, epochs), up to the last epoch that all runs have."""
    epochs = min(len(curve["epoch"]) for curve in curves)
    if column == "test_error":
        return 100 - over_runs(curves, "test_accuracy")
    return np.array([curve[column][:epochs] for curve in curves])
