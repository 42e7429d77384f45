"""Compares bf16 with fp32: results and learned rows of both, and the differences between seeds.

    OMP_NUM_THREADS=1 python -m benchmarks.precision [--dataset DIGITS] [--device cpu] [--seeds 4] [--output FILE]

Contract: one distorted training set for all runs, so that rows can be compared image by image; SEP/BOTH by HES and by
FIS with the recipe's options, imbalance ratio 10, noise ratio 0.1. The seed of a run fixes network, batches and draws.
`precisions` is the root mean square difference of a row's value between bf16 and fp32 of the same seed, `seeds` that
between fp32 runs of two seeds; both over all images, and over seeds or pairs of them. Weights are in units of the loss,
probabilities of the given label's soft label in 0..1, magnitudes and probabilities of the augmentation too.
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
from utils.device import keep_freed_memory
from utils.errors import exit_status
from utils.flags import Parser, number

ESTIMATORS = ("HES", "FIS")
ERRORS = ("best on test", "selected on validation", "last epoch")


def main() -> None:
    """Train all runs, print two tables and write the numbers."""
    flags = parse_options()
    device = torch.device(flags.device)
    keep_freed_memory()
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
        data = load_dataset(options.dataset, options.folder, device)
        split = prepare_split(options, data)
        runs = {
            name: [run(replace(options, seed=seed, precision=name), data, split, device) for seed in range(flags.seeds)]
            for name in ("fp32", "bf16")
        }
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


def run(
    options: RunOptions, data: Dataset, split: Split, device: torch.device
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Test errors in % of a whole training, and figures of its rows."""
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
    return errors, training.rows.describe(training.loaders.train_index)


def compare(runs: dict[str, list[tuple[dict[str, float], dict[str, Tensor]]]]) -> dict[str, Any]:
    """Errors per precision, and distances of rows between precisions and between seeds."""
    errors = {kind: {name: [errors[kind] for errors, _ in done] for name, done in runs.items()} for kind in ERRORS}
    rows = {name: [by_part(rows) for _, rows in done] for name, done in runs.items()}
    distances = {
        part: {
            "precisions": mean(
                distance(one[part], other[part]) for one, other in zip(rows["fp32"], rows["bf16"], strict=True)
            ),
            "seeds": mean(distance(one[part], other[part]) for one, other in combinations(rows["fp32"], 2)),
            "mean, fp32": mean(one[part].mean().item() for one in rows["fp32"]),
            "mean, bf16": mean(one[part].mean().item() for one in rows["bf16"]),
        }
        for part in rows["fp32"][0]
    }
    return {"errors": errors, "rows": distances}


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
    print("\n| test error, % | fp32 | bf16 |\n|---|---|---|")
    for estimator in ESTIMATORS:
        for kind, found in result[estimator]["errors"].items():
            cells = " | ".join(f"{mean(values):.2f} ± {stdev(values):.2f}" for values in found.values())
            print(f"| {estimator}, {kind} | {cells} |")
    print("\n| rows | mean, fp32 | mean, bf16 | between precisions | between seeds |\n|---|---|---|---|---|")
    for estimator in ESTIMATORS:
        for part, found in result[estimator]["rows"].items():
            cells = " | ".join(f"{found[key]:.3f}" for key in ("mean, fp32", "mean, bf16", "precisions", "seeds"))
            print(f"| {estimator}, {part} | {cells} |")


if __name__ == "__main__":
    raise SystemExit(exit_status(main))
