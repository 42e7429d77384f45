"""The data sets by name, and loading one onto the device."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from custom_datasets.label_source import LabelSource
from custom_datasets.label_table import read_given
from custom_datasets.names import BUILT_IN, WHOLE, Subset, refuse_unknown
from custom_datasets.own.data import own_data
from custom_datasets.own.features import own_features
from custom_datasets.own.kind import holds_features
from custom_datasets.own.picture import WHITE, Colour
from custom_datasets.subset import choose
from custom_datasets.table import Dataset, ImageTable, make_table
from utils.errors import UserError

DIGITS_TEST_IMAGES = 540
MEMORY_SHARE = 0.5  # share of the device's free memory for images; the network needs the rest
HOST = torch.device("cpu")


def digits(folder: Path) -> Dataset:
    """scikit-learn's 1,797 handwritten digits, 8 x 8 grey, embedded; a fixed stratified test set of 540."""
    from sklearn.datasets import load_digits  # slow to import
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    places = np.arange(len(images))
    parts = train_test_split(places, test_size=DIGITS_TEST_IMAGES, stratify=bunch.target, random_state=0)
    train, test = (make_table(images[part], bunch.target[part], 10, folder) for part in parts)
    return Dataset(train, test, classes=10)


def find_source(name: str, folder: Path | None = None) -> Callable[[Path], Dataset]:
    """The loader of a data set by its name, or of own data in `folder`; it is called with the data set's folder.

    Raises UserError when there is neither.
    """
    refuse_unknown(name, folder)
    if name == "DIGITS":
        return digits
    if name in BUILT_IN:
        from custom_datasets.public import READERS  # imports torchvision, which the other loaders do not need

        return READERS[name]
    return own_features if folder and holds_features(folder) else own_data


def load_dataset(
    name: str,
    folder: Path,
    device: torch.device,
    background: Colour = WHITE,
    subset: Subset = WHOLE,
    labels: LabelSource | None = None,
    image_size: int | None = None,
    skip_damaged: bool = False,
) -> Dataset:
    """Read a subset of a data set, whose files are in `folder`, onto the device; and the labels it is given, if any.

    Raises UserError if that is impossible.

    background, image_size and skip_damaged are of own data, as in `own_data`. Images that are too large for the device
    stay on the host and are moved batch by batch; a note on stderr says so.
    """
    source = find_source(name, folder)
    data = own_data(folder, background, image_size, skip_damaged) if source is own_data else source(folder)
    if not data.tested_whole:
        check_sizes(data, folder)
    if labels:
        data = replace(data, given=read_given(labels, data))
    data = choose(data, subset, name)
    room = MEMORY_SHARE * free_memory(device)
    if data.memory <= room:
        return data.to(device)
    print(
        f"the images of {name} take {data.memory / 2**30:.1f} GiB, more than the {room / 2**30:.1f} GiB that {device} "
        "has for them: they stay in the host's memory",
        file=sys.stderr,
    )
    return data.to(device, images=HOST)


def check_sizes(data: Dataset, folder: Path) -> None:
    """Raise UserError when the training and the test images in memory differ in size or channels."""
    shapes = {part.shape for part in (data.train, data.test) if isinstance(part, ImageTable)}
    if len(shapes) > 1:
        raise UserError(f"{folder} holds images of different shapes {sorted(shapes)}; replace the files")


def free_memory(device: torch.device) -> float:
    """Free bytes of a device; infinite for the CPU, where the images are already."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else float("inf")
