"""The files of a run: local_data/{dataset}/runN."""

import dataclasses
import glob
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.errors import UserError
from utils.flags import fits, is_rows_file
from utils.options import TrainOptions, run_number
from utils.recipes import RECIPES
from utils.row_options import RowOptions, usual_additions

# The four accuracies that are never confused, and their headings: the best epoch on the test set (as published), the
# test accuracy of the epoch that was best on the validation set (absent where that is trained on), the test accuracy of
# the last epoch, and its mean over the last five (absent from results of before there was one).
ACCURACIES = {
    "best_on_test": "best on test",
    "selected_on_validation": "selected on validation",
    "last_epoch": "last epoch",
    "last_five": "mean of last five",
}

SPLIT_LOCK = ".lock_split"  # empty; whoever makes a run's split file holds the lock on it

# What the accuracies of own data without a test set are.
TESTED_ON_VALID = "of the clean validation images, which methods learn from"


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
    def previous(self) -> Path:
        """Checkpoint of the epoch before, while the run is not finished."""
        return self.folder / f"previous_{self.name}.pt"

    @property
    def damaged(self) -> Path:
        """A last checkpoint that could not be read, kept for whoever wants to know why."""
        return self.folder / f"damaged_{self.name}.pt"

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """All of them."""
        return self.best, self.last, self.previous

    @property
    def metrics(self) -> Path:
        """One row per epoch."""
        return self.folder / f"metrics_{self.name}.csv"

    @property
    def result(self) -> Path:
        """What came out; there once the run is finished."""
        return self.folder / f"result_{self.name}.json"

    @property
    def progress(self) -> Path:
        """How far the run is; there until it is finished."""
        return self.folder / f"progress_{self.name}.json"

    @property
    def rows(self) -> Path:
        """Rows of the distorted images (`hyperopt.learned_rows`), where a finished run was trained on these."""
        return self.folder / f"rows_{self.name}.pt"

    @property
    def rows_npz(self) -> Path:
        """The same for other tools."""
        return self.rows.with_suffix(".npz")

    @property
    def predictions(self) -> Path:
        """What the last epoch's network says of its images (`utils.predictions`); there once the run is finished."""
        return self.folder / f"predictions_{self.name}.npz"

    @property
    def outcome(self) -> tuple[Path, ...]:
        """What is written between the last epoch and the result."""
        return self.rows, self.rows_npz, self.predictions

    @property
    def lock(self) -> Path:
        """Empty; whoever trains the row holds the lock on it."""
        return self.folder / f".lock_{self.name}"

    def refuse_folders(self) -> None:
        """Raise UserError when a folder is where one of the files belongs."""
        for path in (*self.checkpoints, *self.outcome, self.metrics, self.result, self.progress, self.lock):
            if path.is_dir():
                raise UserError(f"{path} is a folder, and a file of the run belongs there; move it away")

    def half_written(self) -> list[Path]:
        """What a process that was killed while writing has left of the row's files."""
        whole = (*self.checkpoints, *self.outcome, self.metrics, self.result, self.progress)
        return [part for path in whole for part in self.folder.glob(f"{glob.escape(path.name)}.*.part")]

    @property
    def debug(self) -> Path:
        """Folder of the pictures of --plot-debug."""
        return self.folder / f"debug_{self.name}"


def run_files(options: TrainOptions) -> RunFiles:
    """The files of the run that the options describe."""
    return RunFiles(dataset_folder(options) / options.run_folder, options.run_name)


def rows_file(options: TrainOptions) -> Path | None:
    """Where the learned rows are that a training starts from; None where rows start as usual."""
    if options.refit:
        return run_files(options.learning).rows
    if options.rows is None or is_rows_file(options.rows):
        return options.rows and Path(options.rows)
    return RunFiles(run_files(options).folder, options.rows).rows


def dataset_folder(options: RowOptions) -> Path:
    """Where the data set and its runs lie."""
    return options.data / options.dataset


