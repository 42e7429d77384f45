"""Runs commands of the training script one after the other in this process, which torchrun may have started.

    python commands.py COMMANDS.json STATUSES.json

A command is a list of flags; the first entry is the number of the epoch after which a signal comes, or null.

LeNet pools by averages here: where rounding decides which pixel is the largest, the slope at an augmented image jumps.
"""

import json
import os
import runpy
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).parent.parent


@contextmanager
def stopping_after(last):
    """Send this process SIGTERM after that epoch, as a scheduler does; the other processes get none."""
    from utils.runs.record import Record

    add = Record.add

    def add_and_stop(record, *args):
        add(record, *args)
        if record.done == last:
            os.kill(os.getpid(), signal.SIGTERM)

    with patch.object(Record, "add", add_and_stop):
        yield


def run_all(listed):
    """The statuses of commands (stop, *flags)."""
    from torch import nn

    main, statuses = runpy.run_path(str(ROOT / "implicit-augment.py"))["main"], []
    for last, *flags in listed:
        with stopping_after(last), patch.object(nn, "MaxPool2d", nn.AvgPool2d):
            try:
                statuses.append(main(list(map(str, flags))))
            except SystemExit as stop:
                statuses.append(stop.code)
    return statuses


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

    from utils.processes import leave

    statuses = run_all(json.loads(Path(sys.argv[1]).read_text()))
    if os.environ.get("RANK", "0") == "0":
        Path(sys.argv[2]).write_text(json.dumps(statuses))
    leave(0)
