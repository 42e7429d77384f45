"""Compares bf16 with fp32, and a GPU with the CPU: results and learned rows, and the differences between seeds.

    OMP_NUM_THREADS=1 python -m benchmarks.precision [--dataset DIGITS] [--device cpu] [--seeds 4] [--output FILE]

Contract: one distorted training set for all runs, so that rows can be compared image by image; SEP/BOTH by HES and by
FIS with the recipe's options, imbalance ratio 10, noise ratio 0.1. The seed of a run fixes network, batches and draws.
`precisions` is the root mean square difference of a row's value between bf16 and fp32 of the same seed, `devices` that
between fp32 on the GPU and on the CPU, `seeds` that between fp32 runs of two seeds; all over all images, and over seeds
or pairs of them. Runs of one seed diverge as soon as any value is rounded differently, by whatever it is rounded: after
a few epochs `devices` is like `precisions`. In the first two, with hyper passes from the start, it is the smaller one,
since convolutions have 10 bits on a GPU (TF32) and 7 in bf16. Weights are in units of the loss, probabilities of the
given label's soft label in 0..1, magnitudes and probabilities of the augmentation too.
"""

import argparse
import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor

from benchmarks.report import describe_machine, device_name, how_many, make_estimator, output_file, print_machine
from custom_datasets.distortion import Split
from custom_datasets.sources import load_dataset
from custom_datasets.table import Dataset
from hyperopt.options.resolve import resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.runs.set_up import prepare_split
from utils.device import prepare
from utils.errors import exit_status
from utils.flags import Parser, number

ESTIMATORS = ("HES", "FIS")
ERRORS = ("best on test", "selected on validation", "last epoch")
ON_CPU = "fp32, CPU"
# What runs are compared with, in fp32 on the device and with the same seed.
OTHERS = {"bf16": "precisions", ON_CPU: "devices"}


