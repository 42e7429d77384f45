#!/usr/bin/env python3
"""Fill the tables and single accuracies of README.md and docs/ from the lists of runs in docs/results/*.csv.

    .venv/bin/python scripts/fill-tables.py            # writes the pages anew
    .venv/bin/python scripts/fill-tables.py --check    # exit status 1 if a page would change

A page has tables between `<!-- table NAME -->` and `<!-- end -->`, and single values between
`<!--= NAME KEY COLUMN -->` and `<!--/-->`: the mean test error in % of a table's line, or another cell of it. An error
has one digit after the point, or as many as a number behind COLUMN says; a ± there adds the standard deviation. `NAME
KEY against OTHER` is the difference to another line. docs/tables.json has the tables.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runs_tables import ROOT, tables

TABLE = re.compile(r"(<!-- table ([\w.-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
VALUE = re.compile(r"(<!--= ([\w.-]+) (\S+) (\w+)(?: (\S+))? -->)(.*?)(<!--/-->)", re.DOTALL)


def filled(text: str, found: dict[str, Any]) -> str:
    """The text of a page with its tables and values of the lists of runs. Raises KeyError for unknown ones."""

    def table(match: re.Match[str]) -> str:
        return f"{match[1]}{found[match[2]].markdown()}\n{match[4]}"

    def value(match: re.Match[str]) -> str:
        details = [match[5]] if match[5] else []
        return f"{match[1]}{found[match[2]].value(match[3], match[4], *details)}{match[7]}"

    return VALUE.sub(value, TABLE.sub(table, text))


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or compare them; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a page would change")
    options = parser.parse_args(arguments)
    found, changed = tables(), False
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text()
        new = filled(text, found)
        if new != text:
            changed = True
            print(f"{page.relative_to(ROOT)}{' is not what docs/results says' if options.check else ''}")
            if not options.check:
                page.write_text(new)
    return int(options.check and changed)


if __name__ == "__main__":
    raise SystemExit(main())
