"""Reads the files of runs that figures need."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hyperopt.options.stored import classes_of
from hyperopt.report.figures.style import PANELS
from hyperopt.report.metrics import CURVES, epochs_of, read_metrics
from hyperopt.report.repetitions import name_ranges
from hyperopt.report.results import SettingResults
from hyperopt.rows.rows_file import RowsFile
from utils.errors import UserError
from utils.runs.predictions import Predictions


class Sources:
    """The files of the runs of some settings, each read once.

    Runs whose file is missing or damaged are left out: `notes` has a line for each setting with runs of an earlier
    version, which lack the file, and `damaged` a line for each file that cannot be read.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.damaged: list[str] = []
        self._found: dict[tuple[str, str], dict[int, Any]] = {}

    def curves(self, setting: SettingResults) -> dict[int, dict[str, list[float]]]:
        """The metrics files by run, each by column; with those of an augmentation network's parameters."""

        def read(run: int, path: Path) -> dict[str, list[float]]:
            result = setting.results[run]
            own = [f"{name}_{figure}" for name in result["options"].augmenter.shown for figure in ("mean", "std")]
            return read_metrics(path, epochs_of(result), (*CURVES, *own))

        return self._read(setting, "metrics", read)

    def predictions(self, setting: SettingResults) -> dict[int, Predictions]:
        """The predictions files by run."""

        def read(run: int, path: Path) -> Predictions:
            return Predictions.read(path, classes_of(setting.results[run]))

        return self._read(setting, "predictions", read, came_later=True)

    def learned(self, setting: SettingResults) -> dict[int, RowsFile]:
        """The rows files by run."""
        return self._read(setting, "rows", lambda _, path: RowsFile.read(path), came_later=True)

    def first_settings(self, settings: list[SettingResults], figure: str) -> list[SettingResults]:
        """The settings that fit into a figure with a panel for each; a note if these are not all."""
        if len(settings) > PANELS:
            shown = f"{figure}_{settings[0].split_name} shows the first {PANELS} of {len(settings)} settings"
            self.notes.append(f"{shown}; choose others with --all --match")
        return settings[:PANELS]

    def _read(
        self, setting: SettingResults, kind: str, read: Callable[[int, Any], Any], came_later: bool = False
    ) -> dict[int, Any]:
        """Read one of the files of `RunFiles` for every run; `came_later`: earlier versions did not write it."""
        if (setting.title, kind) in self._found:
            return self._found[setting.title, kind]
        found, missing = {}, []
        for run in sorted(setting.results):
            path = getattr(setting.files(run), kind)
            if came_later and not path.exists():
                missing.append(run)
                continue
            try:
                found[run] = read(run, path)
            except UserError as error:
                self.damaged.append(str(error))
        if missing:
            runs = ", ".join(name_ranges(missing))
            self.notes.append(
                f"no {kind} file of {runs} of {setting.name}: left out of figures; train again with --fresh"
            )
        self._found[setting.title, kind] = found
        return found