def main() -> None:
    """Train all runs, print two tables and write the numbers."""
    flags = parse_options()
    device = prepare(torch.device(flags.device))
    result: dict[str, Any] = {"machine": describe_machine(flags.device), "dataset": flags.dataset}
    for estimator in ESTIMATORS:
        options = resolve(
            RunOptions(
                data=flags.data,
                dataset=flags.dataset,
                run_folder="benchmark",
                imbalance_ratio=10,
                noise_ratio=0.1,
                seed=0,
                epochs=flags.epochs,
                hyper_start=flags.hyper_start,
                aug_model="SEP",
                los_model="BOTH",
                hyper_opt=estimator,
            )
        )
        runs = {}
        for name, (where, precision) in kinds(device).items():
            data = load_dataset(options.dataset, options.folder, where)
            split = prepare_split(options, data)
            seeds = (replace(options, seed=seed, precision=precision) for seed in range(flags.seeds))
            runs[name] = [run(one, data, split, where) for one in seeds]
        result[estimator] = compare(runs)
    print_tables(result)
    flags.output.write_text(json.dumps(result, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    """The flags."""
    parser = Parser(description="Compare bf16 with fp32.")
    parser.add_argument("--data", type=Path, default=Path("local_data"), help="folder of data sets")
    parser.add_argument("--dataset", default="DIGITS", help="a data set with a recipe")
    parser.add_argument("--device", type=device_name, default="cpu", help="cpu or cuda")
    parser.add_argument("--seeds", type=number(int, 2, 10**6), default=4, help="runs of each precision, at least 2")
    parser.add_argument("--epochs", type=how_many, help="of a run (default: the recipe's)")
    parser.add_argument(
        "--hyper-start", type=number(int, 0, 10**6), help="last epoch without a hyper pass (default: the recipe's)"
    )
    parser.add_argument("--output", type=output_file, default=Path("benchmarks/precision.json"), help="for the numbers")
    return parser.parse_args()


def kinds(device: torch.device) -> dict[str, tuple[torch.device, str]]:
    """Device and precision of the runs to compare, by name."""
    found = {name: (device, name) for name in ("fp32", "bf16")}
    return found if device.type == "cpu" else found | {ON_CPU: (torch.device("cpu"), "fp32")}


def run(
    options: RunOptions, data: Dataset, split: Split, device: torch.device
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Test errors in % of a whole training, and figures of its rows, on the host."""
    estimator = make_estimator(options, data, split, device)
    training, evaluations = estimator.training, []
    for epoch in range(1, options.epochs + 1):
        estimator.epoch(epoch)
        evaluations.append(estimator.evaluate(epoch))
    chosen = (
        max(test.accuracy for test, _ in evaluations),
        max(evaluations, key=lambda evaluation: evaluation[1].accuracy)[0].accuracy,
        evaluations[-1][0].accuracy,
    )
    errors = {name: 100 - accuracy for name, accuracy in zip(ERRORS, chosen, strict=True)}
    described = training.rows.describe(training.loaders.train_index)
    return errors, {name: values.cpu() for name, values in described.items()}


def compare(runs: dict[str, list[tuple[dict[str, float], dict[str, Tensor]]]]) -> dict[str, Any]:
    """Errors by kind of run, and distances of errors and of rows between precisions, devices and seeds."""
    errors = {kind: {name: [errors[kind] for errors, _ in done] for name, done in runs.items()} for kind in ERRORS}
    rows = {name: [by_part(rows) for _, rows in done] for name, done in runs.items()}
    others = {word: name for name, word in OTHERS.items() if name in runs}
    distances = {
        part: {
            word: mean(distance(one[part], other[part]) for one, other in zip(rows["fp32"], rows[name], strict=True))
            for word, name in others.items()
        }
        | {"seeds": mean(distance(one[part], other[part]) for one, other in combinations(rows["fp32"], 2))}
        | {f"mean, {name}": mean(one[part].mean().item() for one in done) for name, done in rows.items()}
        for part in rows["fp32"][0]
    }
    between = {
        word: mean(
            abs(one - other) for found in errors.values() for one, other in zip(found["fp32"], found[name], strict=True)
        )
        for word, name in others.items()
    }
    return {"errors": errors, "errors between": between, "rows": distances}


def by_part(rows: dict[str, Tensor]) -> dict[str, Tensor]:
    """The figures of the rows by part, with all operations of the augmentation together."""
    parts: dict[str, list[Tensor]] = {}
    for name, values in rows.items():
        parts.setdefault(name.partition("/")[0], []).append(values)
    return {part: torch.stack(values) for part, values in parts.items()}


def distance(one: Tensor, other: Tensor) -> float:
    """Root mean square difference."""
    return (one - other).square().mean().sqrt().item()


def print_tables(result: dict[str, Any]) -> None:
    """Print the result as Markdown."""
    print_machine(result["machine"])
    names = list(result[ESTIMATORS[0]]["errors"][ERRORS[0]])
    between = [OTHERS[name] for name in names[1:]]
    print_heading("test error, %", *names)
    for estimator in ESTIMATORS:
        for kind, found in result[estimator]["errors"].items():
            cells = " | ".join(f"{mean(values):.2f} ± {stdev(values):.2f}" for values in found.values())
            print(f"| {estimator}, {kind} | {cells} |")
    print_heading("mean difference of a seed's errors, points", *(f"between {word}" for word in between))
    for estimator in ESTIMATORS:
        found = result[estimator]["errors between"]
        print(f"| {estimator} | {' | '.join(f'{found[word]:.2f}' for word in between)} |")
    means, words = [f"mean, {name}" for name in names], [*between, "seeds"]
    print_heading("rows", *means, *(f"between {word}" for word in words))
    for estimator in ESTIMATORS:
        for part, found in result[estimator]["rows"].items():
            print(f"| {estimator}, {part} | {' | '.join(f'{found[key]:.3f}' for key in (*means, *words))} |")


def print_heading(*columns: str) -> None:
    """Print the first two lines of a table."""
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")


if __name__ == "__main__":
    raise SystemExit(exit_status(main))
