"""What there is to know of a GPU: tests, speed of the passes and of the policies, agreement with the CPU; one table.

    bash scripts/gpu-report.sh [PART ...]

Contract: every part is a process of its own, so that one that fails, or runs out of memory, leaves the others alone.
Speeds are those of `benchmarks.epoch` on random data in SVHN's shapes, and of `benchmarks.transforms`; no data set is
needed. But for `tests` all parts are meant to take eight minutes on one H100, half of them for compiling. What a part
has found is kept in a folder, and the table is of all parts that are there, whenever they were run.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_table import print_table
from utils.errors import UserError, exit_status
from utils.flags import Parser
from utils.versions import commit

ROOT = Path(__file__).resolve().parent.parent
BENCHMARK = (sys.executable, "-m")
EPOCH = (*BENCHMARK, "benchmarks.epoch", "--device", "cuda", "--dataset", "SVHN", "--batch", "256", "--scale", "0.25")
COMPILED = (*EPOCH, "--compile", "--only")
TRANSFORMS = (*BENCHMARK, "benchmarks.transforms", "--device", "cuda", "--batch")
DEVICES = (*BENCHMARK, "benchmarks.precision", "--device", "cuda", "--epochs", "2", "--hyper-start", "0")
METHODS = {"FIS": "FIS", "UNR": "UNR/difference", "GMM": "GMM"}  # NONE is measured beside each of them
# The processes of every part by the names of their records; those of benchmarks write numbers.
PARTS: dict[str, dict[str, tuple[str, ...]]] = {
    "tests": {"tests": ("make", "test")},
    "cuda-tests": {"cuda-tests": (*BENCHMARK, "pytest", "-m", "cuda and not slow")},
    "epoch": {name: (*COMPILED, method) for name, method in METHODS.items()},
    "transforms": {f"transforms-{batch}": (*TRANSFORMS, str(batch)) for batch in (256, 2048)},
    "devices": {"devices": (*DEVICES, "--seeds", "4")},
}
USUAL = tuple(part for part in PARTS if part != "cuda-tests")  # which are among the tests
KEPT = 20  # lines of output, in which a summary or an error is looked for


def main() -> None:
    """Run the parts, and print the table."""
    flags = parse_options()
    machine = describe_gpu()
    flags.folder.mkdir(parents=True, exist_ok=True)
    for part in flags.parts or USUAL:
        for name, command in PARTS[part].items():
            path = flags.folder / f"{name}.json"
            path.unlink(missing_ok=True)  # that of another run says nothing if this one is stopped
            path.write_text(json.dumps(machine | run(name, command), indent=2) + "\n")
    print_table(flags.folder)


def parse_options() -> argparse.Namespace:
    """The flags."""
    parser = Parser(description="Tests, speed and agreement with the CPU on a GPU, as a table.")
    parser.add_argument("parts", nargs="*", type=part_name, metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--folder", type=Path, default=ROOT / "local_data/gpu-report", help="for what parts have found")
    return parser.parse_args()


def part_name(text: str) -> str:
    """The name of a part."""
    if text not in PARTS:
        raise argparse.ArgumentTypeError(f"there is no part '{text}'; there are {', '.join(PARTS)}")
    return text


def describe_gpu() -> dict[str, str | None]:
    """The GPU, the versions and the date. Raises UserError when torch sees no GPU."""
    if not torch.cuda.is_available():
        raise UserError(f"torch {torch.__version__} sees no GPU here; run this on a machine with an NVIDIA one")
    name, date = torch.cuda.get_device_name(0), time.strftime("%Y-%m-%d")
    return {"GPU": name, "torch": torch.__version__, "date": date, "commit": commit()}


def run(name: str, command: tuple[str, ...]) -> dict[str, Any]:
    """Run a process, whose output is shown; its status, seconds, numbers if it has written any, and last words."""
    print(f"\n== {name}: {' '.join(command)}", flush=True)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        numbers = Path(folder) / "numbers.json"
        output = ("--output", str(numbers)) if "--device" in command else ()  # of benchmarks
        status, last = show((*command, *output))
        found = json.loads(numbers.read_text()) if numbers.exists() else None
    seconds = round(time.perf_counter() - start, 1)
    return {"status": status, "seconds": seconds, "last words": last_words(last), "numbers": found}


def show(command: tuple[str, ...]) -> tuple[int, list[str]]:
    """Run a process and show its output; its status and its last lines."""
    environment, last = os.environ | {"OMP_NUM_THREADS": "1"}, deque[str](maxlen=KEPT)
    output: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **output) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last.append(line.strip())
    return process.returncode, list(last)


def last_words(lines: list[str]) -> str:
    """The summary of pytest in the last lines of an output, otherwise the last one that says something."""
    summaries = [line.strip("= ") for line in lines if re.search(r"\d+ (passed|failed|error)", line)]
    return (summaries or [line for line in lines if line] or ["no output"])[-1]


if __name__ == "__main__":
    raise SystemExit(exit_status(main))
