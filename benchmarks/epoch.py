"""The passes of an epoch: images per second, share of the device's peak, memory, and the estimators' cost.

    OMP_NUM_THREADS=1 python -m benchmarks.epoch [--dataset MNIST] [--scale 0.1] [--rounds 3]
    python -m benchmarks.epoch --device cuda --dataset SVHN --batch 256 --compile
    python -m benchmarks.epoch --scale 0.1 --only UNR/exact      # peak memory of this one, beside plain training

Contract: random images and labels in the numbers and shapes of the published data set at imbalance ratio 100 and noise
ratio 0.1, or a share `--scale` of them; the recipe's network and batch sizes; SEP/BOTH by HES as published (a batch of
clean images per step), by FIS (all clean images, once per pass) and by UNR (a batch of clean images per step; the exact
form in float32 and not compiled), GMM on RAND's views, and the baseline without rows. In every round each pass of each
method runs once, one after the other; the first round warms up and is left out. A run is train pass and evaluation in
every epoch and a hyper pass in three quarters of them; UNR moves rows in every epoch, as by default. The ratio of runs
is also given without the evaluation, the same for all. Each pass ends with waiting for the device. Shares are counted
operations of the model over time, over the measured peak of matrix products in the precision of the baseline. The peak
memory is that of all methods of the process.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.report import (
    describe_machine,
    device_name,
    how_many,
    in_cells,
    make_estimator,
    output_file,
    quartiles,
    stand_in,
)
from custom_datasets.distortion import Distortion, Split, make_split
from custom_datasets.names import BUILT_IN
from custom_datasets.table import Dataset, ImageTable
from hyperopt.estimators.estimator import Estimator
from hyperopt.estimators.implicit import Implicit
from hyperopt.estimators.mixture import Mixture
from hyperopt.options.resolve import make_options, resolve
from hyperopt.options.run_options import RunOptions
from utils.device import PRECISIONS, prepare
from utils.errors import exit_status
from utils.flags import Parser, number
from utils.precision import pick_precision
from utils.speed import Meter, matrix_product_peak, peak_memory

SEED = 0
CLASSES = 10
IMBALANCE_RATIO, NOISE_RATIO = 100, 0.1
HYPER_SHARE = 0.75  # share of the epochs with a hyper pass
# Training and test images, and their shape.
SIZES = {"MNIST": (60_000, 10_000, (1, 28, 28)), "SVHN": (73_257, 26_032, (3, 32, 32))}
METHODS: dict[str, dict[str, Any]] = {
    "plain": {},
    "HES": {"aug_model": "SEP", "los_model": "BOTH", "hyper_opt": "HES"},
    "FIS": {"aug_model": "SEP", "los_model": "BOTH", "hyper_opt": "FIS"},
    "UNR/exact": {"aug_model": "SEP", "los_model": "BOTH", "hyper_opt": "UNR"},
    "UNR/difference": {"aug_model": "SEP", "los_model": "BOTH", "hyper_opt": "UNR", "unroll_form": "difference"},
    "GMM": {"aug_model": "RAND", "los_model": "SOFT", "hyper_opt": "GMM"},
}


class Laps(Meter):
    """A meter that also keeps the images and the operations of each pass, by its name."""

    def start(self) -> None:  # noqa: D102
        super().start()
        self.work: dict[str, tuple[int, float]] = {}

    def lap(self, name: str, images: int, operations: float) -> None:  # noqa: D102
        super().lap(name, images, operations)
        self.work[name] = images, operations


# By method and pass: images, operations, and the seconds of every round.
Measured = dict[tuple[str, str], tuple[tuple[int, float], list[float]]]


def main() -> None:
    """Measure, print a table and write the numbers to a file."""
    flags = parse_options()
    device = prepare(torch.device(flags.device))
    if flags.compile:
        # Torch compiles an encoder for each kind of pass, eight times at most, and leaves it as it is from then on.
        torch._dynamo.config.cache_size_limit = 8 * len(METHODS)
    data, split = random_data(flags, device)
    chosen = {name: method for name, method in METHODS.items() if name in ("plain", *flags.only)}
    options = {name: method_options(flags, method) for name, method in chosen.items()}
    estimators = {name: started(make_estimator(one, data, split, device)) for name, one in options.items()}
    peak = matrix_product_peak(device, PRECISIONS[options["plain"].precision])
    measured = measure(estimators, flags.rounds, Laps(device, peak))
    learned = [name for name in chosen if name != "plain"]
    in_passes = [name for name in learned if (name, "hyper") in measured]
    result = {
        "dataset": flags.dataset,
        "scale": flags.scale,
        "model": options["plain"].model,
        "precision": options["plain"].precision,
        "compile": flags.compile,
        "rounds": flags.rounds,
        "machine": describe_machine(flags.device),
        "peak, TFLOP/s": peak / 1e12,
        "peak memory, GiB": peak_memory(device),
        "passes": [describe(*key, *work, times, peak) for key, (work, times) in measured.items()],
        "hyper pass / train pass": {
            name: quartiles(np.array(measured[name, "hyper"][1]) / measured[name, "train"][1]) for name in in_passes
        },
        "train pass / plain train pass": {
            name: quartiles(np.array(measured[name, "train"][1]) / measured["plain", "train"][1]) for name in learned
        },
        "run / plain run": {name: ratio(measured, name, ("train", "evaluation")) for name in learned},
        "run / plain run, no evaluation": {name: ratio(measured, name, ("train",)) for name in learned},
    }
    print_table(result)
    flags.output.write_text(json.dumps(result, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    """The flags."""
    parser = Parser(description="The passes of an epoch, and AutoDO's cost compared with plain training.")
    parser.add_argument(
        "--dataset", default="MNIST", choices=tuple(SIZES), help="its numbers, shape and recipe are used"
    )
    parser.add_argument("--scale", type=number(float, 0, 1, open_low=True), default=1.0, help="share of the images")
    parser.add_argument("--batch", type=how_many, help="images per training step (default: recipe)")
    parser.add_argument("--model", help="another network than the recipe's")
    parser.add_argument("--device", type=device_name, default="cpu", help="cpu or cuda")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"), help="of the encoder")
    parser.add_argument("--compile", action="store_true", help="compile the encoder")
    parser.add_argument(
        "--only", nargs="+", default=tuple(METHODS), choices=tuple(METHODS), help="these beside the plain training"
    )
    parser.add_argument("--rounds", type=how_many, default=3, help="measurements of each pass")
    parser.add_argument(
        "--output", type=output_file, default=Path("benchmarks/epoch.json"), help="file for the numbers"
    )
    return parser.parse_args()


def random_data(flags: argparse.Namespace, device: torch.device) -> tuple[Dataset, Split]:
    """Random images in the numbers of the published data set, and their distortion."""
    train, test, shape = SIZES[flags.dataset]
    random = np.random.default_rng(SEED)

    def table(count: int) -> ImageTable:
        images = torch.from_numpy(random.integers(256, size=(count, *shape), dtype=np.uint8))
        return ImageTable(images, torch.arange(count) % CLASSES).to(device, device)

    data = Dataset(table(int(train * flags.scale)), table(int(test * flags.scale)), CLASSES)
    validation = int(BUILT_IN[flags.dataset].validation * flags.scale)
    distortion = Distortion(validation, IMBALANCE_RATIO, 1.0, NOISE_RATIO)
    return data, make_split(data.train.labels.cpu().numpy(), CLASSES, distortion, SEED)


def method_options(flags: argparse.Namespace, method: dict[str, Any]) -> RunOptions:
    """The options of a method's run."""
    common = {
        "dataset": flags.dataset,
        "imbalance_ratio": IMBALANCE_RATIO,
        "noise_ratio": NOISE_RATIO,
        "batch_size": flags.batch,
        "model": flags.model,
    }
    options = make_options(RunOptions, common | method)
    exact = options.estimator_class.needs_float32(options)
    device = torch.device(flags.device)
    precision = pick_precision("fp32" if exact else flags.precision, device.index or 0, no_cuda=device.type == "cpu")
    return resolve(replace(options, precision=precision, compile=flags.compile and not exact))


