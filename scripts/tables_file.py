"""docs/tables.json: every table that it describes, after its entries have been compared with what a table may have."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from copied_tables import Copied
from runs_lines import MEASURED
from runs_tables import COLUMNS, RESULTS, ROOT, Beside, Table, numbers

from utils.errors import UserError

PATH = ROOT / "docs/tables.json"
NAME = re.compile(r"([^{}]|\{\w+\})+")
FIELD = re.compile(r"\{(\w+)\}")
RUNS = re.compile(r"[0-9]{1,3}-[0-9]{1,3}|[0-9]{1,3}( [0-9]{1,3})*")


def is_text(value: Any) -> bool:
    """Whether an entry is a text."""
    return isinstance(value, str)


def is_list(value: Any) -> bool:
    """Whether an entry is a list of different texts."""
    return isinstance(value, list) and all(map(is_text, value)) and 0 < len(value) == len(set(value))


def is_mapping(value: Any) -> bool:
    """Whether an entry has texts by name."""
    return isinstance(value, dict) and value != {} and all(map(is_text, value.values()))


def is_choice(value: Any) -> bool:
    """Whether an entry has a text, or a list of texts, by column."""
    return isinstance(value, dict) and value != {} and all(is_text(one) or is_list(one) for one in value.values())


def is_runs(value: Any) -> bool:
    """Whether an entry has the numbers of runs, each of them once."""
    return is_text(value) and RUNS.fullmatch(value) is not None and 0 < len(numbers(value)) == len(set(numbers(value)))


def is_name(value: Any) -> bool:
    """Whether an entry is the name of a setting, in which words may be in braces."""
    return is_text(value) and NAME.fullmatch(value) is not None


def is_names(value: Any) -> bool:
    """Whether an entry is a list of such names."""
    return is_list(value) and all(map(is_name, value))


Check = Callable[[Any], bool]
WHAT: dict[Check, str] = {
    is_text: "a text",
    is_list: "a list of different texts",
    is_mapping: "texts by name",
    is_choice: "texts or lists of texts by column",
    is_runs: 'numbers of runs, such as "0-7" or "0 1 3", each of them once',
    is_name: 'the name of a setting, with whole words in braces, such as "NONE_{d}"',
    is_names: "a list of such names of settings",
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
SETTING: dict[str, Check] = {"key": is_text, "label": is_text, "name": is_name}
SETTING_TOO: dict[str, Check] = {"stages": is_names}
# What a column of a table of runs, or an entry of a table of means, takes another entry for.
NEEDS = {
    **dict.fromkeys(("difference", "enough", *(name for name in COLUMNS if name.startswith("gain_at_"))), "against"),
    "gain": "compare_by",
}
NEEDS_TOO = {"across": "cell", "cell": "across", "bold": "across"}


def read_tables(path: Path = PATH) -> dict[str, Any]:
    """All tables of the pages by name: a `Table`, `Copied` or `Beside`.

    Raises UserError, with the entry, for what no table has or for what is missing.
    """
    spec = read_spec(path)
    found: dict[str, Any] = {}
    for name, one in spec["tables"].items():
        if "file" in one:
            found[name] = Copied(one, RESULTS)
        elif "beside" in one:
            parts = {key: part for key, part in found.items() if isinstance(part, Table)}
            refuse_unknown(
                f"{path.name}: table {name}", "beside", one["beside"].values(), parts, "tables of runs before"
            )
            found[name] = Beside(one["column"], {heading: parts[part] for heading, part in one["beside"].items()})
        else:
            found[name] = Table(one, spec["settings"])
    return found


def read_spec(path: Path = PATH) -> dict[str, Any]:
    """The entries of the file. Raises UserError as `read_tables` does."""
    try:
        spec = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=once)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} is no JSON ({error}); mend it there") from error
    if not isinstance(spec, dict) or not all(isinstance(spec.get(name), dict) for name in ("settings", "tables")):
        raise UserError(f'{path.name} must have "settings" and "tables", each with entries by name')
    refuse_unknown(path.name, "the file", spec, ("settings", "tables"))
    for name, settings in spec["settings"].items():
        for place, one in enumerate(settings if isinstance(settings, list) and settings else [None]):
            refuse_other(f"{path.name}: setting {place} of {name}", one, SETTING, SETTING_TOO)
    for name, one in spec["tables"].items():
        refuse_no_table(f"{path.name}: table {name}", one, spec["settings"])
    return spec


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the file. Raises UserError for a name that it has twice, of which json takes the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for place, (name, _) in enumerate(pairs) if name in dict(pairs[:place]))
        raise UserError(f'docs/tables.json has "{twice}" twice in one place; take one of them out')
    return found


def refuse_no_table(what: str, entry: Any, settings: Mapping[str, Any]) -> None:
    """Raise UserError for an entry of no table, or one that names a setting, column or flag that there is not."""
    kinds = {"file": (OF_MEANS, OF_MEANS_TOO), "beside": (OF_TABLES, {})}
    kind = next((name for name in kinds if isinstance(entry, dict) and name in entry), None)
    refuse_other(what, entry, *(kinds[kind] if kind else (OF_RUNS, OF_RUNS_TOO)))
    columns = () if kind == "file" else entry.get("columns", [entry.get("column")])
    refuse_unknown(what, "columns", columns, COLUMNS)
    if kind is None:
        refuse_lonely(what, columns, NEEDS, entry)
        refuse_other_settings(what, entry, settings)
    if kind == "file":
        refuse_lonely(what, entry, NEEDS_TOO, entry)


def refuse_lonely(what: str, names: Collection[str], needs: Mapping[str, str], entry: Collection[str]) -> None:
    """Raise UserError for a name that needs an entry which is not there."""
    for name in names:
        if name in needs and needs[name] not in entry:
            raise UserError(f'{what} has "{name}", which needs "{needs[name]}"; add that, or take it out')


def refuse_other_settings(what: str, entry: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Raise UserError for a table of runs that names a setting, an accuracy or a flag that there is not."""
    refuse_unknown(what, "settings", [entry["settings"]], settings)
    chosen = settings[entry["settings"]]
    keys = [one["key"] for one in chosen]
    names = [name for one in chosen for name in (one["name"], *one.get("stages", []))]
    fields = {field for name in names for field in FIELD.findall(name)}
    refuse_unknown(what, "keys", entry.get("keys", []), keys)
    refuse_unknown(what, "against", [entry["against"]] if "against" in entry else [], entry.get("keys", keys))
    refuse_unknown(what, "compare_by", [entry["compare_by"]] if "compare_by" in entry else [], MEASURED)
    refuse_unknown(what, "flags", entry.get("flags", {}), fields - {"d"})


def refuse_other(what: str, entry: Any, needed: Mapping[str, Check], further: Mapping[str, Check]) -> None:
    """Raise UserError for an entry that lacks something, has more than it may, or something of another kind."""
    known = {**needed, **further}
    if not isinstance(entry, dict):
        raise UserError(f"{what} is {json.dumps(entry)}; it must be an object with {', '.join(known)}")
    refuse_unknown(what, "it", entry, known)
    if missing := [name for name in needed if name not in entry]:
        raise UserError(f'{what} lacks "{missing[0]}"')
    for name, value in entry.items():
        if not known[name](value):
            raise UserError(f'{what}: "{name}" is {json.dumps(value)}; it must be {WHAT[known[name]]}')


def refuse_unknown(what: str, part: str, names: Collection[str], known: Collection[str], of: str = "names") -> None:
    """Raise UserError for the first name that is not known."""
    for name in names:
        if name not in known:
            raise UserError(f'{what}: {part} has "{name}"; known {of} are {", ".join(sorted(known)) or "none"}')
