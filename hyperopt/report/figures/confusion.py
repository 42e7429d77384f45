"""Confusion matrices of the settings side by side."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import confusion_matrix

from hyperopt.report.figures import style
from hyperopt.report.figures.sources import Sources
from hyperopt.report.results import SettingResults
from utils.runs.predictions import Predictions

FEW = 10  # classes at most, so that cells have space for a number
# The root shows the few per cent beside the diagonal.
SHADES = PowerNorm(0.5, vmin=0, vmax=100)
DARK = 35  # per cent from which on a number is written in white


def draw(settings: list[SettingResults], sources: Sources) -> Figure | None:
    """A panel per setting: the share in % of each true class that is predicted as each class, all runs together."""
    found = sources.first_settings([setting for setting in settings if sources.predictions(setting)], "confusion")
    if not found:
        return None
    classes = max(setting.classes for setting in found)
    names = style.class_names(found, classes)
    figure, panels = style.grid(len(found), columns=3, height=2.7)
    figure.set_figheight(figure.get_figheight() + style.LETTER * max(map(len, names)))  # they are upright
    for axes, setting in zip(panels, found, strict=True):
        predictions = list(sources.predictions(setting).values())
        cells = shares(predictions, classes)
        image = axes.imshow(cells, norm=SHADES, cmap="Blues")
        style.panel_title(axes, f"{setting.label} ({style.runs(len(predictions))})")
        if classes <= FEW:
            _write_cells(axes, cells)
            axes.set_xticks(range(classes), names, rotation=0 if max(map(len, names)) < 3 else 90)
            axes.set_yticks(range(classes), names)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    style.outer_labels(panels, "predicted class", "true class")
    figure.colorbar(
        image,
        ax=panels,
        location="bottom",
        shrink=0.5,
        aspect=50,
        ticks=[0, 1, 5, 10, 20, 50, 100],
        label="share of the true class in %; empty: less than 0.5",
    )
    figure.suptitle(style.title(settings[0], "confusion of test images at the last epoch, all runs together"))
    ConstrainedLayoutEngine().execute(figure)  # square panels need one more round of layout than saving does
    return figure


def shares(predictions: list[Predictions], classes: int) -> np.ndarray:
    """Shares in %, (classes, classes): true classes in rows, which sum to 100, predicted ones in columns."""
    true = np.concatenate([found.test_label for found in predictions])
    predicted = np.concatenate([found.test_predicted for found in predictions])
    return 100 * confusion_matrix(true, predicted, labels=range(classes), normalize="true")


def _write_cells(axes: Axes, cells: np.ndarray) -> None:
    """Write the numbers of all cells of half a per cent or more."""
    for (true, predicted), share in np.ndenumerate(cells):
        if share >= 0.5:
            colour = "white" if share > DARK else "black"
            text = axes.text(predicted, true, f"{share:.0f}", ha="center", va="center", color=colour, fontsize=7)
            text.set_in_layout(False)  # it lies within the panel
