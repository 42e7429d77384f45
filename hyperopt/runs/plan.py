"""What a run is going to do, and what it did, in words."""

import dataclasses
from pathlib import Path
from typing import Any

from utils.options import TrainOptions
from utils.row_options import RowOptions
from utils.run_folder import ACCURACIES, RunFiles, dataset_folder, rows_file, run_files, run_folders


def plan(options: TrainOptions, finished: dict[str, Any] | None) -> str:
    """The resolved options, the files and the state of a run, one per line."""
    files = run_files(options)
    lines = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    start = rows_file(options)
    lines |= {"training_loss": options.training_loss, "trained_on": options.trained_on}
    lines |= {"starts_from": _presence(start) if start else "usual rows"}
    lines |= {"checkpoints": f"{files.best}, {files.last}", "metrics": files.metrics, "result": files.result}
    lines["state"] = f"finished: {summary(finished)}" if finished else _start(options)
    return _aligned(lines)


def _start(options: TrainOptions) -> str:
    files = run_files(options)
    there = [path for path in (files.last, files.previous) if path.exists()]
    return f"goes on from {there[0]}" if there and not options.fresh else "starts from scratch"


def row_plan(options: RowOptions) -> str:
    """The resolved options of a row, its name, and its result file in every run folder, one per line."""
    lines = {field.name: getattr(options, field.name) for field in dataclasses.fields(RowOptions)}
    lines |= {"row": options.run_name, "folder": dataset_folder(options)}
    results = {run: RunFiles(folder, options.run_name).result for run, folder in run_folders(options).items()}
    runs = {f"run{run}": _presence(path) for run, path in results.items()}
    return _aligned(lines | (runs or {"runs": "no run folder yet"}))


def summary(result: dict[str, Any]) -> str:
    """A result in one line: the accuracies, told apart."""
    figures = (
        f"{ACCURACIES[name]} {accuracy:.2f} % ({'to ' if name == 'last_five' else ''}epoch {result['epochs'][name]})"
        for name, accuracy in result["accuracy"].items()
    )
    return f"{result['run']} {result['name']}: test accuracy {', '.join(figures)}"


def _presence(path: Path) -> str:
    return f"{path} ({'there' if path.exists() else 'not there'})"


def _aligned(lines: dict[str, Any]) -> str:
    return "\n".join(f"{name:<18} {value}" for name, value in lines.items())
