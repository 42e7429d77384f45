"""Reads the results of run0, run1, ... by setting."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hyperopt.estimators.table import ESTIMATORS
from hyperopt.options.resolve import make_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.setting import AUG_MODELS, LOSS_LETTERS, Setting
from hyperopt.options.stored import classes_of, knows_true_labels, read_result
from hyperopt.report.published_errors import published_error
from hyperopt.report.repetitions import FREE_OPTIONS, Results, differences, doubts, name_ranges, split_repetitions
from hyperopt.runs.clean_images import few_clean_of_runs
from utils.errors import UserError
from utils.runs.accuracies import TESTED_ON_VALID
from utils.runs.files import RunFiles, run_folders
from utils.runs.owner import data_folder_of
from utils.runs.progress import unfinished


@dataclass
class SettingResults:
    """The finished runs of one setting, which are repetitions: results by run number, and notes about them.

    Runs of one name that are not repetitions of one another form several settings, which stand `apart`.
    """

    name: str
    folder: Path  # of the run folders
    results: Results
    apart: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def options(self) -> RunOptions:
        """The options of the first run."""
        return self.first_result["options"]

    @property
    def first_result(self) -> dict[str, Any]:
        """The result of the first run."""
        return self.results[min(self.results)]

    @property
    def data_folder(self) -> Path:
        """The folder of the data set, which need not be that of the run folders."""
        return data_folder_of(self.folder)

    @property
    def runs(self) -> str:
        """The names of its runs."""
        return ", ".join(name_ranges(sorted(self.results)))

    @property
    def title(self) -> str:
        """The setting's name, with its runs if other runs of that name stand apart."""
        return f"{self.name}, {self.runs}" if self.apart else self.name

    @property
    def label(self) -> str:
        """The setting's name in a table: the method, and the runs if other runs of that name stand apart."""
        return f"{self.method}, {self.runs}" if self.apart else self.method

    @property
    def method(self) -> str:
        """Augmentation/loss, the estimator, and unusual options."""
        options = self.options
        words = [name if value is True else f"{name} {value}" for name, value in self.unusual.items()]
        return " ".join([f"{options.aug_model}/{options.los_model} {options.hyper_opt}", *words])

    @property
    def unusual(self) -> dict[str, Any]:
        """Options that differ from those of the published setting of that name."""
        options = self.options
        usual = {
            "recipe": options.dataset,
            "model": options.defaults.model,
            "overfit": False,
            "oversplit": False,
        }
        unusual = {key: getattr(options, key) for key, value in usual.items() if getattr(options, key) != value}
        unusual |= options.unusual | options.starting_rows
        return {key.replace("_", " "): value for key, value in unusual.items()}

    @property
    def split_name(self) -> str:
        """The distortion's and the subset's part of file names."""
        return self.options.split_name

    @property
    def distortion(self) -> tuple[int, float, float]:
        """Imbalance, subsample and noise ratio."""
        options = self.options
        return options.imbalance_ratio, options.subsample_ratio, options.noise_ratio

    def errors(self, accuracy: str) -> list[float]:
        """Test errors in percent of all runs, for one of `ACCURACIES`; empty if a run lacks it."""
        accuracies = [self.results[run]["accuracy"] for run in sorted(self.results)]
        return [100 - found[accuracy] for found in accuracies] if all(accuracy in found for found in accuracies) else []

    def per_class(self) -> list[list[float | None]]:
        """Test accuracy of the last epoch in percent by run and class; None for a class without test images."""
        return [result["accuracy_per_class"]["last_epoch"] for _, result in sorted(self.results.items())]

    @property
    def knows_true_labels(self) -> bool:
        """Whether the data set's own labels are the true ones, and its runs may have been given others."""
        return all(map(knows_true_labels, self.results.values()))

    @property
    def has_budgets(self) -> bool:
        """Whether its epochs are budgets: numbers of images that are augmented."""
        return "budgets" in self.results[min(self.results)]

    @property
    def classes(self) -> int:
        """Number of classes, the largest of all runs."""
        return max(map(classes_of, self.results.values()))

    @property
    def test_images(self) -> int | None:
        """Number of test images of the accuracies of the first run; None if an earlier version has not stored it."""
        return (self.results[min(self.results)].get("images") or {}).get("test")

    def files(self, run: int) -> RunFiles:
        """The files of one of the runs."""
        return RunFiles(self.folder / f"run{run}", self.name)

    def published(self) -> list[float]:
        """Mean and standard deviation (percent, best epoch on test) of the published cell.

        [] if there is none, or if a run has other options than the published ones.
        """
        setting = self.options
        method = setting.aug_model, setting.los_model, setting.hyper_opt
        published = published_error(setting.dataset, method, *self.distortion)
        if self.unusual or not published:
            return []
        expected = resolve(make_options(RunOptions, setting.values(Setting) | {"recipe": None, "seed": 0})).identity
        for result in self.results.values():
            found = result["options"].identity
            if any(found.get(key) != value for key, value in expected.items() if key not in FREE_OPTIONS):
                return []
        return published

    def order(self) -> tuple:
        """A key that sorts settings as the published tables do, then by distortion."""
        options = self.options
        names = ((AUG_MODELS, options.aug_model), (LOSS_LETTERS, options.los_model), (ESTIMATORS, options.hyper_opt))
        places = (list(known).index(name) for known, name in names)
        return (*places, self.method, self.distortion, min(self.results))


