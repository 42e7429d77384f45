"""The scores by which a run selects images: their histogram, and the images with the highest and the lowest ones."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from torch import Tensor

from hyperopt.report.curves import score_of
from hyperopt.report.figures import style
from hyperopt.report.figures.sheets import sheet
from hyperopt.report.results import SettingResults
from hyperopt.rows.rows_file import RowsFile
from hyperopt.runs.fingerprints import fingerprints, refuse_result_of_other_data
from utils.errors import UserError

if TYPE_CHECKING:
    from custom_datasets.table import Dataset

BINS = 50
IMAGES = 10  # with the highest scores, and with the lowest
SCORE = "score"  # the column of the rows file


def draw(setting: SettingResults, run: int, load: Callable[[], "Dataset"]) -> dict[str, Figure]:
    """Both figures of a run, by name; `load` reads its data set.

    Raises UserError when the rows file is missing or damaged, and when the data set is missing or another one.
    """
    files, data = setting.files(run), load()
    refuse_result_of_other_data(files.result, setting.results[run], fingerprints(data))
    rows = read_scored(files.rows, len(data.train))
    title = f"{setting.options.dataset}, run{run}, {setting.method}"
    return {
        "scores": draw_histogram(rows.columns[SCORE], score_of(setting), title),
        "scored": draw_images(rows, data, style.class_names([setting], setting.classes), title),
    }


def read_scored(path: Path, images: int) -> RowsFile:
    """A rows file with scores of some of the `images` of a training table.

    Raises UserError when it is missing or damaged, has no scores, or is of another table.
    """
    rows = RowsFile.read(path)
    problem = "no scores" if SCORE not in rows.columns else None
    if int(rows.index.max()) >= images:
        problem = f"an image beyond the {images} of the training table"
    if problem:
        raise UserError(f"{path} has {problem}; train the run again with --fresh")
    return rows


def draw_histogram(scores: Tensor, kind: str, title: str) -> Figure:
    """How many images have which score of this kind; the scores are (n,), the counts on a logarithmic scale."""
    figure = style.new_figure(2.4)
    axes = figure.subplots()
    counts, edges = np.histogram(scores.numpy(), BINS)
    axes.stairs(counts, edges, baseline=0.5, fill=True, facecolor="0.75", edgecolor="black", linewidth=0.6)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylim(bottom=0.5)
    axes.set(xlabel=f"score ({kind})", ylabel="training images")
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    figure.suptitle(style.wrapped(f"{title}: scores of {len(scores)} images", 105))
    return figure


def draw_images(rows: RowsFile, data: "Dataset", names: Sequence[str], title: str) -> Figure:
    """The images with the highest scores, and below them those with the lowest, with given labels and scores."""
    scores = rows.columns[SCORE]
    order = scores.argsort(descending=True, stable=True)
    count = min(IMAGES, len(order))
    places = torch.cat((order[:count], order[-count:].flip(0)))
    labels, values = rows.given_label[places].tolist(), scores[places].tolist()
    captions = [f"{names[label]}\n{value:.3g}" for label, value in zip(labels, values, strict=True)]
    shown = f"{title}: highest scores (above) and lowest ones (below), with given label and score"
    return sheet(data.pixels(rows.index[places]), captions, count, style.wrapped(shown, 105))
