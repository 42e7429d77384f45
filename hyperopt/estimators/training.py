"""A training: the network, the rows, the batches, and the passes over them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import SGD, Optimizer
from torchvision.utils import make_grid

from custom_datasets.loaders import Loaders
from custom_datasets.table import Dataset
from custom_models.classifier import Classifier
from custom_models.frozen import FrozenClassifier
from hyperopt.estimators.plan import Plan, Views
from hyperopt.rows.confidence import MeanConfidence
from hyperopt.rows.rows import Leaves, Rows
from utils.debug import BatchPictures
from utils.draws import Draws
from utils.group import ALONE, Group
from utils.passes import Batch, Batches, Evaluation, OutputCollector, Outputs, View, evaluate, train_pass
from utils.seeds import generator
from utils.speed import Cost, Meter

SAMPLES = 8  # images in a picture of the log


class Training:
    """The network and the rows of a run, and the passes over its images. An estimator decides how these move.

    Args:
        model: on the run's device, as the other parts are.
        optimizer: of the model's weights.
        rows: of the training images.
        parts: letters of the parts of the rows, including those that an estimator fills for each view.
        data: all images.
        loaders: of the run's batches.
        views: of the images.
        plan: of the passes.
        draws: CPU generator of all augmentation.
        watch: wraps the batches of every pass, so that a run can stop between two steps.
        meter: of the passes' seconds and operations.
        cost: of the model on an image, and on a test image.
        group: of the processes that train the run. Each calls the same methods, in the same order.

    """

    def __init__(
        self,
        model: Classifier,
        optimizer: SGD,
        rows: Rows,
        parts: str,
        data: Dataset,
        loaders: Loaders,
        views: Views,
        plan: Plan,
        draws: Draws,
        watch: Callable[[Batches], Batches],
        meter: Meter,
        cost: Cost,
        group: Group = ALONE,
    ):
        self.model, self.optimizer, self.rows, self.parts, self.data = model, optimizer, rows, parts, data
        self.loaders, self.views, self.plan, self.draws, self.watch = loaders, views, plan, draws, watch
        self.meter, self.cost, self.group = meter, cost, group
        self.frozen = FrozenClassifier(model)
        self.confidence = MeanConfidence(rows.given, rows.dtype)
        self.pictures = BatchPictures(None)
        self._test: Outputs | None = None  # of the last epoch's evaluation

    def show_batches(self, folder: Path) -> None:
        """Write the first training batches as pictures into a folder."""
        self.pictures = BatchPictures(folder)

    def compile(self) -> None:
        """Compile the encoder."""
        self.model.encoder.compile()
        self.frozen.encoder.compile()

    def train_pass(self, number: int, step: Callable[[Batch], Tensor], forwards: float = 0) -> float:
        """The train pass of epoch `number`, from 1; returns its mean loss.

        `forwards` are further forward passes per image, as the estimator counts them, for the measured speed.

        Raises DivergenceError when a loss is not a number.
        """
        self.model.train()
        batches, before = self.loaders.train(self.plan.batch_size), self.confidence.count
        loss = train_pass(
            self.watch(batches), step, lambda done: self.set_rate(number - 1 + done), self.plan.log_interval
        )
        self.confidence.exchange(self.group, before)
        self.average_statistics()
        self.frozen.refresh(self.model)
        operations = batches.images * (self.cost.training + forwards * self.cost.forward)
        self.meter.lap("train", batches.images, operations)
        return loss

    def average_statistics(self) -> None:
        """Average the running statistics of batch norms, which see other images in every process, over these."""
        if self.group.size == 1:
            return
        norms = [module for module in self.model.modules() if isinstance(module, _BatchNorm) and module.training]
        statistics = [
            values for norm in norms for values in (norm.running_mean, norm.running_var) if values is not None
        ]
        for values, total in zip(statistics, self.group.total(statistics), strict=True):
            values.copy_(total / self.group.size)

    def set_rate(self, time: float) -> None:
        """Set the optimiser's learning rate for a time in epochs."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.rate(time)

    def take_encoder(self, weights: dict[str, Tensor]) -> None:
        """Take the encoder of a finished run. Its weights stay as they are from now on, with a learning rate of 0."""
        self.model.encoder.load_state_dict(weights)
        self.frozen.refresh(self.model)
        for group in self.optimizer.param_groups:
            group["lr"] = 0.0

    @torch.no_grad()
    def take_head(self, weight: Tensor, bias: Tensor) -> None:
        """Take a linear model as the head: weight (C, F) and bias (C,)."""
        self.model.head.weight.copy_(weight)
        self.model.head.bias.copy_(bias)
        self.frozen.head.load_state_dict(self.model.head.state_dict())
        self._test = None

    def descend(self, loss: Tensor) -> Tensor:
        """Take one step of the optimiser down the gradient of a loss (scalar), of which each process has its part.

        Returns the whole loss.
        """
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        (settings,) = self.optimizer.param_groups
        moved = [weight for weight in settings["params"] if weight.grad is not None]
        total, *gradients = self.group.total([loss, *(weight.grad for weight in moved)])
        for weight, gradient in zip(moved, gradients, strict=True):
            weight.grad = gradient
        self.optimizer.step()
        return total

    def follow(self, gradient: Sequence[Tensor]) -> None:
        """Take one step of the optimiser with this gradient of the weights, in the order of the parameters."""
        for weight, slope in zip(self.model.parameters(), gradient, strict=True):
            weight.grad = slope.detach()
        self.optimizer.step()

    @torch.no_grad()
    def original(self, batch: Batch) -> Tensor:
        """The base view (B, C, H, W) of a batch."""
        return self.rows.still(self.seen(batch, self.views.base))

    def seen(self, batch: Batch, view: View) -> Tensor:
        """A view (B, C, H, W) of a batch, with the draws that are for its images."""
        self.draws.share = batch.share
        return view(batch.images)

    def augmented(self, batch: Batch) -> tuple[Tensor, Leaves]:
        """The training view of a batch (B, C, H, W), with learned augmentation, and its rows' leaves.

        They have a graph only if the training loss moves the augmentation.
        """
        with torch.set_grad_enabled(bool(self.rows.parameters())):
            leaves = self.rows.leaves(batch.index, batch.share)
            return self.view(batch, leaves), leaves

    def strong(self, batch: Batch) -> Tensor:
        """The training view of a batch (B, C, H, W) before the learned augmentation.

        With an order of the images, it is the base view of those that are not augmented.
        """
        augmented = self.seen(batch, self.views.training)
        return self.rows.only_first(batch.index, augmented, lambda: self.seen(batch, self.views.base))

    def view(self, batch: Batch, leaves: Leaves) -> Tensor:
        """The training view of a batch (B, C, H, W) under the leaves of its rows, at which the graph begins."""
        images = self.strong(batch)
        augmented = self.rows.augment(images, batch.index, leaves, self.draws)
        self.pictures.add(images, augmented.detach(), batch.share)
        return augmented

    def logits(self, images: Tensor, index: Tensor) -> Tensor:
        """Logits (B, C) of training images (B, C, H, W) at the places `index` (B,); they enter the confidence."""
        logits = self.model(images)
        self.confidence.add(index, logits.detach())
        return logits

    def evaluate(self, number: int, valid: OutputCollector | None = None) -> tuple[Evaluation, Evaluation]:
        """Evaluate the network on test and validation set in epoch `number`; `valid` collects the latter's outputs."""
        last = OutputCollector() if number == self.plan.epochs else None
        batches = self.loaders.test(), self.loaders.valid()
        test, validation = (self._evaluate(*pair) for pair in zip(batches, (last, valid), strict=True))
        self._test = last.outputs() if last else None
        tested, valid_images = (part.images for part in batches)
        operations = tested * self.cost.tested + valid_images * self.cost.forward
        self.meter.lap("evaluation", tested + valid_images, operations)
        return test, validation

    def test_outputs(self) -> Outputs:
        """The network's outputs for the test images, from the last evaluation if this process has made it."""
        if self._test is None:
            collector = OutputCollector()
            self._evaluate(self.loaders.test(), collector)
            self._test = collector.outputs()
        return self._test

    def _evaluate(self, batches: Batches, collector: OutputCollector | None) -> Evaluation:
        view, classes = self.views.evaluation, self.data.classes
        return evaluate(self.frozen, self.watch(batches), view, classes, collector, self.group)

    def samples(self) -> dict[str, Tensor]:
        """A picture (C, H, W) of some training images, above as they are and below under their learned augmentation.

        By its tag; empty if none is learned. The draws are the same every time, and do not affect other draws.
        """
        if "A" not in self.rows.holders:
            return {}
        index = self.loaders.train_index[:SAMPLES]
        normalise = self.views.normalise
        images = normalise.of_pixels(self.data.pixels(index))
        with torch.no_grad():
            augmented = self.rows.augment(images, index, self.rows.shown(index), generator(self.plan.seed, "samples"))
        pixels = normalise.to_pixels(torch.cat((images, augmented))).clamp(0, 1)
        return {"Learned augmentation": make_grid(pixels, nrow=len(index))}

    def published(self) -> dict[str, dict[str, Tensor]]:
        """Weights of encoder and head and values of the rows, by the keys of the published checkpoints."""
        network = {
            "encoder_state_dict": self.model.encoder.state_dict(),
            "decoder_state_dict": self.model.head.state_dict(),
        }
        return network | self.rows.published()

    def described(self) -> dict[str, Tensor]:
        """Figures of the rows of the training images, by tag of the log."""
        return self.rows.describe(self.loaders.train_index)

    def measures(self) -> dict[str, float]:
        """Figures of the augmentation for the metrics file, by column. Raises DivergenceError when it has diverged."""
        return self.rows.measures(self.loaders.train_index)

    def state(self) -> dict[str, Any]:
        """The state that the next epoch depends on, besides `published`."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "rows": self.rows.state(),
            "confidence": self.confidence.state(),
            "generators": {name: draws.get_state() for name, draws in self._generators().items()},
        }

    def layout(self) -> dict[str, Any]:
        """A state as after a step, for its keys, types and shapes."""
        return self.state() | {"optimizer": stepped(self.optimizer)}

    def load(self, published: dict[str, dict[str, Tensor]], state: dict[str, Any]) -> None:
        """Restore the state that `published` and `state` of the same kind of run have returned."""
        self.model.encoder.load_state_dict(published["encoder_state_dict"])
        self.model.head.load_state_dict(published["decoder_state_dict"])
        self.frozen.refresh(self.model)
        # The rest of its state comes from the options.
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state["optimizer"]["state"]})
        self.rows.load(published, state["rows"])
        self.confidence.load(state["confidence"])
        for name, draws in self._generators().items():
            draws.set_state(state["generators"][name])
        self.pictures = BatchPictures(None)

    def checkpoint_bytes(self) -> int:
        """Approximate size of a checkpoint: weights, their momentum, the rows with their optimiser's state."""
        return 2 * sum(weight.nbytes for weight in self.model.parameters()) + self.rows.nbytes

    def _generators(self) -> dict[str, torch.Generator]:
        return {"augmentation": self.draws} | self.loaders.orders


def stepped(optimizer: Optimizer) -> dict[str, Any]:
    """The state that a fresh optimiser of this kind has after a step; its tensors have no data."""
    (group,) = optimizer.param_groups
    weights = [torch.nn.Parameter(weight.detach().to("meta")) for weight in group["params"]]
    for weight in weights:
        weight.grad = torch.zeros_like(weight)
    fresh = type(optimizer)(weights, **optimizer.defaults)
    fresh.step()
    return fresh.state_dict()
