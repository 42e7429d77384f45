"""The style of all figures: page width, colours and line styles, grids of panels, legends, saving."""

import io
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil, nan
from pathlib import Path
from typing import Any

from matplotlib import style as matplotlib_style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from hyperopt.report.results import SettingResults
from utils.files import replace_file

# Okabe and Ito's colours (with a brown for their yellow), which colour-blind readers can tell apart; in greyscale the
# line style or the marker differs.
COLOURS = ("#000000", "#E69F00", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#7A4A1E")
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
WIDTH = 7.0  # inches, of a page
FONT: dict[str, Any] = {
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "figure.titlesize": 8.5,
    "hatch.linewidth": 0.6,
}
FONT |= {"text.parse_math": False}  # class names may have dollar signs
FONT |= dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 7.0)
DPI = 150
LINE = 0.14  # inches, height of a line of text
LETTER = 0.056  # inches, mean width of a letter
TITLE_LETTER = 0.08  # inches, for titles that are mostly capitals
PANELS = 12  # at most in a figure, so that they are large enough to read
NO_DATE = {"CreationDate": None}  # in a PDF: the same results give the same file


@contextmanager
def page() -> Iterator[None]:
    """A context with the text sizes of a figure as wide as a page, independent of the user's own settings."""
    with matplotlib_style.context(["default", FONT]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # about names in scripts that the font lacks
        yield


def new_figure(height: float) -> Figure:
    """An empty figure of a page's width and a height in inches; not from pyplot, which needs a display."""
    return Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")


def line(number: int) -> dict[str, Any]:
    """The look of line `number`: 8 colours; after these, markers are added and the line styles are shifted."""
    turn, place = divmod(number, len(COLOURS))
    marker = MARKERS[(turn - 1) % len(MARKERS)] if turn else None
    return {"color": COLOURS[place], "linestyle": STYLES[(place + turn) % len(STYLES)], "marker": marker}


def grid(count: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    """`count` panels of a height in inches, line by line."""
    columns = min(count, columns)
    figure = new_figure(ceil(count / columns) * height + 5 * LINE)
    panels = figure.subplots(ceil(count / columns), columns, squeeze=False).flatten().tolist()
    for axes in panels[count:]:
        axes.remove()
    return figure, panels[:count]


def outer_labels(panels: Sequence[Axes], x: str, y: str) -> None:
    """Label the axes and ticks of a grid at its left side and at the lower end of every column."""
    columns = _grid_columns(panels[0])
    for number, axes in enumerate(panels):
        left, lowest = number % columns == 0, number + columns >= len(panels)
        axes.set(xlabel=x if lowest else "", ylabel=y if left else "")
        axes.tick_params(labelleft=left, labelbottom=lowest)


def legend_below(figure: Figure, *panels: Axes) -> Legend:
    """A legend for some of the panels, below all of them; the figure grows by its height."""
    pairs = [pair for axes in panels for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in reversed(pairs)}  # each label once, with its first handle
    labels = list(dict.fromkeys(label for _, label in pairs))
    columns = _legend_columns(labels)
    _make_room(figure, len(labels), columns)
    found = [handles[label] for label in labels]
    return figure.legend(found, labels, loc="outside lower center", ncols=columns, frameon=False, handlelength=3)


def legend_above(figure: Figure, axes: Axes) -> None:
    """A legend for a panel, on top of it; the figure grows by its height."""
    handles, labels = axes.get_legend_handles_labels()
    columns = _legend_columns(labels)
    _make_room(figure, len(labels), columns)
    axes.legend(handles, labels, ncols=columns, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1))


def _make_room(figure: Figure, labels: int, columns: int) -> None:
    figure.set_figheight(figure.get_figheight() + LINE * ceil(labels / columns))


def _legend_columns(labels: Sequence[str]) -> int:
    """The number of columns that fit."""
    return max(1, min(len(labels), int(WIDTH / (LETTER * max(map(len, labels)) + 0.5))))


def title(setting: SettingResults, shown: str) -> str:
    """The title of a figure: data set, its subset and distortion, and below them `shown`."""
    ir, sr, nr = setting.distortion
    ratios = f"imbalance ratio {ir}", f"subsample ratio {sr}", f"noise ratio {nr}"
    data = ", ".join((setting.options.dataset, *setting.options.subset.words, *ratios))
    return "\n".join([wrapped(data, 105), wrapped(shown, 105)])


def panel_title(axes: Axes, text: str) -> None:
    """Set a title in lines that are no wider than the panel of a grid."""
    axes.set_title(wrapped(text, int(WIDTH / _grid_columns(axes) / TITLE_LETTER)))


def _grid_columns(axes: Axes) -> int:
    """The number of panels side by side in the grid of a panel."""
    place = axes.get_subplotspec()
    return place.get_gridspec().ncols if place else 1


def two_numbers(summary: Sequence[float]) -> list[float]:
    """Mean and standard deviation, as `summarise` returns them; NaN where they are not defined."""
    return [*summary, nan, nan][:2]


def runs(count: int) -> str:
    """A number of runs as text, without a line break."""
    return f"{count}\N{NO-BREAK SPACE}run{'s' if count > 1 else ''}"


def wrapped(text: str, letters: int) -> str:
    """Text in lines of at most so many letters."""
    return textwrap.fill(text, letters)


def class_names(settings: Sequence[SettingResults], classes: int) -> list[str]:
    """Names of the classes if the data set has any, else their numbers."""
    names = settings[0].results[min(settings[0].results)].get("class_names")
    return names if names and len(names) == classes else [str(number) for number in range(classes)]


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG and as PDF; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    png, pdf = folder / f"{name}.png", folder / f"{name}.pdf"
    # Figure.savefig draws twice for each file and repeats the layout, which takes longest.
    content = io.BytesIO()
    FigureCanvasAgg(figure).print_png(content)
    replace_file(png, content.getbuffer())
    figure.set_layout_engine("none")
    content = io.BytesIO()
    FigureCanvasPdf(figure).print_pdf(content, metadata=NO_DATE)
    replace_file(pdf, content.getbuffer())
    return [png, pdf]
