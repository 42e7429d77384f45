"""Refusals of flags of the results script that have no effect together, and of files that would be lost."""

from collections.abc import Collection

from hyperopt.report.audit import QUALITIES
from hyperopt.report.audit_files import AUDIT_FILES
from hyperopt.report.options import ResultOptions
from hyperopt.report.own_files import EXPORTED, PREDICTIONS, TABULATED, refuse_foreign, refuse_place
from hyperopt.rows.quality import THRESHOLD
from utils.errors import UserError
from utils.flags import as_flag, flag_fields

DRAWN = ("errors", "curves")  # comparisons with figures
# Flags that have no effect on runs that are named by their folders.
NOT_OF_FOLDERS = ("data", "dataset", "runs", "all", "compare", "plot", "runs_csv", "run_folder", "dry_run")
# Flags that have an effect on all settings.
OF_ALL = {"data", "dataset", "runs", "folders", "plot", "runs_csv"}
# Flags that have an effect beside others alone, which `_check_belonging` checks.
BELONGING = {"format", "match", "only_runs", "against", "accuracy"}


def check_flags(options: ResultOptions) -> None:
    """Raise UserError for flags that have no effect together, and for files that cannot be written."""
    _check_belonging(options)
    if options.folders:
        _check_beside_folders(options.given)
    if options.all or options.compare:
        _check_every_setting(options)
    if options.plot and options.compare not in (None, *DRAWN):
        raise UserError(f"--compare {options.compare} is a table alone; leave out --plot")
    _check_of_a_run(options)
    _check_files(options)
    if options.dry_run and (options.audit_files or options.uses_network or options.plot or options.runs_csv):
        raise UserError(
            "--dry-run writes and draws nothing; leave out --plot, --runs-csv, --audit, --predict and exports"
        )


def _check_belonging(options: ResultOptions) -> None:
    """Refuse flags of --all and --compare without these."""
    errors = options.compare == "errors"
    belongs = {
        "format": ("--all", options.all),
        "match": ("--all, --compare or run folders", options.all or options.compare or options.folders),
        "only_runs": ("--compare", options.compare),
        "against": ("--compare errors", errors),
        "accuracy": ("--compare errors", errors),
    }
    for name, (owner, there) in belongs.items():
        if getattr(options, name) != getattr(ResultOptions, name) and not there:
            raise UserError(f"{as_flag(name)} is for {owner}; add it")


def _check_beside_folders(given: Collection[str]) -> None:
    """Refuse flags that have no effect on runs that are named by their folders."""
    if idle := [as_flag(name) for name in NOT_OF_FOLDERS if name in given]:
        raise UserError(f"{idle[0]} has no effect on runs that are named by their folders; leave it out")


def _check_every_setting(options: ResultOptions) -> None:
    """Refuse flags that choose a setting together with --all and --compare, which show every setting."""
    shown = "all" if options.all else "compare"
    # A method first: the other flags that it presets were not given.
    for field in sorted(flag_fields(ResultOptions), key=lambda field: field.name != "method"):
        if field.name not in OF_ALL | BELONGING | {shown} and getattr(options, field.name) != field.default:
            raise UserError(f"--{shown} shows every setting; leave out {as_flag(field.name)}")


def _check_of_a_run(options: ResultOptions) -> None:
    """Refuse flags of an audit and of a run's network without these."""
    audited = bool(options.audit_files)
    if options.run_folder and not (audited or options.uses_network):
        raise UserError("-r is for --audit and its exports, --export and --predict; add one of these")
    belong_to_audits = {"--threshold": options.threshold != THRESHOLD, "--quality": options.quality != QUALITIES[0]}
    if given := [name for name, there in belong_to_audits.items() if there and not audited]:
        raise UserError(f"{given[0]} is for --audit and exports; add one, such as --audit audit.csv")
    if options.links and not options.export_folders:
        raise UserError("--links is for --export-folders; add it")
    if bool(options.predict) != bool(options.to):
        raise UserError("--predict and --to belong together; add the other one")


def _check_files(options: ResultOptions) -> None:
    """Refuse files that cannot be written, or that would replace others."""
    for path in (*options.audit_files.values(), options.runs_csv, options.export, options.to):
        if path:
            refuse_place(path)
    for name, path in options.audit_files.items():
        AUDIT_FILES[name].refuse_path(path)
    refuse_foreign(options.export, EXPORTED)
    refuse_foreign(options.to, PREDICTIONS)
    refuse_foreign(options.runs_csv, TABULATED)
