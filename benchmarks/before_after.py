"""The speed of an epoch's passes, compared with that of another version.

    OMP_NUM_THREADS=1 python -m benchmarks.before_after CHECKOUT [--share 1] [--subsample 0.1] [--rounds 5]

Contract: random images in MNIST's numbers and shape, or a share of them, at imbalance ratio 100, noise ratio 0.1 and
the given subsample ratio, with the recipe's network and batch sizes, on a CPU without other work. Each version has a
process of its own, which first warms up; then the versions take turns, pass by pass. An evaluation comes before FIS's
hyper pass, as in a training. Ratios are this version over the other one, turn by turn; their median and range are
printed. The floor is the time of the convolutions alone: forward for an evaluation, forward and back to the pixels for
a hyper pass, forward for clean images whose features it computes, in parts of the network's size on a CPU.
"""

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
WARM_UP = 0.005  # of MNIST's images
VALIDATION = 10000  # of these
PASSES = ("train", "evaluation", "HES hyper", "FIS hyper")
PART, REPEATS = 32, 20  # images, and measurements, of the convolutions alone


def main() -> None:
    """Let the versions take turns and print the ratios."""
    flags = parse_options()
    with ExitStack() as stack:
        versions = {
            name: stack.enter_context(Version(path, flags.share, flags.subsample))
            for name, path in flags.versions.items()
        }
        result = {name: compare(name, versions, flags.rounds) for name in PASSES}
        floors = versions["after"].ask("floor")
    print("| pass | before, s | after, s | after / before | range | convolutions alone / after |")
    print("|---|---|---|---|---|---|")
    for name, found in result.items():
        ratios = found["ratios"]
        share = f"{floors[name] / found['after']:.2f}" if name in floors else ""
        print(
            f"| {name} | {found['before']:.2f} | {found['after']:.2f} | {statistics.median(ratios):.2f} "
            f"| {min(ratios):.2f} to {max(ratios):.2f} | {share} |"
        )
    flags.output.write_text(json.dumps(result | {"floor": floors}, indent=2) + "\n")


def compare(name: str, versions: dict[str, "Version"], rounds: int) -> dict[str, Any]:
    """Medians of a pass before and after, and the ratio of every round, where one runs right after the other."""
    turns = [{side: version.ask(name) for side, version in versions.items()} for _ in range(rounds)]
    medians = {side: statistics.median(turn[side] for turn in turns) for side in versions}
    return medians | {"ratios": [turn["after"] / turn["before"] for turn in turns]}


def parse_options() -> argparse.Namespace:
    """The flags; `--measure` is for the processes that this one starts."""
    from benchmarks.report import how_many, output_file
    from utils.flags import Parser, number

    parser = Parser(description="The speed of an epoch's passes, compared with another version's.")
    parser.add_argument("checkout", type=checkout_with("benchmarks/epoch.py"), help="folder of the version before")
    parser.add_argument("--subsample", type=number(float, 0, 1, open_low=True), default=0.1, help="share that is kept")
    parser.add_argument("--rounds", type=how_many, default=5, help="turns of each version")
    parser.add_argument("--share", type=number(float, 0, 1, open_low=True), default=1.0, help="of MNIST's images")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    default = Path("benchmarks/before_after.json")
    parser.add_argument("--output", type=output_file, default=default, help="file for the numbers")
    flags = parser.parse_args()
    flags.versions = {"before": flags.checkout, "after": ROOT}
    return flags


def checkout_with(file: str) -> Callable[[str], Path]:
    """A parser of the folder of a version of this project that has the file."""

    def parse(text: str) -> Path:
        if not (Path(text) / file).is_file():
            raise argparse.ArgumentTypeError(f"'{text}' holds no version of this project")
        return Path(text).resolve()

    return parse


class Version(AbstractContextManager):
    """A process that imports the version at `path` and takes measurements on request."""

    def __init__(self, path: Path, share: float, subsample: float):
        self._path = path
        sizes = ("--subsample", str(subsample), "--share", str(share))
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(path), *sizes, "--measure"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(path)},
        )
        assert self._process.stdin and self._process.stdout  # both are pipes
        self._asked, self._answers = self._process.stdin, self._process.stdout

    def ask(self, what: str) -> Any:
        """Seconds of one of `PASSES`, or of the convolutions in them for "floor"."""
        print(what, file=self._asked, flush=True)
        answer = self._answers.readline()
        if not answer:
            from utils.errors import UserError

            raise UserError(f"the version in {self._path} cannot be measured; its message is above")
        return json.loads(answer)

    def __exit__(self, *_: object) -> None:
        self._asked.close()
        self._process.wait()