def existing_run_folders(folder: Path) -> dict[int, Path]:
    """The run folders of a data set's folder by number. Raises UserError when there are none."""
    found = run_folders(folder)
    if not found:
        raise UserError(f"no run folder such as run0 in {folder}; train first, or name another --data or --dataset")
    return found


@dataclass
class Findings:
    """Finished runs by setting, sorted; lines on unfinished runs, on damaged files, and on all runs together."""

    settings: list[SettingResults]
    unfinished: list[str]
    damaged: list[str]
    notes: list[str] = field(default_factory=list)


def setting_results(options: Setting) -> Findings:
    """The runs of a resolved setting. Raises UserError when none is finished."""
    found = _find(
        options.runs_folder,
        re.compile(f"^{re.escape(options.name)}$"),
        nothing=f"no finished run of {options.name} in {options.runs_folder}",
        advice="train it first, or try --all",
    )
    for setting in found.settings:
        recipe = setting.options.recipe
        if recipe != options.recipe:
            setting.notes.append(f"trained with --recipe {recipe}, not {options.recipe}")
    return found


def all_results(folder: Path, match: re.Pattern[str] | None = None) -> Findings:
    """All runs in a data set's folder; with `match`, only of settings whose name matches it.

    Raises UserError when none is finished.
    """
    wanted = f" with '{match.pattern}' in its name" if match else ""
    nothing = f"no finished run{wanted} in {folder}"
    found = _find(folder, match or re.compile(""), nothing, "train first")
    trained = [setting for setting in found.settings if not setting.has_budgets]
    found.notes += _note_of_values("number of epochs", ((s.label, s.options.epochs) for s in trained))
    found.notes += _note_of_values("number of test images", ((s.label, s.test_images) for s in found.settings))
    found.notes += _note_of_values(
        "data", ((s.label, " ".join(s.options.subset.words) or "all") for s in found.settings)
    )
    found.notes += _note_of_values("test images' view", ((s.label, s.options.view_valid) for s in found.settings))
    return found


def _note_of_values(what: str, values: Iterable[tuple[str, int | str | None]]) -> list[str]:
    """A note if settings differ in a number or name, with the first label of each value; None is not known."""
    first = {value: label for label, value in reversed([*values]) if value is not None}
    some = ", ".join(f"{value} ({label})" for value, label in sorted(first.items()))
    return [f"settings differ in their {what}: {some}"] if len(first) > 1 else []


def only_runs(settings: Iterable[SettingResults], runs: Iterable[int]) -> list[SettingResults]:
    """The settings with only the runs of these numbers. Raises UserError when none of these is finished."""
    wanted = set(runs)
    kept = [
        (setting, {run: result for run, result in setting.results.items() if run in wanted}) for setting in settings
    ]
    found = [replace(setting, results=results) for setting, results in kept if results]
    if not found:
        raise UserError("no run of --only-runs is finished in any of the settings; name others, or leave it out")
    return found


def _find(folder: Path, wanted: re.Pattern[str], nothing: str, advice: str) -> Findings:
    """The finished runs whose names match; `nothing` and `advice` are for the UserError when there are none."""
    found: dict[str, Results] = {}
    damaged = []
    folders = existing_run_folders(folder)
    for run, run_folder in folders.items():
        for path in sorted(run_folder.glob("result_*.json")):
            name = path.stem.removeprefix("result_")
            if not wanted.search(name):
                continue
            try:
                result = read_result(path)
            except FileNotFoundError:
                continue  # the run has just been started over
            except UserError as error:
                damaged.append(str(error))
                continue
            found.setdefault(name, {})[run] = result
    going = unfinished(folders.values(), wanted)
    if not found:
        raise UserError("; ".join([*damaged, nothing, *(going or [advice])]))
    settings = [setting for name, results in found.items() for setting in _settings_of(name, folder, results, folders)]
    return Findings(sorted(settings, key=SettingResults.order), going, damaged)


def _settings_of(name: str, folder: Path, results: Results, folders: Iterable[int]) -> list[SettingResults]:
    """The finished runs of one name as a setting, or as several if they are not all repetitions of one another."""
    groups = split_repetitions(results)
    settings = [SettingResults(name, folder, group, apart=len(groups) > 1) for group in groups]
    first = settings[0]
    missing = sorted(set(range(max(folders) + 1)) - results.keys())
    if missing:
        first.notes.append(f"missing: {', '.join(name_ranges(missing))}")
    for setting in settings[1:]:
        why = differences(first.results[min(first.results)], setting.results[min(setting.results)])
        setting.notes.append(f"stands apart from {first.runs}: {', '.join(why)}")
    for setting in settings:
        _note(setting)
    return settings


def _note(setting: SettingResults) -> None:
    """Add notes on what the mean over the runs assumes, and on the images of their accuracies."""
    tested_on_valid = [run for run, result in sorted(setting.results.items()) if result.get("tested_on") == "valid"]
    if tested_on_valid:
        setting.notes.append(
            f"no test set: accuracies of {', '.join(name_ranges(tested_on_valid))} are {TESTED_ON_VALID}"
        )
    setting.notes += few_clean_of_runs(setting.results)
    by_seed: dict[int, int] = {}
    for run, result in setting.results.items():
        first = by_seed.setdefault(result["options"].seed, run)
        if first != run:
            setting.notes.append(f"run{run} has the same seed as run{first}")
    setting.notes += doubts(setting.results)
