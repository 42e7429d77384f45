"""Figures of results, each as PNG and PDF.

`plot_all` draws all settings, `plot_setting` one setting, `plot_comparison` and `plot_curves` a comparison,
`plot_scores` and `plot_sheets` one run.
"""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from custom_datasets.table import Dataset
from hyperopt.report.drawn import Drawn
from hyperopt.report.figures import (
    classes,
    clean_images,
    confusion,
    curves,
    embedding,
    errors,
    learned,
    learning_curves,
    mixture,
    parameters,
    scores,
    sheets,
)
from hyperopt.report.figures.sources import Sources
from hyperopt.report.figures.style import page, save
from hyperopt.report.results import SettingResults
from hyperopt.report.review import Review
from utils.errors import UserError
from utils.runs.network_facts import FEATURES

FIGURES = {
    "learning_curves": learning_curves.draw,
    "curves": curves.draw,
    "errors": errors.draw,
    "classes": classes.draw,
    "confusion": confusion.draw,
    "embedding": embedding.draw,
    "rows": learned.draw,
    "parameters": parameters.draw,
}


def plot_all(settings: list[SettingResults], folder: Path) -> Drawn:
    """Draw every figure of `FIGURES` for every distortion and subset of the data, which the files' names have, too."""
    groups = defaultdict(list)
    for setting in settings:
        groups[setting.split_name].append(setting)
    drawn = Drawn()
    for name, group in groups.items():
        _plot(group, folder, name, drawn)
    return drawn


def plot_setting(settings: list[SettingResults], folder: Path) -> Drawn:
    """Draw every figure of `FIGURES` for the settings of one name; the files' names have the data set and that name."""
    drawn = Drawn()
    _plot(settings, folder, settings[0].name, drawn)
    return drawn


def plot_comparison(settings: list[SettingResults], accuracy: str, folder: Path) -> Drawn:
    """Draw the errors of settings by their number of clean images; the files' names have the data set."""
    with page():
        return Drawn(save(clean_images.draw(settings, accuracy), folder, f"clean_images_{settings[0].options.dataset}"))


def plot_curves(settings: list[SettingResults], folder: Path) -> Drawn:
    """Draw the curves of the settings that have budgets; the files' names have the data set."""
    sources = Sources()
    with page():
        figure = curves.draw(settings, sources)
        paths = save(figure, folder, f"curves_{settings[0].options.dataset}") if figure else []
    return Drawn(paths, sources.notes, sources.damaged)


def plot_scores(setting: SettingResults, load: Callable[[], Dataset], folder: Path, drawn: Drawn) -> None:
    """Add the scores of a setting's lowest run, and images; the files' names have data set, run folder and setting."""
    run = min(setting.results)
    with page():
        try:
            found = scores.draw(setting, run, load)
        except UserError as error:
            drawn.damaged.append(str(error))
            return
        for kind, figure in found.items():
            drawn.paths += save(figure, folder, f"{kind}_{setting.options.dataset}_run{run}_{setting.name}")


def plot_sheets(review: Review, folder: Path, drawn: Drawn) -> None:
    """Add the sheets and the mixture of an audited run; the files' names have data set, run folder and setting."""
    if review.data.kind == FEATURES:
        drawn.notes.append(f"no sheet of suspects: {review.options.dataset} holds features, not pictures")
        return
    name = f"{review.options.dataset}_{review.files.folder.name}_{review.files.name}"
    with page():
        found = {"suspects": sheets.draw_suspects(review), "augmentation": sheets.draw_augmentation(review)}
        try:
            found |= mixture.draw_mixture(review)
        except UserError as error:
            drawn.damaged.append(str(error))
        for kind, figure in found.items():
            if figure:
                drawn.paths += save(figure, folder, f"{kind}_{name}")


def _plot(settings: list[SettingResults], folder: Path, name: str, drawn: Drawn) -> None:
    sources = Sources()
    with page():
        for kind, draw in FIGURES.items():
            figure = draw(settings, sources)
            if figure:
                drawn.paths += save(figure, folder, f"{kind}_{settings[0].options.dataset}_{name}")
    drawn.notes += sources.notes
    drawn.damaged += sources.damaged
