"""A finished run in a notebook or another program, by its folder alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperopt.options.run_options import RunOptions
from hyperopt.options.stored import classes_of, read_result
from hyperopt.report.data import load_data
from hyperopt.report.metrics import epochs_of, read_metrics
from utils.errors import UserError
from utils.runs.files import RunFiles
from utils.runs.owner import data_folder_of
from utils.runs.progress import unfinished

if TYPE_CHECKING:  # imports torch
    from custom_datasets.table import Dataset
    from hyperopt.report.audit import Audit
    from hyperopt.rows.rows_file import RowsFile
    from hyperopt.runs.trained_network import TrainedNetwork
    from utils.runs.predictions import Predictions


@dataclass(frozen=True)
class LoadedRun:
    """A finished run. What is large or slow to make is read when it is first asked for.

    files: of the run. result: the content of its result file. data_folder: of its data set, which only the audit and
    runs of earlier versions need. All that is read raises UserError when it is missing or damaged.
    """

    files: RunFiles
    result: dict[str, Any]
    data_folder: Path

    @property
    def options(self) -> RunOptions:
        """Its resolved options."""
        return self.result["options"]

    @cached_property
    def data(self) -> Dataset:
        """Its data set as it is now, on the CPU."""
        return load_data(self.result, self.data_folder)

    @cached_property
    def network(self) -> TrainedNetwork:
        """The network of its last epoch, as evaluation has it."""
        return self.read_network()

    @cached_property
    def best_network(self) -> TrainedNetwork:
        """The network of the epoch that is best on the test set, which says nothing about other images."""
        return self.read_network(best=True)

    def read_network(self, best: bool = False, precision: str | None = None) -> TrainedNetwork:
        """The network of its last or best epoch; it computes in `precision`, as its run did by default."""
        from hyperopt.runs.trained_network import read_network

        path = self.files.best if best else self.files.last
        return read_network(path, self.options, lambda: self.data, precision)

    @cached_property
    def rows(self) -> RowsFile | None:
        """The rows of its training images; None if it has none."""
        from hyperopt.rows.rows_file import RowsFile

        return RowsFile.read(self.files.rows) if self.files.rows.exists() else None

    @cached_property
    def predictions(self) -> Predictions:
        """Its network's predictions for test and training images."""
        from utils.runs.predictions import Predictions

        return Predictions.read(self.files.predictions, classes_of(self.result))

    @cached_property
    def audit(self) -> Audit:
        """The audit of its training labels, the most suspicious ones first."""
        from hyperopt.report.review import review_run

        return review_run(self.files, self.data, self.result).audit

    @cached_property
    def metrics(self) -> dict[str, list[float]]:
        """Its figures by column, a value per epoch."""
        path = self.files.metrics
        header = path.read_text(errors="replace").partition("\n")[0] if path.exists() else ""
        return read_metrics(path, epochs_of(self.result), header.strip().split(",")[1:])


def load_run(folder: str | Path, name: str | None = None, data: str | Path | None = None) -> LoadedRun:
    """The finished run in a run folder, such as local_data/DIGITS/run0.

    Args:
        folder: the run folder.
        name: of the setting; not needed if the folder has a single finished run.
        data: folder of the data set (default: that which the run folder is in).

    Raises:
        UserError: when there is no finished run, or when there are several and none is named.

    """
    folder = Path(folder).resolve()
    found = {path.stem.removeprefix("result_"): path for path in sorted(folder.glob("result_*.json"))}
    if not found:
        going = unfinished([folder]) if folder.is_dir() else []
        raise UserError("; ".join([f"no finished run in {folder}", *(going or ["name a run folder, such as run0"])]))
    if name is None and len(found) > 1:
        raise UserError(f"{folder} has {len(found)} finished runs; give one's name: {', '.join(found)}")
    if name is not None and name not in found:
        raise UserError(f"{folder} has no finished run {name}; it has {', '.join(found)}")
    path = found[name or next(iter(found))]
    return LoadedRun(
        RunFiles(folder, path.stem.removeprefix("result_")),
        read_result(path),
        Path(data).resolve() if data else data_folder_of(folder.parent),
    )
