"""The data that a run was trained on."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from custom_datasets.label_source import LabelSource
from hyperopt.options.run_options import RunOptions
from utils.colour import rgb
from utils.errors import UserError

if TYPE_CHECKING:  # imports torch, which tables do not need
    from custom_datasets.table import Dataset


def load_data(options: RunOptions, folder: Path, labels: LabelSource | None = None) -> "Dataset":
    """The data of a run as they are now in the data set's folder, on the CPU; and the given labels, if a file is named.

    Raises UserError if there are none.
    """
    import torch

    from custom_datasets.sources import load_dataset

    return load_dataset(options.dataset, folder, torch.device("cpu"), rgb(options.background), options.subset, labels)


def load_given_data(result: dict[str, Any], folder: Path, source: LabelSource) -> "Dataset":
    """The data of a result whose run was given the labels of the file `source`, with these labels.

    Raises UserError when the file is not there any more, or has other labels now.
    """
    name = result["name"]
    if not source.path.exists():
        raise UserError(
            f"{source} is not there, and --export-labels carries the labels that {name} was given over; put it back"
        )
    data = load_data(result["options"], folder, source)
    if data.given is None or data.given.fingerprint != result["labels"]["fingerprint"]:
        raise UserError(f"{source} has other labels now than those that {name} was given; put the earlier ones back")
    return data
