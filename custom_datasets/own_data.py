"""A user's own data: parts train, and test, valid or both, as folders of image files or as .npz files."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import is_zipfile

import numpy as np
import torch
from PIL import Image
from torchvision.datasets.folder import IMG_EXTENSIONS, find_classes, make_dataset

from custom_datasets.errors import DataError, reading
from custom_datasets.table import Dataset, ImageTable, check_kind_of_labels, make_table

LAYOUTS = (
    "train/ and test/, valid/ (clean images) or both, each with a folder of images per class, or train.npz, test.npz "
    "and valid.npz with the uint8 array 'images' (N x H x W or N x H x W x C) and the whole numbers 'labels' (N)"
)
GREY_MODES, COLOUR_MODES = ("1", "L"), ("RGB", "RGBA", "P", "PA", "LA", "La", "CMYK", "YCbCr", "HSV", "LAB")


@dataclass(frozen=True)
class Part:
    """One part as it was read: images uint8 (N, H, W) or (N, H, W, C), labels (N,).

    names: of the classes, files: of the images, where they have names; left_out: files that are not read.
    """

    images: np.ndarray
    labels: np.ndarray
    names: list[str] | None = None
    files: list[str] | None = None
    left_out: tuple[Path, ...] = ()


def looks_like_own_data(folder: Path) -> bool:
    """Whether a training part lies in `folder`."""
    return (folder / "train").is_dir() or (folder / "train.npz").is_file()


def lacks_test(folder: Path) -> bool:
    """Whether own data in `folder` has no test set, so that the validation set takes its place."""
    return not any((folder / name).exists() for name in ("test", "test.npz"))


def own_data(folder: Path) -> Dataset:
    """The data set in `folder`, which has one of the two layouts; a given validation set ends the training table.

    Without a test set the validation set takes its place.

    Raises DataError, naming the file, when something in it is damaged or does not fit.
    """
    paths = find_parts(folder)
    train = read_part(paths["train"], None)
    parts = {"train": train} | {name: read_part(paths[name], train.names) for name in paths if name != "train"}
    classes = count_classes(train, paths["train"])
    grey = all(part.images.ndim == 3 for part in parts.values())
    tables = {name: to_table(part, grey, classes, paths[name]) for name, part in parts.items()}
    for name, table in tables.items():
        check_fit(table, tables["train"], paths[name])

    joined = [name for name in ("train", "valid") if name in parts]
    table = ImageTable(
        torch.cat([tables[name].images for name in joined]), torch.cat([tables[name].labels for name in joined])
    )
    files = None
    if train.names is not None:
        files = [f"{name}/{file}" for name in joined for file in parts[name].files]
    valid_given = len(tables["valid"]) if "valid" in tables else 0
    test = tables.get("test", tables.get("valid"))
    notes = tuple(describe_left_out(paths[name], part.left_out) for name, part in parts.items() if part.left_out)
    return Dataset(table, test, classes, valid_given, train.names, files, "test" not in tables, notes)


def find_parts(folder: Path) -> dict[str, Path]:
    """Where the parts lie: train, and test, valid or both; all in the same layout."""
    found = {
        name: [path for path in (folder / name, folder / f"{name}.npz") if path.exists()]
        for name in ("train", "test", "valid")
    }
    if not found["train"]:
        raise DataError(f"{folder} has neither train/ nor train.npz; it must hold {LAYOUTS}")
    if not (found["test"] or found["valid"]):
        raise DataError(
            f"{folder} has neither test/ nor test.npz, nor a valid part for its place; it must hold {LAYOUTS}"
        )
    paths = [path for candidates in found.values() for path in candidates]
    if len({path.suffix for path in paths}) > 1:
        raise DataError(f"{folder} mixes the layouts ({', '.join(path.name for path in paths)}); keep one: {LAYOUTS}")
    return {name: candidates[0] for name, candidates in found.items() if candidates}


def read_part(path: Path, names: list[str] | None) -> Part:
    """The part at `path`; `names` are the training part's classes, None when it is that part."""
    return read_npz(path) if path.suffix else read_folder(path, names)


def read_npz(path: Path) -> Part:
    """An .npz file; nothing in it is unpickled."""
    if not is_zipfile(path):  # numpy would take it for a pickle, and recommend to load that
        raise DataError(f"{path} is damaged: it is no .npz file; replace it")
    with reading(path), np.load(path, allow_pickle=False) as content:
        missing = {"images", "labels"} - set(content)
        if missing:
            raise DataError(f"{path} has no array {' and no array '.join(sorted(missing))}; add it")
        images, labels = content["images"], content["labels"]
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)):
        raise DataError(
            f"{path} holds {images.dtype} images of shape {images.shape}; they must be uint8, "
            "N x H x W or N x H x W x C with one or three channels C"
        )
    return Part(images[..., 0] if images.shape[3:] == (1,) else images, labels)


