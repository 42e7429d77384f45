"""The accuracies of a run's network on the clean images, with which an audit compares the quality of labels."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperopt.options.stored import classes_of
from hyperopt.report.metrics import epochs_of, read_metrics
from hyperopt.rows.quality import reference_of
from utils.runs.files import RunFiles

if TYPE_CHECKING:
    from custom_datasets.table import Dataset

DIGITS = 6  # of shares in an audit's file
SHOWN = 20  # classes whose accuracies are printed


@dataclass(frozen=True)
class CleanAccuracy:
    """The share of clean images that the network gets right, per class (C,); NaN for a class without clean images.

    last: at the last epoch; mean: averaged over the `epochs` evaluations. doubt: why the accuracies say little about
    the network; None if they are reliable.
    """

    epochs: int
    last: np.ndarray
    mean: np.ndarray
    doubt: str | None = None

    @classmethod
    def of(cls, files: RunFiles, data: "Dataset", result: dict[str, Any]) -> "CleanAccuracy":
        """The accuracies of a finished run; the overall ones for a run of an earlier version, which has none per class.

        Raises UserError when the metrics file is needed for that and cannot be read.
        """
        options, classes = result["options"], classes_of(result)
        epochs = epochs_of(result)
        if found := result.get("clean_accuracy"):
            last, mean = (np.array(found[name], float) / 100 for name in ("last_epoch", "mean_of_epochs"))
        else:
            accuracies = np.array(read_metrics(files.metrics, epochs, ("valid_accuracy",))["valid_accuracy"]) / 100
            last, mean = np.full(classes, accuracies[-1]), np.full(classes, accuracies.mean())
        return cls(epochs, last, mean.round(DIGITS), _doubt(data, options.sees_valid, own=not options.public))

    def reference(self) -> np.ndarray:
        """The reference for the quality of a label, per class (C,)."""
        return reference_of(self.mean)

    def weakness(self, contradicted: float) -> str | None:
        """Why the network is too weak to tell wrong labels; None if it is not.

        It is too weak if its error on the clean images (mean over classes) is larger than the share `contradicted`.
        That is the share of given labels that look wrong and that the network does not predict itself in the end. All
        of them may be its own mistakes then. The other suspects were learned late, and are right.
        """
        wrong = 1 - np.nanmean(self.last)
        if self.doubt or wrong <= contradicted:
            return None
        return (
            f"the network is too weak for an audit: it is wrong about {100 * wrong:.1f} % of the clean images (mean "
            f"over classes), and contradicts no more than {100 * contradicted:.1f} % of the labels, which may be its "
            "own mistakes; train longer, or with learned rows if it has none (--los-model BOTH --hyper-opt FIS)"
        )

    def report(self, names: list[str] | None) -> list[str]:
        """Lines on the network's accuracy; `names` of the classes, None if they have none."""
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
    """Why the accuracies on clean images say little; None if they are reliable."""
    if sees_valid:
        return "it was trained on these images, so that how weak it is cannot be told"
    if own and not data.has_clean_part:
        return "there is no clean part: these images are training images, so that how weak it is cannot be told"
    return None
