#!/usr/bin/env python3
"""Print the results of run0, run1, ... of one setting, or with --all a table of all settings of a data set.

With --compare, compare the settings of a data set. With --audit, list the labels that look wrong. With --export, write
the network of a run into a file; with --predict, let it classify pictures. Flags of a setting are needed only where
several settings have results.

    get-results.py --dataset photos --audit audit.csv             the labels of photos that look wrong
    get-results.py --dataset photos --all --plot figures          a table of all settings, and figures
    get-results.py local_data/photos/run0 local_data/photos/run1  two runs side by side, what differs first
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from utils.errors import UserError, exit_status, imports

with imports():
    from hyperopt.options.resolve import parse_options
    from hyperopt.options.stored import read_result
    from hyperopt.report.audit_files import Asked, carries_labels, refuse_review, write_files
    from hyperopt.report.check_flags import check_flags
    from hyperopt.report.choice import choose_setting
    from hyperopt.report.comparisons import error_tables, lacking
    from hyperopt.report.curve_tables import curve_columns, curve_tables, without_reference
    from hyperopt.report.curves import collect_curves, has_scores
    from hyperopt.report.data import load_data, load_given_data
    from hyperopt.report.drawn import Drawn
    from hyperopt.report.load import LoadedRun
    from hyperopt.report.network_out import Left, use_network
    from hyperopt.report.options import ResultOptions
    from hyperopt.report.results import Findings, SettingResults, all_results, only_runs, setting_results
    from hyperopt.report.review import Review, review_run
    from hyperopt.report.runs_list import as_csv, merge_runs
    from hyperopt.report.side_by_side import StoredRun, only_run, runs_of, side_by_side
    from hyperopt.report.tables import all_tables, run_records, setting_table
    from hyperopt.report.wrong_labels import label_table, review_settings, score_table, threshold_table
    from hyperopt.runs.plan import setting_plan
    from utils.files import replace_file
    from utils.runs.files import RunFiles


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return exit_status(lambda: results(arguments))


def results(arguments: Sequence[str] | None) -> None:
    """Read the results, audit, draw, write and print; what is printed comes last, so that no mistake follows it."""
    options = parse_options(ResultOptions, __doc__, arguments)
    check_flags(options)
    if options.dry_run:
        print(setting_plan(choose_setting(options)[0]))
        return
    named = runs_of(options.folders or (), options.match, options.wanted)
    found = Findings([], [], []) if named else find_settings(options)
    run = pick_run(found.settings, named, options.run_folder) if options.audit_files or options.uses_network else None
    review = review_of(options, run) if run and options.audit_files else None
    tables = side_by_side(named) if named else tabulate(found, options)
    drawn = draw(found.settings, options, options.plot, review) if options.plot else Drawn()
    left = leave(options, found, run, review)
    print("\n\n".join((tables, *left.report)))
    for line in dict.fromkeys((*found.unfinished, *found.notes, *drawn.notes, *left.notes)):
        print(f"note: {line}", file=sys.stderr)
    for path in drawn.paths + left.paths:
        print(f"written: {path}", file=sys.stderr)
    if damaged := dict.fromkeys(found.damaged + drawn.damaged + left.damaged):  # one that is needed twice, once
        raise UserError("; ".join(damaged))


def find_settings(options: ResultOptions) -> Findings:
    """The finished runs to show."""
    if not (options.all or options.compare):
        setting, note = choose_setting(options)
        found = setting_results(setting)
        found.notes += [note] if note else []
        return found
    found = all_results(options.runs_folder, options.match)
    if options.compare:  # these tables have no place for notes
        found.notes += [f"{setting.title}: {note}" for setting in found.settings for note in setting.notes]
    if options.only_runs:
        found.settings = only_runs(found.settings, options.only_runs)
    return found


def tabulate(found: Findings, options: ResultOptions) -> str:
    """The table of one setting or of all settings, or the comparison.

    Runs that it leaves out or cannot read are added to `found`.
    """
    settings = found.settings
    if options.compare == "errors":
        found.notes += lacking(settings, options.accuracy)
        return error_tables(settings, options.accuracy, options.against)
    if options.compare == "curves":
        curves = collect_curves(settings)
        found.damaged += curves.damaged
        found.notes += curves.notes + without_reference(curves)
        return curve_tables(curves, options.dataset)
    if options.compare:
        reviews, damaged = review_settings(settings)
        found.damaged += damaged
        wanted = (label_table,) if options.compare == "labels" else (score_table, threshold_table)
        return "\n\n".join(table(reviews) for table in wanted)
    return all_tables(settings, options.format) if options.all else "\n\n".join(map(setting_table, settings))


def pick_run(settings: list[SettingResults], named: list[StoredRun], run_folder: str | None) -> StoredRun:
    """The run that is named by its folder, or that of -r of the settings of one name, by default the lowest one.

    Raises UserError when it is not finished.
    """
    if named:
        return only_run(named)
    lowest = min(run for setting in settings for run in setting.results)
    files = RunFiles(settings[0].folder / (run_folder or f"run{lowest}"), settings[0].name)
    if not files.result.exists():
        raise UserError(f"{files.folder.name} of {files.name} is not finished; train it first, or name another run")
    return StoredRun(files, read_result(files.result))


def review_of(options: ResultOptions, run: StoredRun) -> Review:
    """The audit of a run. Raises UserError when files are missing, or for files that it cannot give."""
    labels = options.label_file or run.result["options"].label_file
    if labels and carries_labels(options.audit_files):
        data = load_given_data(run.result, run.data_folder, labels)
    else:
        data = load_data(run.result, run.data_folder)
    review = review_run(run.files, data, run.result, options.quality)
    refuse_review(review, options.audit_files, options.threshold)
    return review


def leave(options: ResultOptions, found: Findings, run: StoredRun | None, review: Review | None) -> Left:
    """Write the files of an audit and of a run's network, and the table of runs, as far as they are asked for."""
    left = Left()
    if review:
        left.report.append(f"audit of {review.files.folder.name}: {review.audit.report(options.threshold)}")
        left.notes += review.notes
        left.notes += write_files(review, options.audit_files, Asked(options.threshold, options.links))
        left.paths += options.audit_files.values()
    if run and options.uses_network:
        loaded = LoadedRun(run.files, run.result, run.data_folder)
        use_network(loaded, options.export, options.predict, options.to, left)
    if options.runs_csv:
        columns, unread = curve_columns(found.settings)
        records, notes = merge_runs(run_records(found.settings, columns), options.runs_csv)
        replace_file(options.runs_csv, as_csv(records).encode())
        left.notes += notes
        left.damaged += unread
        left.paths.append(options.runs_csv)
    return left


def import_figures() -> ModuleType:
    """The figures; they import matplotlib, which tables do not need, and leave the backend of a notebook as it is."""
    imported = "matplotlib" in sys.modules
    backend = os.environ.pop("MPLBACKEND", None)  # it may not be installed here, and figures need none
    try:
        import matplotlib

        from hyperopt.report import figures
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend is not None and not imported:
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
    return figures


def draw(settings: list[SettingResults], options: ResultOptions, folder: Path, review: Review | None) -> Drawn:
    """Draw all settings, their comparison, or one setting; for an audited run also the sheets of sample images."""
    figures = import_figures()

    if options.compare == "curves":
        return figures.plot_curves(settings, folder)
    if options.compare:
        return figures.plot_comparison(settings, options.accuracy, folder)
    if options.all:
        return figures.plot_all(settings, folder)
    drawn = figures.plot_setting(settings, folder)
    if settings[0].has_budgets and has_scores(settings[0]):
        figures.plot_scores(
            settings[0], lambda: load_data(settings[0].first_result, settings[0].data_folder), folder, drawn
        )
    if review:
        figures.plot_sheets(review, folder, drawn)
    return drawn


if __name__ == "__main__":
    raise SystemExit(main())
