"""The data that a run was trained on."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imports torch, which tables do not need
    from custom_datasets.table import Dataset


def load_data(result: Mapping[str, Any], folder: Path) -> "Dataset":
    """The data of a finished run as they are now in `folder`, read as the run did, on the CPU.

    Raises UserError if there are none.
    """
    import torch

    from hyperopt.runs.data import read_dataset

    return read_dataset(result["options"], torch.device("cpu"), result, folder)
