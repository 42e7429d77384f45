"""The cost of rows by their number: seconds of a hyper step, compared with the dense optimiser.

    OMP_NUM_THREADS=1 python -m benchmarks.rows [--device cuda] [--output FILE]

Contract: rows of SEP/BOTH for N images of C classes; a hyper step is `hyper_step` by FIS on a batch of 256 random 8 x 8
images, and the row optimiser's update. The network is the smallest one, so that nothing hides the cost of the rows. The
images are the same for all N; the rows that they visit are drawn anew, outside of the timed region, for each step.
Tables of different N take turns, a step each per round, after rounds of warm-up. Medians and quartiles are reported,
and those of the ratio within rounds. The dense optimiser is torch's RMSprop on the soft labels of all N images.
`--large` only runs ten steps with the largest table.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.report import (
    describe_machine,
    device_name,
    how_many,
    in_words,
    output_file,
    print_machine,
    quartiles,
    seconds,
    stand_in,
)
from custom_models.classifier import build_model
from custom_models.frozen import FrozenClassifier
from hyperopt.augmentation.warp import PaperWarp
from hyperopt.estimators.hyper_pass import clean_features, clean_gradient, hyper_step
from hyperopt.estimators.implicit import Fisher
from hyperopt.head.losses import LOSSES
from hyperopt.rows.rows import make_rows
from utils.device import prepare, wait
from utils.draws import Draws
from utils.errors import exit_status
from utils.flags import Parser
from utils.passes import Batch
from utils.speed import peak_memory

SEED = 0
BATCH = 256
SHAPE = (1, 8, 8)
SMALL, LARGE = 10_000, 1_000_000
WARM_UP = 5  # rounds
LARGE_CLASSES, LARGE_STEPS = 1000, 10
DENSE_STEPS = 4


class Steps:
    """Hyper steps on random images, whose rows are drawn from N."""

    def __init__(self, count: int, classes: int, device: torch.device):
        self.count, self.device = count, device
        self.random = Draws()
        self.random.manual_seed(SEED)
        labels = torch.randint(classes, (count,), generator=self.random).to(device)
        self.rows = make_rows(labels, classes, "WSA", False, LOSSES["symmetric KL"], PaperWarp(), device)
        network = FrozenClassifier(build_model("smallnet", SHAPE[0], classes, SEED).to(device))
        self.training = stand_in(
            rows=self.rows, frozen=network, draws=self.random, seen=lambda batch, view: view(batch.images)
        )
        self.fisher = Fisher(Fisher.Options(), self.training)
        self.images = torch.randn(BATCH, *SHAPE, generator=self.random).to(device)
        index = torch.arange(BATCH, device=device)
        clean = clean_features(self.training, [Batch(self.images, labels[:BATCH], index)], lambda images: images)
        self.clean = clean_gradient(*clean, network.head.bias)

    def draw(self) -> Tensor:
        """Rows (256,) for a step; a pass draws the order of all rows once."""
        return torch.randperm(self.count, generator=self.random)[:BATCH].to(self.device)

    def step(self, index: Tensor) -> None:
        """One step on the rows `index`; waits for the device."""
        batch, steps = Batch(self.images, self.rows.given[index], index), self.fisher.options.hyper_steps
        gradients = hyper_step(self.training, batch, self.clean, self.fisher.direction, steps)
        self.rows.move(index, gradients, learning_rate=0.05)
        wait(self.device)

    def seconds(self) -> float:
        """Wall clock of a step."""
        index = self.draw()
        return seconds(lambda: self.step(index))


def main() -> None:
    """Measure, print a table and write the numbers to a file."""
    flags = parse_options()
    device = prepare(torch.device(flags.device))
    result: dict[str, Any] = {"machine": describe_machine(flags.device), "rounds": flags.rounds, "batch": BATCH}
    if flags.large:
        result["large"] = measure_large(device)
    else:
        result["classes"] = {classes: measure(classes, flags.rounds, device) for classes in flags.classes}
    print_table(result)
    flags.output.write_text(json.dumps(result, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    """The flags."""
    parser = Parser(description="The cost of a hyper step against the number of rows.")
    parser.add_argument("--device", type=device_name, default="cpu", help="cpu or cuda")
    parser.add_argument("--classes", type=how_many, nargs="+", default=[10, 100], help="numbers of classes")
    parser.add_argument("--rounds", type=how_many, default=100, help="steps of each table")
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} rows of {LARGE_CLASSES} classes, nothing else")
    parser.add_argument("--output", type=output_file, default=Path("benchmarks/rows.json"), help="file for the numbers")
    return parser.parse_args()


def measure(classes: int, rounds: int, device: torch.device) -> dict[str, Any]:
    """Hyper steps with few and with many rows, and dense steps on as many soft labels."""
    tables = {count: Steps(count, classes, device) for count in (SMALL, LARGE)}
    times: dict[int, list[float]] = {count: [] for count in tables}
    for _ in range(WARM_UP + rounds):
        for count, steps in tables.items():
            times[count].append(steps.seconds())
    few, many = (np.array(times[count][WARM_UP:]) for count in (SMALL, LARGE))
    dense = {count: quartiles(dense_steps(count, classes, device)) for count in (SMALL, LARGE)}
    return {
        "milliseconds": {SMALL: quartiles(1000 * few), LARGE: quartiles(1000 * many)},
        "ratio": quartiles(many / few),
        "ratio of medians": float(np.median(many) / np.median(few)),
        "dense, milliseconds": dense,
    }


def dense_steps(count: int, classes: int, device: torch.device) -> np.ndarray:
    """Milliseconds of torch's RMSprop on soft labels (N, C)."""
    values = torch.nn.Parameter(torch.zeros(count, classes, device=device))
    values.grad = torch.zeros_like(values)
    optimizer = torch.optim.RMSprop([values])

    def step() -> None:
        optimizer.step()
        wait(device)

    step()  # the first one also makes the optimiser's state
    return 1000 * np.array([seconds(step) for _ in range(DENSE_STEPS)])


def measure_large(device: torch.device) -> dict[str, Any]:
    """Ten steps with soft labels of a thousand classes for a million images."""
    steps = Steps(LARGE, LARGE_CLASSES, device)
    times = [1000 * steps.seconds() for _ in range(LARGE_STEPS)]
    return {"milliseconds": quartiles(times), "peak memory, GiB": peak_memory(device)}


def print_table(result: dict[str, Any]) -> None:
    """Print the result as Markdown."""
    print_machine(result["machine"])
    if "large" in result:
        large = result["large"]
        print(f"{LARGE:,} rows of {LARGE_CLASSES} classes: a step {in_words(large['milliseconds'])} ms, at most")
        print(f"{large['peak memory, GiB']:.1f} GiB of memory")
        return
    print(f"\n| C | ms, {SMALL:,} rows | ms, {LARGE:,} rows | ratio of medians | in rounds | dense RMSprop, ms |")
    print("|---|---|---|---|---|---|")
    for classes, found in result["classes"].items():
        times = [in_words(found["milliseconds"][count]) for count in (SMALL, LARGE)]
        dense = " and ".join(in_words(found["dense, milliseconds"][count]) for count in (SMALL, LARGE))
        line = (*times, f"{found['ratio of medians']:.3f}", in_words(found["ratio"]), dense)
        print(f"| {classes} | {' | '.join(line)} |")


if __name__ == "__main__":
    raise SystemExit(exit_status(main))