def answer(share: float, subsample: float) -> None:
    """Warm up, then answer each line of the input with a measurement."""
    from utils.device import keep_freed_memory

    keep_freed_memory()  # as in training
    measures = measures_of(share, subsample)
    warm_up = measures_of(WARM_UP, 1.0)
    for name in PASSES:
        warm_up[name]()
    for line in sys.stdin:
        print(json.dumps(measures[line.strip()]()), flush=True)


def measures_of(share: float, subsample: float) -> dict[str, Callable[[], Any]]:
    """The measurements by name, on a share of MNIST's images."""
    import torch

    from benchmarks import epoch
    from benchmarks.report import seconds
    from custom_datasets.distortion import Distortion, make_split

    settings = {"dataset": "MNIST", "batch": None, "model": None, "compile": False, "precision": "fp32"}
    flags = argparse.Namespace(**settings, scale=share, device="cpu")
    data, _ = epoch.random_data(flags, torch.device("cpu"))
    validation = int(VALIDATION * share)
    distortion = Distortion(validation, epoch.IMBALANCE_RATIO, subsample, epoch.NOISE_RATIO)
    split = make_split(data.train.labels.numpy(), epoch.CLASSES, distortion, epoch.SEED)
    options = {method: epoch.method_options(flags, epoch.METHODS[method]) for method in ("HES", "FIS")}
    measured = {method: make_measured(one, data, split) for method, one in options.items()}
    number = options["FIS"].hyper_start + 1

    def time(method: str, name: str) -> float:
        if (method, name) == ("FIS", "hyper"):
            epoch.passes(measured[method], number)["evaluation"]()  # comes before the hyper pass in a training
        return seconds(epoch.passes(measured[method], number + 1)[name])

    def floor() -> dict[str, float]:
        model = getattr(measured["FIS"], "training", measured["FIS"]).model
        forward, both = convolution_seconds(model, data.train.shape)
        trained, evaluated = len(split.train), len(split.valid) + len(data.test)
        return {
            "evaluation": evaluated * forward,
            "HES hyper": trained * (both + forward),
            "FIS hyper": trained * both,
        }

    return {
        "train": lambda: time("FIS", "train"),
        "evaluation": lambda: time("FIS", "evaluation"),
        "HES hyper": lambda: time("HES", "hyper"),
        "FIS hyper": lambda: time("FIS", "hyper"),
        "floor": floor,
    }


def make_measured(options: Any, data: Any, split: Any) -> Any:
    """The object whose passes the version's `benchmarks.epoch` runs: an estimator or, in older versions, a training."""
    import torch

    from benchmarks import report

    if hasattr(report, "make_estimator"):
        return report.make_estimator(options, data, split, torch.device("cpu"))
    earlier = importlib.import_module("hyperopt.runs.training")
    return earlier.Training(options, data, split, torch.device("cpu"))


def convolution_seconds(model: Any, shape: tuple[int, int, int]) -> tuple[float, float]:
    """Seconds per image of a network's convolutions: forward, and forward and back to the pixels."""
    import torch

    from benchmarks.report import seconds

    layers: list[tuple[Any, Any]] = []
    convolutions = [layer for layer in model.modules() if isinstance(layer, torch.nn.Conv2d)]
    hooks = [layer.register_forward_hook(lambda *call: layers.append((call[0], call[1][0]))) for layer in convolutions]
    with torch.no_grad():
        model.eval()(torch.randn(PART, *shape).to(memory_format=torch.channels_last))
        for hook in hooks:
            hook.remove()
        forward, both = (
            statistics.median(seconds(lambda: over(layers, run)) for _ in range(REPEATS)) / PART  # noqa: B023
            for run in (lambda layer, images: layer(images), to_pixels)
        )
    return forward, both


def over(layers: list[tuple[Any, Any]], run: Callable[[Any, Any], object]) -> None:
    """Call `run` with every layer and its images."""
    for layer, images in layers:
        run(layer, images)


def to_pixels(layer: Any, images: Any) -> None:
    """A convolution forward, and back to its input."""
    import torch

    settings = (layer.stride, layer.padding, layer.dilation, False, [0, 0], layer.groups)
    only_input = [True, False, False]
    torch.ops.aten.convolution_backward(layer(images), images, layer.weight, None, *settings, only_input)


if __name__ == "__main__":
    if "--measure" in sys.argv:
        options = parse_options()
        answer(options.share, options.subsample)
    else:
        from utils.errors import exit_status

        raise SystemExit(exit_status(main))
