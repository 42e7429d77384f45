"""What the benchmarks share: a measurement, its spread, and the machine that it is of."""

import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch


def seconds(work: Callable[[], None]) -> float:
    """Wall clock of one measurement; `work` waits for its device."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def quartiles(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Median and quartiles."""
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return {"median": median, "lower quartile": low, "upper quartile": high}


def describe_machine(device: str, **versions: str) -> dict[str, str | int]:
    """What the numbers depend on beside the code; `versions` are those of packages other than torch."""
    return {
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "processor": processor_name(),
        "torch threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        **versions,
    }


def processor_name() -> str:
    """The processor as Linux calls it, or its architecture."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
