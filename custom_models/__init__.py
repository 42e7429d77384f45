"""Image classifiers: an encoder and a linear head."""

from custom_models.classifier import Classifier, ModelError, build_model, parse_model

__all__ = ["Classifier", "ModelError", "build_model", "parse_model"]