def run_folders(options: RowOptions) -> dict[int, Path]:
    """The data set's run folders by number, in ascending order."""
    found = {run_number(path.name): path for path in dataset_folder(options).glob("run*") if path.is_dir()}
    found.pop(None, None)
    return dict(sorted(found.items()))


def unused_run_folder(options: RowOptions) -> str:
    """The first runN behind all that there are."""
    return f"run{max(run_folders(options), default=-1) + 1}"


def read_result(path: Path) -> dict[str, Any]:
    """A result file's content. Raises UserError when it is damaged or not the result that its name says."""
    try:
        content = json.loads(path.read_text())
        accuracy = content["accuracy"]
        if not {"best_on_test", "last_epoch"} <= accuracy.keys() <= ACCURACIES.keys():
            raise ValueError("it lacks an accuracy")
        if not all(isinstance(value, float) and 0 <= value <= 100 for value in accuracy.values()):
            raise ValueError("an accuracy is not between 0 and 100 %")
        if not all(isinstance(content["epochs"][name], int) for name in accuracy):
            raise ValueError("it lacks the epoch of an accuracy")
        if not _are_accuracies(content["accuracy_per_class"]["last_epoch"]):
            raise ValueError("an accuracy of a class is not between 0 and 100 %")
        # An option that came later had its usual value when the file was written.
        defaults = {field.name: field.default for field in dataclasses.fields(RowOptions)}
        known = {"recipe": content["dataset"], "precision": "fp32"} | content["options"]
        options = defaults | usual_additions(defaults | known) | known
        row = RowOptions(**{name: options[name] for name in defaults})
        for field in dataclasses.fields(RowOptions):
            if field.metadata["identity"] and not fits(field, options[field.name]):
                raise ValueError(f"its {field.name} cannot be {options[field.name]!r}")
        row.check()
        if not isinstance(options["epochs"], int) or content["name"] != row.run_name or not content["run"]:
            raise ValueError("its run is not named")
        if row.recipe not in RECIPES or row.dataset != content["dataset"]:
            raise ValueError("its data set is not known")
        if path.name != RunFiles(path.parent, row.run_name).result.name:
            raise ValueError("its content is another row's")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, UserError) as error:
        raise UserError(f"{path} is not a result file that can be read ({error}); move it away") from error
    return content | {"options": options}


def classes_of(result: dict[str, Any]) -> int:
    """Number of classes of the data set that a result is of."""
    return len(result["accuracy_per_class"]["last_epoch"])


def _are_accuracies(per_class: list[float | None]) -> bool:
    """Whether there are classes, each with an accuracy in percent, or None for want of test images."""
    return bool(per_class) and all(value is None or 0 <= value <= 100 for value in per_class)


def finished_result(options: TrainOptions) -> dict[str, Any] | None:
    """The result of a finished run of this row, None when there is none.

    Raises UserError when it was made with other options, or when there is a checkpoint of unknown origin.
    """
    files = run_files(options)
    if not files.result.exists():
        if files.best.exists() and not (files.last.exists() or files.previous.exists() or files.metrics.exists()):
            raise UserError(f"{files.best} is not of a run of this program; move it away, or overwrite it with --fresh")
        return None
    result = read_result(files.result)
    differences = different_options(result["options"], options)
    if differences:
        raise UserError(
            f"{files.result} is of a finished run with other options ({', '.join(differences)}); "
            "use --fresh to start over, or another run folder"
        )
    return result


def different_options(stored: dict[str, Any], options: TrainOptions) -> list[str]:
    """In words, the options that shape a result and are others than those stored with a file.

    Not where learned rows lie: their content is compared.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(RowOptions)}
    return [
        f"{name} {stored.get(name)} instead of {value}"
        for name, value in options.identity.items()
        if name != "rows" and stored.get(name, defaults.get(name)) != value
    ]
