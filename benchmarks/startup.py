"""CPU seconds of commands that train nothing, which are mostly spent on imports.

    python -m benchmarks.startup [--rounds 5] [--beside CHECKOUT] [--output FILE]

Contract: user and system time of a process each, compared with `import torch` in an empty one, in a temporary folder
with results of the eight published settings; medians and quartiles over rounds. `--beside` is a folder with another
version of the project, whose commands take turns with this one's. A first round warms the disk's cache.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.before_after import checkout_with
from benchmarks.report import describe_machine, how_many, in_words, output_file, print_machine, quartiles
from benchmarks.results import make_run
from hyperopt.options.resolve import resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.report.published_errors import SETTINGS
from utils.errors import UserError, exit_status
from utils.flags import Parser

TRAINING, RESULTS = "implicit-augment.py", "get-results.py"
# Script, flags and expected exit status.
COMMANDS = (
    (TRAINING, "--help", 0),
    (TRAINING, "--hyper-opt NEWTON", 2),
    (TRAINING, "--overfit --oversplit", 2),
    (TRAINING, "--model resnet50", 2),
    (TRAINING, "--aug-model AUTO", 2),
    (TRAINING, "--no-cuda --dry-run --fresh", 0),
    (TRAINING, "--dry-run --fresh", 0),
    (RESULTS, "--help", 0),
    (RESULTS, "--format csv", 2),
    (RESULTS, "--dry-run", 0),
    (RESULTS, "", 0),
    (RESULTS, "--all", 0),
)
YARDSTICK = "import torch"
HERE = Path(__file__).parent.parent


def main() -> None:
    """Measure, print a table and write the numbers to a file."""
    flags = parse_options()
    versions = {"now": HERE} | ({"beside": flags.beside} if flags.beside else {})
    times: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        make_results(Path(name) / "local_data")
        for number in range(flags.rounds + 1):
            for what, seconds in one_round(versions, Path(name)):
                if number:
                    for version, value in seconds.items():
                        times.setdefault(what, {}).setdefault(version, []).append(value)
    result = {"machine": describe_machine("cpu"), "rounds": flags.rounds}
    result["CPU seconds"] = {
        what: {version: quartiles(values) for version, values in found.items()} for what, found in times.items()
    }
    print_table(result, list(versions))
    flags.output.write_text(json.dumps(result, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    """The flags."""
    parser = Parser(description="CPU seconds of commands that train nothing.")
    parser.add_argument("--rounds", type=how_many, default=5, help="repetitions")
    parser.add_argument("--beside", type=checkout_with(RESULTS), help="folder with another version of the project")
    parser.add_argument("--output", type=output_file, default=Path("benchmarks/startup.json"), help="for the numbers")
    return parser.parse_args()


def make_results(data: Path) -> None:
    """Write the files of a run of every published setting below `data`."""
    random = np.random.default_rng(0)
    for aug_model, los_model, hyper_opt in SETTINGS:
        policy = "SVHN" if aug_model in ("AUTO", "DADA") else None
        options = RunOptions(data=data, aug_model=aug_model, los_model=los_model, hyper_opt=hyper_opt, policy=policy)
        make_run(resolve(options), random)


def one_round(versions: dict[str, Path], folder: Path) -> list[tuple[str, dict[str, float]]]:
    """CPU seconds of `import torch` and of every command, by version."""
    found = [(YARDSTICK, {"now": cpu_seconds(["-c", YARDSTICK], folder, 0)})]
    for script, words, status in COMMANDS:
        flags = words.split()
        seconds = {name: cpu_seconds([root / script, *flags], folder, status) for name, root in versions.items()}
        found.append((" ".join((script, *flags)), seconds))
    return found


def cpu_seconds(arguments: list[str | Path], folder: Path, status: int) -> float:
    """User and system time of Python with these arguments. Raises UserError when it ends with another status."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != status:
        raise UserError(f"{' '.join(map(str, arguments))} ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def print_table(result: dict, versions: list[str]) -> None:
    """Print the result as a Markdown table."""
    print_machine(result["machine"])
    print(f"\n| CPU seconds, median (quartiles) | {' | '.join(versions)} |\n|---{'|---' * len(versions)}|")
    for what, found in result["CPU seconds"].items():
        cells = (in_words(found[version]) if version in found else "" for version in versions)
        print(f"| `{what}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    raise SystemExit(exit_status(main))
