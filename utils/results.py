"""Reading the results of run0, run1, ... and putting them into tables."""

import csv
import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.clean_images import few_clean_of_runs
from utils.errors import UserError
from utils.options import TrainOptions, resolve
from utils.progress import unfinished
from utils.published import published_error
from utils.recipes import RECIPES
from utils.row_options import (
    AUG_MODELS,
    HYPER_OPTS,
    LOS_MODELS,
    RowOptions,
    distortion_name,
    learned_rows_additions,
    usual_additions,
)
from utils.run_folder import TESTED_ON_VALID, RunFiles, classes_of, dataset_folder, read_result, run_folders


@dataclass
class RowResults:
    """The finished runs of one row: results by run number, and what there is to say about them."""

    name: str
    folder: Path  # of the run folders
    results: dict[int, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def options(self) -> dict[str, Any]:
        """The options that the first of the runs was made with."""
        return self.results[min(self.results)]["options"]

    @property
    def label(self) -> str:
        """The row's name in a table: augmentation/loss, the estimator, and what is unusual."""
        options = self.options
        words = [name if value is True else f"{name} {value}" for name, value in self.unusual.items()]
        return " ".join([f"{options['aug_model']}/{options['los_model']} {options['hyper_opt']}", *words])

    @property
    def unusual(self) -> dict[str, Any]:
        """Options that set the row apart from the published one of its name."""
        options = self.options
        usual = {
            "recipe": options["dataset"],
            "model": RECIPES[options["recipe"]].model,
            "overfit": False,
            "oversplit": False,
            **usual_additions(options),
        }
        unusual = {key: options[key] for key in usual if options[key] != usual[key]} | learned_rows_additions(options)
        return {key.replace("_", " "): value for key, value in unusual.items()}

    @property
    def distortion_name(self) -> str:
        """The distortion's part of file names."""
        return distortion_name(*self.distortion)

    @property
    def distortion(self) -> tuple[int, float, float]:
        """Imbalance, subsample and noise ratio."""
        return tuple(self.options[name] for name in ("imbalance_ratio", "subsample_ratio", "noise_ratio"))

    def errors(self, accuracy: str) -> list[float]:
        """Test errors in percent of all runs, for one of `ACCURACIES`; none where a run lacks it."""
        accuracies = [self.results[run]["accuracy"] for run in sorted(self.results)]
        return [100 - found[accuracy] for found in accuracies] if all(accuracy in found for found in accuracies) else []

    def per_class(self) -> list[list[float | None]]:
        """Test accuracy of every class in percent, None for a class without test images, at the last epoch, by run."""
        return [result["accuracy_per_class"]["last_epoch"] for _, result in sorted(self.results.items())]

    @property
    def classes(self) -> int:
        """Number of classes, the largest of all runs."""
        return max(map(classes_of, self.results.values()))

    def files(self, run: int) -> RunFiles:
        """The files of one of the runs."""
        return RunFiles(self.folder / f"run{run}", self.name)

    def published(self) -> list[float]:
        """Mean and standard deviation (percent, best epoch on test) of the published cell.

        [] where there is none, or where a run was made with other settings than the published ones.
        """
        row = {field.name: self.options.get(field.name) for field in dataclasses.fields(RowOptions)}
        if self.unusual or row["dataset"] not in RECIPES:
            return []
        expected = resolve(TrainOptions(**row | {"recipe": None}, seed=0)).identity
        for result in self.results.values():
            if any(
                result["options"].get(key) != value
                for key, value in expected.items()
                if key not in ("seed", "precision")
            ):
                return []
        method = tuple(row[name] for name in ("aug_model", "los_model", "hyper_opt"))
        return published_error(row["dataset"], method, *self.distortion)

    def order(self) -> tuple:
        """A key that sorts rows as the published tables do, then by distortion."""
        options = self.options
        names = ((AUG_MODELS, "aug_model"), (LOS_MODELS, "los_model"), (HYPER_OPTS, "hyper_opt"))
        return (*(known.index(options[key]) for known, key in names), self.label, self.distortion)


def some_run_folders(options: RowOptions) -> dict[int, Path]:
    """The data set's run folders by number. Raises UserError when there are none."""
    found = run_folders(options)
    if not found:
        folder = dataset_folder(options)
        raise UserError(f"no run folder such as run0 in {folder}; train first, or name another --data or --dataset")
    return found


@dataclass
class Findings:
    """What there is of some rows: finished runs, sorted; lines on unfinished ones, damaged files, and all together."""

    rows: list[RowResults]
    unfinished: list[str]
    damaged: list[str]
    notes: list[str] = field(default_factory=list)


def row_results(options: RowOptions) -> Findings:
    """The runs of the options' row, resolved. Raises UserError when none is finished."""
    found = _find(
        options,
        re.compile(f"^{re.escape(options.run_name)}$"),
        nothing=f"no finished run of {options.run_name} in {dataset_folder(options)}",
        advice="train it first, or try --all",
    )
    (row,) = found.rows
    recipe = row.options["recipe"]
    if recipe != options.recipe:
        row.notes.append(f"trained with --recipe {recipe}, not {options.recipe}")
    return found


def all_results(options: RowOptions, match: re.Pattern[str] | None = None) -> Findings:
    """All runs of the data set; with `match`, of the rows in whose name it is found.

    Raises UserError when none is finished.
    """
    wanted = f" with '{match.pattern}' in its name" if match else ""
    nothing = f"no finished run{wanted} in {dataset_folder(options)}"
    found = _find(options, match or re.compile(""), nothing, "train first")
    epochs = {row.options["epochs"]: row.label for row in reversed(found.rows)}
    if len(epochs) > 1:
        some = ", ".join(f"{count} ({label})" for count, label in sorted(epochs.items()))
        found.notes.append(f"rows differ in their number of epochs: {some}")
    return found


def _find(options: RowOptions, wanted: re.Pattern[str], nothing: str, advice: str) -> Findings:
    rows: dict[str, RowResults] = {}
    damaged = []
    folders = some_run_folders(options)
    for run, folder in folders.items():
        for path in sorted(folder.glob("result_*.json")):
            name = path.stem.removeprefix("result_")
            if not wanted.search(name):
                continue
            try:
                result = read_result(path)
            except FileNotFoundError:
                continue  # started over at this moment
            except UserError as error:
                damaged.append(str(error))
                continue
            rows.setdefault(name, RowResults(name, dataset_folder(options))).results[run] = result
    going = unfinished(folders.values(), wanted)
    if not rows:
        raise UserError("; ".join([*damaged, nothing, *(going or [advice])]))
    for row in rows.values():
        _note(row, folders)
    return Findings(sorted(rows.values(), key=RowResults.order), going, damaged)


def read_metrics(path: Path, epochs: int) -> dict[str, list[float]]:
    """A metrics file of so many epochs, by column. Raises UserError when it is missing or damaged."""
    try:
        with path.open(newline="") as file:
            rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
        metrics = {key: [row[key] for row in rows] for key in ("epoch", "test_accuracy", "test_loss", "train_loss")}
        if metrics["epoch"] != list(range(1, epochs + 1)):
            raise ValueError(f"it has not the epochs 1 to {epochs}")
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise UserError(
            f"{path} is not a metrics file that can be read ({error}); train the run again with --fresh"
        ) from error
    return metrics


def _note(row: RowResults, folders: Iterable[int]) -> None:
    """Name the missing runs, and those made with other options or the same seed as another one."""
    missing = sorted(set(range(max(folders) + 1)) - row.results.keys())
    if missing:
        row.notes.append(f"missing: {', '.join(name_ranges(missing))}")
    tested_on_valid = [run for run, result in sorted(row.results.items()) if result.get("tested_on") == "valid"]
    if tested_on_valid:
        row.notes.append(f"no test set: accuracies of {', '.join(name_ranges(tested_on_valid))} are {TESTED_ON_VALID}")
    row.notes += few_clean_of_runs(row.results)
    first = row.results[min(row.results)]
    for run, result in row.results.items():
        if any(result.get(key) != first.get(key) for key in ("images", "class_names")):
            row.notes.append(f"run{run} has other images or classes than run{min(row.results)}")
    by_seed: dict[int, int] = {}
    for run, result in row.results.items():
        others = {key for key, value in row.options.items() if result["options"].get(key) != value}
        different = others - {"seed", "rows"}
        if different:
            row.notes.append(f"run{run} was made with other {', '.join(sorted(different))} than run{min(row.results)}")
        first = by_seed.setdefault(result["options"].get("seed"), run)
        if first != run:
            row.notes.append(f"run{run} has the same seed as run{first}")


def name_ranges(runs: list[int]) -> list[str]:
    """Names of runs in ascending order, neighbours joined: run1, run4 to run9."""
    ends: list[list[int]] = []
    for run in runs:
        if ends and run == ends[-1][1] + 1:
            ends[-1][1] = run
        else:
            ends.append([run, run])
    return [f"run{first}" if first == last else f"run{first} to run{last}" for first, last in ends]
