"""Image classifiers: an encoder and a linear head."""

from custom_models.classifier import Classifier, ModelError, build_model, parse_model
from custom_models.frozen import FrozenClassifier

__all__ = ["Classifier", "FrozenClassifier", "ModelError", "build_model", "parse_model"]
