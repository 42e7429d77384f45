"""The learned rows of the training images: wrong labels beside right ones, rare classes beside frequent ones."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hyperopt.augmentation.warp import RANGES
from hyperopt.options.stored import classes_of
from hyperopt.report.figures import style
from hyperopt.report.figures.sources import Sources
from hyperopt.report.results import SettingResults
from hyperopt.rows.rows_file import RowsFile
from utils.errors import UserError
from utils.runs.predictions import Predictions

# Colour, hatch and marker of the groups of images, from top to bottom.
GROUPS = {
    "any label": ("#0072B2", "", "o"),
    "right label": ("#0072B2", "", "o"),
    "wrong label": ("#E69F00", "/////", "X"),
    "frequent class": ("#56B4E9", "", "s"),
    "rare class": ("#D55E00", ".....", "v"),
}
COLUMNS = {
    "weight": "loss weight\n(factor, 1 at the start)",
    "given": "soft label: probability\nof the given label",
    "probability": "probability\nof the operation",
    "magnitude": "magnitude (share of\nthe operation's range)",
}
# Columns that share the y axis of the column to the left.
SAME_NAMES = {"given": "weight", "magnitude": "probability"}
BINS = 30
RIDGE = 0.85  # height of a histogram; the groups are 1 apart
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass
class Pool:
    """The images of all runs of a setting: learned columns (n,) or (n, K), and groups of images as masks (n,)."""

    runs: int
    columns: dict[str, np.ndarray]
    groups: dict[str, np.ndarray]


def draw(settings: list[SettingResults], sources: Sources) -> Figure | None:
    """A line of panels for each setting with learned rows, a panel per learned column."""
    shown = sources.first_settings([setting for setting in settings if setting.options.has_learned_rows], "rows")
    pools = [(setting, pool) for setting in shown if (pool := pool_runs(setting, sources))]
    if not pools:
        return None
    columns = [name for name in COLUMNS if any(name in pool.columns for _, pool in pools)]
    figure = style.new_figure(2.3 * len(pools) + 6 * style.LINE)
    lines = figure.subplots(len(pools), len(columns), sharex="col", squeeze=False)
    for (setting, pool), panels in zip(pools, lines, strict=True):
        for axes, name in zip(panels, columns, strict=True):
            _draw_column(axes, pool, name)
        for axes, left in ((panels[columns.index(name)], left) for name, left in SAME_NAMES.items() if name in columns):
            axes.tick_params(labelleft=left not in pool.columns)
        images = len(next(iter(pool.columns.values())))
        panels[0].set_title(f"{setting.label} ({style.runs(pool.runs)}, {images} images)", loc="left")
    for axes, name in zip(lines[-1], columns, strict=True):
        axes.set_xlabel(COLUMNS[name])
    subtitle = "learned rows of training images; operations: median, quartiles (thick), 5th to 95th percentile (thin)"
    figure.suptitle(style.title(settings[0], subtitle))
    _legend(figure, {name for _, pool in pools for name in pool.groups})
    return figure


def pool_runs(setting: SettingResults, sources: Sources) -> Pool | None:
    """The images of the runs of a setting whose files exist; None if there is no such run, or no learned column."""
    learned, predictions = sources.learned(setting), sources.predictions(setting)
    parts = []
    for run in sorted(learned.keys() & predictions.keys()):
        try:
            images = predictions[run].train_index, predictions[run].train_given
            rows = learned[run].in_order_of(*images, classes_of(setting.results[run]), setting.files(run).rows)
        except UserError as error:
            sources.damaged.append(str(error))
        else:
            parts.append(_join(rows, predictions[run]))
    if not parts:
        return None
    pooled = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    wrong, rare = pooled.pop("wrong"), pooled.pop("true") >= setting.classes / 2
    if not pooled:
        return None
    ratio, *_ = setting.distortion
    groups = (
        {"right label": ~wrong, "wrong label": wrong}
        if setting.knows_true_labels
        else {"any label": np.ones_like(wrong)}
    )
    if ratio > 1:
        groups |= {"frequent class": ~rare, "rare class": rare}
    return Pool(len(parts), pooled, {name: mask for name, mask in groups.items() if mask.any()})


def _join(learned: RowsFile, predictions: Predictions) -> dict[str, np.ndarray]:
    """Learned columns of a run's images, their true classes, and whether their labels are wrong, in the same order."""
    given, true = predictions.train_given, predictions.train_true
    found = {name: column.numpy() for name, column in learned.columns.items() if name in COLUMNS}
    if "soft_label" in learned.columns:
        found["given"] = learned.columns["soft_label"].gather(1, learned.given_label[:, None])[:, 0].numpy()
    return found | {"wrong": given != true, "true": true}


def _draw_column(axes: Axes, pool: Pool, name: str) -> None:
    if name not in pool.columns:
        axes.text(0.5, 0.5, "not learned", ha="center", va="center", transform=axes.transAxes)
        axes.set_yticks([])
    elif name in ("weight", "given"):
        _draw_histograms(axes, pool.columns[name], pool.groups)
    else:
        _draw_operations(axes, pool.columns[name], pool.groups)
        axes.set_xlim(-0.03, 1.03)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)


def _draw_histograms(axes: Axes, values: np.ndarray, groups: dict[str, np.ndarray]) -> None:
    """A histogram of values (n,) per group, all of the same height; the line across is the median."""
    edges = np.linspace(0, max(1, values.max()), BINS + 1)
    for place, (group, mask) in enumerate(groups.items()):
        colour, hatch, _ = GROUPS[group]
        counts, _ = np.histogram(values[mask], edges)
        base = -place - RIDGE / 2
        heights = base + RIDGE * counts / counts.max()
        axes.stairs(
            heights, edges, baseline=base, fill=True, facecolor=colour, hatch=hatch, edgecolor="black", linewidth=0.6
        )
        axes.plot(
            [np.median(values[mask])] * 2, [base, base + RIDGE], color="black", linewidth=1.5, gid=f"median {group}"
        )
    axes.set_yticks([-place for place in range(len(groups))], [group.replace(" ", "\n") for group in groups])
    axes.set_ylim(-len(groups) + 0.45, 0.55)


def _draw_operations(axes: Axes, values: np.ndarray, groups: dict[str, np.ndarray]) -> None:
    """Values (n, K) of K operations per group: a mark at the median, a thick line between the quartiles, a thin one
    from the 5th to the 95th percentile.
    """
    places = -np.arange(values.shape[1], dtype=float)
    for number, (group, mask) in enumerate(groups.items()):
        colour, _, marker = GROUPS[group]
        lowest, low, median, high, highest = np.quantile(values[mask], QUANTILES, axis=0)
        y = places - 0.8 * ((number + 0.5) / len(groups) - 0.5)
        axes.hlines(y, lowest, highest, colors=colour, linewidth=0.7)
        axes.hlines(y, low, high, colors=colour, linewidth=2.2)
        axes.plot(
            median,
            y,
            linestyle="none",
            color=colour,
            marker=marker,
            markersize=3.2,
            markeredgecolor="black",
            markeredgewidth=0.4,
            gid=f"median {group}",
        )
    axes.set_yticks(places, [name.replace("_", " ") for name in RANGES])
    axes.set_ylim(places[-1] - 0.5, 0.5)


def _legend(figure: Figure, groups: set[str]) -> None:
    """A legend below all panels, with the groups' marks of the operations."""
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=4, markeredgecolor="black", label=group)
        for group, (colour, _, marker) in GROUPS.items()
        if group in groups
    ]
    handles.append(Line2D([], [], color="black", linewidth=1.5, label="median (histograms)"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
