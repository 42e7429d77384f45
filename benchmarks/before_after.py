"""The passes of an epoch in this checkout beside those in another one: what a change has done to their speed.

    OMP_NUM_THREADS=1 python -m benchmarks.before_after OTHER_CHECKOUT [--subsample 0.1] [--rounds 5]

Contract: random images in MNIST's numbers and shape at imbalance ratio 100, noise ratio 0.1 and the given subsample
ratio, the recipe's network and batch sizes, on one device without other work. Both checkouts take turns, in a process
of their own each; a process warms up on a fiftieth of the images. An evaluation comes before each hyper pass, as in a
training. Ratios are this checkout over the other one, round by round; their median and range are printed. The floor is
the time of the convolutions alone, in this checkout: forward for an evaluation, forward and to the pixels for a hyper
pass, in parts as large as the network takes them on a CPU.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
WARM_UP = 0.02  # of the images
PASSES = ("train", "evaluation", "HES hyper", "FIS hyper")


def main() -> None:
    """Let the checkouts take turns and print the ratios."""
    flags = parse_options()
    rounds = [{name: in_checkout(path, flags) for name, path in checkouts(flags)} for _ in range(flags.rounds)]
    print("| pass | before, s | after, s | after / before, median | range | convolutions' floor / after |")
    print("|---|---|---|---|---|---|")
    for name in PASSES:
        before, after = (sorted(found[side][name] for found in rounds) for side in ("before", "after"))
        ratios = sorted(found["after"][name] / found["before"][name] for found in rounds)
        floors = sorted(found["after"]["floor"][name] / found["after"][name] for found in rounds if name != "train")
        middle = len(rounds) // 2
        share = f"{floors[middle]:.2f}" if floors else ""
        print(
            f"| {name} | {before[middle]:.2f} | {after[middle]:.2f} | {ratios[middle]:.2f} "
            f"| {ratios[0]:.2f} to {ratios[-1]:.2f} | {share} |"
        )


def parse_options() -> argparse.Namespace:
    """The command line; `--measure` is for the processes that this one starts."""
    parser = argparse.ArgumentParser(description="The passes of an epoch, beside another checkout's.")
    parser.add_argument("other", type=Path, help="a checkout of the version before")
    parser.add_argument("--subsample", type=float, default=0.1, help="share of the training images that is kept")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each checkout")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if not (flags.other / "benchmarks" / "epoch.py").is_file():
        parser.error(f"{flags.other} is no checkout of this project")
    return flags


def checkouts(flags: argparse.Namespace) -> list[tuple[str, Path]]:
    """Both, by what they are called."""
    return [("before", flags.other), ("after", ROOT)]


def in_checkout(path: Path, flags: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each pass, by a process that imports the checkout at `path`."""
    command = [sys.executable, __file__, str(path), "--subsample", str(flags.subsample), "--measure"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(path)})
    if done.returncode:
        raise SystemExit(f"error: {path}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(flags: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each pass of the checkout that is imported, and of the convolutions in it."""
    import torch

    from utils.device import keep_freed_memory

    keep_freed_memory()
    passes_of(WARM_UP, 1.0, torch)
    return passes_of(1.0, flags.subsample, torch)


def passes_of(scale: float, subsample: float, torch: Any) -> dict[str, Any]:
    """Seconds of the passes on a share `scale` of MNIST's images."""
    from benchmarks import epoch
    from benchmarks.report import seconds
    from custom_datasets.distortion import Distortion, make_split
    from hyperopt.runs.training import Training
    from utils.recipes import RECIPES

    device = torch.device("cpu")
    flags = argparse.Namespace(
        dataset="MNIST", scale=scale, batch=None, model=None, compile=False, precision="fp32", device="cpu"
    )
    data, _ = epoch.random_data(flags, device)
    distortion = Distortion(int(RECIPES["MNIST"].validation * scale), 100, subsample, 0.1)
    split = make_split(data.train.labels.numpy(), epoch.CLASSES, distortion, epoch.SEED)
    found: dict[str, Any] = {}
    for method in ("HES", "FIS"):
        training = Training(epoch.method_options(flags, epoch.METHODS[method]), data, split, device)
        number = training.options.hyper_start + 1
        run = epoch.passes(training, number)
        found["train"] = seconds(run["train"])
        found["evaluation"] = seconds(run["evaluation"])
        found[f"{method} hyper"] = seconds(epoch.passes(training, number + 1)["hyper"])
    forward, to_pixels = convolution_seconds(training.model, data.train.shape, torch)
    trained, evaluated = len(split.train), len(split.valid) + len(data.test)
    seen = {"HES hyper": trained, "FIS hyper": 0}  # clean images whose features a hyper pass computes
    hyper = {name: trained * to_pixels + clean * forward for name, clean in seen.items()}
    return found | {"floor": {"evaluation": evaluated * forward} | hyper}


def convolution_seconds(model: Any, shape: tuple[int, int, int], torch: Any) -> tuple[float, float]:
    """Seconds per image of a network's convolutions: forward alone, and forward and back to the pixels."""
    from benchmarks.report import seconds

    part, repeats = 32, 20
    layers: list[tuple[Any, Any]] = []
    hooks = [
        layer.register_forward_hook(lambda layer, given, _: layers.append((layer, given[0].detach())))
        for layer in model.modules()
        if isinstance(layer, torch.nn.Conv2d)
    ]
    with torch.no_grad():
        model.eval()(torch.randn(part, *shape).to(memory_format=torch.channels_last))
    for hook in hooks:
        hook.remove()
    times = []
    with torch.no_grad():
        for back in (False, True):
            found = [seconds(lambda back=back: _run_convolutions(layers, back, torch)) for _ in range(repeats)]
            times.append(sorted(found)[repeats // 2] / part)
    return times[0], times[1]


def _run_convolutions(layers: list[tuple[Any, Any]], back: bool, torch: Any) -> None:
    for layer, images in layers:
        done = layer(images)
        if back:
            settings = (layer.stride, layer.padding, layer.dilation, False, [0, 0], layer.groups)
            torch.ops.aten.convolution_backward(done, images, layer.weight, None, *settings, [True, False, False])


if __name__ == "__main__":
    if "--measure" in sys.argv:
        print(json.dumps(measure(parse_options())))
    else:
        main()
