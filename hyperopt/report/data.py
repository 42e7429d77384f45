"""The data that a run was trained on."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custom_datasets.label_source import LabelSource
from custom_datasets.own.parts import looks_like_own_data
from utils.errors import UserError
from utils.runs.owner import OWNER

if TYPE_CHECKING:  # imports torch, which tables do not need
    from custom_datasets.table import Dataset


def load_data(result: Mapping[str, Any], folder: Path, labels: LabelSource | None = None) -> "Dataset":
    """The data of a finished run as they are now in `folder`, read as the run did, on the CPU.

    With the given labels, if a file is named.

    Raises UserError if there are none.
    """
    if not result["options"].public and not looks_like_own_data(folder):
        raise UserError(
            f"the data of {result['name']} are not in {str(folder)!a}; put them back, or write their place into the "
            f"file {OWNER} beside its run folder"
        )
    import torch

    from hyperopt.runs.data import read_dataset

    return read_dataset(result["options"], torch.device("cpu"), result, folder, labels)


def read_as(result: Mapping[str, Any]) -> tuple:
    """How the run of a result has read its data: other values make other images of the same files."""
    return *result["options"].read_as, result.get("image_size"), result.get("damaged", 0)


def load_given_data(result: dict[str, Any], folder: Path, source: LabelSource) -> "Dataset":
    """The data of a result whose run was given the labels of the file `source`, with these labels.

    Raises UserError when the file is not there any more, or has other labels now.
    """
    name = result["name"]
    if not source.path.exists():
        raise UserError(f"{source} is not there, and new labels carry over those that {name} was given; put it back")
    data = load_data(result, folder, source)
    if data.given is None or data.given.fingerprint != result["labels"]["fingerprint"]:
        raise UserError(f"{source} has other labels now than those that {name} was given; put the earlier ones back")
    return data
