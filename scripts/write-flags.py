#!/usr/bin/env python3
"""Write docs/flags.md, the page of all flags, from the options that the parsers of both scripts are made of.

python3 scripts/write-flags.py
"""

import dataclasses
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.errors import exit_status, imports

with imports():
    from hyperopt.estimators.table import ESTIMATORS, find_estimator
    from hyperopt.options.augmentations import AUG_HELP
    from hyperopt.options.augmenter import with_flags
    from hyperopt.options.methods import METHODS
    from hyperopt.options.run_options import RunOptions
    from hyperopt.options.setting import Setting
    from hyperopt.report.options import ResultOptions
    from utils.files import replace_file
    from utils.flag_words import help_and_default, value_kind
    from utils.flags import Parser, as_flag, flag_fields, metavar

PAGE = Path(__file__).resolve().parent.parent / "docs/flags.md"
INTRODUCTION = """\
# Flags

All flags of `implicit-augment.py` and `get-results.py`, with the text of their help; `scripts/write-flags.py` writes
this page. `--help` prints the flags that are often used, `--help-all` all of them, `--hyper-opt NAME --help` those of
an estimator too.

- Defaults called **recipe** depend on the data set (`utils/recipes.py`), those called **chosen** on your own data:
  `--dry-run` prints the values.
- A flag beats the method (`--method`), a method beats the recipe.
- A flag without effect on the chosen estimator, augmentation or data is refused by name. No flag can be abbreviated.
- Flags marked with \\* do not change a run's result. All others belong to the run, which does not go on with other
  values; those of its setting are part of [its name](files.md#names) if they are unusual.
"""


def page() -> str:
    """The page."""
    shared = {field.name for field in flag_fields(Setting)}
    of_training = [field for field in flag_fields(RunOptions) if field.name not in shared]
    of_results = [field for field in flag_fields(ResultOptions) if field.name not in shared]
    lines = [
        INTRODUCTION,
        *tables("Both scripts", flag_fields(Setting)),
        *words("Augmentations", "--aug-model", AUG_HELP),
        *words("Estimators", "--hyper-opt", {name: entry.help for name, entry in ESTIMATORS.items()}),
        *words("Methods", "--method", {name: f"{preset(name)}: {METHODS[name].source}" for name in METHODS}),
        *tables("`implicit-augment.py`", of_training),
        *tables("`get-results.py`", of_results, marks=False),
    ]
    for name, options in with_flags().items():
        lines += tables(f"`--aug-model {name}`", flag_fields(options))
    for name in ESTIMATORS:
        if fields := flag_fields(find_estimator(name).Options):
            lines += tables(f"`--hyper-opt {name}`", fields)
    return "\n".join(lines)


def preset(method: str) -> str:
    """The flags that a method stands for."""
    return " ".join(f"{as_flag(name)} {value}" for name, value in METHODS[method].presets.items()).join("``")


def words(title: str, flag: str, helps: dict[str, str]) -> list[str]:
    """A section with the choices of a flag, a line each."""
    rows = (f"| {name} | {cell(text)} |" for name, text in helps.items())
    return [f"### {title}", "", f"| `{flag}` | |", "|---|---|", *rows, ""]


def tables(title: str, fields: Iterable[dataclasses.Field], marks: bool = True) -> list[str]:
    """A section with a table of flags, or one for each of their groups. `marks`: those that change no result."""
    lines = [f"## {title}"]
    for number, field in enumerate(fields):
        group = field.metadata["group"]
        if group:
            lines += ["", f"### {group[0].upper()}{group[1:]}"]
        if group or number == 0:
            lines += ["", "| flag | value | default | |", "|---|---|---|---|"]
        lines.append(row(field, marks))
    return [*lines, ""]


def row(field: dataclasses.Field, marks: bool) -> str:
    """A flag's line."""
    text, default = help_and_default(field)
    names = (
        [metavar(field.metadata["type"])]
        if field.metadata["positional"]
        else [*field.metadata["names"], as_flag(field.name)]
    )
    mark = "" if field.metadata["identity"] or not marks else " \\*"
    shown = ", ".join(f"`{name}`" for name in names)
    cells = (f"{shown}{mark}", value_kind(field), default, text)
    return " ".join(f"| {cell(text)}" if text else "|" for text in cells) + " |"


def cell(text: str) -> str:
    """Text as a cell of a table has it."""
    return text.replace("|", "\\|")


def main() -> int:
    """The command line, which has no flags; returns the exit status."""
    Parser(description=__doc__.splitlines()[0]).parse_args()
    return exit_status(lambda: replace_file(PAGE, page().encode()))


if __name__ == "__main__":
    raise SystemExit(main())
