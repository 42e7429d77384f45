"""HES and FIS: before each epoch a hyper pass moves the rows by implicit differentiation at the linear head.

AutoDO (arXiv 2103.05863) section 3.2. Both map the gradient of the clean loss at the head's weight matrix W (C, F) to
V (C, F), an inverse curvature of the training loss times that gradient. For tables only V's direction matters, since
their optimiser hides its scale. A network (NET) is moved by plain descent, so that V's scale, which differs between HES
and FIS and with their flags, is a factor of its learning rate, up to the largest norm. C: classes, F: features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperopt.estimators.estimator import Estimator
from utils.errors import UserError
from utils.flags import LARGE, MANY, flag, number

if TYPE_CHECKING:
    from torch import Tensor

    from hyperopt.estimators.hyper_pass import CleanGradient
    from hyperopt.head.hypergradient import HeadBatch
    from utils.passes import Evaluation, Outputs

VALID = ("batch", "full")


def steps_flag(default: int) -> Any:
    """--hyper-steps."""
    return flag(
        default, "steps of a copy of the head towards grad = 0 before each hypergradient", type=number(int, 0, MANY)
    )


def valid_flag(default: str) -> Any:
    """--hyper-valid."""
    return flag(default, "clean images behind a hypergradient: a batch, or the full validation set", choices=VALID)


class Implicit(Estimator):
    """A hyper pass before the train pass; a subclass computes V in `direction`."""

    fills = "WSA"
    hyper_options = ("hyper_start", "hyper_lr", "hyper_batch_size")
    refits = True
    trains_on = ("distorted",)
    _clean_outputs: Outputs | None = None  # of the clean images in the last evaluation, for the next hyper pass

    def epoch(self, number: int) -> float:
        """Run the train pass, from epoch hyper_start + 1 on after a hyper pass."""
        self.rows_rate = 0.0
        if number > self.training.plan.hyper_start:
            self.move_rows(number)
        return super().epoch(number)

    def move_rows(self, number: int) -> None:
        """The hyper pass of epoch `number`: every row moves once, the network is fixed."""
        from hyperopt.estimators.hyper_pass import hyper_pass

        training, plan = self.training, self.training.plan
        batches, start = training.loaders.hyper(plan.hyper_batch_size), number - 1 - plan.hyper_start
        clean, clean_images = self._clean_gradients(len(batches))
        self.rows_rate = hyper_pass(
            training,
            training.watch(batches),
            clean,
            self.direction,
            self.options.hyper_steps,
            lambda done: plan.hyper_rate(start + done),
        )
        cost = training.cost
        per_image = cost.to_pixels if "A" in training.rows.holders else cost.forward
        training.meter.lap("hyper", batches.images, batches.images * per_image + clean_images * cost.forward)

    def direction(self, batch: HeadBatch, W: Tensor, clean: Tensor) -> Tensor:
        """V (C, F) for a training batch at the head and the clean gradient (C, F)."""
        raise NotImplementedError

    def _clean_gradients(self, steps: int) -> tuple[Iterator[CleanGradient], int]:
        """The clean gradients of a hyper pass of so many steps, and how many images the network sees for them."""
        from hyperopt.estimators.hyper_pass import clean_features, gradients_of_all, gradients_of_batches

        training = self.training
        if self.options.hyper_valid == "batch":
            batches = training.loaders.clean(training.plan.hyper_batch_size)
            return gradients_of_batches(training, training.watch(batches)), batches.images
        batches, outputs, self._clean_outputs = training.loaders.all_clean(), self._clean_outputs, None
        if outputs:
            features, labels, images = outputs.features, outputs.labels, 0
        else:
            features, labels = clean_features(training, training.watch(batches), training.views.evaluation)
            images = batches.images
        head_is_fixed = self.options.hyper_steps == 0
        return gradients_of_all(training.frozen.head, features, labels, head_is_fixed, steps), images

    def evaluate(self, number: int) -> tuple[Evaluation, Evaluation]:
        """Evaluate, and keep the outputs for the clean images if the next hyper pass sees these in the same view."""
        from utils.passes import OutputCollector

        training, plan = self.training, self.training.plan
        to_come = self.options.hyper_valid == "full" and plan.hyper_start <= number < plan.epochs
        same = training.views.clean_is_validation and not training.rows.views_validation_anew
        collector = OutputCollector() if to_come and same else None
        evaluations = training.evaluate(number, collector)
        self._clean_outputs = collector.outputs() if collector else None
        return evaluations


class Hessian(Implicit):
    """HES, as published: a truncated Neumann series in the Hessian of the training loss."""

    @dataclass(frozen=True)
    class Options:
        """Its flags."""

        hyper_steps: int = steps_flag(0)
        hyper_iters: int = flag(5, "terms of the Neumann series", type=number(int, 0, MANY))
        hyper_alpha: float = flag(0.01, "step of the Neumann series", type=number(float, 0, LARGE, open_low=True))
        hyper_valid: str = valid_flag("batch")

    options: Options

    def direction(self, batch: HeadBatch, W: Tensor, clean: Tensor) -> Tensor:
        """The sum of the series."""
        from hyperopt.head.solvers import neumann_sum

        return neumann_sum(batch.hessian(W), clean, self.options.hyper_iters, self.options.hyper_alpha)


class Fisher(Implicit):
    """FIS: conjugate gradients in the damped Fisher matrix, which is positive definite for every loss."""

    @dataclass(frozen=True)
    class Options:
        """Its flags."""

        hyper_steps: int = steps_flag(30)
        hyper_iters: int = flag(30, "iterations of conjugate gradients", type=number(int, 0, MANY))
        hyper_damping: float = flag(
            1.0, "damping, in mean eigenvalues of the Fisher matrix", type=number(float, 1e-6, LARGE)
        )
        hyper_valid: str = valid_flag("full")

    options: Options

    @classmethod
    def check(cls, setting: Any) -> None:
        """Refuse a setting without iterations."""
        if setting.estimator.hyper_iters == 0:
            raise UserError("--hyper-iters 0 leaves FIS without a direction; take 1 or more")

    def direction(self, batch: HeadBatch, W: Tensor, clean: Tensor) -> Tensor:
        """The solution of the damped system."""
        from hyperopt.head.fisher import fisher_direction

        return fisher_direction(batch, W, clean, self.options.hyper_iters, self.options.hyper_damping)
