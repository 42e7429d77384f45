"""CON: weights and labels by a finished run's confidence in the given labels, once, before the training begins.

The confidence is the probability that the finished run's network gave to each image's given label, averaged over its
training (Swayamdipta et al. 2020, arXiv 2009.10795). The run is that of --rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperopt.estimators.estimator import Estimator
from hyperopt.rows.letters import CONFIDENCE
from utils.errors import UserError
from utils.flags import flag, number

if TYPE_CHECKING:
    from torch import Tensor

    from hyperopt.estimators.estimator import FinishedRun
    from hyperopt.rows.rows_file import RowsFile

FILLS = ("W", "S", "WS")
FORMS = ("relative", "absolute", "threshold")


class Confidence(Estimator):
    """The rows stay fixed while the network learns. Parts in --rows-use are taken over too; a weight is a factor."""

    fills = "WS"
    reads = CONFIDENCE

    @dataclass(frozen=True)
    class Options:
        """Its flags."""

        confidence_fills: str = flag(
            "W",
            "parts that the confidence fills: W weight; S soft label, of the class that the finished run's network "
            "predicts where the confidence is below the threshold",
            choices=FILLS,
        )
        confidence_form: str = flag(
            "relative",
            "weight: the confidence over the highest of the class, the confidence itself, or 0 below the threshold and "
            "1 above",
            choices=FORMS,
        )
        confidence_threshold: float = flag(0.6, "of the confidence", type=number(float, 0, 1))

    options: Options

    @classmethod
    def check(cls, setting: Any) -> None:
        """Refuse a missing finished run or part, a part that would be filled twice, and a flag without effect."""
        options, usual = setting.estimator, cls.Options()
        if not setting.rows:
            raise UserError("--hyper-opt CON takes the confidence of a finished run; add --rows with its name")
        for letter in options.confidence_fills:
            if letter not in setting.row_parts:
                raise UserError(f"--confidence-fills {letter} has no part to fill; add --los-model BOTH, or change it")
        for letter in setting.rows_use or "":
            if letter == CONFIDENCE or (letter == "S" and "S" in options.confidence_fills):
                raise UserError(f"--rows-use {letter} is what --hyper-opt CON fills itself; leave {letter} out")
        if "W" not in options.confidence_fills and options.confidence_form != usual.confidence_form:
            raise UserError("--confidence-form is of the weight; add W to --confidence-fills, or leave it out")
        cut = "S" in options.confidence_fills or options.confidence_form == "threshold"
        if not cut and options.confidence_threshold != usual.confidence_threshold:
            raise UserError(
                "--confidence-threshold is for --confidence-form threshold and --confidence-fills S; add one of them"
            )

    def begin(self, finished: FinishedRun) -> None:
        """Fill the parts.

        Raises UserError when no confidence reaches the threshold, so that all weights would be 0, and when the finished
        run's predictions are missing, damaged or of other images.
        """
        fills, rows = self.options.confidence_fills, finished.rows()
        if "W" in fills:
            weight = self._weights(rows)
            columns = {"weight": weight * rows.columns["weight"] if "W" in finished.use else weight}
            self.training.rows.fill(rows.index, columns, "W")
        if "S" in fills:
            self._relabel(rows, finished)

    def _weights(self, rows: RowsFile) -> Tensor:
        """A weight (n,) per image, from the confidence in its given label."""
        from hyperopt.rows.confidence import relative_confidence

        confidence = rows.columns["confidence"].to(self.training.rows.dtype)
        if self.options.confidence_form == "relative":
            return relative_confidence(confidence, rows.given_label)
        if self.options.confidence_form == "absolute":
            return confidence
        believed = self._believed(confidence)
        if not believed.any():
            raise UserError(
                f"no confidence reaches --confidence-threshold {self.options.confidence_threshold:g}; lower it"
            )
        return believed.to(confidence.dtype)

    def _relabel(self, rows: RowsFile, finished: FinishedRun) -> None:
        """Fill the soft labels with the predicted class where the confidence is low, smoothed as at the start."""
        import numpy as np
        import torch

        from hyperopt.rows.parts import start_soft_labels

        classes = self.training.data.classes
        try:
            found = finished.predictions()
        except UserError as error:
            raise UserError(
                f"--confidence-fills S needs the predictions beside the rows file: {error}, or, if the rows file is a "
                "copy, give --rows the run's name"
            ) from error
        distorted = np.isin(found.train_index, rows.index)  # a control is trained on clean images as well
        index, given, predicted = (
            column[distorted] for column in (found.train_index, found.train_given, found.train_predicted)
        )
        rows = rows.in_order_of(index, given, classes, "the file of --rows")
        believed = self._believed(rows.columns["confidence"])
        label = torch.where(believed, rows.given_label, torch.from_numpy(predicted))
        soft_label = start_soft_labels(label, classes, self.training.rows.dtype).softmax(1)
        self.training.rows.fill(rows.index, {"soft_label": soft_label}, "S")

    def _believed(self, confidence: Tensor) -> Tensor:
        """A mask of the given labels (n,) whose confidence reaches the threshold."""
        return confidence >= self.options.confidence_threshold
