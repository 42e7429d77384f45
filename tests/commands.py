"""Runs commands of the training script one after the other in this process, which torchrun may have started.

    python commands.py COMMANDS.json STATUSES.json

A command is a list of flags; the first entry is the number of the epoch after which a signal comes, or null.

LeNet pools by averages here: where rounding decides which pixel is the largest, the slope at an augmented image jumps.
"""

import json
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from torch import nn  # noqa: E402

nn.MaxPool2d = nn.AvgPool2d

from conftest import load_script  # noqa: E402

from utils.processes import leave  # noqa: E402
from utils.runs.record import Record  # noqa: E402


def stopping_after(last):
    """Send this process SIGTERM after that epoch, as a scheduler does; the other processes get none."""
    add = Record.add

    def add_and_stop(record, *args):
        add(record, *args)
        if record.done == last:
            os.kill(os.getpid(), signal.SIGTERM)

    Record.add = add_and_stop
    return lambda: setattr(Record, "add", add)


if __name__ == "__main__":
    script, statuses = load_script("implicit-augment"), []
    for last, *flags in json.loads(Path(sys.argv[1]).read_text()):
        undo = stopping_after(last)
        try:
            statuses.append(script.main(list(map(str, flags))))
        except SystemExit as stop:
            statuses.append(stop.code)
        undo()
    if os.environ.get("RANK", "0") == "0":
        Path(sys.argv[2]).write_text(json.dumps(statuses))
    leave(0)
