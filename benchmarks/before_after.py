"""The passes of an epoch beside those of another version: what a change has done to their speed.

    OMP_NUM_THREADS=1 python -m benchmarks.before_after CHECKOUT [--subsample 0.1] [--rounds 5] [--output FILE]

Contract: random images in MNIST's numbers and shape at imbalance ratio 100, noise ratio 0.1 and the given subsample
ratio, the recipe's network and batch sizes, on a CPU without other work. Both versions take turns, in a process of
their own each, which warms up on a fiftieth of the images. An evaluation comes before FIS's hyper pass, as in a
training. Ratios are this version over the other one, round by round; their median and range are printed. The floor is
the time of the convolutions alone: forward for an evaluation, forward and back to the pixels for a hyper pass, forward
for clean images whose features it computes, in parts as large as the network takes them on a CPU.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SHARE, WARM_UP = 1.0, 0.02  # of MNIST's images
PASSES = ("train", "evaluation", "HES hyper", "FIS hyper")
PART, REPEATS = 32, 20  # images, and measurements, of the convolutions alone


def main() -> None:
    """Let the versions take turns and print the ratios."""
    flags = parse_options()
    versions = {"before": flags.checkout, "after": ROOT}
    rounds = [{name: in_version(path, flags) for name, path in versions.items()} for _ in range(flags.rounds)]
    result = {name: compare(name, rounds) for name in PASSES}
    print("| pass | before, s | after, s | after / before | range | convolutions alone / after |")
    print("|---|---|---|---|---|---|")
    for name, found in result.items():
        low, high = min(found["ratios"]), max(found["ratios"])
        floor = f"{found['floor']:.2f}" if "floor" in found else ""
        print(
            f"| {name} | {found['before']:.2f} | {found['after']:.2f} | {statistics.median(found['ratios']):.2f} "
            f"| {low:.2f} to {high:.2f} | {floor} |"
        )
    flags.output.write_text(json.dumps(result, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    """The command line; `--measure` is for the processes that this one starts."""
    from benchmarks.report import how_many, output_file
    from utils.flags import Parser, number

    parser = Parser(description="The passes of an epoch, beside another version's.")
    parser.add_argument("checkout", type=checkout, help="folder of the version before")
    parser.add_argument("--subsample", type=number(float, 0, 1, open_low=True), default=0.1, help="share that is kept")
    parser.add_argument("--rounds", type=how_many, default=5, help="turns of each version")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    default = Path("benchmarks/before_after.json")
    parser.add_argument("--output", type=output_file, default=default, help="file for the numbers")
    return parser.parse_args()


def checkout(text: str) -> Path:
    """A folder with a version of this project."""
    if not (Path(text) / "benchmarks" / "epoch.py").is_file():
        raise argparse.ArgumentTypeError(f"'{text}' holds no version of this project")
    return Path(text).resolve()


def in_version(path: Path, flags: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each pass, measured by a process that imports the version at `path`."""
    command = [sys.executable, __file__, str(path), "--subsample", str(flags.subsample), "--measure"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(path)})
    if done.returncode:
        from utils.errors import UserError

        raise UserError(f"the version in {path} cannot be measured: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(name: str, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of a pass before and after, the ratio of every round, and the floor's share of the time after."""
    after = [found["after"] for found in rounds]
    result = {side: statistics.median(found[side][name] for found in rounds) for side in ("before", "after")}
    result["ratios"] = [found["after"][name] / found["before"][name] for found in rounds]
    if name in after[0]["floor"]:
        result["floor"] = statistics.median(found["floor"][name] / found[name] for found in after)
    return result


def measure(flags: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each pass of the version that is imported, and of the convolutions in it."""
    from utils.device import keep_freed_memory

    keep_freed_memory()  # as in training
    passes_of(WARM_UP, 1.0)
    return passes_of(SHARE, flags.subsample)


def passes_of(share: float, subsample: float) -> dict[str, Any]:
    """Seconds of the passes on a share of MNIST's images."""
    import torch

    from benchmarks import epoch
    from benchmarks.report import seconds
    from custom_datasets.distortion import Distortion, make_split
    from hyperopt.runs.training import Training
    from utils.recipes import RECIPES

    settings = {"dataset": "MNIST", "batch": None, "model": None, "compile": False, "precision": "fp32"}
    flags = argparse.Namespace(**settings, scale=share, device="cpu")
    data, _ = epoch.random_data(flags, torch.device("cpu"))
    distortion = Distortion(
        int(RECIPES["MNIST"].validation * share), epoch.IMBALANCE_RATIO, subsample, epoch.NOISE_RATIO
    )
    split = make_split(data.train.labels.numpy(), epoch.CLASSES, distortion, epoch.SEED)
    found: dict[str, Any] = {}
    for method in ("HES", "FIS"):
        training = Training(epoch.method_options(flags, epoch.METHODS[method]), data, split, torch.device("cpu"))
        number = training.options.hyper_start + 1
        if method == "FIS":
            found |= {name: seconds(epoch.passes(training, number)[name]) for name in ("train", "evaluation")}
        found[f"{method} hyper"] = seconds(epoch.passes(training, number + 1)["hyper"])
    forward, to_pixels = convolution_seconds(training.model, data.train.shape)
    trained, evaluated = len(split.train), len(split.valid) + len(data.test)
    floor = {"evaluation": evaluated * forward, "FIS hyper": trained * to_pixels}
    return found | {"floor": floor | {"HES hyper": trained * (to_pixels + forward)}}


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
        runs = (lambda: [layer(images) for layer, images in layers]), (lambda: [to_pixels(*one) for one in layers])
        forward, both = (statistics.median(seconds(run) for _ in range(REPEATS)) / PART for run in runs)
    return forward, both


def to_pixels(layer: Any, images: Any) -> None:
    """A convolution's forward product, and back to its input."""
    import torch

    settings = (layer.stride, layer.padding, layer.dilation, False, [0, 0], layer.groups)
    only_input = [True, False, False]
    torch.ops.aten.convolution_backward(layer(images), images, layer.weight, None, *settings, only_input)


if __name__ == "__main__":
    if "--measure" in sys.argv:
        print(json.dumps(measure(parse_options())))
    else:
        from benchmarks.report import status_of

        raise SystemExit(status_of(main))
