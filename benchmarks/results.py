"""Seconds of get-results.py on a folder of many results: to tabulate them, and to tabulate and draw them.

    OMP_NUM_THREADS=1 python -m benchmarks.results [--rounds 3] [--output FILE]

Contract: 8 methods x 4 distortions x 8 runs of 200 epochs, made up at the size of DIGITS, in a temporary folder, with
all files of a finished run except the checkpoints. The script's main function is timed, without imports: `--all`, and
`--all --plot` into an empty folder; medians and quartiles over rounds.
"""

import argparse
import contextlib
import csv
import io
import json
import tempfile
from pathlib import Path
from types import ModuleType

import matplotlib
import numpy as np
import sklearn
import torch

import hyperopt.report.figures  # noqa: F401  imported here so that it is not timed
from benchmarks.report import describe_machine, how_many, in_cells, output_file, print_machine, quartiles, seconds
from hyperopt.augmentation.warp import RANGES
from hyperopt.options.resolve import resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.report.published_errors import SETTINGS
from hyperopt.rows.parts import PARTS
from hyperopt.rows.rows_file import RowsFile
from utils.errors import exit_status
from utils.flags import Parser
from utils.runs.accuracies import ACCURACIES
from utils.runs.files import RunFiles
from utils.runs.predictions import Predictions

SCRIPT = Path(__file__).parent.parent / "get-results.py"
DISTORTIONS = ((1, 0.0), (1, 0.3), (10, 0.1), (100, 0.1))  # imbalance and noise ratio
RUNS, EPOCHS = 8, 200
CLASSES, FEATURES, TEST, TRAIN = 10, 64, 540, 519


