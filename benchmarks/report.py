"""Functions that the benchmarks share: device, estimator, timing, quartiles, and the machine."""

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from custom_datasets.distortion import Split
from custom_datasets.table import Dataset
from hyperopt.estimators.estimator import Estimator
from hyperopt.options.run_options import RunOptions
from hyperopt.runs.set_up import make_training
from utils.flags import number

how_many = number(int, 1, 10**6)  # parser of a flag such as --rounds


def device_name(text: str) -> str:
    """The name of an existing device, such as cpu or cuda; a GPU's with its number."""
    try:
        return str(torch.empty(0, device=text).device)
    except (RuntimeError, AssertionError):  # torch's exception depends on its build
        raise argparse.ArgumentTypeError(f"there is no device '{text}' here; take cpu") from None


def output_file(text: str) -> Path:
    """The path of a file in an existing folder, checked before anything is measured."""
    if not Path(text).parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder of '{text}' is not there")
    return Path(text)


def stand_in(**parts: Any) -> Any:
    """An object with those parts of another one that are used here."""
    return SimpleNamespace(**parts)


def make_estimator(options: RunOptions, data: Dataset, split: Split, device: torch.device) -> Estimator:
    """The estimator of resolved options at the start of a training; the data are on the device."""
    return options.estimator_class(options.estimator, make_training(options, data, split, device))


def launch(module: str, processes: int, output: Path, *flags: str) -> None:
    """Run a benchmark's part in so many processes, with these flags, for a file; torchrun starts several."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(torchrun if processes > 1 else ()), "-m", module, *flags, "--output", str(output)]
    subprocess.run(command, check=True)


def seconds(work: Callable[[], None]) -> float:
    """Wall-clock seconds of one measurement; `work` waits for its device."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def quartiles(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Median and quartiles."""
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return {"median": median, "lower quartile": low, "upper quartile": high}


def in_words(found: dict[str, float]) -> str:
    """What `quartiles` returns, as text: the median, and the quartiles in brackets."""
    return f"{found['median']:.2f} ({found['lower quartile']:.2f} to {found['upper quartile']:.2f})"


def in_cells(found: dict[str, float]) -> str:
    """The same as two cells of a Markdown table."""
    return f"{found['median']:.2f} | {found['lower quartile']:.2f} to {found['upper quartile']:.2f}"


def print_machine(machine: dict[str, str | int]) -> None:
    """Print what `describe_machine` returns, in one line."""
    print(", ".join(f"{name} {value}" for name, value in machine.items()))


def describe_machine(device: str, **versions: str) -> dict[str, str | int]:
    """The machine and the versions of a measurement; `versions` are those of packages other than torch."""
    return {
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "processor": processor_name(),
        "torch threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        **versions,
    }


def processor_name() -> str:
    """The processor's name on Linux, otherwise its architecture."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
