"""SEL: which images are worth augmenting. Efficient Augmentation.

Efficient Augmentation via Data Subsampling (arXiv 1810.05222) scores the training images once by a linear model on the
features of a finished network, and augments only those that come first in an order by these scores. An epoch is a
budget here: the linear model is fitted to all images and to all copies of the first so many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperopt.estimators.estimator import Estimator
from hyperopt.estimators.selection_options import SelectionOptions
from utils.errors import UserError
from utils.threads import torch_threads

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor

    from hyperopt.estimators.estimator import FinishedRun
    from hyperopt.estimators.linear_task import LinearTask
    from hyperopt.estimators.training import Training
    from hyperopt.head.logistic import LinearModel
    from utils.passes import Evaluation


class Selection(Estimator):
    """Replaces the epoch, in which the encoder stays as it is, and the head becomes the linear model.

    The rank of an image is its place in the order. Where each budget has a set of its own, it is the place among all
    sets, one after the other.
    """

    fills = "R"
    needs_pixels = True
    trains_on = ("distorted",)
    epochs_alike = False

    @dataclass(frozen=True)
    class Options(SelectionOptions):
        """Its flags."""

    options: Options
    task: LinearTask
    model: LinearModel
    order: np.ndarray

    @classmethod
    def check(cls, setting: Any) -> None:
        """Refuse flags that contradict each other."""
        setting.estimator.check(setting)

    @classmethod
    def check_images(cls, options: Any, images: int) -> None:
        """Refuse budgets and clusters of more images."""
        options.estimator.check_images(images)

    @classmethod
    def earlier(cls, options: Any) -> Any:
        """The baseline on the same data, in this or in another run folder; none for a run that is named."""
        return options.baseline_of(options.estimator.features_of)

    @classmethod
    def network_path(cls, options: Any) -> Path | None:
        """The checkpoint of the run that is named."""
        return options.checkpoint_of(options.estimator.features_of)

    @classmethod
    def drawn_copies(cls, options: Any) -> int:
        """Copies of an image by a policy that draws them."""
        return options.estimator.select_copies

    def __init__(self, options: Options, training: Training):
        super().__init__(options, training)
        self.budgets: list[int] = []
        self.scores: np.ndarray | None = None
        self._sets: list[np.ndarray] = []  # of the budgets, without an order
        self._figures: dict[str, float] = {}  # of the last budget

    @property
    def epochs(self) -> int:
        """The number of budgets."""
        return self.options.length

    @torch_threads()
    def begin(self, finished: FinishedRun) -> None:
        """Take the features, fit the linear model to the images themselves, score these and order them."""
        import numpy as np

        from hyperopt.estimators.linear_task import NOTHING
        from hyperopt.estimators.selection_inputs import make_task

        try:
            self.training.take_encoder(finished.network()["encoder_state_dict"])
        except RuntimeError as error:
            raise UserError(
                "the run of --features-of has another --model, or was trained on images with other channels; give one "
                "with the same"
            ) from error
        self.task = make_task(self.training, finished, self.options)
        self.model = self.task.fit(NOTHING)
        self.scores = self.task.scores(self.model, NOTHING)
        self.budgets = self.options.budgets(self.task.images, self.task.support_vectors)
        if self.options.in_order:
            self._fill(self.task.order(self.scores, "order"))
            return
        self._sets = self.task.sets(self.scores, self.budgets)
        every = np.concatenate(self._sets)
        first = np.unique(every, return_index=True)[1]
        self._fill(every[np.sort(first)])

    @torch_threads()
    def epoch(self, number: int) -> float:
        """Fit the linear model to all images and the copies of this budget's; the loss is that of the fit."""
        budget, task = self.budgets[number - 1], self.task
        chosen = self._sets[number - 1] if self._sets else self.order[:budget]
        self.model = task.fit(chosen, self.model)
        if self.options.select_update and 0 < budget < task.images:
            scores = task.scores(self.model, chosen)
            self._fill(task.reorder(self.order, budget, scores, f"order after budget {number}"))
        self.training.take_head(*task.head(self.model))
        loss, self._figures = task.training_loss(self.model, chosen), {"budget": budget}
        self.training.meter.lap("train", task.rows_of(chosen), 0)
        return loss

    def _fill(self, order: np.ndarray) -> None:
        """Keep an order, and fill the images' ranks."""
        import torch

        self.order = order
        index = self.training.loaders.train_index.sort().values
        rank = torch.empty_like(index)
        rank[torch.from_numpy(order).to(index.device)] = torch.arange(len(index), device=index.device)
        self.training.rows.fill(index, {"rank": rank}, "R")

    @torch_threads()
    def evaluate(self, number: int) -> tuple[Evaluation, Evaluation]:
        """Evaluate the linear model on test and validation images, and on the test images with their copies."""
        test, valid, augmented = self.task.evaluate(self.model)
        self._figures["test_augmented_accuracy"] = augmented.accuracy
        self.training.meter.lap("evaluation", self.task.evaluated, 0)
        return test, valid

    def measures(self) -> dict[str, float]:
        """The number of augmented images, and the accuracy on test images with their copies."""
        return self._figures

    def result(self) -> dict[str, Any]:
        """The budgets."""
        return {"budgets": self.budgets}

    def columns(self, index: Tensor) -> dict[str, Tensor]:
        """The scores that the first order was made of; `index` are all images that this run is trained on."""
        import torch

        if self.scores is None or not self.options.scored:
            return {}
        return {"score": torch.from_numpy(self.scores).float()}

    def state(self) -> dict[str, Any]:
        """The linear model and the order."""
        import torch

        arrays = {"weight": self.model.weight, "bias": self.model.bias, "order": self.order}
        return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}

    def load(self, state: dict[str, Any]) -> None:
        """Restore them."""
        from hyperopt.head.logistic import LinearModel

        self.model = LinearModel(state["weight"].numpy(), state["bias"].numpy())
        self._fill(state["order"].numpy())

    def whole_layout(self) -> dict[str, Any]:
        """A state as after a step, in which the optimiser of the network has no part."""
        return self.whole_state()
