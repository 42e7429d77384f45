"""The file of an augmentation network, `network_NAME.pt`, beside the rows file of its run.

It loads with `torch.load(path, weights_only=True)` as a dictionary:

    kind        text        what the augmenter decides: one of `augmenter_names.KINDS`, or stn
    ranges      numbers     of its parameters, by name; none for the published affine augmenter, which has no bounds
    channels    whole       of the images
    classes     whole       whose labels the augmenter knows; 0 if it knows none
    parameters  k names     its outputs, in order
    weights     float32     of its layers, by name, the number of outputs first
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hyperopt.augmentation.augmenter import augmenter_of
from hyperopt.augmentation.augmenter_names import RANGES, Form, has_ranges
from utils.arrays import load_tensors, write_tensors
from utils.errors import UserError


@dataclass(frozen=True)
class AugmenterFile:
    """The form and the weights of an augmenter, on the CPU."""

    form: Form
    weights: dict[str, Tensor]

    @classmethod
    def read(cls, path: Path) -> "AugmenterFile":
        """Read a file; nothing in it is executed. Raises UserError when it is missing or damaged."""
        try:
            found = cls._of(load_tensors(path))
        except FileNotFoundError as error:
            raise UserError(
                f"there is no network file {path}; train its run, with --fresh if it is finished"
            ) from error
        except (ValueError, TypeError, AttributeError, KeyError, RuntimeError) as error:
            raise UserError(
                f"{path} is not a network file that can be used; put the run's own one back, or train it with --fresh"
            ) from error
        return found

    @classmethod
    def _of(cls, content: Any) -> "AugmenterFile":
        form = Form(**{name: content[name] for name in Form._fields})
        found = cls(form, content["weights"])
        counts = form.channels, form.classes
        numbers = all(type(count) is int and 0 <= count < 2**31 for count in counts)
        if not numbers or not has_ranges(form) or content.keys() != found.content().keys():
            raise ValueError("a form that no augmenter has")
        if any(not 0 <= value <= RANGES[name].largest for name, value in form.ranges.items()):
            raise ValueError("a range that no augmenter has")
        if list(content["parameters"]) != list(form.parameters):
            raise ValueError("other parameters than its kind has")
        shapes = {name: tuple(weight.shape) for name, weight in found.weights.items()}
        if shapes != augmenter_of(form, torch.device("cpu")).shapes:
            raise ValueError("weights of other shapes than its form has")
        if not all(weight.dtype == torch.float32 and weight.isfinite().all() for weight in found.weights.values()):
            raise ValueError("weights that are no numbers")
        return found

    def content(self) -> dict[str, Any]:
        """All entries, by name."""
        return self.form._asdict() | {"parameters": list(self.form.parameters), "weights": self.weights}

    def write(self, path: Path) -> None:
        """Write the file as a whole."""
        write_tensors(path, self.content())
