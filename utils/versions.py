"""The versions that a run's numbers depend on besides its options: the libraries, the device, the threads."""

import functools
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import torch
import torchvision

GIT_SECONDS = 10  # of patience


def versions(device: torch.device) -> dict[str, Any]:
    """The versions of this process, by name; plain strings and numbers, which load without unpickling code."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torchvision": torchvision.__version__,
        "numpy": numpy.__version__,
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    }


@functools.cache
def commit() -> str | None:
    """The commit of the program's own checkout, with `-dirty` where files differ from it; None where there is none.

    It is read once per process.
    """
    root = Path(__file__).resolve().parents[1]
    # Not another repository that contains the program or that the environment names.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_CEILING_DIRECTORIES"] = str(root.parent)
    command = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, check=True, timeout=GIT_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def note_other_versions(stored: Any, device: torch.device) -> None:
    """Print to stderr which versions, the program's included, differ from those that wrote a checkpoint.

    Python's version is left out, since it affects no number. Checkpoints of the first versions of this program have
    none.
    """
    if not isinstance(stored, dict):
        return
    changes = [
        f"{name} {value} instead of {stored.get(name)}"
        for name, value in (versions(device) | {"commit": commit()}).items()
        if name != "python" and stored.get(name) != value
    ]
    if changes:
        changed = ", ".join(changes)
        print(f"note: going on with {changed}: the result can differ, in its rounding at least", file=sys.stderr)
