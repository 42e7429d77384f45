#!/usr/bin/env python3
"""Draw docs/four.png: test error against distortion, of the four systems, their refits and the strongest control.

    .venv/bin/python scripts/figure-four.py

The runs are those of the tables four-digits-* of docs/tables.json. The strongest control of a distortion is the one
with the lowest mean error there, over the runs that all controls have. Points are means over runs, bars standard
deviations.
"""

import sys
from io import BytesIO
from pathlib import Path
from statistics import mean, stdev

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.errors import UserError, exit_status, imports

with imports():
    from matplotlib.axes import Axes
    from matplotlib.ticker import LogLocator
    from runs_lines import Line
    from runs_tables import ROOT, Table
    from tables_file import read_tables

    from hyperopt.report.figures import style
    from utils.files import replace_file
    from utils.flags import Parser

# Distortions from none to both, as tables of docs/tables.json.
DISTORTIONS = {
    "four-digits-1-0.0": "none",
    "four-digits-1-0.4": "40 % of the labels\nredrawn",
    "four-digits-10-0.1": "classes 10 times rarer,\n10 % of the labels",
    "four-digits-100-0.1": "classes 100 times rarer,\n10 % of the labels",
}
# Key of the setting: name, colour, marker, line; filled markers are trainings, hollow ones refits.
LINES = {
    "NONE": ("no augmentation (baseline)", style.COLOURS[0], "x", ":"),
    "HES": ("AutoDO, HES", style.COLOURS[1], "o", "-"),
    "HES-refit": ("AutoDO, HES, refit", style.COLOURS[1], "o", "--"),
    "FIS": ("AutoDO, FIS", style.COLOURS[2], "s", "-"),
    "FIS-refit": ("AutoDO, FIS, refit", style.COLOURS[2], "s", "--"),
    "DABO": ("DABO", style.COLOURS[3], "^", "-"),
    "DABO-refit": ("DABO, refit", style.COLOURS[3], "^", "--"),
    "ReSmooth": ("ReSmooth", style.COLOURS[4], "D", "-"),
    "ReSmooth-refit": ("ReSmooth, refit", style.COLOURS[4], "D", "--"),
    "EffAug": ("Efficient Augmentation", style.COLOURS[5], "v", "-"),
}
STRONGEST = ("strongest control", "#777777", "*", "-.")
ACCURACY = "last_five"


def strongest(table: Table) -> Line:
    """The control with the lowest mean error over the runs that all controls have. Raises UserError without any."""
    controls = [line for line in table.lines if line.label.startswith("control")]
    shared = set.intersection(*(set(line.errors(ACCURACY)) for line in controls)) if controls else set()
    if not shared:
        raise UserError(f"there is no run of {table.spec['distortion']} that all controls have")
    return min(controls, key=lambda line: mean(line.errors(ACCURACY)[run] for run in shared))


def draw_line(axes: Axes, lines: list[Line], shift: float, look: tuple[str, str, str, str]) -> None:
    """Means and standard deviations of a setting at all distortions. Raises UserError where it lacks the error."""
    name, colour, marker, dashes = look
    found = [list(line.errors(ACCURACY).values()) for line in lines]
    if not all(found):
        raise UserError(f"{name} lacks {ACCURACY} at a distortion")
    axes.errorbar(
        [place + shift for place in range(len(found))],
        [mean(values) for values in found],
        [stdev(values) if len(values) > 1 else 0 for values in found],
        label=name,
        color=colour,
        marker=marker,
        linestyle=dashes,
        markerfacecolor="white" if dashes == "--" else colour,
        capsize=1.5,
        linewidth=0.9,
        elinewidth=0.6,
        markersize=4.5,
    )


def draw() -> None:
    """Write the figure. Raises UserError when a table is not described, or a setting has no runs."""
    found = read_tables()
    if missing := [name for name in DISTORTIONS if name not in found]:
        raise UserError(f"docs/tables.json lacks {', '.join(missing)}")
    shown = [found[name] for name in DISTORTIONS]
    file = BytesIO()
    with style.page():
        figure = style.new_figure(3.4)
        axes = figure.subplots()
        for number, (key, look) in enumerate(LINES.items()):
            draw_line(axes, [table.line(key) for table in shown], (number - len(LINES) / 2) * 0.045, look)
        draw_line(axes, [strongest(table) for table in shown], len(LINES) / 2 * 0.045, STRONGEST)
        axes.set_xticks(range(len(DISTORTIONS)), list(DISTORTIONS.values()))
        axes.set(ylabel="test error in %, mean of last five epochs", yscale="log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.grid(alpha=0.3, axis="y")
        style.legend_below(figure, axes)
        figure.savefig(file)
    replace_file(ROOT / "docs/four.png", file.getvalue())


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    Parser(description=__doc__.splitlines()[0]).parse_args(arguments)
    return exit_status(draw)


if __name__ == "__main__":
    raise SystemExit(main())
