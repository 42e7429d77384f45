"""One run on several processes: images per second of the train and the hyper pass, against one process.

    python -m benchmarks.processes [--batch 256] [--scale 0.1] [--rounds 3]

Contract: random images in the numbers and shapes of MNIST, or a share `--scale` of them, with its recipe's network,
SEP/BOTH by FIS, in batches of so many images for both passes. Three ways take turns in every round, each in processes
of its own: one process with one thread, one process with two threads, two processes with one thread each. A pass runs
once to warm up and is then measured; the ratios are of medians over the rounds. Nothing else should run on the machine.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import torch

from benchmarks.epoch import METHODS, Laps, method_options, random_data
from benchmarks.report import how_many, launch
from hyperopt.estimators.implicit import Implicit
from hyperopt.runs.set_up import make_training
from utils.device import keep_freed_memory
from utils.errors import exit_status
from utils.flags import Parser, number
from utils.processes import leave, processes

# Processes and threads of each.
WAYS = {"one process, one thread": (1, 1), "one process, two threads": (1, 2), "two processes, one thread": (2, 1)}
PASSES = ("hyper", "train")


def main() -> None:
    """Measure every way in turns and print a table."""
    parser = Parser(description="Images per second of one run on several processes.")
    share = number(float, 0, 1, open_low=True)
    parser.add_argument("--scale", type=share, default=0.1, help="share of MNIST's images")
    parser.add_argument("--batch", type=how_many, default=256, help="images per step of both passes")
    parser.add_argument("--rounds", type=how_many, default=3, help="measurements of each way")
    parser.add_argument("--threads", type=how_many, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.output:
        measure(flags)
        return
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(flags.rounds):
        for way, (count, threads) in WAYS.items():
            found[way].append(speeds(flags, count, threads))
    first = {name: statistics.median(one[name] for one in found["one process, one thread"]) for name in PASSES}
    print("| | pass | images/s, median | over one thread |\n|---|---|---|---|")
    for way, measured in found.items():
        for name in PASSES:
            speed = statistics.median(one[name] for one in measured)
            print(f"| {way} | {name} | {speed:,.0f} | {speed / first[name]:.2f} |")


def speeds(flags: argparse.Namespace, count: int, threads: int) -> dict[str, float]:
    """Images per second by pass, of so many processes with so many threads each."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "speeds.json"
        given = {"--scale": flags.scale, "--batch": flags.batch, "--threads": threads}
        launch("benchmarks.processes", count, output, *(str(word) for pair in given.items() for word in pair))
        found: dict[str, float] = json.loads(output.read_text())
    return found


def measure(flags: argparse.Namespace) -> None:
    """Measure the passes in this process, which others may share, and write images per second to a file."""
    torch.set_num_threads(flags.threads)
    keep_freed_memory()
    group, device = processes(), torch.device("cpu")
    settings = argparse.Namespace(
        dataset="MNIST", scale=flags.scale, batch=flags.batch, model=None, precision="fp32", device="cpu", compile=False
    )
    data, split = random_data(settings, device)
    options = method_options(settings, METHODS["FIS"] | {"hyper_batch_size": flags.batch})
    training = make_training(options, data, split, device, group=group)
    estimator = options.estimator_class(options.estimator, training)
    assert isinstance(estimator, Implicit)
    training.meter = laps = Laps(device, 1.0)
    for number_of_epoch in (options.hyper_start + 1, options.hyper_start + 2):  # the first one warms up
        laps.start()
        estimator.move_rows(number_of_epoch)
        training.train_pass(number_of_epoch, estimator.step)
    if group.leads:
        flags.output.write_text(json.dumps({name: laps.work[name][0] / laps.seconds[name] for name in PASSES}))


if __name__ == "__main__":
    leave(exit_status(main))
