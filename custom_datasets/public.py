"""The public data sets, one line in the table each; torchvision reads most, and downloads them if it can."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision.datasets import CIFAR10, CIFAR100, MNIST, SVHN, ImageNet
from torchvision.datasets.imagenet import ARCHIVE_META, META_FILE, load_meta_file
from torchvision.datasets.utils import check_integrity

from custom_datasets.bach import bach
from custom_datasets.norb import small_norb
from custom_datasets.stream import StreamedImages
from custom_datasets.table import Dataset, ImageTable, make_table
from custom_datasets.tiny_imagenet import tiny_imagenet
from utils.errors import UserError, first_line

MNIST_FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))


def mnist(folder: Path) -> Dataset:
    """MNIST's 60,000 + 10,000 digits, 28 x 28 grey."""
    raw = folder / "MNIST" / "raw"
    files = {raw / name: is_idx for name in MNIST_FILES}
    put = f"the four files {', '.join(MNIST_FILES)}"

    def table(train: bool) -> ImageTable:
        part = open_or_explain(partial(MNIST, str(folder), train=train, download=True), raw, files, put)
        return make_table(part.data.numpy()[:, None], part.targets.numpy(), 10, raw)

    return Dataset(table(train=True), table(train=False), classes=10)


def svhn(folder: Path, training: Sequence[str]) -> Dataset:
    """SVHN's house numbers, 32 x 32 colour; `training` names the splits that form the training set."""
    names = {split: SVHN.split_list[split][1] for split in (*training, "test")}

    def table(split: str) -> ImageTable:
        path = folder / names[split]
        files = {path: partial(check_integrity, md5=SVHN.split_list[split][2])}
        part = open_or_explain(
            partial(SVHN, str(folder), split, download=True), folder, files, ", ".join(names.values())
        )
        return make_table(part.data, np.atleast_1d(part.labels), 10, path)

    parts = [table(split) for split in training]
    joined = ImageTable(torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts]))
    return Dataset(joined, table("test"), classes=10)


def cifar(folder: Path, kind: type[CIFAR10], classes: int) -> Dataset:
    """CIFAR's 50,000 + 10,000 pictures, 32 x 32 colour, in 10 or 100 classes."""
    unpacked = folder / kind.base_folder
    sums = dict([*kind.train_list, *kind.test_list, (kind.meta["filename"], kind.meta["md5"])])
    files = {unpacked / name: partial(check_integrity, md5=md5) for name, md5 in sums.items()}

    def part(train: bool, names: list) -> tuple[ImageTable, list[str]]:
        found = open_or_explain(lambda: kind(str(folder), train, download=True), folder, files, kind.filename)
        origin = unpacked / ", ".join(name for name, _ in names)
        images = found.data.transpose(0, 3, 1, 2)
        return make_table(images, np.asarray(found.targets), classes, origin), found.classes

    train, _ = part(True, kind.train_list)
    test, names = part(False, kind.test_list)
    return Dataset(train, test, classes=classes, class_names=names)


def imagenet(folder: Path) -> Dataset:
    """ImageNet 2012, streamed: `folder` holds its archives, or the files that torchvision has unpacked from them."""
    parts = [_imagenet_part(folder, split) for split in ("train", "val")]
    if parts[0].wnids != parts[1].wnids:
        raise UserError(f"{folder / 'train'} and {folder / 'val'} do not hold the same classes; unpack them again")
    train, test = (StreamedImages([path for path, _ in part.samples], torch.tensor(part.targets)) for part in parts)
    names = [", ".join(words) for words in parts[0].classes]
    files = [path.removeprefix(f"{folder}/") for path in train.files]
    return Dataset(train, test, classes=len(names), class_names=names, train_files=files)


def _imagenet_part(folder: Path, split: str) -> ImageNet:
    meta = folder / META_FILE
    try:
        if meta.exists():
            load_meta_file(str(folder))
    except Exception as error:  # torch's own message recommends loading the file without protection
        raise UserError(f"{meta} is damaged; delete it, it is made anew from {ARCHIVE_META['devkit'][0]}") from error
    try:
        part = ImageNet(str(folder), split)
    except Exception as error:
        archives = ", ".join(name for name, _ in ARCHIVE_META.values())
        raise UserError(f"no whole ImageNet in {folder} ({first_line(error)}): put {archives} there") from error
    leftovers = [path.name for path in (folder / split).iterdir() if path.is_file()]
    if leftovers:
        raise UserError(f"{folder / split} was not unpacked to its end ({leftovers[0]} is left); delete the folder")
    return part


def open_or_explain(
    make: Callable[[], Any], folder: Path, files: Mapping[Path, Callable[[Path], bool]], put: str
) -> Any:
    """Return the torchvision data set that `make` makes; if it fails, raise UserError that names the file at fault.

    Args:
        make: makes the data set.
        folder: where the user may put the files that `put` names.
        files: the files that are read, each with a test whether it is complete.
        put: the files to put there, in words, for the message.

    """
    try:
        return make()
    except Exception as error:  # decoders and downloads can raise anything
        reason = first_line(error)
        missing = [path.name for path in files if not path.is_file()]
        if missing:
            raise UserError(
                f"{folder} lacks {', '.join(missing)}, which cannot be downloaded ({reason}): put {put} there"
            ) from error
        damaged = [path for path, whole in files.items() if not whole(path)] or list(files)
        raise UserError(f"{', '.join(map(str, damaged))}: damaged ({reason}); replace it") from error


def is_idx(path: Path) -> bool:
    """Whether a file has the length that its idx header states."""
    content = path.read_bytes()
    if len(content) < 4 or len(content) < 4 + 4 * content[3]:
        return False
    shape = np.frombuffer(content, ">u4", content[3], offset=4)
    return len(content) == 4 + 4 * content[3] + shape.prod(dtype=np.int64)


READERS: dict[str, Callable[[Path], Dataset]] = {
    "MNIST": mnist,
    "SVHN": partial(svhn, training=("train",)),
    "SVHN_extra": partial(svhn, training=("train", "extra")),
    "CIFAR10": partial(cifar, kind=CIFAR10, classes=10),
    "CIFAR100": partial(cifar, kind=CIFAR100, classes=100),
    "ImageNet": imagenet,
    "TinyImageNet": tiny_imagenet,
    "smallNORB": small_norb,
    "BACH": bach,
}
