"""The data that a run was trained on."""

from pathlib import Path
from typing import TYPE_CHECKING

from hyperopt.options.run_options import RunOptions
from utils.colour import rgb

if TYPE_CHECKING:  # imports torch, which tables do not need
    from custom_datasets.table import Dataset


def load_data(options: RunOptions, folder: Path) -> "Dataset":
    """The data of a run as they are now in the data set's folder, on the CPU. Raises UserError if there are none."""
    import torch

    from custom_datasets.sources import load_dataset

    return load_dataset(options.dataset, folder, torch.device("cpu"), rgb(options.background), options.subset)
