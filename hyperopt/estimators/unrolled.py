"""UNR: in each train step, move the rows by differentiating a clean loss through this very step. DABO.

Mounsaveng et al. (arXiv 2006.14699) section 3, for any part of a row. With the network's weights w, the rows lambda,
the gradient g(lambda) of the training loss and the weights w'(lambda) after the step, the rows move down

    d L_clean(w') / d lambda  =  - rate d/d lambda <V, g(lambda)>,     V = grad L_clean at w', held fixed,

and then the network takes the step with the same g. The rows follow it at once, so that nothing is trained twice. For a
weight, this is learning to reweight (Ren et al. 2018, arXiv 1803.09050): - rate / B <V, grad of the image's loss>.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hyperopt.estimators.estimator import Estimator
from utils.errors import UserError
from utils.flags import MANY, flag, number

if TYPE_CHECKING:
    from torch import Tensor

    from hyperopt.estimators.look_ahead import PublishedLook, Step
    from hyperopt.estimators.training import Training
    from hyperopt.rows.rows import Leaves
    from utils.passes import Batch

# Of all weights together in the difference form. A larger one leaves the linear range; a smaller one drowns in the
# rounding of bfloat16, and in the kinks of max pooling. In wresnet10_1 the cosines to the exact hypergradient are
# above 0.98.
PERTURBATION = 0.1


class Unrolled(Estimator):
    """Replaces the step.

    Raises UserError when an epoch has fewer steps than --unroll-every, so that the rows would never move.
    """

    fills = "WSA"
    needs_pixels = True
    hyper_options = ("hyper_start", "hyper_lr")
    changes: ClassVar[Mapping[str, Any]] = {"hyper_start": 0}
    refits = True
    trains_on = ("distorted",)

    @dataclass(frozen=True)
    class Options:
        """Its flags."""

        unroll_form: str = flag(
            "exact",
            "of the hypergradient: a double backward, not in bf16, or the difference of two passes at w +- eps V",
            choices=("exact", "difference"),
        )
        unroll_every: int = flag(1, "move the rows in every n-th step of an epoch", type=number(int, 1, MANY))
        unroll_balanced: bool = flag(False, "weigh the classes of the clean images equally")
        unroll_bn: str = flag(
            "keep",
            "running statistics of batch norms: left alone by the look-ahead, or updated by clean images as published",
            choices=("keep", "update"),
        )
        unroll_look: str = flag(
            "own",
            "look-ahead: the optimiser's own step; published: without weight decay, momentum from zero in every epoch",
            choices=("own", "published"),
        )

    options: Options

    @classmethod
    def check(cls, setting: Any) -> None:
        """Refuse a momentum of the look-ahead that would see some of the steps alone."""
        if setting.estimator.unroll_look == "published" and setting.estimator.unroll_every > 1:
            raise UserError(
                f"--unroll-look published has a momentum over all steps, and --unroll-every "
                f"{setting.estimator.unroll_every} leaves some out; change one of them"
            )

    @classmethod
    def check_run(cls, options: Any) -> None:
        """Refuse what the exact form cannot do."""
        if options.estimator.unroll_form != "exact":
            return
        for given, name in ((options.precision == "bf16", "--precision bf16"), (options.compile, "--compile")):
            if given:
                raise UserError(
                    f"{name} and the double backward of --unroll-form exact exclude each other; "
                    "leave it out, or take --unroll-form difference"
                )

    @classmethod
    def needs_float32(cls, options: Any) -> bool:
        """Whether the hypergradient is the exact one."""
        return bool(options.estimator.unroll_form == "exact")

    def __init__(self, options: Options, training: Training):
        super().__init__(options, training)
        self._published: PublishedLook | None = None
        self._clean: Iterator[Batch] = iter(())
        self._class_weight: Tensor | None = None  # (C,)
        self._steps = len(training.loaders.train_index) // training.plan.batch_size  # of an epoch
        if options.unroll_every > self._steps:
            raise UserError(
                f"--unroll-every {options.unroll_every} moves no rows in epochs of {self._steps} steps; "
                "lower it or --batch-size"
            )
        self._epoch, self._steps_done = 0, 0
        self._hypergradients: list[Tensor] = []  # their sums of absolute values, of this epoch

    def epoch(self, number: int) -> float:
        """Run the train pass, whose steps move the rows from epoch hyper_start + 1 on."""
        from utils.passes import refuse_non_finite

        self._epoch, self._steps_done, self.rows_rate, self.forwards = number, 0, 0.0, 0.0
        self._hypergradients.clear()
        if not self.moves:
            return super().epoch(number)
        self.begin_moving()
        loss = super().epoch(number)
        sums = self.training.group.total(self._hypergradients)
        refuse_non_finite("hypergradient", sums, self.training.rows.rate_flags)
        return loss

    @property
    def moves(self) -> bool:
        """Whether the rows move in this epoch."""
        return self._epoch > self.training.plan.hyper_start

    def begin_moving(self) -> None:
        """Draw the clean batches of an epoch, as large as the training batches."""
        from hyperopt.estimators.look_ahead import PublishedLook

        training = self.training
        self._clean = iter(training.watch(training.loaders.clean(training.plan.batch_size, cropped=False)))
        if self.options.unroll_look == "published":
            self._published = PublishedLook(training.optimizer)  # momentum from zero
        if self.options.unroll_balanced and self._class_weight is None:
            self._class_weight = training.loaders.clean_class_weight(training.data.classes).to(training.rows.dtype)
        self.forwards = self.extra_forwards / self.options.unroll_every

    @property
    def extra_forwards(self) -> float:
        """Operations of a hypergradient, in forward passes per image: on clean images, then of the second derivative.

        A backward pass takes two. The double one runs backward through both passes; in the difference form it is only
        needed down to the images, and only for a learned augmentation.
        """
        if self.options.unroll_form == "exact":
            return 3 + 6
        return 3 + 2 * (2 if "A" in self.training.rows.holders else 1)

    def step(self, batch: Batch) -> Tensor:
        """Move the rows of a batch, then the network with the gradient from before."""
        self._steps_done += 1
        if not self.moves or self._steps_done % self.options.unroll_every:
            return super().step(batch)
        return self.unrolled_step(batch, next(self._clean))

    def unrolled_step(self, batch: Batch, clean: Batch) -> Tensor:
        """The step with a batch of clean images; returns the training loss (scalar)."""
        from torch.autograd import grad

        from hyperopt.estimators.look_ahead import inner_product

        training, share, exact = self.training, batch.share, self.options.unroll_form == "exact"
        found = training.rows.leaves(batch.index, share)
        leaves = {letter: leaf.requires_grad_() for letter, leaf in found.items()}
        images = training.view(batch, leaves)
        loss = training.rows.loss(training.logits(images, batch.index), batch.index, leaves, share)
        own = grad(loss, list(training.model.parameters()), create_graph=exact)
        loss, *gradient = training.group.total([loss, *own])
        ahead = self.look_ahead(gradient)
        V = self.clean_gradient(ahead, clean)
        along = inner_product(V, own) if exact else self.difference(V, images, batch, leaves)
        self.move(batch, leaves, -ahead.factor * along)
        training.follow(gradient)
        return loss

    def look_ahead(self, gradient: Sequence[Tensor]) -> Step:
        """The weights after the step."""
        from hyperopt.estimators.look_ahead import sgd_step

        return self._published(gradient) if self._published else sgd_step(self.training.optimizer, gradient)

    def clean_gradient(self, ahead: Step, clean: Batch) -> list[Tensor]:
        """V: the gradient of the mean cross-entropy on clean images at the weights after the step."""
        from torch.autograd import grad
        from torch.nn.functional import cross_entropy

        from hyperopt.estimators.look_ahead import network_at

        training = self.training
        images = training.rows.still(training.seen(clean, training.views.evaluation))
        weights = [weight.detach().requires_grad_() for weight in ahead.weights]
        logits = network_at(training.model, weights, self.options.unroll_bn == "update")(images)
        loss = cross_entropy(logits, clean.given, self._class_weight) * self._weight_share(clean)
        return training.group.total(grad(loss, weights))

    def _weight_share(self, clean: Batch) -> Tensor | float:
        """The share of this process's images in the weight of a batch of clean images."""
        if clean.share.alone:
            return 1.0
        if self._class_weight is None:
            return len(clean.given) / clean.whole
        weights = self._class_weight[clean.share.join(clean.given)]
        return clean.share.cut(weights).sum() / weights.sum()

    def difference(self, V: Sequence[Tensor], images: Tensor, batch: Batch, leaves: Leaves) -> Tensor:
        """<V, g> (scalar) of a batch in its view `images`, by central differences of the training loss along V.

        Of a share, its part.
        """
        from hyperopt.estimators.look_ahead import network_at, norm

        training = self.training
        epsilon = PERTURBATION / norm(V)
        losses = []
        for sign in (1, -1):
            pairs = zip(training.model.parameters(), V, strict=True)
            logits = network_at(training.model, [w.detach() + sign * epsilon * v for w, v in pairs])(images)
            losses.append(training.rows.loss(logits, batch.index, leaves, batch.share))
        return (losses[0] - losses[1]) / (2 * epsilon)

    def move(self, batch: Batch, leaves: Leaves, clean_loss: Tensor) -> None:
        """Move the rows of a batch down a scalar, whose graph begins at their leaves."""
        import torch

        plan, training = self.training.plan, self.training
        self.rows_rate = plan.hyper_rate(self._epoch - 1 - plan.hyper_start + (self._steps_done - 1) / self._steps)
        found = torch.autograd.grad(clean_loss, list(leaves.values()))
        training.rows.move(batch.index, dict(zip(leaves, found, strict=True)), self.rows_rate, batch.share)
        self._hypergradients.append(torch.stack([one.abs().sum() for one in found]).sum())
