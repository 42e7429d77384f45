"""Figures of results."""

import statistics
from collections import defaultdict
from pathlib import Path

from utils.results import RowResults
from utils.row_options import distortion_name

# Okabe and Ito's colours (a brown for their yellow), which colour-blind readers can tell apart; in greyscale the line
# style tells them apart.
COLOURS = ("#000000", "#E69F00", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#7A4A1E")
STYLES = ("-", "--", "-.", ":")
PANELS = {
    "test_error": "test error in %",
    "test_loss": "test loss in nats",
    "train_loss": "training loss in nats",
}


def plot_learning_curves(rows: list[RowResults], folder: Path) -> list[Path]:
    """One figure per distortion: mean over runs by epoch, the band from the lowest to the highest run.

    Returns the PNG files. The training losses of rows with and without soft labels are of different kinds.
    """
    by_distortion = defaultdict(list)
    for row in rows:
        by_distortion[row.distortion].append(row)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for (ir, sr, nr), group in by_distortion.items():
        path = folder / f"learning_curves_{distortion_name(ir, sr, nr)}.png"
        title = f"{group[0].options['dataset']}, imbalance ratio {ir}, subsample ratio {sr}, noise ratio {nr}"
        _plot(group, title, path)
        paths.append(path)
    return paths


def _plot(rows: list[RowResults], title: str, path: Path) -> None:
    # Imported here and without pyplot: the tables need no matplotlib, and no display is wanted.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.8), layout="constrained")
    panels = dict(zip(PANELS, figure.subplots(1, len(PANELS)), strict=True))
    for number, row in enumerate(rows):
        colour = COLOURS[number % len(COLOURS)]
        # Where colours come round again, the styles are shifted: 32 rows look different.
        shifted = STYLES[(number + number // len(COLOURS)) % len(STYLES)]
        style = {"color": colour, "linestyle": shifted, "linewidth": 1.5}
        curves = row.curves()
        for curve in curves:
            curve["test_error"] = [100 - accuracy for accuracy in curve["test_accuracy"]]
        label = f"{row.label} ({len(curves)} run{'s' if len(curves) > 1 else ''})"
        for column, axes in panels.items():
            # Runs of different length are shown as far as all of them go.
            values = list(zip(*(curve[column] for curve in curves), strict=False))
            epochs = range(1, len(values) + 1)
            axes.plot(epochs, list(map(statistics.mean, values)), label=label, **style)
            axes.fill_between(epochs, list(map(min, values)), list(map(max, values)), color=colour, alpha=0.15)
    for column, axes in panels.items():
        axes.set(xlabel="epoch", ylabel=PANELS[column])
        axes.grid(alpha=0.3)
    panels["test_error"].set_ylim(bottom=0)
    handles = panels["test_error"].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=min(4, len(rows)), frameon=False)
    figure.suptitle(title)
    figure.savefig(path, dpi=150)
