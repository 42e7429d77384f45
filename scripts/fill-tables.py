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
VALUE = re.compile(r"(<!--= ([\w.-]+) (\S+) (\w+)(?: (\S+))? -->)(.*?)(<!--/-->)", re.DOTALL)


def filled(text: str, found: dict[str, Any]) -> str:
    """The text of a page with its tables and values of the lists of runs.

    Raises KeyError for an unknown table, line or column, and UserError for a marker that is not as above.
    """

    def table(match: re.Match[str]) -> str:
        return f"{match[1]}{found[match[2]].markdown()}\n{match[4]}"

    def value(match: re.Match[str]) -> str:
        details = [match[5]] if match[5] else []
        return f"{match[1]}{found[match[2]].value(match[3], match[4], *details)}{match[7]}"

    for pattern, marks in ((TABLE, ("<!-- table ", "<!-- end -->")), (VALUE, ("<!--= ", "<!--/-->"))):
        count = len(pattern.findall(text))
        for mark in marks:
            if text.count(mark) != count:
                raise UserError(
                    f"'{mark}' stands {text.count(mark)} times, in {count} complete markers; mend the others"
                )
    return VALUE.sub(value, TABLE.sub(table, text))


def fill(check: bool) -> None:
    """Write the pages that change, after all have been made. Raises UserError instead if `check` is set."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found, changed = read_tables(), {}
    for page in pages:
        text, name = page.read_text(), page.relative_to(ROOT)
        try:
            new = filled(text, found)
        except KeyError as error:
            raise UserError(
                f"{name} asks for {error}, which docs/tables.json or its list of runs does not have"
            ) from error
        except UserError as error:
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
