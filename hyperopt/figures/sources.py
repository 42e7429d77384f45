"""The files of runs that figures are drawn from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hyperopt.figures.style import PANELS
from hyperopt.learned_rows import LearnedRows
from utils.errors import UserError
from utils.predictions import Predictions
from utils.repetitions import name_ranges
from utils.results import RowResults, read_metrics
from utils.run_folder import classes_of


class Sources:
    """The files of some rows' runs, each read once.

    Runs whose file is missing or damaged are left out: `notes` has a line per row whose runs an earlier version made,
    `damaged` a line per file that cannot be read.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.damaged: list[str] = []
        self._found: dict[tuple[str, str], dict[int, Any]] = {}

    def curves(self, row: RowResults) -> dict[int, dict[str, list[float]]]:
        """Metrics files by run, each by column."""
        return self._read(row, "metrics", lambda run, path: read_metrics(path, row.results[run]["options"]["epochs"]))

    def predictions(self, row: RowResults) -> dict[int, Predictions]:
        """Predictions files by run."""

        def read(run: int, path: Path) -> Predictions:
            return Predictions.read(path, classes_of(row.results[run]))

        return self._read(row, "predictions", read, came_later=True)

    def learned(self, row: RowResults) -> dict[int, LearnedRows]:
        """Rows files by run."""
        return self._read(row, "rows", lambda _, path: LearnedRows.read(path), came_later=True)

    def first_rows(self, rows: list[RowResults], figure: str) -> list[RowResults]:
        """As many rows as a figure with panels for each of them has room for; a note says so where it is not all."""
        if len(rows) > PANELS:
            shown = f"{figure}_{rows[0].distortion_name} shows the first {PANELS} of {len(rows)} rows"
            self.notes.append(f"{shown}; choose others with --all --match")
        return rows[:PANELS]

    def _read(
        self, row: RowResults, kind: str, read: Callable[[int, Any], Any], came_later: bool = False
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
