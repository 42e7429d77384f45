"""Stored runs: reading their options, and comparing these with a command's."""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from hyperopt.options.checks import check_setting
from hyperopt.options.resolve import make_options
from hyperopt.options.run_options import RunOptions
from hyperopt.options.setting import Setting, defaults_of
from utils.errors import UserError
from utils.flags import fits, flag_fields
from utils.runs.accuracies import ACCURACIES
from utils.runs.files import RunFiles

# The data of each fingerprint, by its key in a result.
DATA = {"table": "training images or labels", "test_table": "test images or labels"}


def stored_options(stored: Mapping[str, Any]) -> RunOptions:
    """The options of a stored run; those that were added later have their defaults.

    Raises ValueError, KeyError or TypeError for values that no run has stored.
    """
    usual: dict[str, Any] = {field.name: field.default for field in flag_fields(RunOptions)}
    recipe = stored.get("recipe", stored["dataset"])
    choices = [stored.get(name, getattr(Setting, name)) for name in ("method", "hyper_opt", "aug_model")]
    defaults = vars(defaults_of(recipe, *choices))
    filled_in = {name: value for name, value in defaults.items() if name in usual and value is not None}
    values = usual | filled_in | {"recipe": recipe, "precision": "fp32"} | dict(stored)
    options = make_options(RunOptions, values)
    kinds = RunOptions, type(options.augmenter), type(options.estimator)
    known = {field.name: field for kind in kinds for field in flag_fields(kind)}
    if unknown := sorted(stored.keys() - known.keys()):
        raise ValueError(f"its option {unknown[0]} is not known")
    for name, field in known.items():
        value = values.get(name, field.default)
        left_open = value is None and name in filled_in
        if field.metadata["identity"] and (left_open or not fits(field, value)):
            raise ValueError(f"its {name} cannot be {value!r}")
    return options


def read_result(path: Path) -> dict[str, Any]:
    """The content of a result file, with its options as RunOptions.

    Raises UserError when it is damaged or its content does not belong to its name.
    """
    try:
        content = json.loads(path.read_text())
        accuracy = content["accuracy"]
        if not {"best_on_test", "last_epoch"} <= accuracy.keys() <= ACCURACIES.keys():
            raise ValueError("it lacks an accuracy")
        if not all(isinstance(value, float) and 0 <= value <= 100 for value in accuracy.values()):
            raise ValueError("an accuracy is not between 0 and 100 %")
        if not all(isinstance(content["epochs"][name], int) for name in accuracy):
            raise ValueError("it lacks the epoch of an accuracy")
        if not _are_accuracies(content["accuracy_per_class"]["last_epoch"]):
            raise ValueError("an accuracy of a class is not between 0 and 100 %")
        if "budgets" in content and not _are_budgets(content["budgets"]):
            raise ValueError("its budgets are not numbers of images that ascend from 0")
        options = stored_options(content["options"])
        check_setting(options)
        if content["name"] != options.name or not content["run"]:
            raise ValueError("its run is not named")
        if options.dataset != content["dataset"]:
            raise ValueError("its data set is not known")
        if path.name != RunFiles(path.parent, options.name).result.name:
            raise ValueError("its content is another setting's")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, UserError) as error:
        raise UserError(f"{path} is not a result file that can be read ({error}); move it away") from error
    return content | {"options": options}


def classes_of(result: dict[str, Any]) -> int:
    """Number of classes of a result's data set."""
    return len(result["accuracy_per_class"]["last_epoch"])


def knows_true_labels(result: dict[str, Any]) -> bool:
    """Whether the data set's own labels are the true ones, and a result's run may have been given others."""
    made = result["options"].noise_ratio > 0
    return made or ("labels" in result and not result["labels"]["mends"])


def _are_accuracies(per_class: list[float | None]) -> bool:
    """Whether there are classes, each with an accuracy in percent, or None for a class without test images."""
    return bool(per_class) and all(value is None or 0 <= value <= 100 for value in per_class)


def _are_budgets(budgets: Any) -> bool:
    """Whether there are numbers of images that ascend from 0 to all of them."""
    if not isinstance(budgets, list) or len(budgets) < 2 or any(type(budget) is not int for budget in budgets):
        return False
    return budgets[0] == 0 and all(low <= high for low, high in pairwise(budgets))


def finished_result(files: RunFiles, identity: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result of a finished run, None if there is none; `identity` is that of the command.

    Raises UserError when the result has other options, or when there is a checkpoint of unknown origin.
    """
    if not files.result.exists():
        if files.best.exists() and not (files.last.exists() or files.previous.exists() or files.metrics.exists()):
            raise UserError(f"{files.best} is not of a run of this program; move it away, or overwrite it with --fresh")
        return None
    result = read_result(files.result)
    if differences := different_options(result["options"].identity, identity):
        raise UserError(
            f"{files.result} is of a finished run with other options ({', '.join(differences)}); "
            "use --fresh to start over, or another run folder"
        )
    return result


def different_options(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """The differences between the identities of a stored run and of a command, as text.

    The places of learned rows and of given labels are left out, since their content is compared.
    """
    pairs = ((name, theirs.get(name), value) for name, value in ours.items() if name not in ("rows", "labels"))
    return [f"{name} {stored} instead of {value}" for name, stored, value in pairs if stored != value]


def different_from_stored(stored: Any, ours: Mapping[str, Any]) -> list[str]:
    """The same for the options of a checkpoint, which may be damaged."""
    try:
        theirs = stored_options(stored).identity
    except (ValueError, KeyError, TypeError, AttributeError):
        return ["some that cannot be read"]
    return different_options(theirs, ours)
