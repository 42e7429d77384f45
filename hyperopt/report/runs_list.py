"""The list of runs that `--runs-csv` writes: a line per run, and those of the file that are not here."""

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utils.errors import UserError
from utils.runs.accuracies import ACCURACIES

PLACE = ("dataset", "setting", "run")
NUMBER = re.compile("0|[1-9][0-9]*")


def merge_runs(found: list[dict[str, Any]], path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The records of runs, then those of a list that are not among them; and notes on what becomes of the list's.

    Raises UserError when the list cannot be read, or has one of these runs with another number of epochs: that is
    another experiment.
    """
    earlier = read_runs(path) if path.exists() else {}
    replaced = [(record, earlier.pop(_place(record))) for record in found if _place(record) in earlier]
    for new, old in replaced:
        if str(new["epochs"]) != old.get("epochs", str(new["epochs"])):
            raise UserError(
                f"{path} has {_title(new)} with {old['epochs']} epochs, and here it has {new['epochs']}; name another "
                "file, or take that line out of it"
            )
    notes = []
    if changed := [_title(new) for new, old in replaced if _accuracies(new) != _accuracies(old)]:
        notes.append(f"{path}: runs that had other accuracies there were replaced: {'; '.join(changed)}")
    if earlier:
        notes.append(f"{path}: kept its runs that are not in this table: {len(earlier)}")
    return [*found, *earlier.values()], notes


def read_runs(path: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """The lines of a list by data set, setting and number of the run.

    Raises UserError, with the line, for one that is no run, and for a file that is no such list.
    """
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    header, lines = read_lines(path)
    if header and (len(set(header)) < len(header) or not set(PLACE) <= set(header)):
        raise UserError(f"line 1 of {path} is no header of a list of runs; mend it, or name another file")
    for number, cells in lines:
        record = dict(zip(header, cells, strict=False))
        if len(cells) != len(header) or not NUMBER.fullmatch(record["run"]):
            raise UserError(f"line {number} of {path} is no run; mend it, or name another file")
        if _place(record) in found:
            raise UserError(f"line {number} of {path} is of a run that is there before; take one out")
        found[_place(record)] = record
    return found


def read_lines(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header of a CSV file, and the cells of its lines that are not empty, each with the line's number.

    Raises UserError for a file that is none.
    """
    try:
        lines = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), strict=True)
        return next(lines, []), [(lines.line_num, cells) for cells in lines if cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as a list of runs ({error}); mend it, or name another file") from error


def as_csv(records: list[dict[str, Any]]) -> str:
    """Records with the columns of all of them."""
    columns = dict.fromkeys(column for record in records for column in record)
    file = io.StringIO()
    writer = csv.DictWriter(file, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return file.getvalue()


def _place(record: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(record[name]) for name in PLACE)


def _title(record: Mapping[str, Any]) -> str:
    return f"run{record['run']} of {record['setting']}"


def _accuracies(record: Mapping[str, Any]) -> list[str]:
    return ["" if record.get(name) is None else str(record[name]) for name in ACCURACIES]
