#!/usr/bin/env python3
"""Fill the tables and single accuracies of README.md and docs/ from the lists of runs in docs/results/*.csv.

    .venv/bin/python scripts/fill-tables.py            # writes the pages anew
    .venv/bin/python scripts/fill-tables.py --check    # writes nothing; exit status 2 if a page would change

A page has tables between `<!-- table NAME -->` and `<!-- end -->`, and single values between
`<!--= NAME KEY COLUMN -->` and `<!--/-->`: the mean test error in % of a table's line, or another cell of it. An error
has one digit after the point, or as many as a number behind COLUMN says; a ± there adds the standard deviation. `NAME
KEY against OTHER` is the difference to another line. docs/tables.json has the tables.
"""

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.errors import UserError, exit_status, imports

with imports():
    from runs_tables import ROOT
    from tables_file import read_tables

    from utils.files import replace_file
    from utils.flags import Parser

TABLE = re.compile(r"(<!-- table ([\w.-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
MARK = re.compile(r"<!--\s*(?:=|/|table|end)[^>]*-->", re.IGNORECASE)
VALUE = re.compile(r"(<!--= ([\w.-]+) (\S+) (\w+)(?: (\S+))? -->)(.*?)(<!--/-->)", re.DOTALL)


def filled(text: str, found: dict[str, Any]) -> str:
    """The text of a page with its tables and values of the lists of runs.

    Raises UserError for an unknown table, line or column, and for a marker that is not as above.
    """

    def named(name: str) -> Any:
        if name not in found:
            raise UserError(f"there is no table '{name}' in docs/tables.json")
        return found[name]

    def table(match: re.Match[str]) -> str:
        return f"{match[1]}{named(match[2]).markdown()}\n{match[4]}"

    def value(match: re.Match[str]) -> str:
        return f"{match[1]}{named(match[2]).value(match[3], match[4], match[5] or '')}{match[7]}"

    complete = [mark for match in TABLE.findall(text) for mark in (match[0].strip(), match[3])]
    complete += [mark for match in VALUE.findall(text) for mark in (match[0], match[6])]
    for mark, count in Counter(MARK.findall(text)).items():
        if complete.count(mark) != count:
            raise UserError(f"'{mark}' is no complete marker, or stands alone; mend it as scripts/fill-tables.py says")
    return VALUE.sub(value, TABLE.sub(table, text))


def fill(check: bool) -> None:
    """Write the pages that change, after all have been made. Raises UserError instead if `check` is set."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found, changed = read_tables(), {}
    for page in pages:
        name = page.relative_to(ROOT)
        try:
            text = page.read_text(encoding="utf-8")
            new = filled(text, found)
        except (UserError, UnicodeDecodeError) as error:
            raise UserError(f"{name}: {error}") from error
        if new != text:
            changed[page] = new
    names = ", ".join(str(page.relative_to(ROOT)) for page in changed)
    if check and changed:
        raise UserError(f"not what docs/results says: {names}; run scripts/fill-tables.py")
    for page, new in changed.items():
        replace_file(page, new.encode())
    print(f"written: {names}" if names else "the pages are what docs/results says")


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 2 if a page would change")
    options = parser.parse_args(arguments)
    return exit_status(lambda: fill(options.check))


if __name__ == "__main__":
    raise SystemExit(main())
