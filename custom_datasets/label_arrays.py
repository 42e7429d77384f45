"""Arrays of labels in files of numpy and torch. Nothing in them is executed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from custom_datasets.label_source import LabelSource
from custom_datasets.reading import reading
from utils.arrays import load_tensors
from utils.errors import UserError

NUMBERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
# What a pickled array of such numbers is made of, under the names of numpy 1 and 2.
ARRAY_PARTS: list[Any] = [
    *[(np.empty(0).__reduce__()[0], f"{module}.multiarray._reconstruct") for module in ("numpy.core", "numpy._core")],
    np.ndarray,
    np.dtype,
    *[type(np.dtype(name)) for name in NUMBERS],
]


def read_label_array(source: LabelSource) -> np.ndarray:
    """The array that a source of labels names.

    Raises UserError when the file cannot be read, lacks the key, or has several arrays and no key is given.
    """
    path, suffix = source.path, source.path.suffix.lower()
    with reading(path):
        if suffix == ".pt":
            return _choose(_arrays_of(_load(source)), source)
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content
        with content:
            return content[_key(dict.fromkeys(content.files, ""), source)]


def _load(source: LabelSource) -> Any:
    try:
        with torch.serialization.safe_globals(ARRAY_PARTS):
            return load_tensors(source.path)
    except ValueError as error:
        raise UserError(
            f"{source.path} is damaged, or holds other things than tensors and arrays of numbers, which are not "
            "loaded; replace it, or save its labels with numpy.save"
        ) from error


def _arrays_of(content: Any) -> dict[str, np.ndarray]:
    """The tensors and arrays of a dictionary by name; a single one has the name ''."""
    named = content if isinstance(content, Mapping) else {"": content}
    return {
        str(name): value.detach().numpy() if isinstance(value, torch.Tensor) else value
        for name, value in named.items()
        if isinstance(value, torch.Tensor | np.ndarray)
    }


def _choose(arrays: dict[str, np.ndarray], source: LabelSource) -> np.ndarray:
    return arrays[_key({name: f" {array.dtype} {array.shape}" for name, array in arrays.items()}, source)]


def _key(described: Mapping[str, str], source: LabelSource) -> str:
    """The name of the array that is meant, of some with a description each."""
    if not described:
        raise UserError(f"{source.path} holds no array; give another file")
    if source.key is None and len(described) == 1:
        return next(iter(described))
    if source.key is None or source.key not in described:
        listed = ", ".join(f"{name}{about}" for name, about in described.items())
        which = f"no array {source.key}" if source.key else f"{len(described)} arrays"
        example = next(iter(described))
        raise UserError(f"{source.path} has {which}: it holds {listed}; name one, such as {source.path}:{example}")
    return source.key
