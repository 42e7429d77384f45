"""Where a data set lies: `--dataset` is a name below `--data`, or the path of a folder."""

import os
from pathlib import Path
from typing import NamedTuple

from custom_datasets.names import BUILT_IN
from utils.errors import UserError


class Place(NamedTuple):
    """The folder `data` with the data set `dataset` in it; a note for the user if there could be a doubt which one."""

    data: Path
    dataset: str
    note: str | None = None


def find_place(data: Path, dataset: str, usual: Path) -> Place:
    """The place of the data set that `--data`, whose default is `usual`, and `--dataset` name; it need not be there.

    A name in `data` comes before a folder of that name in the working folder. Applied to its own result, it changes
    nothing. Raises UserError for a path beside another `--data`, and for a path without a name.
    """
    if is_path(dataset):
        if data != usual:
            raise UserError(f"--data {data} has no effect on --dataset {dataset}, which is a path; leave out --data")
        path = Path(dataset)
        if path.name in ("", ".."):  # '.', whose name is that of the working folder
            path = path.resolve()
        if not path.name:
            raise UserError(f"--dataset {dataset} has no name that could be that of the data set; name a folder in it")
        return Place(path.parent, path.name)
    there, here = data / dataset, Path(dataset)
    if dataset in BUILT_IN or not here.is_dir() or (there.is_dir() and there.samefile(here)):
        return Place(data, dataset)
    if there.is_dir():
        return Place(data, dataset, f"--dataset {dataset} is {there}; that of the working folder is ./{dataset}")
    return Place(Path(), dataset, f"--dataset {dataset} is the folder in the working folder, since {data} has none")


def is_path(dataset: str) -> bool:
    """Whether a value of `--dataset` is a path, not a plain name."""
    return dataset in (os.curdir, os.pardir) or any(mark in dataset for mark in (os.sep, os.altsep) if mark)
