"""The files of a run: local_data/{dataset}/runN."""

import glob
import re
from dataclasses import dataclass
from pathlib import Path

from utils.errors import UserError

LAST = "last_"  # how the name of the latest checkpoint begins
SHORT = 4  # letters of a fingerprint in a file's name; the file has all of them
SPLIT_LOCK = ".lock_split"  # empty; the process that makes a run's split file holds the lock on it


@dataclass(frozen=True)
class RunFiles:
    """The files of one run of a setting: in the run's folder, with the setting's name."""

    folder: Path
    name: str

    @property
    def best(self) -> Path:
        """Checkpoint of the epoch that is best on the test set, as published."""
        return self.folder / f"best_{self.name}.pt"

    @property
    def last(self) -> Path:
        """Checkpoint of the latest epoch."""
        return self.folder / f"{LAST}{self.name}.pt"

    @property
    def previous(self) -> Path:
        """Checkpoint of the epoch before, while the run is not finished."""
        return self.folder / f"previous_{self.name}.pt"

    @property
    def damaged(self) -> Path:
        """A last checkpoint that could not be read, kept so that one can find out why."""
        return self.folder / f"damaged_{self.name}.pt"

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """All checkpoints."""
        return self.best, self.last, self.previous

    @property
    def metrics(self) -> Path:
        """One line per epoch."""
        return self.folder / f"metrics_{self.name}.csv"

    @property
    def result(self) -> Path:
        """The result; exists once the run is finished."""
        return self.folder / f"result_{self.name}.json"

    @property
    def progress(self) -> Path:
        """How far the run is; exists until it is finished."""
        return self.folder / f"progress_{self.name}.json"

    @property
    def rows(self) -> Path:
        """The rows of the distorted images (`hyperopt.rows.rows_file`), if a finished run was trained on these."""
        return self.folder / f"rows_{self.name}.pt"

    @property
    def rows_npz(self) -> Path:
        """The same rows for other tools."""
        return self.rows.with_suffix(".npz")

    @property
    def card(self) -> Path:
        """What the rows were learned from, for people (`hyperopt.runs.card`)."""
        return self.folder / f"card_{self.name}.md"

    @property
    def augmenter(self) -> Path:
        """The augmenter (`hyperopt.rows.augmenter_file`), if the run has one."""
        return self.folder / f"network_{self.name}.pt"

    @property
    def predictions(self) -> Path:
        """The last epoch's predictions (`predictions.py`); exists once the run is finished."""
        return self.folder / f"predictions_{self.name}.npz"

    def features(self, network: str, fingerprint: str) -> Path:
        """Features by the run's network (`hyperopt.estimators.features`), by its fingerprint and their own.

        They can be computed again.
        """
        return self.folder / f"features_{network[:SHORT]}{fingerprint[:SHORT]}_{self.name}.pt"

    def old_features(self, network: str) -> list[Path]:
        """Features by earlier networks of the run."""
        every = self.folder.glob(f"features_{'?' * (2 * SHORT)}_{glob.escape(self.name)}.pt")
        return [path for path in every if not path.name.startswith(f"features_{network[:SHORT]}")]

    @property
    def outcome(self) -> tuple[Path, ...]:
        """The files that are written between the last epoch and the result."""
        return self.rows, self.rows_npz, self.card, self.augmenter, self.predictions

    @property
    def lock(self) -> Path:
        """Empty; the process that trains the setting holds the lock on it."""
        return self.folder / f".lock_{self.name}"

    def refuse_folders(self) -> None:
        """Raise UserError when there is a folder at the path of one of the files."""
        for path in (*self.checkpoints, *self.outcome, self.metrics, self.result, self.progress, self.lock):
            if path.is_dir():
                raise UserError(f"{path} is a folder, and a file of the run belongs there; move it away")

    def half_written(self) -> list[Path]:
        """Files of the setting that a process was writing when it was killed."""
        whole = (*self.checkpoints, *self.outcome, self.metrics, self.result, self.progress)
        return [part for path in whole for part in self.folder.glob(f"{glob.escape(path.name)}.*.part")]

    @property
    def debug(self) -> Path:
        """Folder of the pictures of --plot-debug."""
        return self.folder / f"debug_{self.name}"


def distortion_name(imbalance_ratio: int, subsample_ratio: float, noise_ratio: float) -> str:
    """The part of file names that states the distortion."""
    return f"ir_{imbalance_ratio}_sr_{subsample_ratio}_nr_{noise_ratio}"


def run_number(folder_name: str) -> int | None:
    """The N of runN, None for other names; N has no leading zeros, so that no two folders share a number."""
    match = re.fullmatch(r"run(0|[1-9][0-9]{0,5})", folder_name)
    return int(match[1]) if match else None


def run_folders(folder: Path) -> dict[int, Path]:
    """The run folders in a data set's folder by number, in ascending order."""
    found = {
        number: path for path in folder.glob("run*") if path.is_dir() and (number := run_number(path.name)) is not None
    }
    return dict(sorted(found.items()))


def unused_run_folder(folder: Path) -> str:
    """The runN after the last one in a data set's folder."""
    return f"run{max(run_folders(folder), default=-1) + 1}"
