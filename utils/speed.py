"""How fast the passes are, and what share of the device's matrix-product peak they reach."""

import copy
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from utils.device import wait
from utils.errors import UserError
from utils.tf32 import products_as_convolutions

PROBE_SIDE = {"cpu": 512, "cuda": 8192}  # of the square matrices whose product gives the peak
PROBE_SECONDS = 0.3


@dataclass(frozen=True)
class Cost:
    """Floating-point operations per image: of the model alone, with gradients of the weights, and of the pixels.

    tested: of the model alone on a test image, which may have another size.
    """

    forward: int
    training: int
    to_pixels: int
    tested: int


class Meter:
    """Seconds and speeds of the passes of an epoch, by name; waits for the device's work to end.

    Args:
        device: of the run.
        peak: operations per second of the device's matrix products.

    """

    def __init__(self, device: torch.device, peak: float):
        self.device, self._peak = device, peak
        self.start()

    def start(self) -> None:
        """Begin an epoch."""
        self.seconds: dict[str, float] = {"hyper": 0.0}
        self.speeds: dict[str, str] = {}
        self._last = time.perf_counter()

    def lap(self, name: str, images: int, operations: float) -> None:
        """Record the time since the last lap as a pass of that name over so many images, with so many operations."""
        wait(self.device)
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        self.seconds[name] = seconds
        self.speeds[name] = f"{images / seconds:,.0f} images/s, {100 * operations / seconds / self._peak:.1f} % of peak"


def count_cost(model: nn.Module, shape: tuple[int, int, int], tested: tuple[int, int, int]) -> Cost:
    """Count the model's matrix products and convolutions on an image of `shape` (C, H, W), in evaluation mode.

    `tested` is the shape of test images. Raises UserError for images that are too small for the model.
    """
    model = copy.deepcopy(model).eval()
    weight = next(model.parameters())
    image = torch.zeros(1, *shape, dtype=weight.dtype, device=weight.device)
    try:
        forward = _count(lambda: model(image))
    except RuntimeError as error:
        if "too small" not in str(error) and "can't be greater than" not in str(error):
            raise
        raise UserError(
            f"images of {shape[2]} x {shape[1]} pixels are too small for this --model; choose another"
        ) from error
    training = _count(lambda: model(image).sum().backward())
    model.requires_grad_(False)
    whole = image.new_zeros(1, *tested)
    of_tested = forward if tested == shape else _count(lambda: model(whole))
    image.requires_grad_()
    return Cost(forward, training, _count(lambda: model(image).sum().backward()), of_tested)


def _count(work: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def matrix_product_peak(device: torch.device, precision: torch.dtype) -> float:
    """Operations per second of a large matrix product: the best of 0.3 s, measured once per process.

    It is that of the arithmetic which passes in `precision` may use. In float32 on a GPU that is TF32 unless the
    process forbids it: convolutions use it by default, products of matrices do not. Shares of the peak can still be
    above one where an operation needs fewer steps than are counted, such as Winograd's convolutions.
    """
    return _measure_peak(device, precision, torch.get_num_threads())


@lru_cache
def _measure_peak(device: torch.device, precision: torch.dtype, threads: int) -> float:
    side, draws = PROBE_SIDE[device.type], torch.Generator(device)
    # Random numbers, since a GPU that multiplies equal ones needs less power and is faster than in any pass.
    a = torch.randn(side, side, generator=draws, dtype=precision, device=device)
    with products_as_convolutions():
        seconds = _fastest(lambda: a @ a, device)
    return 2 * side**3 / seconds


def _fastest(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of the fastest repetition: the first ones are slower, as are all that other processes disturb."""
    work()
    wait(device)
    best, start = float("inf"), time.perf_counter()
    end = start + PROBE_SECONDS
    while start < end:
        work()
        wait(device)
        now = time.perf_counter()
        best, start = min(best, now - start), now
    return best


def forget_peak_memory(device: torch.device) -> None:
    """Reset a GPU's peak memory, so that the measurements of this module do not count."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> float:
    """Peak memory in GiB: of the tensors on a GPU, otherwise of the process; 0 where it is not measured."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
