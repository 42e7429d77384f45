"""docs/tables.json: every table that it describes, after its entries have been compared with what a table may have."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from copied_tables import Copied
from runs_tables import COLUMNS, RESULTS, ROOT, Beside, Table

from utils.errors import UserError

PATH = ROOT / "docs/tables.json"
FIELD = re.compile(r"\{(\w*)\}")
RUNS = re.compile(r"\d+-\d+|\d+( \d+)*")


def is_text(value: Any) -> bool:
    """Whether an entry is a text."""
    return isinstance(value, str)


def is_list(value: Any) -> bool:
    """Whether an entry is a list of texts."""
    return isinstance(value, list) and all(map(is_text, value))


def is_mapping(value: Any) -> bool:
    """Whether an entry has texts by texts."""
    return isinstance(value, dict) and all(map(is_text, value.values()))


def is_choice(value: Any) -> bool:
    """Whether an entry has a text, or a list of texts, by column."""
    return isinstance(value, dict) and all(is_text(one) or is_list(one) for one in value.values())


def is_runs(value: Any) -> bool:
    """Whether an entry has the numbers of runs."""
    return is_text(value) and RUNS.fullmatch(value) is not None


Check = Callable[[Any], bool]
WHAT: dict[Check, str] = {
    is_text: "a text",
    is_list: "a list of texts",
    is_mapping: "texts by name",
    is_choice: "texts or lists of texts by column",
    is_runs: 'numbers of runs, such as "0-7" or "0 1 3"',
}
# What an entry must have, and what it may have.
OF_RUNS: dict[str, Check] = {
    **dict.fromkeys(("dataset", "distortion", "settings"), is_text),
    **dict.fromkeys(("files", "columns"), is_list),
    "runs": is_runs,
}
OF_RUNS_TOO: dict[str, Check] = {"flags": is_mapping, "keys": is_list, "against": is_text, "compare_by": is_text}
OF_MEANS: dict[str, Check] = {"file": is_text, "columns": is_mapping}
OF_MEANS_TOO: dict[str, Check] = {
    **dict.fromkeys(("where", "bold"), is_choice),
    **dict.fromkeys(("across", "cell", "key"), is_text),
}
OF_TABLES: dict[str, Check] = {"beside": is_mapping, "column": is_text}
SETTING: dict[str, Check] = dict.fromkeys(("key", "label", "name"), is_text)
SETTING_TOO: dict[str, Check] = {"stages": is_list}


def read_tables(path: Path = PATH) -> dict[str, Any]:
    """All tables of the pages by name: a `Table`, `Copied` or `Beside`.

    Raises UserError, with the entry, for what no table has or for what is missing.
    """
    spec = read_spec(path)
    found: dict[str, Any] = {}
    for name, one in spec["tables"].items():
        what = f"{path.name}: table {name}"
        if "file" in one:
            found[name] = Copied(one, RESULTS)
        elif "beside" in one:
            refuse_unknown(what, "beside", one["beside"].values(), found)
            found[name] = Beside(one["column"], {heading: found[part] for heading, part in one["beside"].items()})
        else:
            found[name] = Table(one, spec["settings"])
    return found


def read_spec(path: Path = PATH) -> dict[str, Any]:
    """The entries of the file. Raises UserError as `read_tables` does."""
    try:
        spec = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} is no JSON: {error}") from error
    if not isinstance(spec, dict) or not all(isinstance(spec.get(name), dict) for name in ("settings", "tables")):
        raise UserError(f'{path.name} must have "settings" and "tables", each with entries by name')
    for name, settings in spec["settings"].items():
        for place, one in enumerate(settings if isinstance(settings, list) else [None]):
            compare(f"{path.name}: setting {place} of {name}", one, SETTING, SETTING_TOO)
    for name, one in spec["tables"].items():
        compare_table(f"{path.name}: table {name}", one, spec["settings"])
    return spec


def compare_table(what: str, entry: Any, settings: Mapping[str, Any]) -> None:
    """Raise UserError for an entry of no table, or one that names a setting, column or flag that there is not."""
    kinds = {"file": (OF_MEANS, OF_MEANS_TOO), "beside": (OF_TABLES, {})}
    kind = next((name for name in kinds if isinstance(entry, dict) and name in entry), None)
    compare(what, entry, *(kinds[kind] if kind else (OF_RUNS, OF_RUNS_TOO)))
    if kind:
        return
    refuse_unknown(what, "settings", [entry["settings"]], settings)
    chosen = settings[entry["settings"]]
    keys = [one["key"] for one in chosen]
    names = [name for one in chosen for name in (one["name"], *one.get("stages", []))]
    fields = {field for name in names for field in FIELD.findall(name)}
    refuse_unknown(what, "columns", entry["columns"], COLUMNS)
    refuse_unknown(what, "keys", entry.get("keys", []), keys)
    refuse_unknown(what, "against", [entry["against"]] if "against" in entry else [], entry.get("keys", keys))
    refuse_unknown(what, "flags", entry.get("flags", {}), fields - {"d"})


def compare(what: str, entry: Any, needed: Mapping[str, Check], further: Mapping[str, Check]) -> None:
    """Raise UserError for an entry that lacks something, has more than it may, or something of another kind."""
    known = {**needed, **further}
    if not isinstance(entry, dict):
        raise UserError(f"{what} is {json.dumps(entry)}; it must be an object with {', '.join(known)}")
    if missing := [name for name in needed if name not in entry]:
        raise UserError(f'{what} lacks "{missing[0]}"')
    refuse_unknown(what, "entry", entry, known)
    for name, value in entry.items():
        if not known[name](value):
            raise UserError(f'{what}: "{name}" is {json.dumps(value)}; it must be {WHAT[known[name]]}')


def refuse_unknown(what: str, part: str, names: Collection[str], known: Collection[str]) -> None:
    """Raise UserError for the first name that is not known."""
    for name in names:
        if name not in known:
            raise UserError(f'{what}: "{part}" has "{name}"; known are {", ".join(sorted(known)) or "none"}')
