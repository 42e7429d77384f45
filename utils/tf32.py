"""TF32: the arithmetic in which GPUs may multiply float32 numbers, with mantissas of 10 bits in place of 23.

Torch allows it for convolutions and forbids it for products of matrices, unless told otherwise. Since version 2.9 its
settings have new names. Whoever sets one of these must not read the earlier ones, which raise an error then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def products_as_convolutions() -> Iterator[None]:
    """Allow products of matrices to use TF32 if convolutions may; put the setting back at the end."""
    if products_use_tf32() or not convolutions_use_tf32():
        yield
        return
    before = _of_products()
    _set_of_products("tf32" if _has_new_names() else "high")
    try:
        yield
    finally:
        _set_of_products(before)


def convolutions_use_tf32() -> bool:
    """Whether convolutions of float32 numbers on a GPU may use TF32, if it has that."""
    cudnn: Any = torch.backends.cudnn  # its types lack the new names
    return bool(cudnn.conv.fp32_precision == "tf32" if _has_new_names() else cudnn.allow_tf32)


def products_use_tf32() -> bool:
    """The same for products of matrices."""
    return _of_products() in ("tf32", "high", "medium")


def _has_new_names() -> bool:
    return hasattr(torch.backends.cuda.matmul, "fp32_precision")


def _of_products() -> str:
    return torch.backends.cuda.matmul.fp32_precision if _has_new_names() else torch.get_float32_matmul_precision()


def _set_of_products(precision: str) -> None:
    if _has_new_names():
        torch.backends.cuda.matmul.fp32_precision = precision
    else:
        torch.set_float32_matmul_precision(precision)
