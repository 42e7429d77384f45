#!/usr/bin/env python3
"""Print the results of run0, run1, ...: of one row, or with --all the table of all rows of a data set.

With --compare, test the rows of a data set against one another. With --audit, list which labels look wrong.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.stored import read_result
from hyperopt.report.audit import Review, review_run
from hyperopt.report.comparisons import error_tables
from hyperopt.report.drawn import Drawn
from hyperopt.report.options import ResultOptions
from hyperopt.report.results import Findings, SettingResults, all_results, only_runs, setting_results
from hyperopt.report.tables import all_tables, runs_csv, setting_table
from hyperopt.report.wrong_labels import label_table, review_rows, score_table, threshold_table
from hyperopt.runs.plan import setting_plan
from utils.colour import rgb
from utils.errors import UserError, exit_status
from utils.files import replace_file
from utils.runs.files import RunFiles

if TYPE_CHECKING:
    from custom_datasets.table import Dataset


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return exit_status(lambda: run(arguments))


def run(arguments: Sequence[str] | None) -> None:
    """Read the results, audit and draw them, print them: nothing is printed that a mistake would follow."""
    options = parse_options(ResultOptions, __doc__, arguments)
    options.check_flags()
    if options.dry_run:
        print(setting_plan(resolve(options)))
        return
    found = find_rows(options)
    review = find_review(options, found.rows) if options.audit or options.export_clean else None
    tables = tabulate(found.rows, options)
    drawn = draw(found.rows, options, options.plot, review) if options.plot else Drawn()
    written = write_review(options, review) if review else []
    if options.runs_csv:
        replace_file(options.runs_csv, runs_csv(found.rows).encode())
        written.append(options.runs_csv)
    print(tables)
    if review:
        print(f"\naudit of {review.files.folder.name}: {review.audit.report(options.threshold)}")
    for line in (*found.unfinished, *found.notes, *drawn.notes, *(review.notes if review else ())):
        print(f"note: {line}", file=sys.stderr)
    for path in drawn.paths + written:
        print(f"written: {path}", file=sys.stderr)
    damaged = found.damaged + drawn.damaged
    if damaged:
        raise UserError("; ".join(damaged))


def find_rows(options: ResultOptions) -> Findings:
    """The finished runs that are shown."""
    if not (options.all or options.compare):
        return setting_results(resolve(options))
    found = all_results(options.folder, options.match)
    if options.compare:  # whose tables have no place for notes
        found.notes += [f"{row.title}: {note}" for row in found.rows for note in row.notes]
    if options.only_runs:
        found.rows = only_runs(found.rows, options.only_runs)
    return found


def tabulate(rows: list[SettingResults], options: ResultOptions) -> str:
    """One row, the table of all rows, or how they compare."""
    if options.compare == "errors":
        return error_tables(rows, options.accuracy, options.against)
    if options.compare:
        reviews = review_rows(rows, load_data(rows))
        wanted = (label_table,) if options.compare == "labels" else (score_table, threshold_table)
        return "\n\n".join(table(reviews) for table in wanted)
    return all_tables(rows, options.format) if options.all else "\n\n".join(map(setting_table, rows))


def find_review(options: ResultOptions, rows: list[SettingResults]) -> Review:
    """The audit of one run of the rows of one name. Raises UserError where there is not what it takes."""
    lowest = min(run for row in rows for run in row.results)
    files = RunFiles(rows[0].folder / (options.run_folder or f"run{lowest}"), rows[0].name)
    if not files.result.exists():
        raise UserError(f"{files.folder.name} of {files.name} is not finished; train it first, or name another run")
    result = read_result(files.result)
    review = review_run(files, load_data(rows, result["options"].background), result)
    if options.export_clean:
        review.audit.refuse_export(options.threshold)
    return review


def load_data(rows: list[SettingResults], background: str | None = None) -> "Dataset":
    """What the rows were trained on; `background` as the first one says, if it is not given."""
    import torch  # tables do without it

    from custom_datasets.sources import load_dataset

    options = rows[0].options
    return load_dataset(options.dataset, rows[0].folder, torch.device("cpu"), rgb(background or options.background))


def write_review(options: ResultOptions, review: Review) -> list[Path]:
    """Write the files that are asked for."""
    if options.audit:
        review.audit.write(options.audit)
    if options.export_clean:
        review.audit.write_clean(options.export_clean, options.threshold)
    return [path for path in (options.audit, options.export_clean) if path]


def draw(rows: list[SettingResults], options: ResultOptions, folder: Path, review: Review | None) -> Drawn:
    """Draw all rows, how they compare, or one row; of an audited run the sheets of sample images as well."""
    os.environ["MPLBACKEND"] = "agg"  # a notebook's own need not be installed here
    from hyperopt.report import figures  # brings matplotlib, which tables do without

    if options.compare:
        return figures.plot_comparison(rows, options.accuracy, folder)
    if options.all:
        return figures.plot_all(rows, folder)
    drawn = figures.plot_row(rows, folder)
    if review:
        drawn.paths += figures.plot_sheets(review, folder)
    return drawn


if __name__ == "__main__":
    raise SystemExit(main())
