"""Tables of the lists in docs/results that have means instead of runs.

Such a table of docs/tables.json has

file: in docs/results. where: the lines to show, by column: a value, or a list of values.
columns: a cell by the heading of its column: a column of the file, or a text such as "{last_five} ± {last_five_sd}".
    A cell is a dash if one of its values is missing.
across: a text such as "{clean_images} clean". Then lines with the same `columns` are one line of the table, with a
    column of its own for each of these texts, in which `cell` is.
bold: the lines whose `cell` is in bold, as in `where`.
key: a text by which single values are found; its spaces become hyphens.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hyperopt.report.runs_list import read_lines
from hyperopt.report.tables import as_markdown
from utils.errors import UserError

FIELD = re.compile(r"\{(\w+)\}")


class Copied:
    """A table of a file whose runs are not kept."""

    def __init__(self, spec: Mapping[str, Any], folder: Path) -> None:
        self.spec = spec
        everything = read(folder / spec["file"])
        cells = (*spec["columns"].values(), *(spec[name] for name in ("across", "cell", "key") if name in spec))
        asked = {name for text in cells for name in FIELD.findall(text) or [text]}
        for name in (*asked, *spec.get("where", {}), *spec.get("bold", {})):
            if name not in everything[0]:
                raise UserError(f"{spec['file']} has no column {name}, which a table of docs/tables.json asks for")
        self.lines = [line for line in everything if matches(line, spec.get("where", {}))]
        if not self.lines:
            raise UserError(
                f"{spec['file']} has no line of {spec['where']}, which a table of docs/tables.json asks for"
            )

    def markdown(self) -> str:
        """The table, cell by cell."""
        if "across" in self.spec:
            return self._crossed()
        columns = self.spec["columns"]
        return as_markdown([list(columns), *([cell(line, text) for text in columns.values()] for line in self.lines)])

    def _crossed(self) -> str:
        spec = self.spec
        rows: dict[tuple[str, ...], dict[str, str]] = {}
        across = {cell(line, spec["across"]): None for line in self.lines}
        for line in self.lines:
            text = cell(line, spec["cell"])
            row = rows.setdefault(tuple(cell(line, column) for column in spec["columns"].values()), {})
            row[cell(line, spec["across"])] = f"**{text}**" if "bold" in spec and matches(line, spec["bold"]) else text
        grid = [[*spec["columns"], *across]]
        return as_markdown(grid + [[*begin, *(row.get(name, "-") for name in across)] for begin, row in rows.items()])

    def value(self, key: str, column: str, detail: str = "") -> str:
        """A single value. Raises UserError if the table has no such line or column, and for a detail."""
        found = {cell(line, self.spec["key"]).replace(" ", "-"): line for line in self.lines if "key" in self.spec}
        if detail or column not in found.get(key, {}):
            raise UserError(f"{self.spec['file']} has no value '{key} {column} {detail}'; keys are {', '.join(found)}")
        return found[key][column]


def read(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file. Raises UserError, with the line, for one that has other cells than the heading."""
    header, lines = read_lines(path)
    if not lines or len(set(header)) < len(header):
        raise UserError(f"{path} has no lines, or a column twice; mend it")
    for number, cells in lines:
        if len(cells) != len(header) or cells == header:
            raise UserError(f"line {number} of {path} has not a cell for each column; mend it")
    return [dict(zip(header, cells, strict=True)) for _, cells in lines]


def matches(line: Mapping[str, str], where: Mapping[str, Any]) -> bool:
    """Whether every column of `where` has the value, or one of the values."""
    return all(line[name] in (found if isinstance(found, list) else [found]) for name, found in where.items())


def cell(line: Mapping[str, str], text: str) -> str:
    """A column of a line, or a text with the values of several."""
    names = FIELD.findall(text)
    if not names:
        return line[text] or "-"
    return text.format_map(line) if all(line[name] for name in names) else "-"
