"""The threads of numpy, scipy and scikit-learn, whose libraries know nothing of torch's number of them."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def torch_threads() -> Iterator[None]:
    """Give these libraries as many threads as torch has (`--threads`), on which the rounding of sums depends.

    It serves as a decorator, too.
    """
    import sklearn  # noqa: F401  # its libraries and scipy's; those that are loaded later have no limit
    import torch
    from threadpoolctl import threadpool_limits

    with threadpool_limits(torch.get_num_threads()):
        yield
