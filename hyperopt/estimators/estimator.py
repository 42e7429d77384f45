"""The estimator, which fills the rows of a training set during the training.

This one is NONE, which leaves the rows as they are. Another one overrides the innermost of `epoch`, `step` and `loss`
that it needs to change, and declares its flags in `Options`. No module of an estimator imports torch before it is
needed, so that flags are read quickly.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from hyperopt.estimators.training import Training
    from hyperopt.rows.rows_file import RowsFile
    from utils.passes import Batch, Evaluation
    from utils.runs.predictions import Predictions


class FinishedRun(Protocol):
    """A finished run, for an estimator that starts from it."""

    @property
    def use(self) -> str:
        """Letters of the columns of its rows file that have been taken over."""
        ...

    @property
    def same_data(self) -> bool:
        """Whether it was trained on the same images and given labels."""
        ...

    def rows(self) -> RowsFile:
        """Its rows file."""

    def predictions(self) -> Predictions:
        """The predictions of its last network. Raises UserError when the file is missing or damaged."""

    def network(self) -> dict[str, dict[str, Tensor]]:
        """The weights of its last epoch's encoder and head."""

    @property
    def checksum(self) -> str:
        """The fingerprint of these."""
        ...

    def clean_accuracy(self) -> list[float]:
        """Its accuracy on the clean images of each class, in percent, averaged over its epochs; NaN without images."""

    def features(self, fingerprint: str) -> Path:
        """The file for features of its network with this fingerprint."""


class Estimator:
    """NONE: the rows stay as they are.

    fills: letters of the parts that it can fill. per_view: letters of those that it fills anew for every view, so that
    no table holds them. reads: letters of the columns that it reads itself from the rows file of --rows; if there are
    any, only the columns in --rows-use are taken over besides. hyper_options: which of the options hyper_start,
    hyper_lr and hyper_batch_size apply to it; none of them if it takes no hypergradients. changes: what it changes in a
    recipe. refits: whether --refit can follow. trains_on: values of --train-on that it can be combined with. rows_rate:
    learning rate of tables at the rows' last step of the epoch, 0 without such steps. forwards: further forward passes
    per image of a train pass, of this network or of one like it; a backward pass counts as two. epochs_alike: whether
    the last epochs are states of one training, whose accuracies may be averaged. needs_pixels: whether it is for
    pictures only, not for features of these.

    Args:
        options: of this estimator.
        training: the network, rows and batches.

    """

    fills: ClassVar[str] = ""
    per_view: ClassVar[str] = ""
    reads: ClassVar[str] = ""
    hyper_options: ClassVar[tuple[str, ...]] = ()
    changes: ClassVar[Mapping[str, Any]] = {}
    refits: ClassVar[bool] = False
    trains_on: ClassVar[tuple[str, ...]] = ("distorted", "valid", "both")
    epochs_alike: ClassVar[bool] = True
    needs_pixels: ClassVar[bool] = False

    @dataclass(frozen=True)
    class Options:
        """The flags that only this estimator has: none."""

    def __init__(self, options: Any, training: Training):
        self.options, self.training = options, training
        self.rows_rate, self.forwards = 0.0, 0.0

    @classmethod
    def flag_names(cls) -> list[str]:
        """The names of its own flags."""
        return [field.name for field in dataclasses.fields(cls.Options)]

    @classmethod
    def check(cls, setting: Any) -> None:
        """Raise UserError for a setting that this estimator cannot be combined with."""

    @classmethod
    def check_run(cls, options: Any) -> None:
        """Raise UserError for flags of a run that have no effect; runs of earlier versions may have them."""

    @classmethod
    def check_images(cls, options: Any, images: int) -> None:
        """Raise UserError for flags that do not fit this number of training images, known once the data are read."""

    @classmethod
    def needs_float32(cls, options: Any) -> bool:
        """Whether the encoder must not run in bfloat16, whatever a GPU has."""
        return False

    @classmethod
    def earlier(cls, options: Any) -> Any:
        """The options of the run that this one starts from, in the same command; None if it needs none."""
        return None

    @classmethod
    def network_path(cls, options: Any) -> Path | None:
        """The checkpoint of another finished run whose network this one starts from, without an earlier stage."""
        return None

    @classmethod
    def drawn_copies(cls, options: Any) -> int:
        """The number of copies of an image that it makes by a policy that draws them; 0 if it needs no copies."""
        return 0

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return self.training.plan.epochs

    def begin(self, finished: FinishedRun) -> None:
        """Start from a finished run: that of --rows, or the `earlier` one. The result must be the same each time."""

    def epoch(self, number: int) -> float:
        """Epoch `number`, from 1: move network and rows, and return the mean training loss.

        Raises DivergenceError when a loss or a hypergradient is not a number.
        """
        return self.training.train_pass(number, self.step, self.forwards)

    def step(self, batch: Batch) -> Tensor:
        """Train the network on a batch; returns the batch's loss (scalar)."""
        return self.training.descend(self.loss(batch))

    def loss(self, batch: Batch) -> Tensor:
        """The loss of a training batch (scalar, nats), with its graph; of a share, its part of the batch's loss."""
        images, leaves = self.training.augmented(batch)
        logits = self.training.logits(images, batch.index)
        return self.training.rows.loss(logits, batch.index, leaves, batch.share)

    def evaluate(self, number: int) -> tuple[Evaluation, Evaluation]:
        """Evaluate the network on the test and on the validation set, in epoch `number`."""
        return self.training.evaluate(number)

    def measures(self) -> dict[str, float]:
        """Further columns of the metrics file."""
        return {}

    def result(self) -> dict[str, Any]:
        """Further entries of the result."""
        return {}

    def columns(self, index: Tensor) -> dict[str, Tensor]:
        """Further columns of the rows file, of the images `index` (n,) on the host."""
        return {}

    def state(self) -> dict[str, Any]:
        """The state that the next epoch depends on, besides the training's."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Restore a state that `state` has returned."""

    def whole_state(self) -> dict[str, Any]:
        """The training's state, and the estimator's if it has one."""
        own = self.state()
        return self.training.state() | ({"estimator": own} if own else {})

    def whole_layout(self) -> dict[str, Any]:
        """A state as after a step, for its keys, types and shapes."""
        return self.whole_state() | self.training.layout()

    def load_whole(self, published: dict[str, Any], state: dict[str, Any]) -> None:
        """Go on from the published part of a checkpoint and the whole state."""
        self.training.load(published, state)
        if "estimator" in state:
            self.load(state["estimator"])
