"""The files of a run: local_data/{dataset}/runN."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.errors import UserError
from utils.options import RowOptions, TrainOptions

# The three accuracies that are never confused: the best epoch on the test set (as published), the test accuracy of the
# epoch that was best on the validation set (absent where that is trained on), and the test accuracy of the last epoch.
ACCURACIES = ("best_on_test", "selected_on_validation", "last_epoch")


@dataclass(frozen=True)
class RunFiles:
    """The files of one row of one run: its folder and the row's run name."""

    folder: Path
    name: str

    @property
    def best(self) -> Path:
        """Checkpoint of the epoch that is best on the test set, as published."""
        return self.folder / f"best_{self.name}.pt"

    @property
    def last(self) -> Path:
        """Checkpoint of the latest epoch."""
        return self.folder / f"last_{self.name}.pt"

    @property
    def metrics(self) -> Path:
        """One row per epoch."""
        return self.folder / f"metrics_{self.name}.csv"

    @property
    def result(self) -> Path:
        """What came out; there once the run is finished."""
        return self.folder / f"result_{self.name}.json"

    @property
    def debug(self) -> Path:
        """Folder of the pictures of --plot-debug."""
        return self.folder / f"debug_{self.name}"


def run_files(options: TrainOptions) -> RunFiles:
    """The files of the run that the options describe."""
    return RunFiles(dataset_folder(options) / options.run_folder, options.run_name)


def dataset_folder(options: RowOptions) -> Path:
    """Where the data set and its runs lie."""
    return options.data / options.dataset


def read_result(path: Path) -> dict[str, Any]:
    """A result file's content. Raises UserError when it is damaged."""
    try:
        content = json.loads(path.read_text())
        accuracy = content["accuracy"]
        if not {"best_on_test", "last_epoch"} <= accuracy.keys() <= set(ACCURACIES):
            raise ValueError("it lacks an accuracy")
        if not all(0 <= value <= 100 for value in accuracy.values()):
            raise ValueError("an accuracy is not between 0 and 100 %")
        content["options"]["aug_model"], content["epochs"]["last_epoch"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a result file that can be read ({error}); move it away") from error
    return content


def run_number(folder_name: str) -> int | None:
    """The N of runN, None for another name."""
    match = re.fullmatch(r"run(\d+)", folder_name)
    return int(match[1]) if match else None


def finished_result(options: TrainOptions) -> dict[str, Any] | None:
    """The result of a finished run of this row, None when there is none.

    Raises UserError when it was made with other options.
    """
    path = run_files(options).result
    if not path.exists():
        return None
    result = read_result(path)
    differences = [
        f"{name} {result['options'].get(name)} instead of {value}"
        for name, value in options.identity.items()
        if result["options"].get(name) != value
    ]
    if differences:
        raise UserError(
            f"{path} is of a finished run with other options ({', '.join(differences)}); "
            "use --fresh to start over, or another run folder"
        )
    return result
