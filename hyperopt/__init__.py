"""Rows of hyperparameters, one per training image, and the estimators that learn them."""

from hyperopt.estimators import HyperSettings
from hyperopt.hyper_pass import hyper_pass
from hyperopt.hyperparameters import Hyperparameters
from hyperopt.learned_rows import LearnedRows

__all__ = ["HyperSettings", "Hyperparameters", "LearnedRows", "hyper_pass"]