def started(estimator: Estimator) -> Estimator:
    """The estimator, past what it does before its first epoch; the detector of GMM is its own network."""
    if isinstance(estimator, Mixture):
        estimator.begin(stand_in(network=estimator.training.published))
        assert estimator.detector
        estimator.detector.fit()
    return estimator


def measure(estimators: dict[str, Estimator], rounds: int, laps: Laps) -> Measured:
    """Run every pass of every method once per round."""
    measured: Measured = {}
    for repetition in range(rounds + 1):
        for name, estimator in estimators.items():
            estimator.training.meter = laps
            epoch = estimator.training.plan.hyper_start + 1 + repetition
            for part, run in passes(estimator, epoch).items():
                laps.start()
                run()
                if repetition > 0:
                    measured.setdefault((name, part), (laps.work[part], []))[1].append(laps.seconds[part])
    return measured


def ratio(measured: Measured, method: str, every_epoch: tuple[str, ...]) -> dict[str, float]:
    """Seconds of a method's run over those of the plain one, for the hyper pass and the passes of `every_epoch`."""
    times = {key: np.array(found) for key, (_, found) in measured.items()}
    plain, own = (sum(times[name, part] for part in every_epoch) for name in ("plain", method))
    hyper = times.get((method, "hyper"), np.zeros_like(own))
    return quartiles((own + HYPER_SHARE * hyper) / plain)


def passes(estimator: Estimator, epoch: int) -> dict[str, Callable[[], Any]]:
    """The passes of an epoch by name."""
    evaluation = {"evaluation": lambda: estimator.evaluate(epoch)}
    if not isinstance(estimator, Implicit):
        return {"train": lambda: estimator.epoch(epoch)} | evaluation
    train = {"train": lambda: estimator.training.train_pass(epoch, estimator.step)}
    return {"hyper": lambda: estimator.move_rows(epoch)} | train | evaluation


def describe(method: str, part: str, images: int, operations: float, times: list[float], peak: float) -> dict[str, Any]:
    """One line of the table."""
    time = quartiles(times)
    return {
        "method": method,
        "pass": part,
        "images": images,
        "seconds": time,
        "images per second": images / time["median"],
        "share of peak": operations / time["median"] / peak,
    }


def print_table(result: dict[str, Any]) -> None:
    """Print the result as Markdown."""
    settings = ("dataset", "scale", "model", "precision", "compile", "rounds", "peak, TFLOP/s", "peak memory, GiB")
    shown = {name: result[name] for name in settings} | result["machine"]
    print(
        ", ".join(
            f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in shown.items()
        )
    )
    print("\n| method | pass | images | seconds, median | quartiles | images/s | share of peak |")
    print("|---|---|---|---|---|---|---|")
    for line in result["passes"]:
        print(
            f"| {line['method']} | {line['pass']} | {line['images']:,} | {in_cells(line['seconds'])} "
            f"| {line['images per second']:,.0f} | {100 * line['share of peak']:.1f} % |"
        )
    print("\n| | median | quartiles |\n|---|---|---|")
    for kind in (
        "hyper pass / train pass",
        "train pass / plain train pass",
        "run / plain run",
        "run / plain run, no evaluation",
    ):
        for name, found in result[kind].items():
            print(f"| {name}: {kind} | {in_cells(found)} |")


if __name__ == "__main__":
    raise SystemExit(exit_status(main))
