"""A table of the pictures' classes, in a part whose pictures do not lie in folders of classes."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from custom_datasets.own.names import counted, describe_named, is_junk
from custom_datasets.reading import reading
from utils.errors import UserError

# The names of columns, in lower case and without spaces, dashes and underlines.
FILE_COLUMNS = ("filename", "file", "image", "imagename", "imagefile", "path", "filepath", "imagepath", "imageid", "id")
LABEL_COLUMNS = ("label", "labels", "class", "classname", "category", "target", "labelname", "categoryname")
USUAL = ("metadata.csv", "labels.csv")
COLUMNS = "file_name and label"


def find_table(part: Path) -> Path | None:
    """The table in the folder of a part: one of the usual names, else the only .csv file; None without one.

    Raises UserError when there are several.
    """
    tables = sorted(path for path in part.glob("*.[cC][sS][vV]") if path.is_file() and not is_junk(path.name))
    found = [path for path in tables if path.name.lower() in USUAL] or tables
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise UserError(f"{part} has the tables {names}; keep the one that has the classes of its pictures")
    return found[0] if found else None


def by_table(table: Path, pictures: Sequence[Path]) -> dict[str, list[Path]]:
    """The pictures of every class by a table, both ascending by name. A file may be named without its suffix or folder.

    Raises UserError, naming the table and the line, for rows without a label, of pictures that are not there, and for
    pictures that are there twice.
    """
    known, found, missing = _by_name(table.parent, pictures), dict[Path, str](), list[str]()
    for line, file, label in _rows(table):
        candidates = known.get(file, set())
        if len(candidates) > 1:
            raise UserError(
                f"{table}, line {line}: {file} can be any of {counted(len(candidates), 'picture')}; add its folder"
            )
        if not candidates:
            missing.append(file)
            continue
        (picture,) = candidates
        if picture in found:
            raise UserError(f"{table}, line {line}: {file} is there a second time; keep one of its lines")
        found[picture] = label
    if missing:
        raise UserError(
            f"{table} names {describe_named('picture', missing)} of which there is no file; add or remove them"
        )
    classes: dict[str, list[Path]] = {name: [] for name in sorted(set(found.values()))}
    for picture in sorted(found):
        classes[found[picture]].append(picture)
    return classes


def _by_name(part: Path, pictures: Iterable[Path]) -> dict[str, set[Path]]:
    """The pictures that each name can mean: the path in the part, with or without its suffix, its folder, the part."""
    known: dict[str, set[Path]] = {}
    for picture in pictures:
        inside = picture.relative_to(part)
        for path in (inside, part.name / inside, Path(inside.name)):
            for name in (path, path.with_suffix("")):
                known.setdefault(name.as_posix(), set()).add(picture)
    return known


def _rows(table: Path) -> list[tuple[int, str, str]]:
    """Line number, file and label of every row. Commas, semicolons or tabs may separate them."""
    with reading(table):
        text = table.read_text(encoding="utf-8-sig")
        first = text.partition("\n")[0]
        lines = csv.reader(text.splitlines(), delimiter=max(",;\t", key=first.count))
        header = next(lines, [])
        rows = [(lines.line_num, row) for row in lines if any(cell.strip() for cell in row)]
    names = ["".join(letter for letter in name.lower() if letter.isalnum()) for name in header]
    places = [next((names.index(n) for n in usual if n in names), None) for usual in (FILE_COLUMNS, LABEL_COLUMNS)]
    file, label = places
    if file is None or label is None:
        raise UserError(f"{table} has the columns {', '.join(header) or 'none'}; it needs a header with {COLUMNS}")
    if not rows:
        raise UserError(f"{table} has no row; name every picture and its class in it")
    found = []
    for line, row in rows:
        if len(row) <= max(file, label) or not row[file].strip() or not row[label].strip():
            raise UserError(f"{table}, line {line}: there is no file or no label; complete or remove the line")
        found.append((line, row[file].strip().replace("\\", "/").removeprefix("./"), row[label].strip()))
    return found
