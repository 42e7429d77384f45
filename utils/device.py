"""The device: its choice, its memory, and waiting for its work."""

import contextlib
import ctypes
import sys
from collections.abc import Iterator

import torch

from utils.errors import UserError, first_line
from utils.group import local_rank

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT_BYTES = 2**30
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp64": torch.float64}


def pick_device(gpu: int, no_cuda: bool, threads: int | None) -> torch.device:
    """GPU number `gpu`, or the CPU if the user wants it or the machine has no GPU (a note on stderr says so).

    Each of several processes on a machine has a GPU of its own, from number `gpu` on.
    `threads`: number of CPU threads, None for torch's own choice. Raises UserError when there is no such GPU.
    """
    if threads:
        torch.set_num_threads(threads)
    return prepare(_find(gpu, no_cuda))


def _find(gpu: int, no_cuda: bool) -> torch.device:
    if no_cuda:
        return torch.device("cpu")
    if not torch.cuda.is_available():
        print("no CUDA device here: running on the CPU", file=sys.stderr)
        return torch.device("cpu")
    gpu += local_rank()
    if gpu >= torch.cuda.device_count():
        fewer = "; start fewer processes, of which each needs its own" if local_rank() else ""
        raise UserError(f"there is no GPU {gpu} here: --gpu 0 is the first of {torch.cuda.device_count()}{fewer}")
    return torch.device("cuda", gpu)


def prepare(device: torch.device) -> torch.device:
    """Prepare the process for a training on a device, and return it; a GPU has its number."""
    keep_freed_memory()
    if device.type == "cuda":
        torch.cuda.set_device(device)  # pinned memory belongs to the current GPU
        torch.backends.cudnn.benchmark = True
    return device


def keep_freed_memory() -> None:
    """Make glibc, if the system has it, keep freed blocks of up to 1 GiB for the next step.

    By default it returns the activations of a large batch to the system at every step and gets new, zeroed pages for
    the next one. That takes a third of a train step of wresnet10_2 with batch 256 on a CPU.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def check_compiler(device: torch.device) -> None:
    """Compile something small. Raises UserError when torch cannot, for example because there is no compiler."""
    try:
        torch.compile(torch.sin)(torch.ones(8, device=device))
    except Exception as error:
        raise UserError(f"--compile does not work on this machine ({first_line(error)}); leave it out") from error


@contextlib.contextmanager
def memory_mistakes() -> Iterator[None]:
    """Turn a lack of memory, on the GPU or the CPU, into a UserError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_lack_of_memory(error):
            raise UserError(
                "no memory left on the device: with --rows-on host the same run goes on with less; or start over with "
                "--fresh and a smaller --batch-size or --hyper-batch-size"
            ) from error
        raise


def is_lack_of_memory(error: Exception) -> bool:
    """Whether an exception means that memory ran out; not all of torch's allocators have an exception of their own."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(sign in str(error) for sign in ("DefaultCPUAllocator", "CUDA error: out of memory", "ALLOC_FAILED"))


def wait(device: torch.device) -> None:
    """Wait for the end of the device's work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
