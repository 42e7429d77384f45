"""CON: weights and labels by a finished run's confidence in the given labels, once, before the training begins.

The confidence is the probability that the finished run's network gave to each image's given label, averaged over its
training (Swayamdipta et al. 2020, arXiv 2009.10795). The run is that of --rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperopt.estimators.estimator import Estimator
from utils.errors import UserError
from utils.flags import flag, number

if TYPE_CHECKING:
    from torch import Tensor

    from hyperopt.estimators.estimator import FinishedRun
    from hyperopt.rows.rows_file import RowsFile

FILLS = ("W", "S", "WS")
FORMS = ("relative", "absolute", "threshold")


class Confidence(Estimator):
    """The rows rest while the network learns; what --rows-use takes over besides stays, the weight as a factor."""

    fills = "WS"

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
        """There must be a finished run, and the parts to fill."""
        if not setting.rows:
            raise UserError("--hyper-opt CON takes the confidence of a finished run; add --rows with its name")
        for letter in setting.estimator.confidence_fills:
            if letter not in setting.row_parts:
                raise UserError(f"--confidence-fills {letter} has no part to fill; add --los-model BOTH, or change it")

    def begin(self, rows: RowsFile, finished: FinishedRun) -> None:
        """Fill the parts. Raises UserError when the finished run kept no confidence, or no predictions."""
        fills = self.options.confidence_fills
        confidence = rows.columns.get("confidence")
        if confidence is None:
            raise UserError("the rows of --rows have no confidence; train their run again with --fresh")
        columns = {"weight": self._weights(confidence, rows.given_label)} if "W" in fills else {}
        if "S" in fills:
            columns["soft_label"] = self._labels(confidence, rows, finished)
        self.training.rows.fill(rows.index, columns, fills)

    def _weights(self, confidence: Tensor, given: Tensor) -> Tensor:
        """A weight (n,) per image of the confidence (n,) in its given label (n,)."""
        from hyperopt.rows.confidence import relative_confidence

        if self.options.confidence_form == "threshold":
            return (confidence >= self.options.confidence_threshold).float()
        return relative_confidence(confidence, given) if self.options.confidence_form == "relative" else confidence

    def _labels(self, confidence: Tensor, rows: RowsFile, finished: FinishedRun) -> Tensor:
        """Soft labels (n, C): the predicted class where the confidence (n,) is low, as smooth as all at the start."""
        import torch

        from hyperopt.rows.parts import start_soft_labels

        predictions = finished.predictions()
        place = torch.full((int(predictions.train_index.max()) + 1,), -1)
        place[torch.from_numpy(predictions.train_index)] = torch.arange(len(predictions.train_index))
        predicted = torch.from_numpy(predictions.train_predicted)[place[rows.index]]
        believed = confidence >= self.options.confidence_threshold
        label = torch.where(believed, rows.given_label, predicted)
        return start_soft_labels(label, self.training.data.classes).softmax(1)
