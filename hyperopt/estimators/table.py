"""The estimators by the names of `--hyper-opt`. A module is imported when its estimator is asked for."""

from importlib import import_module
from typing import NamedTuple

from hyperopt.estimators.estimator import Estimator


class Entry(NamedTuple):
    """An estimator's module and class, and its line in the help."""

    module: str
    class_name: str
    help: str


ESTIMATORS = {
    "NONE": Entry("hyperopt.estimators.estimator", "Estimator", "the rows stay at their start"),
    "HES": Entry("hyperopt.estimators.implicit", "Hessian", "AutoDO: implicit differentiation, Neumann series"),
    "FIS": Entry("hyperopt.estimators.implicit", "Fisher", "implicit differentiation, damped Fisher matrix"),
    "UNR": Entry("hyperopt.estimators.unrolled", "Unrolled", "DABO: through one unrolled step of the network"),
    "GMM": Entry("hyperopt.estimators.mixture", "Mixture", "ReSmooth: smooth views that are strange to a baseline"),
    "SEL": Entry("hyperopt.estimators.selection", "Selection", "Efficient Augmentation: the images to augment first"),
    "CON": Entry("hyperopt.estimators.confidence", "Confidence", "by a finished run's confidence in its labels"),
}


def find_estimator(name: str) -> type[Estimator]:
    """The estimator of that name, which must be one of `ESTIMATORS`."""
    entry = ESTIMATORS[name]
    return getattr(import_module(entry.module), entry.class_name)


def estimator_of_flag(flag_name: str) -> str | None:
    """The first estimator that has a flag such as `hyper_alpha`; None if no estimator has it."""
    return next((name for name in ESTIMATORS if flag_name in find_estimator(name).flag_names()), None)
