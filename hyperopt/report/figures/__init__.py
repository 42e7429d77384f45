"""Figures of results, each as PNG and PDF.

`plot_all` draws all rows, `plot_row` one, `plot_comparison` rows beside one another, `plot_sheets` one run.
"""

from collections import defaultdict
from pathlib import Path

from hyperopt.report.audit import Review
from hyperopt.report.drawn import Drawn
from hyperopt.report.figures import (
    classes,
    clean_images,
    confusion,
    embedding,
    errors,
    learned,
    learning_curves,
    sheets,
)
from hyperopt.report.figures.sources import Sources
from hyperopt.report.figures.style import page, save
from hyperopt.report.results import SettingResults

FIGURES = {
    "learning_curves": learning_curves.draw,
    "errors": errors.draw,
    "classes": classes.draw,
    "confusion": confusion.draw,
    "embedding": embedding.draw,
    "rows": learned.draw,
}


def plot_all(rows: list[SettingResults], folder: Path) -> Drawn:
    """Draw every figure of `FIGURES` for every distortion; data set and distortion are in the files' names."""
    groups = defaultdict(list)
    for row in rows:
        groups[row.distortion_name].append(row)
    drawn = Drawn()
    for name, group in groups.items():
        _plot(group, folder, name, drawn)
    return drawn


def plot_row(rows: list[SettingResults], folder: Path) -> Drawn:
    """Draw every figure of `FIGURES` for the rows of one name; data set and name are in the files' names."""
    drawn = Drawn()
    _plot(rows, folder, rows[0].name, drawn)
    return drawn


def plot_comparison(rows: list[SettingResults], accuracy: str, folder: Path) -> Drawn:
    """Draw the errors of rows of one data set by their clean images; it is in the files' names."""
    with page():
        return Drawn(save(clean_images.draw(rows, accuracy), folder, f"clean_images_{rows[0].options.dataset}"))


def plot_sheets(review: Review, folder: Path) -> list[Path]:
    """Draw the sheets of an audited run; data set, run folder and row are in the files' names. Returns the files."""
    name = f"{review.options.dataset}_{review.files.folder.name}_{review.files.name}"
    with page():
        found = {"suspects": sheets.draw_suspects(review), "augmentation": sheets.draw_augmentation(review)}
        return [path for kind, figure in found.items() if figure for path in save(figure, folder, f"{kind}_{name}")]


def _plot(rows: list[SettingResults], folder: Path, name: str, drawn: Drawn) -> None:
    sources = Sources()
    with page():
        for kind, draw in FIGURES.items():
            figure = draw(rows, sources)
            if figure:
                drawn.paths += save(figure, folder, f"{kind}_{rows[0].options.dataset}_{name}")
    drawn.notes += sources.notes
    drawn.damaged += sources.damaged
