"""Features of test images in two dimensions, by t-SNE (van der Maaten and Hinton, 2008)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from hyperopt.report.figures import style
from hyperopt.report.figures.sources import Sources
from hyperopt.report.results import SettingResults
from utils.runs.predictions import Predictions

# Petroff's ten colours (arXiv 2107.02270), chosen so that colour-blind readers can tell them apart.
COLOURS = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")
MANY = 20  # classes at most, so that there is space for their numbers
POINTS, ALL_POINTS = 1000, 1200  # at most in a panel and in all panels, so that a figure takes only seconds
DIMENSIONS, ITERATIONS, PERPLEXITY, SEED = 30, 400, 30, 0


def draw(settings: list[SettingResults], sources: Sources) -> Figure | None:
    """A panel per setting, for its lowest run: a point per image, coloured by its true class, a cross per mistake."""
    found = sources.first_settings([setting for setting in settings if sources.predictions(setting)], "embedding")
    if not found:
        return None
    height = 2.0 if len(found) > 1 else 3.5  # a single panel is wide
    figure, panels = style.grid(len(found), columns=3 if len(found) <= 6 else 4, height=height)
    for axes, setting in zip(panels, found, strict=True):
        run, predictions = min(sources.predictions(setting).items())
        chosen = some_points(len(predictions.features), len(found))
        _scatter(axes, predictions, chosen, setting.classes)
        style.panel_title(axes, f"{setting.label}, run{run}")
        axes.set(xticks=[], yticks=[])
    style.outer_labels(panels, "first dimension (no unit)", "second dimension (no unit)")
    numbers = "true classes, at their medians" if found[0].classes <= MANY else "left out, too many classes"
    figure.suptitle(style.title(settings[0], f"t-SNE of test features at the last epoch; numbers: {numbers}"))
    for mark in filter(None, style.legend_below(figure, panels[0]).legend_handles):
        mark.set(facecolor="0.5")
    return figure


def some_points(count: int, panels: int) -> np.ndarray:
    """Places of the points that are drawn, evenly spread over `count`; the same in all panels of a figure."""
    return np.linspace(0, count - 1, min(count, POINTS, ALL_POINTS // panels)).round().astype(int)


def embed(features: np.ndarray) -> np.ndarray:
    """Embed features (n, F) in two dimensions, (n, 2); the same features give the same result."""
    points, size = features.shape
    if points < 4 or not features.std(0).any():
        return np.zeros((points, 2))  # t-SNE needs neighbours and distances
    reduced = PCA(min(DIMENSIONS, points, size), random_state=SEED).fit_transform(features)
    perplexity = min(PERPLEXITY, (points - 1) / 3)
    return TSNE(perplexity=perplexity, max_iter=ITERATIONS, init="pca", random_state=SEED).fit_transform(reduced)


def _scatter(axes: Axes, predictions: Predictions, chosen: np.ndarray, classes: int) -> None:
    images = predictions.feature_index[chosen]
    label, right = predictions.test_label[images], (predictions.test_predicted == predictions.test_label)[images]
    x, y = embed(predictions.features[chosen]).T
    colours = np.array(COLOURS)[label % len(COLOURS)]
    axes.scatter(x[right], y[right], c=colours[right], s=5, linewidths=0, label="right")
    axes.scatter(
        x[~right],
        y[~right],
        c=colours[~right],
        s=24,
        marker="X",
        edgecolors="black",
        linewidths=0.6,
        label="mistake, in the true class's colour",
    )
    axes.margins(0.06)
    axes.set_box_aspect(1)
    axes.set_aspect("equal", adjustable="datalim")  # distances mean the same in both directions
    for number in np.unique(label) if classes <= MANY else ():
        members = label == number
        place = np.median(x[members]), np.median(y[members])
        text = axes.text(*place, str(number), ha="center", va="center", fontsize=8, fontweight="bold")
        text.set_path_effects([withStroke(linewidth=2, foreground="white")])
        text.set_in_layout(False)  # it lies within the panel
