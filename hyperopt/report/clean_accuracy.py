"""What a run's network makes of the clean images: the measure that an audit goes by."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperopt.options.stored import classes_of
from hyperopt.report.results import read_metrics
from utils.runs.files import RunFiles

if TYPE_CHECKING:
    from custom_datasets.table import Dataset

DIGITS = 6  # of shares, as an audit's file has them
SHOWN = 20  # classes with their accuracies in words


@dataclass(frozen=True)
class CleanAccuracy:
    """Shares of clean images that the network gets right, per class (C,), not a number for a class without them.

    last: at the last epoch; mean: averaged over the `epochs` evaluations. doubt: in words, why they are no measure of
    what the network can tell, None where they are one.
    """

    epochs: int
    last: np.ndarray
    mean: np.ndarray
    doubt: str | None = None

    @classmethod
    def of(cls, files: RunFiles, data: "Dataset", result: dict[str, Any]) -> "CleanAccuracy":
        """Those of a finished run; of an earlier version's, which kept none per class, those of all classes together.

        Raises UserError when that takes a metrics file that cannot be read.
        """
        options, classes = result["options"], classes_of(result)
        epochs = options.epochs
        if found := result.get("clean_accuracy"):
            last, mean = (np.array(found[name], float) / 100 for name in ("last_epoch", "mean_of_epochs"))
        else:
            accuracies = np.array(read_metrics(files.metrics, epochs, ("valid_accuracy",))["valid_accuracy"]) / 100
            last, mean = np.full(classes, accuracies[-1]), np.full(classes, accuracies.mean())
        return cls(epochs, last, mean.round(DIGITS), _doubt(data, options.sees_valid, own=not options.public))

    def reference(self) -> np.ndarray:
        """What the quality of a label is compared with, per class (C,): of a class without clean images the mean."""
        return np.where(np.isnan(self.mean), np.nanmean(self.mean), self.mean)

    def weakness(self, contradicted: float) -> str | None:
        """Why the network is too weak to tell wrong labels, None if it is not.

        It is where it is wrong about a larger share of the clean images, all classes counting alike, than is
        `contradicted` of the given labels: those that look wrong and that it does not say itself in the end. They may
        all be its own mistakes then, and the others of those that look wrong were learned late, and are right.
        """
        wrong = 1 - np.nanmean(self.last)
        if self.doubt or wrong <= contradicted:
            return None
        return (
            f"the network is too weak for an audit: it is wrong about {100 * wrong:.1f} % of the clean images (mean "
            f"over classes), and contradicts no more than {100 * contradicted:.1f} % of the labels, which may be its "
            "own mistakes; train longer, or with learned rows (--los-model BOTH --hyper-opt FIS)"
        )

    def report(self, names: list[str] | None) -> list[str]:
        """In lines, how good the network is; `names` of the classes where they have some."""
        line = (
            f"the network, after {self.epochs} epochs with {len(self.last)} classes, is right about "
            f"{100 * np.nanmean(self.last):.1f} % of the clean images (mean over classes), "
            f"{100 * np.nanmean(self.mean):.1f} % on average over the epochs"
        )
        lowest = np.argsort(self.last, kind="stable")[:SHOWN]
        each = (
            f"{names[c] if names else c} {'-' if np.isnan(self.last[c]) else f'{100 * self.last[c]:.0f}'}"
            for c in sorted(lowest)
        )
        some = f"lowest {SHOWN} of its classes" if len(self.last) > SHOWN else "per class"
        return [line, f"  {some}, in %: {', '.join(each)}"]


def _doubt(data: "Dataset", sees_valid: bool, own: bool) -> str | None:
    """Why the accuracies of clean images say little, in words."""
    if sees_valid:
        return "it was trained on these images, so that how weak it is cannot be told"
    if own and not data.valid_given:
        return "there is no clean part: these images are training images, so that how weak it is cannot be told"
    return None
