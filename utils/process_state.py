"""The state of torch that a training changes for its whole process, such as that of a notebook."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def process_state() -> Iterator[None]:
    """Put back the number of threads, the GPU and the choice of convolutions at the end."""
    threads, benchmark = torch.get_num_threads(), torch.backends.cudnn.benchmark
    gpu = torch.cuda.current_device() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.cudnn.benchmark = benchmark
        if gpu is not None:
            torch.cuda.set_device(gpu)
