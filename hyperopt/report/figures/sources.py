"""The files of runs that figures are drawn from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hyperopt.options.stored import classes_of
from hyperopt.report.figures.style import PANELS
from hyperopt.report.repetitions import name_ranges
from hyperopt.report.results import SettingResults, read_metrics
from hyperopt.rows.rows_file import RowsFile
from utils.errors import UserError
from utils.runs.predictions import Predictions


class Sources:
    """The files of some rows' runs, each read once.

    Runs whose file is missing or damaged are left out: `notes` has a line per row whose runs an earlier version made,
    `damaged` a line per file that cannot be read.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.damaged: list[str] = []
        self._found: dict[tuple[str, str], dict[int, Any]] = {}

    def curves(self, row: SettingResults) -> dict[int, dict[str, list[float]]]:
        """Metrics files by run, each by column."""
        return self._read(row, "metrics", lambda run, path: read_metrics(path, row.results[run]["options"].epochs))

    def predictions(self, row: SettingResults) -> dict[int, Predictions]:
        """Predictions files by run."""

        def read(run: int, path: Path) -> Predictions:
            return Predictions.read(path, classes_of(row.results[run]))

        return self._read(row, "predictions", read, came_later=True)

    def learned(self, row: SettingResults) -> dict[int, RowsFile]:
        """Rows files by run."""
        return self._read(row, "rows", lambda _, path: RowsFile.read(path), came_later=True)

    def first_rows(self, rows: list[SettingResults], figure: str) -> list[SettingResults]:
        """As many rows as a figure with panels for each of them has room for; a note says so where it is not all."""
        if len(rows) > PANELS:
            shown = f"{figure}_{rows[0].distortion_name} shows the first {PANELS} of {len(rows)} rows"
            self.notes.append(f"{shown}; choose others with --all --match")
        return rows[:PANELS]

    def _read(
        self, row: SettingResults, kind: str, read: Callable[[int, Any], Any], came_later: bool = False
    ) -> dict[int, Any]:
        """One of the properties of `RunFiles` for every run; `came_later`: earlier versions left no such file."""
        if (row.title, kind) in self._found:
            return self._found[row.title, kind]
        found, missing = {}, []
        for run in sorted(row.results):
            path = getattr(row.files(run), kind)
            if came_later and not path.exists():
                missing.append(run)
                continue
            try:
                found[run] = read(run, path)
            except UserError as error:
                self.damaged.append(str(error))
        if missing:
            runs = ", ".join(name_ranges(missing))
            self.notes.append(f"no {kind} file of {runs} of {row.name}: left out of figures; train again with --fresh")
        self._found[row.title, kind] = found
        return found