def read_folder(path: Path, names: list[str] | None) -> Part:
    """A folder of image files per class. Classes of other parts than the training part must be among its `names`."""
    with reading(path):
        own_names, _ = find_classes(path)
        names = names or own_names
        for name in own_names:
            if not name.isprintable():
                raise DataError(f"{str(path / name)!a} is a class whose name cannot be shown; rename the folder")
            if name not in names:
                raise DataError(f"{path / name} is a class that the training set lacks")
        numbers = {name: names.index(name) for name in own_names}
        left_out = files_left_out(path)
        samples = make_dataset(path, numbers, extensions=IMG_EXTENSIONS, allow_empty=True)
    files, labels = [Path(file) for file, _ in samples], np.array([label for _, label in samples])
    for name, number in numbers.items():
        if number not in labels:
            raise DataError(f"{path / name} holds no image; there must be one ({', '.join(IMG_EXTENSIONS)})")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of transparency, which is left out, and of very large images
        images = stack([read_image(file) for file in files], files)
    return Part(images, labels, names, [file.relative_to(path).as_posix() for file in files], left_out)


def files_left_out(path: Path) -> tuple[Path, ...]:
    """Files in a part that are not read: of another kind than images, or beside the classes' folders; no hidden ones.

    Raises DataError for a folder that a link leads to a second time: its images would be read again, as another class.
    """
    met, left_out = set(), []
    for folder, _, names in os.walk(path, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in met:
            raise DataError(f"{folder} is a link to a folder whose images are read already; remove it")
        met.add((status.st_dev, status.st_ino))
        left_out += [
            Path(folder, name)
            for name in names
            if not name.startswith(".") and (Path(folder) == path or not name.lower().endswith(IMG_EXTENSIONS))
        ]
    return tuple(left_out)


def describe_left_out(path: Path, files: Sequence[Path]) -> str:
    """In words, what is not read of the part at `path`."""
    one = f"{len(files)} file{'s' if len(files) > 1 else ''} in {path} {'are' if len(files) > 1 else 'is'} left out"
    return f"{one}, such as {files[0].relative_to(path)}: only images in the classes' folders are read, not all kinds"


def stack(images: list[np.ndarray], files: list[Path]) -> np.ndarray:
    """Equally large images and their files as one array (N, H, W), or (N, H, W, 3) when one of them has colour."""
    height, width = images[0].shape[:2]
    for image, file in zip(images, files, strict=True):
        if image.shape[:2] != (height, width):
            raise DataError(
                f"{file} is {image.shape[1]} x {image.shape[0]} pixels, but {files[0]} is {width} x {height}; "
                "all images must have the same size"
            )
    if any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else in_colour(image) for image in images]
    return np.stack(images)


def read_image(path: Path) -> np.ndarray:
    """An image file as uint8: (H, W) when it is grey, else (H, W, 3); transparency is left out."""
    with reading(path), Image.open(path) as image:
        if image.mode not in GREY_MODES + COLOUR_MODES:
            raise DataError(f"{path} has pixels of kind {image.mode}, not of 8 bits; convert it")
        if getattr(image, "n_frames", 1) > 1:
            raise DataError(f"{path} is animated; keep one of its {image.n_frames} pictures")
        return np.array(image.convert("L" if image.mode in GREY_MODES else "RGB"))


def in_colour(grey: np.ndarray) -> np.ndarray:
    """Grey images (..., H, W) with three equal channels (..., H, W, 3)."""
    return np.repeat(grey[..., None], 3, axis=-1)


def count_classes(train: Part, path: Path) -> int:
    """C: the training labels must be 0 to C - 1, each of them at least once."""
    check_kind_of_labels(train.labels, path)
    present = np.unique(train.labels)
    if len(present) < 2:
        raise DataError(f"{path} holds labels of fewer than two classes")
    if not np.array_equal(present, np.arange(len(present))):
        raise DataError(
            f"{path} holds labels from {present[0]} to {present[-1]}, {len(present)} different ones; "
            "they must count the classes from 0 without a gap"
        )
    return len(present)


def to_table(part: Part, grey: bool, classes: int, path: Path) -> ImageTable:
    """The part with its channels as the data set has them: one if all parts are grey, else three."""
    images = in_colour(part.images) if part.images.ndim == 3 and not grey else part.images
    images = images[:, None] if grey else images.transpose(0, 3, 1, 2)
    return make_table(images, part.labels, classes, path)


def check_fit(table: ImageTable, train: ImageTable, path: Path) -> None:
    """Raise DataError when the images of the part at `path` have another size than the training images."""
    (height, width), (train_height, train_width) = table.images.shape[2:], train.images.shape[2:]
    if (height, width) != (train_height, train_width):
        raise DataError(
            f"{path} holds images of {width} x {height} pixels, but the training images have "
            f"{train_width} x {train_height}; all images must have the same size"
        )
