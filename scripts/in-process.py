#!/usr/bin/env python3
"""Run commands of the training script that are read from stdin, one per line, in one process.

    bash scripts/figure-efficient.sh --print | .venv/bin/python scripts/in-process.py

A run of Efficient Augmentation takes less time than starting Python. Lines are as --print of the scripts lists them:
[PYTHON] implicit-augment.py FLAGS. All are read before the first one runs. A command that fails does not stop the
others; the exit status is then 1.
"""

import runpy
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.errors import UserError, exit_status
from utils.flags import Parser

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = "implicit-augment.py"


def flags_of(line: str) -> list[str]:
    """The flags of a command of the training script. Raises UserError for another line."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UserError(f"'{line.strip()}' is no command of {SCRIPT}: {error}") from error
    if SCRIPT not in words[:2] or words[0].startswith("#") or not words[0].isprintable():
        raise UserError(f"'{line.strip()}' is no command of {SCRIPT}; pipe what --print of a script lists")
    return words[words.index(SCRIPT) + 1 :]


def read_commands() -> list[list[str]]:
    """The flags of all commands of stdin. Raises UserError for another line, and without any."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError("commands are read from stdin; pipe what --print of a script lists")
    try:
        found = [flags_of(line) for line in sys.stdin if line.strip()]
    except UnicodeDecodeError as error:
        raise UserError(f"stdin is no text ({error}); pipe what --print of a script lists") from error
    if not found:
        raise UserError("there are no commands on stdin; pipe what --print of a script lists")
    return found


def run_all(commands: list[list[str]]) -> int:
    """Run all commands; returns the exit status."""
    train = runpy.run_path(str(ROOT / SCRIPT))["main"]
    failed = 0
    for flags in commands:
        try:
            status = train(flags)
        except SystemExit as stop:  # a mistake in the flags
            status = int(stop.code or 0)
        if status >= 128:  # a signal means all of them
            return status
        failed |= status != 0
    return int(failed)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    Parser(description=__doc__.splitlines()[0]).parse_args(arguments)
    commands: list[list[str]] = []
    return exit_status(lambda: commands.extend(read_commands())) or run_all(commands)


if __name__ == "__main__":
    raise SystemExit(main())
