"""What a run is going to do, and what it did, in words."""

import dataclasses
from typing import Any

from utils.options import TrainOptions
from utils.run_folder import run_files


def plan(options: TrainOptions, finished: dict[str, Any] | None) -> str:
    """The resolved options, the files and the state of a run, one per line."""
    files = run_files(options)
    lines = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    lines |= {"checkpoints": f"{files.best}, {files.last}", "metrics": files.metrics, "result": files.result}
    lines["state"] = f"finished: {summary(finished)}" if finished else "not finished yet"
    return "\n".join(f"{name:<18} {value}" for name, value in lines.items())


def summary(result: dict[str, Any]) -> str:
    """A result in one line: the three accuracies, told apart."""
    figures = (
        f"{name.replace('_', ' ')} {accuracy:.2f} % (epoch {result['epochs'][name]})"
        for name, accuracy in result["accuracy"].items()
    )
    return f"{result['run']} {result['name']}: test accuracy {', '.join(figures)}"
