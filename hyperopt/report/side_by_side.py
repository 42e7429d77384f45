"""Runs by their folders, side by side: what differs in data, options and versions, then their accuracies."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hyperopt.options.stored import read_result
from hyperopt.report.choice import fits, listed_apart
from hyperopt.report.repetitions import VERSIONS, data_of, version_of
from utils.errors import UserError
from utils.grid import Grid, as_text
from utils.runs.accuracies import ACCURACIES
from utils.runs.files import RunFiles, run_folders
from utils.runs.owner import data_folder_of
from utils.runs.progress import unfinished

WIDTH = 24  # letters of a value in the table
NOT_KNOWN = "-"


class StoredRun(NamedTuple):
    """A finished run: its files and its result."""

    files: RunFiles
    result: dict[str, Any]

    @property
    def data_folder(self) -> Path:
        """The folder of its data set."""
        return data_folder_of(self.files.folder.absolute().parent)


def runs_of(folders: Iterable[Path], match: re.Pattern[str] | None, wanted: Mapping[str, Any]) -> list[StoredRun]:
    """The finished runs in run folders whose name matches and that have the wanted options; by folder, then by name.

    Raises UserError for a folder without such a run, and for a result that cannot be read.
    """
    pattern = match or re.compile("")
    return [run for folder in dict.fromkeys(folders) for run in _runs_in(folder, pattern, wanted)]


def _runs_in(folder: Path, match: re.Pattern[str], wanted: Mapping[str, Any]) -> list[StoredRun]:
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; name a run folder such as local_data/DIGITS/run0")
    if inside := run_folders(folder):
        named = " ".join(str(path) for path in inside.values())
        raise UserError(f"{folder} is no run folder, but has some; name those that you mean of {named}")
    paths = [path for path in sorted(folder.glob("result_*.json")) if match.search(_name(path))]
    found = [StoredRun(RunFiles(folder, _name(path)), read_result(path)) for path in paths]
    fitting = [run for run in found if fits(wanted, run.result["options"].values())]
    if fitting:
        return fitting
    if found:
        raise UserError(f"no finished run in {folder} fits the flags; leave some out")
    going = unfinished([folder], match)
    raise UserError("; ".join([f"no finished run in {folder}", *(going or ["train it first, or name another folder"])]))


def _name(path: Path) -> str:
    return path.stem.removeprefix("result_")


def only_run(runs: Sequence[StoredRun]) -> StoredRun:
    """The only one of the runs. Raises UserError when there are several."""
    if len(runs) == 1:
        return runs[0]
    if len({run.files.folder for run in runs}) > 1:
        raise UserError("an audit is of one run; name a single run folder")
    settings = "; ".join(listed_apart([run.result["options"] for run in runs]))
    raise UserError(
        f"{runs[0].files.folder} has runs of {len(runs)} settings: {settings}; add the flags of one of them, or "
        "--match with a pattern of its name"
    )


def side_by_side(runs: Sequence[StoredRun]) -> str:
    """The runs by numbers, the table of what differs, and the table of their accuracies."""
    places = [str(place) for place in range(1, len(runs) + 1)]
    names = [f"{place}: {run.files.folder}, {run.files.name}" for place, run in zip(places, runs, strict=True)]
    different = differing(runs)
    if different:
        table = as_text([["differs", *places], *different])
    else:
        table = "no difference in data, options and versions" if len(runs) > 1 else ""
    accuracies = as_text([["test accuracy, %", *places], *_accuracies(runs)])
    return "\n\n".join(text for text in ("\n".join(names), table, accuracies) if text)


def differing(runs: Sequence[StoredRun]) -> Grid:
    """A line for each of data, options and versions that differs between the runs: its name, and each run's value."""
    results = [run.result for run in runs]
    columns = {
        "data": [data_of(result) for result in results],
        "option": [result["options"].identity for result in results],
        "version": [{n: version_of(result, n) for n in (*VERSIONS, "commit")} for result in results],
    }
    lines = []
    for kind, values in columns.items():
        for name in dict.fromkeys(name for those in values for name in those):
            found = [_cell(those.get(name)) for those in values]
            if len(set(found)) > 1:
                lines.append([f"{kind}: {name}", *found])
    return lines


def _cell(value: Any) -> str:
    if value is None:
        return NOT_KNOWN
    text = ", ".join(value) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def _accuracies(runs: Sequence[StoredRun]) -> Grid:
    found = [run.result["accuracy"] for run in runs]
    return [
        [title, *(f"{those[name]:.2f}" if name in those else NOT_KNOWN for those in found)]
        for name, title in ACCURACIES.items()
    ]
