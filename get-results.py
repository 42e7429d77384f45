#!/usr/bin/env python3
"""Print the results of run0, run1, ...: of one row, or with --all the table of all rows of a data set."""

import dataclasses
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.errors import UserError, exit_status
from utils.flags import flag, folder, pattern
from utils.options import RowOptions, parse_options, resolve
from utils.plan import row_plan
from utils.results import RowResults, all_results, row_results
from utils.tables import LAYOUTS, all_tables, row_table


@dataclass(frozen=True)
class ResultOptions(RowOptions):
    """All flags of the results script."""

    all: bool = flag(False, "a table of all rows and distortions of the data set that there are results of")
    match: re.Pattern[str] | None = flag(
        None, "with --all, only the rows in whose run name this regular expression is found", type=pattern
    )
    format: str = flag("text", "how --all is printed", choices=tuple(LAYOUTS))
    dry_run: bool = flag(False, "print the resolved row and the files that its results are read from, and stop")
    plot: Path | None = flag(None, "folder to draw figures into, each as PNG and as PDF", type=folder)

    def check_all(self) -> None:
        """Raise UserError for flags that choose a row beside --all, which shows every row."""
        beside = {"all", "match", "format", "plot", "data", "dataset"}
        for field in dataclasses.fields(self):
            if field.name not in beside and getattr(self, field.name) != field.default:
                raise UserError(f"--all shows every row; leave out --{field.name.replace('_', '-')}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return exit_status(lambda: run(arguments), (UserError,))


def run(arguments: Sequence[str] | None) -> None:
    """Read the results, print them, draw them."""
    options = parse_options(ResultOptions, __doc__, arguments)
    if options.all:
        options.check_all()
        found = all_results(options, options.match)
        print(all_tables(found.rows, options.format))
    elif options.format != "text" or options.match:
        raise UserError(f"--{'match' if options.match else 'format'} is for --all; add it")
    elif options.dry_run and options.plot:
        raise UserError("--dry-run draws nothing; leave out --plot")
    elif options.dry_run:
        print(row_plan(resolve(options)))
        return
    else:
        found = row_results(resolve(options))
        print(row_table(found.rows[0]))
    for line in found.unfinished:
        print(f"note: {line}", file=sys.stderr)
    damaged = found.damaged + (plot(found.rows, options) if options.plot else [])
    if damaged:
        raise UserError("; ".join(damaged))


def plot(rows: list[RowResults], options: ResultOptions) -> list[str]:
    """Draw the rows and say where; returns a line per damaged file."""
    from utils.figures import plot_all, plot_row  # brings matplotlib and scikit-learn, which tables do without

    drawn = plot_all(rows, options.plot) if options.all else plot_row(rows[0], options.plot)
    for path in drawn.paths:
        print(f"figure: {path}", file=sys.stderr)
    for note in drawn.notes:
        print(f"note: {note}", file=sys.stderr)
    return drawn.damaged


if __name__ == "__main__":
    raise SystemExit(main())
