#!/usr/bin/env python3
"""Print the results of run0, run1, ...: of one row, or with --all the table of all rows of a data set.

With --audit, list which labels of the training set look wrong.
"""

import dataclasses
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from custom_datasets import DataError, load_dataset
from utils.audit import FORMATS, INDEX_FORMATS, THRESHOLD, make_audit
from utils.errors import UserError, exit_status
from utils.figures import plot_learning_curves
from utils.flags import file_of, flag, folder, number, pattern, plain_name
from utils.options import parse_options, resolve
from utils.plan import row_plan
from utils.results import RowResults, all_results, row_results
from utils.row_options import RowOptions
from utils.run_folder import RunFiles, read_result
from utils.sheets import draw_sheets
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
    plot: Path | None = flag(None, "folder to draw learning curves into, as PNG", type=folder)
    audit: Path | None = flag(
        None,
        "file (.csv or .json) for the audit of a run's training labels, the most suspicious first; a report is printed",
        type=file_of(*FORMATS),
    )
    export_clean: Path | None = flag(
        None,
        "file (.txt or .npy) for the indices of the training images whose label does not look wrong",
        type=file_of(*INDEX_FORMATS),
    )
    threshold: float = flag(
        THRESHOLD, "for --audit and --export-clean: a label of a lower quality looks wrong", type=number(float, 0, 1)
    )
    run_folder: str | None = flag(
        None, "for --audit and --export-clean: the run (default: the lowest finished one)", "-r", type=plain_name
    )

    def check_all(self) -> None:
        """Raise UserError for flags that choose a row beside --all, which shows every row."""
        beside = {"all", "match", "format", "plot", "data", "dataset"}
        for field in dataclasses.fields(self):
            if field.name not in beside and getattr(self, field.name) != field.default:
                raise UserError(f"--all shows every row; leave out --{field.name.replace('_', '-')}")

    def check_audit(self) -> None:
        """Raise UserError for flags of an audit without one, and for an audit that nothing is shown of."""
        audits = self.audit or self.export_clean
        if not audits and (self.run_folder or self.threshold != ResultOptions.threshold):
            name = "-r" if self.run_folder else "--threshold"
            raise UserError(f"{name} is for --audit and --export-clean; add one of them")
        if audits and self.dry_run:
            raise UserError("--dry-run writes nothing; leave out --audit and --export-clean")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return exit_status(lambda: run(arguments), (UserError, DataError))


def run(arguments: Sequence[str] | None) -> None:
    """Read the results, draw them, print them: nothing is printed that a failure would follow."""
    options = parse_options(ResultOptions, __doc__, arguments)
    options.check_audit()
    if options.all:
        options.check_all()
        found = all_results(options, options.match)
        table = all_tables(found.rows, options.format)
    elif options.format != "text" or options.match:
        raise UserError(f"--{'match' if options.match else 'format'} is for --all; add it")
    elif options.dry_run and options.plot:
        raise UserError("--dry-run draws nothing; leave out --plot")
    elif options.dry_run:
        print(row_plan(resolve(options)))
        return
    else:
        found = row_results(resolve(options))
        table = row_table(found.rows[0])
    figures = plot_learning_curves(found.rows, options.plot) if options.plot else []
    print(table)
    for line in found.unfinished:
        print(f"note: {line}", file=sys.stderr)
    for path in figures:
        print(f"learning curves: {path}", file=sys.stderr)
    if options.audit or options.export_clean:
        audit(options, found.rows[0])
    if found.damaged:
        raise UserError("; ".join(found.damaged))


def audit(options: ResultOptions, row: RowResults) -> None:
    """Audit the training labels of one run of a row: print the report, write what was asked for."""
    run_folder = options.run_folder or f"run{min(row.results)}"
    files = RunFiles(row.folder / run_folder, row.name)
    result = read_result(files.result)
    data = load_dataset(options.dataset, row.folder, torch.device("cpu"))
    found = make_audit(files, data, result["options"])
    print(f"\naudit of {run_folder}: {found.report(options.threshold)}")
    if options.audit:
        found.write(options.audit)
        print(f"audit: {options.audit}", file=sys.stderr)
    if options.export_clean:
        count = found.write_clean(options.export_clean, options.threshold)
        print(f"{count} clean images: {options.export_clean}", file=sys.stderr)
    if options.plot:
        for path in draw_sheets(found, files, data, result["options"], options.plot):
            print(f"sample sheet: {path}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
