#!/usr/bin/env python3
"""Print the results of run0, run1, ...: of one row, or with --all the table of all rows of a data set.

With --audit, list which labels of the training set look wrong.
"""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.setting import Setting
from hyperopt.options.stored import read_result
from hyperopt.report.audit import FORMATS, INDEX_FORMATS, THRESHOLD, Review, review_run
from hyperopt.report.drawn import Drawn
from hyperopt.report.results import SettingResults, all_results, setting_results
from hyperopt.report.tables import LAYOUTS, all_tables, runs_csv, setting_table
from hyperopt.runs.plan import setting_plan
from utils.colour import rgb
from utils.errors import UserError, exit_status
from utils.files import replace_file
from utils.flags import as_flag, file_of, flag, flag_fields, folder, number, pattern, plain_name
from utils.runs.files import RunFiles


@dataclass(frozen=True)
class ResultOptions(Setting):
    """All flags of the results script."""

    all: bool = flag(False, "a table of all rows and distortions of the data set that there are results of")
    match: re.Pattern[str] | None = flag(
        None, "with --all, only the rows in whose run name this regular expression is found", type=pattern
    )
    format: str = flag("text", "how --all is printed", choices=tuple(LAYOUTS))
    dry_run: bool = flag(False, "print the resolved row and the files that its results are read from, and stop")
    runs_csv: Path | None = flag(
        None, "file (.csv) for one line per finished run that is shown: setting, accuracies, time", type=file_of(".csv")
    )
    plot: Path | None = flag(None, "folder to draw figures into, each as PNG and as PDF", type=folder)
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
        THRESHOLD,
        "for --audit and --export-clean: a label looks wrong whose quality is below this share of the accuracy on the "
        "clean images of its class, averaged over the epochs",
        type=number(float, 0, 1),
    )
    run_folder: str | None = flag(
        None, "for --audit and --export-clean: the run (default: the lowest finished one)", "-r", type=plain_name
    )

    def check_all(self) -> None:
        """Raise UserError for flags that choose a row beside --all, which shows every row."""
        beside = {"all", "match", "format", "runs_csv", "plot", "data", "dataset"}
        for field in flag_fields(type(self)):
            if field.name not in beside and getattr(self, field.name) != field.default:
                raise UserError(f"--all shows every row; leave out {as_flag(field.name)}")

    def check_flags(self) -> None:
        """Raise UserError for flags that do nothing together."""
        audits = self.audit or self.export_clean
        if self.all:
            self.check_all()
        elif self.format != "text" or self.match:
            raise UserError(f"--{'match' if self.match else 'format'} is for --all; add it")
        if not audits and (self.run_folder or self.threshold != THRESHOLD):
            raise UserError(f"{'-r' if self.run_folder else '--threshold'} is for --audit and --export-clean; add one")
        for path in (self.audit, self.export_clean, self.runs_csv):
            if path and not path.parent.is_dir():
                raise UserError(f"the folder of {path} is not there; make it, or name another")
            if path and any(path.parent.glob("result_*.json")):
                raise UserError(f"the folder of {path} is a run's; name a file elsewhere")
        if self.dry_run and (audits or self.plot or self.runs_csv):
            raise UserError("--dry-run writes and draws nothing; leave out --plot, --runs-csv, --audit, --export-clean")


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
    found = all_results(options, options.match) if options.all else setting_results(resolve(options))
    review = find_review(options, found.rows) if options.audit or options.export_clean else None
    drawn = draw(found.rows, options.plot, options.all, review) if options.plot else Drawn()
    written = write_review(options, review) if review else []
    if options.runs_csv:
        replace_file(options.runs_csv, runs_csv(found.rows).encode())
        written.append(options.runs_csv)
    print(all_tables(found.rows, options.format) if options.all else "\n\n".join(map(setting_table, found.rows)))
    if review:
        print(f"\naudit of {review.files.folder.name}: {review.audit.report(options.threshold)}")
    for line in (*found.unfinished, *found.notes, *drawn.notes, *(review.notes if review else ())):
        print(f"note: {line}", file=sys.stderr)
    for path in drawn.paths + written:
        print(f"written: {path}", file=sys.stderr)
    damaged = found.damaged + drawn.damaged
    if damaged:
        raise UserError("; ".join(damaged))


def find_review(options: ResultOptions, rows: list[SettingResults]) -> Review:
    """The audit of one run of the rows of one name. Raises UserError or UserError where there is not what it takes."""
    import torch  # tables do without it

    from custom_datasets.sources import load_dataset

    lowest = min(run for row in rows for run in row.results)
    files = RunFiles(rows[0].folder / (options.run_folder or f"run{lowest}"), rows[0].name)
    if not files.result.exists():
        raise UserError(f"{files.folder.name} of {files.name} is not finished; train it first, or name another run")
    result = read_result(files.result)
    data = load_dataset(options.dataset, rows[0].folder, torch.device("cpu"), rgb(result["options"].background))
    review = review_run(files, data, result)
    if options.export_clean:
        review.audit.refuse_export(options.threshold)
    return review


def write_review(options: ResultOptions, review: Review) -> list[Path]:
    """Write the files that are asked for."""
    if options.audit:
        review.audit.write(options.audit)
    if options.export_clean:
        review.audit.write_clean(options.export_clean, options.threshold)
    return [path for path in (options.audit, options.export_clean) if path]


def draw(rows: list[SettingResults], into: Path, by_distortion: bool, review: Review | None) -> Drawn:
    """Draw the rows of each distortion, or of one name; of an audited run the sheets of sample images as well."""
    os.environ["MPLBACKEND"] = "agg"  # a notebook's own need not be installed here
    from hyperopt.report import figures  # brings matplotlib, which tables do without

    if by_distortion:
        return figures.plot_all(rows, into)
    drawn = figures.plot_row(rows, into)
    if review:
        drawn.paths += figures.plot_sheets(review, into)
    return drawn


if __name__ == "__main__":
    raise SystemExit(main())
