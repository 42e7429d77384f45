"""Tables of labels as text: CSV with commas, semicolons or tabs, with a header or without."""

import csv
import io
from pathlib import Path
from typing import NamedTuple

from custom_datasets.reading import reading
from utils.errors import UserError

IMAGE, GIVEN, LABEL = ("file", "index"), "given_label", "label"
IN_ORDER = ""  # in place of an image's name: the labels are in the order of the data set
COLUMNS = "the columns of its first line must be file or index, and label; given_label too in a file that mends labels"
WIDE = (b"\xff\xfe", b"\xfe\xff")  # how UTF-16 begins


class Line(NamedTuple):
    """A line of a table: its number, its image, the label that is replaced (None in a table without), the label."""

    number: int
    image: str
    given: str | None
    label: str


def read_lines(path: Path) -> tuple[list[Line], bool]:
    """The lines of a table at `path`, at least one, and whether it mends labels: whether it has `given_label`.

    Raises UserError when the file cannot be read or lacks a column.
    """
    rows = _read_rows(path)
    if not rows:
        raise UserError(f"{path} has no label; fill it, or leave out --labels")
    (_, first), width = rows[0], len(rows[0][1])
    header = [cell.strip().lower() for cell in first]
    if {*header} & {*IMAGE, GIVEN, LABEL}:
        rows = rows[1:]
        if not rows:
            raise UserError(f"{path} has a header and no label; fill it, or leave out --labels")
    elif width <= 2:
        header = ["file", LABEL][-width:]
    else:
        raise UserError(f"{path} has {width} columns without names; {COLUMNS}")
    if LABEL not in header or len(set(header)) < width:
        raise UserError(f"{path} has the columns {', '.join(first)}; {COLUMNS}")
    image = next((header.index(name) for name in IMAGE if name in header and _filled(rows, header.index(name))), None)
    given = header.index(GIVEN) if GIVEN in header else None
    if image is None and (given is not None or {*header} & {*IMAGE}):
        raise UserError(f"{path} has no column of images that is filled; {COLUMNS}")
    lines = []
    for number, row in rows:
        if len(row) != width:
            raise UserError(f"line {number} of {path} has {len(row)} columns, and the first has {width}; mend it")
        own = None if given is None else row[given]
        lines.append(Line(number, IN_ORDER if image is None else row[image], own, row[header.index(LABEL)]))
    return lines, given is not None


def _filled(rows: list[tuple[int, list[str]]], column: int) -> bool:
    return any("".join(row[column : column + 1]).strip() for _, row in rows)


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Numbers and cells of the lines that are not empty."""
    with reading(path):
        content = path.read_bytes()
        if content.startswith(WIDE):
            raise UserError(f"{path} is UTF-16; save it as UTF-8")
        # File names can have any bytes.
        text = content.decode("utf-8-sig", errors="surrogateescape")
        first = next((line for line in text.splitlines() if line.strip()), "")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
