"""The data set of a run's options, read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from custom_datasets.label_source import LabelSource
from custom_datasets.own.folder import AS_THEY_ARE
from custom_datasets.sources import load_dataset
from custom_datasets.table import Dataset
from hyperopt.options.run_options import RunOptions
from utils.colour import rgb


def read_dataset(
    options: RunOptions,
    device: torch.device,
    result: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    labels: LabelSource | None = None,
) -> Dataset:
    """The data set as it is now, on the device; with the result of a finished run, read as that run read it.

    It lies in `folder`, or where the options say. Its training images get the `labels` that a file gives them.

    Raises UserError when it cannot be read.
    """
    image_size, skip_damaged = options.image_size, options.skip_damaged
    if result is not None:
        image_size, skip_damaged = stored_size(result), skip_damaged or bool(result.get("damaged"))
    background, folder = rgb(options.background), folder or options.folder
    return load_dataset(options.dataset, folder, device, background, options.subset, labels, image_size, skip_damaged)


def stored_size(result: Mapping[str, Any]) -> int:
    """The side to which a finished run has scaled pictures; `AS_THEY_ARE` where they had one size."""
    return result.get("image_size") or AS_THEY_ARE