def main() -> None:
    """Make the folder, measure, print a table and write the numbers to a file."""
    flags = parse_options()
    script = load_script()
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        make_results(data)
        arguments = ["--data", str(data), "--all"]
        times = {
            "tabulated": [time_of(script, arguments) for _ in range(flags.rounds)],
            "tabulated and drawn": [
                time_of(script, [*arguments, "--plot", str(data / f"figures{n}")]) for n in range(flags.rounds)
            ],
        }
        figures = len(list((data / "figures0").iterdir()))
    versions = {"matplotlib": matplotlib.__version__, "scikit-learn": sklearn.__version__, "numpy": np.__version__}
    runs = len(SETTINGS) * len(DISTORTIONS) * RUNS
    result = {"machine": describe_machine("cpu", **versions), "rounds": flags.rounds, "runs": runs, "figures": figures}
    result["seconds"] = {name: quartiles(values) for name, values in times.items()}
    print_table(result)
    flags.output.write_text(json.dumps(result, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    """The flags."""
    parser = Parser(description="Seconds of get-results.py on a folder of many results.")
    parser.add_argument("--rounds", type=how_many, default=3, help="repetitions")
    parser.add_argument("--output", type=output_file, default=Path("benchmarks/results.json"), help="for the numbers")
    return parser.parse_args()


def load_script() -> ModuleType:
    """get-results.py as a module; it cannot be imported by name, which has a hyphen."""
    module = ModuleType("get_results")
    exec(compile(SCRIPT.read_text(), SCRIPT, "exec"), vars(module))
    return module


def time_of(script: ModuleType, arguments: list[str]) -> float:
    """Seconds of the script. Raises RuntimeError when it fails."""
    output = io.StringIO()

    def work() -> None:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            if script.main(arguments) != 0:
                raise RuntimeError(output.getvalue())

    return seconds(work)


def print_table(result: dict) -> None:
    """Print the result as a Markdown table."""
    print_machine(result["machine"])
    print(f"\n| {result['runs']} runs, {result['figures']} files of figures | seconds, median | quartiles |")
    print("|---|---|---|")
    for name, found in result["seconds"].items():
        print(f"| {name} | {in_cells(found)} |")


def make_results(data: Path) -> None:
    """Write the files of all runs below `data`."""
    random = np.random.default_rng(0)
    for run in range(RUNS):
        for imbalance_ratio, noise_ratio in DISTORTIONS:
            for aug_model, los_model, hyper_opt in SETTINGS:
                options = RunOptions(
                    data=data,
                    imbalance_ratio=imbalance_ratio,
                    noise_ratio=noise_ratio,
                    aug_model=aug_model,
                    los_model=los_model,
                    hyper_opt=hyper_opt,
                    policy="SVHN" if aug_model in ("AUTO", "DADA") else None,
                    run_folder=f"run{run}",
                    epochs=EPOCHS,
                )
                make_run(resolve(options), random)


def make_run(options: RunOptions, random: np.random.Generator) -> None:
    """Write the files of one run: a network that is right in about 90 % of the cases."""
    files = options.files
    files.folder.mkdir(parents=True, exist_ok=True)
    errors = 10 + 50 * np.exp(-np.arange(EPOCHS) / 20) + random.uniform(0, 3, EPOCHS)
    write_metrics(files, errors)
    predictions = make_predictions(random, options.noise_ratio)
    predictions.write(files.predictions)
    if options.row_parts:
        files.rows.write_bytes(make_rows(options.row_parts, options.dataset, predictions, random).as_pt())
    right = predictions.test_predicted == predictions.test_label
    per_class = [100 * right[predictions.test_label == number].mean() for number in range(CLASSES)]
    content = {
        "dataset": options.dataset,
        "run": options.run_folder,
        "name": options.name,
        "accuracy": dict.fromkeys(ACCURACIES, 100 - errors[-1]),
        "epochs": dict.fromkeys(ACCURACIES, EPOCHS),
        "accuracy_per_class": dict.fromkeys(ACCURACIES, per_class),
        "class_names": None,
        "options": options.identity | {"precision": "fp32"},
    }
    files.result.write_text(json.dumps(content))


def write_metrics(files: RunFiles, errors: np.ndarray) -> None:
    """The metrics file; the losses are made from the errors (epochs,)."""
    with files.metrics.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("epoch", "test_accuracy", "test_loss", "train_loss"))
        writer.writerows((number, 100 - error, error / 25, error / 30) for number, error in enumerate(errors, 1))


def make_predictions(random: np.random.Generator, noise_ratio: float) -> Predictions:
    """Features around a centre per class."""
    label, true = random.integers(CLASSES, size=TEST), random.integers(CLASSES, size=TRAIN)
    centres = random.normal(size=(CLASSES, FEATURES))
    probability = random.uniform(0.1, 1, TRAIN).astype(np.float32)
    return Predictions(
        test_label=label,
        test_predicted=redrawn(label, 0.1, random),
        feature_index=np.arange(TEST),
        features=(centres[label] + random.normal(scale=0.7, size=(TEST, FEATURES))).astype(np.float32),
        train_index=np.arange(TRAIN),
        train_given=redrawn(true, noise_ratio, random),
        train_true=true,
        train_predicted=redrawn(true, 0.05, random),
        train_given_probability=probability,
        train_confidence=probability,
        table=np.array("table"),
    )


def redrawn(labels: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """Labels (n,) of which a share is drawn anew."""
    return np.where(random.random(len(labels)) < share, random.integers(CLASSES, size=len(labels)), labels)


def make_rows(letters: str, dataset: str, predictions: Predictions, random: np.random.Generator) -> RowsFile:
    """Random columns of the parts of these letters."""
    shapes = {"weight": (TRAIN,), "soft_label": (TRAIN, CLASSES)}
    columns = {}
    for name in (name for letter in letters for name in PARTS[letter].columns):
        columns[name] = torch.from_numpy(random.random(shapes.get(name, (TRAIN, len(RANGES))), np.float32))
    if "soft_label" in columns:
        columns["soft_label"] /= columns["soft_label"].sum(1, keepdim=True)
    index, given = torch.from_numpy(predictions.train_index), torch.from_numpy(predictions.train_given)
    return RowsFile(index, given, dataset, "made up", columns)


if __name__ == "__main__":
    raise SystemExit(exit_status(main))
