"""Images per second of RAND(3, 7): batches of tensors in one process against PIL image by image.

    OMP_NUM_THREADS=1 python -m benchmarks.transforms [--device cuda] [--output FILE]

Contract: both sides have the same images, each in its own form (a uint8 batch on the device, a list of PIL images), so
that neither pays for a conversion; both draw anew at every pass. They take turns in one run: one measurement of each
per round, after rounds of warm-up. Medians and quartiles over the rounds are reported; waiting for the device is part
of the timed region. PIL runs in one thread, the tensors in as many as are printed.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import PIL
import torch
from PIL import Image

from benchmarks.pil_policy import rand_policy
from benchmarks.report import describe_machine, device_name, how_many, output_file, print_machine, quartiles, seconds
from custom_transforms.policies import RandPolicy
from utils.errors import exit_status
from utils.flags import Parser

N, M = 3, 7
CHANNELS, SIDE = 3, 32
WARM_UP = 3  # rounds
TENSOR_PASSES = 10  # over the batch per measurement; for PIL one is enough
SEED = 0


def main() -> None:
    """Measure, print a table and write the numbers to a file."""
    options = parse_options()
    shape = (options.batch, CHANNELS, SIDE, SIDE)
    images = torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(SEED))
    tensor_pass, pil_pass = tensor_side(images, torch.device(options.device)), pil_side(images)
    measured: dict[str, list[float]] = {"tensors": [], "PIL": []}
    for _ in range(WARM_UP + options.rounds):
        measured["tensors"].append(options.batch * TENSOR_PASSES / seconds(tensor_pass))
        measured["PIL"].append(options.batch / seconds(pil_pass))
    rates = {side: np.array(values[WARM_UP:]) for side, values in measured.items()}
    rates["tensors / PIL"] = rates["tensors"] / rates["PIL"]
    result = {
        "policy": f"RAND({N}, {M})",
        "shape": shape,
        "rounds": options.rounds,
        "seed": SEED,
        "machine": describe_machine(options.device, pillow=PIL.__version__),
        "images_per_second": {side: quartiles(measured) for side, measured in rates.items()},
    }
    print_table(result)
    options.output.write_text(json.dumps(result, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    """The flags."""
    parser = Parser(description="Images per second of RAND(3, 7), tensors against PIL.")
    parser.add_argument("--device", type=device_name, default="cpu", help="where the tensor side runs")
    parser.add_argument("--batch", type=how_many, default=256, help="images per batch")
    parser.add_argument("--rounds", type=how_many, default=30, help="measurements of each side")
    parser.add_argument(
        "--output", type=output_file, default=Path("benchmarks/transforms.json"), help="file for the numbers"
    )
    return parser.parse_args()


def tensor_side(images: torch.Tensor, device: torch.device) -> Callable[[], None]:
    """`TENSOR_PASSES` of the policy over the batch (B, C, H, W), then waiting for the device."""
    images = images.to(device)
    generator = torch.Generator().manual_seed(SEED)
    policy = RandPolicy(N, M)

    def measured() -> None:
        for _ in range(TENSOR_PASSES):
            done = policy(images, generator)
        done[0, 0, 0, 0].item()  # waits for the device

    return measured


def pil_side(images: torch.Tensor) -> Callable[[], None]:
    """One pass of the policy over the batch, image by image."""
    pictures = [Image.fromarray(image) for image in images.permute(0, 2, 3, 1).contiguous().numpy()]
    random = Random(SEED)

    def measured() -> None:
        for picture in pictures:
            rand_policy(picture, N, M, random)

    return measured


def print_table(result: dict) -> None:
    """Print the result."""
    print(f"{result['policy']} on {result['shape']}, {result['rounds']} rounds")
    print_machine(result["machine"])
    print(f"{'images per second':20}{'median':>12}{'quartiles':>24}")
    for side, rate in result["images_per_second"].items():
        digits = 2 if "/" in side else 0
        low, median, high = (f"{rate[key]:.{digits}f}" for key in ("lower quartile", "median", "upper quartile"))
        print(f"{side:20}{median:>12}{low + ' .. ' + high:>24}")


if __name__ == "__main__":
    raise SystemExit(exit_status(main))
