"""The setting that the flags of the results script name; what they leave open is read out of the results."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import Field
from pathlib import Path
from typing import Any

from hyperopt.options.resolve import resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.setting import Setting
from hyperopt.report.options import ResultOptions
from hyperopt.report.results import all_results
from utils.errors import UserError
from utils.flags import as_flag, flag_fields
from utils.runs.files import RunFiles, run_folders

SHOWN = 5  # settings in a message


def choose_setting(options: ResultOptions) -> tuple[Setting, str | None]:
    """The resolved setting, and a note if something of it was read out of the results.

    The flags with their defaults, if there are runs of that setting, or own data without a recipe leave it open; else
    the only setting with results that fits the flags that are given, or the one of these without further flags. Raises
    UserError when several fit, or none.
    """
    resolved = resolve(options) if options.public or options.recipe else None
    if resolved and _is_there(options.runs_folder, resolved.name):
        return resolved, None
    try:
        found = {setting.name: setting.options for setting in all_results(options.runs_folder).settings}
    except UserError:
        if resolved is None:
            raise
        return resolved, None  # the reader of this setting's results says what is missing
    fitting = [stored for stored in found.values() if fits(options.wanted, stored.values())]
    if len(fitting) > 1:
        # No flag says that another one, such as --labels, was not given.
        if (place := without_further_flags(fitting)) is None:
            raise UserError(f"{_listed(fitting)}; add the flags of one of them, or --all for a table")
        return _in_place(fitting[place], options), f"{_listed(fitting)}; shown is the one without these flags"
    if fitting:
        return _in_place(fitting[0], options), f"the only setting with results that fits: {_flags_of(fitting[0])}"
    if resolved:
        return resolved, None
    others = f"; there are {_listed(found.values())}" if len(found) > 1 else ""
    raise UserError(f"no finished run in {options.runs_folder} fits these flags{others}; leave some out, or try --all")


def fits(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Whether the options of a stored run have all these values.

    Files are compared by what names of runs have of them. Options that results do not depend on may differ.
    """
    fields = {field.name: field for field in flag_fields(Setting)}
    free = {name for name, field in fields.items() if not field.metadata["identity"]}
    return all(_same(fields.get(name), stored.get(name), value) for name, value in wanted.items() if name not in free)


def _same(field: Field | None, stored: Any, value: Any) -> bool:
    if stored == value or field is None or None in (stored, value):
        return bool(stored == value)
    in_name = field.metadata["in_name"]
    return bool(in_name(stored) == in_name(value))


def without_further_flags(settings: Iterable[RunOptions]) -> int | None:
    """The place of the setting that has none of the flags by which the others differ from it; None without one."""
    apart = telling_apart(settings)
    return apart.index("") if "" in apart else None


def telling_apart(settings: Iterable[RunOptions]) -> list[str]:
    """For each setting the flags whose values differ between the settings, as text."""
    values = [setting.values(Setting) for setting in settings]
    names = dict.fromkeys(name for those in values for name in those)
    differing = [name for name in names if len({str(those.get(name)) for those in values}) > 1]
    return [" ".join(_flag(name, those[name]) for name in differing if name in those).strip() for those in values]


def listed_apart(settings: Iterable[RunOptions]) -> list[str]:
    """`telling_apart`, for a message."""
    return [apart or "one without these flags" for apart in telling_apart(settings)]


def _flag(name: str, value: object) -> str:
    return as_flag(name) if value is True else "" if value in (None, False) else f"{as_flag(name)} {value}"


def _listed(settings: Iterable[RunOptions]) -> str:
    listed = listed_apart(settings)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return f"results of {len(listed)} settings: {'; '.join(listed[:SHOWN])}{more}"


def _flags_of(setting: RunOptions) -> str:
    """The flags of a setting that differ from their defaults."""
    usual = {field.name: field.default for field in flag_fields(Setting)} | vars(setting.defaults)
    usual["dataset"] = setting.dataset
    values = setting.values(Setting)
    given = [_flag(name, value) for name, value in values.items() if usual.get(name, value) != value]
    return " ".join(text for text in given if text)


def _in_place(stored: RunOptions, options: ResultOptions) -> Setting:
    """A stored setting with the places that the flags name."""
    return dataclasses.replace(stored, data=options.data, dataset=options.dataset, runs=options.runs)


def _is_there(folder: Path, name: str) -> bool:
    """Whether there is a finished or an unfinished run of a setting."""
    files = [RunFiles(run, name) for run in run_folders(folder).values()]
    return any(path.exists() for each in files for path in (each.result, each.progress))
