"""Reading the results of run0, run1, ... and putting them into tables."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hyperopt.estimators.table import ESTIMATORS
from hyperopt.options.resolve import make_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.setting import AUG_MODELS, LOSS_LETTERS, Setting
from hyperopt.options.stored import classes_of, read_result
from hyperopt.report.published_errors import published_error
from hyperopt.report.repetitions import FREE_OPTIONS, Results, differences, doubts, name_ranges, split_repetitions
from hyperopt.runs.clean_images import few_clean_of_runs
from utils.errors import UserError
from utils.recipes import RECIPES
from utils.runs.accuracies import TESTED_ON_VALID
from utils.runs.files import RunFiles, run_folders
from utils.runs.progress import unfinished


@dataclass
class SettingResults:
    """The finished runs of one row, which are repetitions: results by run number, and what there is to say about them.

    Runs of one name that are no repetitions of one another make several rows, which stand `apart`.
    """

    name: str
    folder: Path  # of the run folders
    results: Results
    apart: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def options(self) -> RunOptions:
        """The options that the first of the runs was made with."""
        return self.results[min(self.results)]["options"]

    @property
    def runs(self) -> str:
        """The names of its runs."""
        return ", ".join(name_ranges(sorted(self.results)))

    @property
    def title(self) -> str:
        """The row's name, with its runs where others of that name stand apart."""
        return f"{self.name}, {self.runs}" if self.apart else self.name

    @property
    def label(self) -> str:
        """The row's name in a table: the setting, and its runs where others of that setting stand apart."""
        return f"{self.setting}, {self.runs}" if self.apart else self.setting

    @property
    def setting(self) -> str:
        """Augmentation/loss, the estimator, and what is unusual."""
        options = self.options
        words = [name if value is True else f"{name} {value}" for name, value in self.unusual.items()]
        return " ".join([f"{options.aug_model}/{options.los_model} {options.hyper_opt}", *words])

    @property
    def unusual(self) -> dict[str, Any]:
        """Options that set the row apart from the published one of its name."""
        options = self.options
        usual = {
            "recipe": options.dataset,
            "model": RECIPES[options.recipe].model,
            "overfit": False,
            "oversplit": False,
        }
        unusual = {key: getattr(options, key) for key, value in usual.items() if getattr(options, key) != value}
        unusual |= options.unusual | options.starting_rows
        return {key.replace("_", " "): value for key, value in unusual.items()}

    @property
    def distortion_name(self) -> str:
        """The distortion's part of file names."""
        return self.options.distortion

    @property
    def distortion(self) -> tuple[int, float, float]:
        """Imbalance, subsample and noise ratio."""
        options = self.options
        return options.imbalance_ratio, options.subsample_ratio, options.noise_ratio

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
        setting = self.options
        if self.unusual or not setting.public:
            return []
        expected = resolve(make_options(RunOptions, setting.values(Setting) | {"recipe": None, "seed": 0})).identity
        for result in self.results.values():
            found = result["options"].identity
            if any(found.get(key) != value for key, value in expected.items() if key not in FREE_OPTIONS):
                return []
        method = setting.aug_model, setting.los_model, setting.hyper_opt
        return published_error(setting.dataset, method, *self.distortion)

    def order(self) -> tuple:
        """A key that sorts rows as the published tables do, then by distortion."""
        options = self.options
        names = ((AUG_MODELS, options.aug_model), (LOSS_LETTERS, options.los_model), (ESTIMATORS, options.hyper_opt))
        places = (list(known).index(name) for known, name in names)
        return (*places, self.setting, self.distortion, min(self.results))


def some_run_folders(folder: Path) -> dict[int, Path]:
    """The run folders of a data set's folder by number. Raises UserError when there are none."""
    found = run_folders(folder)
    if not found:
        raise UserError(f"no run folder such as run0 in {folder}; train first, or name another --data or --dataset")
    return found


@dataclass
class Findings:
    """What there is of some rows: finished runs, sorted; lines on unfinished ones, damaged files, and all together."""

    rows: list[SettingResults]
    unfinished: list[str]
    damaged: list[str]
    notes: list[str] = field(default_factory=list)


