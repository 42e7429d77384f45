"""What a run's numbers depend on beside its options: the libraries, the device, the threads."""

import platform
import sys
from typing import Any

import numpy
import torch
import torchvision


def versions(device: torch.device) -> dict[str, Any]:
    """Those of this process, by name; plain strings and numbers, which load without unpickling code."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torchvision": torchvision.__version__,
        "numpy": numpy.__version__,
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    }


def note_others(stored: Any, device: torch.device) -> None:
    """Say on stderr which of the versions that a checkpoint was written with are others now.

    Checkpoints of before they were stored have none; Python's shapes no number.
    """
    if not isinstance(stored, dict):
        return
    changes = [
        f"{name} {value} instead of {stored.get(name)}"
        for name, value in versions(device).items()
        if name != "python" and stored.get(name) != value
    ]
    if changes:
        changed = ", ".join(changes)
        print(f"note: going on with {changed}: the result can differ in its rounding", file=sys.stderr)
