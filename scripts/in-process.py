#!/usr/bin/env python3
"""Run commands of the training script that are read from stdin, one per line, in one process.

    bash scripts/figure-efficient.sh --print | .venv/bin/python scripts/in-process.py

A run of Efficient Augmentation takes less time than starting Python. Lines are as --print of the scripts lists them. A
command that fails does not stop the others; the exit status is then 1.
"""

import runpy
import shlex
import sys
from pathlib import Path

SCRIPT = "implicit-augment.py"


def main() -> int:
    """Run all commands of stdin; returns the exit status."""
    root = Path(__file__).resolve().parent.parent
    sys.path.insert(0, str(root))
    train = runpy.run_path(str(root / SCRIPT))["main"]
    failed = 0
    for line in sys.stdin:
        words = shlex.split(line)
        if SCRIPT not in words:
            print(f"error: '{line.strip()}' is no command of {SCRIPT}", file=sys.stderr)
            return 2
        try:
            status = train(words[words.index(SCRIPT) + 1 :])
        except SystemExit as stop:  # a mistake in the flags
            status = int(stop.code or 0)
        if status >= 128:  # a signal means all of them
            return status
        failed |= status != 0
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