def setting_results(options: Setting) -> Findings:
    """The runs of the options' row, resolved. Raises UserError when none is finished."""
    found = _find(
        options.folder,
        re.compile(f"^{re.escape(options.name)}$"),
        nothing=f"no finished run of {options.name} in {options.folder}",
        advice="train it first, or try --all",
    )
    for row in found.rows:
        recipe = row.options.recipe
        if recipe != options.recipe:
            row.notes.append(f"trained with --recipe {recipe}, not {options.recipe}")
    return found


def all_results(folder: Path, match: re.Pattern[str] | None = None) -> Findings:
    """All runs in a data set's folder; with `match`, of the rows in whose name it is found.

    Raises UserError when none is finished.
    """
    wanted = f" with '{match.pattern}' in its name" if match else ""
    nothing = f"no finished run{wanted} in {folder}"
    found = _find(folder, match or re.compile(""), nothing, "train first")
    epochs = {row.options.epochs: row.label for row in reversed(found.rows)}
    if len(epochs) > 1:
        some = ", ".join(f"{count} ({label})" for count, label in sorted(epochs.items()))
        found.notes.append(f"rows differ in their number of epochs: {some}")
    return found


def only_runs(rows: Iterable[SettingResults], runs: Iterable[int]) -> list[SettingResults]:
    """The rows with the runs of these numbers alone. Raises UserError when none of them is finished."""
    wanted = set(runs)
    kept = [(row, {run: result for run, result in row.results.items() if run in wanted}) for row in rows]
    found = [replace(row, results=results) for row, results in kept if results]
    if not found:
        raise UserError("no run of --only-runs is finished in any of the rows; name others, or leave it out")
    return found


def _find(folder: Path, wanted: re.Pattern[str], nothing: str, advice: str) -> Findings:
    found: dict[str, Results] = {}
    damaged = []
    folders = some_run_folders(folder)
    for run, run_folder in folders.items():
        for path in sorted(run_folder.glob("result_*.json")):
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
            found.setdefault(name, {})[run] = result
    going = unfinished(folders.values(), wanted)
    if not found:
        raise UserError("; ".join([*damaged, nothing, *(going or [advice])]))
    rows = [row for name, results in found.items() for row in _rows_of(name, folder, results, folders)]
    return Findings(sorted(rows, key=SettingResults.order), going, damaged)


CURVES = ("test_accuracy", "test_loss", "train_loss")


def read_metrics(path: Path, epochs: int, columns: Iterable[str] = CURVES) -> dict[str, list[float]]:
    """Some columns of a metrics file of so many epochs. Raises UserError when it is missing or damaged."""
    try:
        with path.open(newline="") as file:
            rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
        metrics = {key: [row[key] for row in rows] for key in ("epoch", *columns)}
        if metrics["epoch"] != list(range(1, epochs + 1)):
            raise ValueError(f"it has not the epochs 1 to {epochs}")
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise UserError(
            f"{path} is not a metrics file that can be read ({error}); train the run again with --fresh"
        ) from error
    return metrics


def _rows_of(name: str, folder: Path, results: Results, folders: Iterable[int]) -> list[SettingResults]:
    """The finished runs of one name: a row, or several where not all of them are repetitions of one another."""
    groups = split_repetitions(results)
    rows = [SettingResults(name, folder, group, apart=len(groups) > 1) for group in groups]
    first = rows[0]
    missing = sorted(set(range(max(folders) + 1)) - results.keys())
    if missing:
        first.notes.append(f"missing: {', '.join(name_ranges(missing))}")
    for row in rows[1:]:
        why = differences(first.results[min(first.results)], row.results[min(row.results)])
        row.notes.append(f"stands apart from {first.runs}: {', '.join(why)}")
    for row in rows:
        _note(row)
    return rows


def _note(row: SettingResults) -> None:
    """Say what the mean over the runs takes for granted, and what their accuracies are of."""
    tested_on_valid = [run for run, result in sorted(row.results.items()) if result.get("tested_on") == "valid"]
    if tested_on_valid:
        row.notes.append(f"no test set: accuracies of {', '.join(name_ranges(tested_on_valid))} are {TESTED_ON_VALID}")
    row.notes += few_clean_of_runs(row.results)
    by_seed: dict[int, int] = {}
    for run, result in row.results.items():
        first = by_seed.setdefault(result["options"].seed, run)
        if first != run:
            row.notes.append(f"run{run} has the same seed as run{first}")
    row.notes += doubts(row.results)
