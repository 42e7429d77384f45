"""The estimator: who fills the rows of a training set, and the training that it does so in.

This one is NONE, under which the rows stay as they are. Another one replaces the innermost of `epoch`, `step` and
`loss` that it has to, and says in `Options` which flags it has. No module of an estimator imports torch before it is
needed, so that flags are read at once.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from hyperopt.estimators.training import Training
    from hyperopt.rows.rows_file import RowsFile
    from utils.passes import Batch, Evaluation
    from utils.runs.predictions import Predictions


class FinishedRun(Protocol):
    """What a finished run leaves for an estimator that starts from it."""

    def predictions(self) -> Predictions:
        """What its last network says of its images. Raises UserError when the file is missing or damaged."""

    def network(self) -> dict[str, dict[str, Tensor]]:
        """The weights of its last epoch's encoder and head."""


class Estimator:
    """NONE: the rows stay as they are.

    fills: letters of the parts that it can fill. reads: letters of what it takes itself from the rows file of --rows,
    of which nothing else is taken over then but what --rows-use names. passes_over_rows: whether it takes
    hypergradients in passes of its own, which the flags --hyper-start, --hyper-lr and --hyper-batch-size are about.
    trains_on: values of --train-on that it can be combined with. rows_rate: learning rate of the rows at their last
    step of the epoch, 0 at rest.

    Args:
        options: its own.
        training: what is worked on.

    """

    fills: ClassVar[str] = ""
    reads: ClassVar[str] = ""
    passes_over_rows: ClassVar[bool] = False
    trains_on: ClassVar[tuple[str, ...]] = ("distorted", "valid", "both")

    @dataclass(frozen=True)
    class Options:
        """The flags that only this estimator has: none."""

    def __init__(self, options: Any, training: Training):
        self.options, self.training = options, training
        self.rows_rate = 0.0

    @classmethod
    def flag_names(cls) -> list[str]:
        """The names of its own flags."""
        return [field.name for field in dataclasses.fields(cls.Options)]

    @classmethod
    def check(cls, setting: Any) -> None:
        """Raise UserError for what a setting cannot be combined with."""

    @classmethod
    def earlier(cls, options: Any) -> Any:
        """The options of the run that this one starts from, in the same command; None for one that needs none."""
        return None

    def begin(self, rows: RowsFile, use: str, finished: FinishedRun) -> None:
        """Start from a finished run: fit what is needed, the same each time.

        `rows` are those of its rows file, of which the parts of the letters `use` have been taken over.
        """

    def epoch(self, number: int) -> float:
        """Epoch `number`, from 1: moves network and rows, and returns the mean training loss.

        Raises DivergenceError when a loss or a hypergradient is not a number.
        """
        return self.training.train_pass(number, self.step)

    def step(self, batch: Batch) -> Tensor:
        """Move the network by a training batch; returns its loss (scalar)."""
        loss = self.loss(batch)
        self.training.descend(loss)
        return loss

    def loss(self, batch: Batch) -> Tensor:
        """The loss of a training batch (scalar, nats), with its graph."""
        images, leaves = self.training.augmented(batch)
        logits = self.training.logits(images, batch.index)
        return self.training.rows.loss(logits, batch.index, leaves)

    def evaluate(self, number: int) -> tuple[Evaluation, Evaluation]:
        """The network on the test and on the validation set, in epoch `number`."""
        return self.training.evaluate(number)

    def measures(self) -> dict[str, float]:
        """Further columns of the metrics file."""
        return {}

    def state(self) -> dict[str, Any]:
        """What the next epoch depends on beside the training's state."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` has returned."""

    def whole_state(self) -> dict[str, Any]:
        """The training's state, and the estimator's where it has one."""
        own = self.state()
        return self.training.state() | ({"estimator": own} if own else {})

    def whole_layout(self) -> dict[str, Any]:
        """A state as it is after a step; only keys, types and shapes count."""
        return self.whole_state() | self.training.layout()

    def load_whole(self, published: dict[str, Any], state: dict[str, Any]) -> None:
        """Go on from what is published of a run, and its whole state."""
        self.training.load(published, state)
        if "estimator" in state:
            self.load(state["estimator"])
