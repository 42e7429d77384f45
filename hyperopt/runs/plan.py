"""The plan of a run and the summary of its result, as text."""

from pathlib import Path
from typing import Any

from hyperopt.options.setting import Setting
from hyperopt.runs.stages import Stage
from utils.runs.accuracies import ACCURACIES
from utils.runs.files import RunFiles, run_folders


def plan(stage: Stage, finished: dict[str, Any] | None) -> str:
    """The resolved options, the files and the state of a run, one per line."""
    options, files = stage.run, stage.run.files
    lines = options.values()
    lines |= {"training_loss": options.training_loss, "trained_on": stage.training.train_on}
    lines |= {"starts_from": _presence(stage.rows_path) if stage.rows_path else "usual rows"}
    if stage.network_files:
        lines["network_of"] = _presence(stage.network_files.last)
    lines |= {"checkpoints": f"{files.best}, {files.last}", "metrics": files.metrics, "result": files.result}
    lines["state"] = f"finished: {summary(finished)}" if finished else _start(files, options.fresh)
    return _aligned(lines)


def _start(files: RunFiles, fresh: bool) -> str:
    there = [path for path in (files.last, files.previous) if path.exists()]
    return f"goes on from {there[0]}" if there and not fresh else "starts from scratch"


def setting_plan(options: Setting) -> str:
    """The resolved options of a setting, its name, and its result file in every run folder, one per line."""
    lines = options.values(Setting)
    lines |= {"row": options.name, "folder": options.runs_folder}
    results = {run: RunFiles(folder, options.name).result for run, folder in run_folders(options.runs_folder).items()}
    runs = {f"run{run}": _presence(path) for run, path in results.items()}
    return _aligned(lines | (runs or {"run_folders": "none yet"}))


def summary(result: dict[str, Any]) -> str:
    """A result in one line: all accuracies, by name."""
    figures = (
        f"{ACCURACIES[name]} {accuracy:.2f} % ({'to ' if name == 'last_five' else ''}epoch {result['epochs'][name]})"
        for name, accuracy in result["accuracy"].items()
    )
    return f"{result['run']} {result['name']}: test accuracy {', '.join(figures)}"


def _presence(path: Path) -> str:
    return f"{path} ({'there' if path.exists() else 'not there'})"


def _aligned(lines: dict[str, Any]) -> str:
    return "\n".join(f"{name:<18} {value}" for name, value in lines.items())
