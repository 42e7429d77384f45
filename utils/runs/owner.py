"""The data set whose runs lie in a folder that is not the data set's own, as `--runs` has it."""

import os
from pathlib import Path

from utils.errors import UserError
from utils.files import replace_file

OWNER = ".data_folder"  # holds the absolute path of the data set's folder


def data_folder_of(runs: Path) -> Path:
    """The folder of the data set whose run folders lie in `runs`; without a note on it, that is `runs` itself."""
    try:
        return Path(os.fsdecode((runs / OWNER).read_bytes().strip()))
    except FileNotFoundError:
        return runs


def refuse_other_owner(runs: Path, data: Path) -> None:
    """Raise UserError when `runs` has run folders of another data set than that in the folder `data`."""
    if runs == data or not (runs / OWNER).exists():
        return
    owner = data_folder_of(runs)
    if owner != data.resolve():
        raise UserError(
            f"{runs} has the runs of the data set in {owner}, not of that in {data.resolve()}; name another --runs, "
            f"or, if the data have been moved, write their new place into {runs / OWNER}"
        )


def remember_owner(runs: Path, data: Path) -> None:
    """Write down that `runs` has the run folders of the data set in the folder `data`, unless that is known."""
    if runs != data and not (runs / OWNER).exists():
        runs.mkdir(parents=True, exist_ok=True)
        replace_file(runs / OWNER, os.fsencode(data.resolve()) + b"\n")
