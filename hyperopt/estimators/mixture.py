"""GMM: smooth the labels of views that are strange to a network which has seen no augmented images. ReSmooth.

ReSmooth (arXiv 2205.12606) has three stages: train a network on the images as they are; fit a mixture of two normal
distributions to the log losses of this frozen network, the detector, on both views of every image; train a new network,
where the posterior p of each augmented view smooths its label by (1 - p) s. B: images of a batch, C: classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperopt.estimators.estimator import Estimator
from utils.errors import UserError
from utils.flags import LARGE, MANY, as_flag, flag, number

if TYPE_CHECKING:
    from torch import Tensor

    from hyperopt.estimators.detector import Detector
    from hyperopt.estimators.estimator import FinishedRun
    from hyperopt.estimators.training import Training
    from hyperopt.estimators.view_losses import Views
    from utils.passes import Batch

SMALLEST_GROUP = 2  # views of a step: batch norms need more than one


class Mixture(Estimator):
    """Replaces the loss. Soft labels and weights are those of a view, so that no table holds them."""

    fills = per_view = "WS"
    refits = True

    @dataclass(frozen=True)
    class Options:
        """Its flags."""

        mixture_posterior: str = flag(
            "fitted",
            "p of augmented views: that of the mixture, or 0 for all of them, which needs no detector",
            choices=("fitted", "ood"),
        )
        mixture_fit: str = flag(
            "robust",
            "of the mixture: exact losses, EM to its end, per class, a single mode found; or the released constants",
            choices=("robust", "released"),
        )
        mixture_smooth: float = flag(0.4, "s, of a view with p = 0", type=number(float, 0, 1))
        mixture_originals: float = flag(
            0.2, "share of a batch that is trained on without the augmentation", type=number(float, 0, 1)
        )
        mixture_smooth_originals: bool = flag(False, "smooth these as well, by their own p")
        mixture_form: str = flag(
            "convex",
            "target (1 - a) onehot + a / C with a = (1 - p) s; released: the label's share is 1 - s for every p",
            choices=("convex", "released"),
        )
        mixture_weighting: str = flag(
            "regular",
            "ablation: p, 1 - p, p of another image of the batch, or a random number, for originals as well",
            choices=("regular", "reverse", "random", "uniform"),
        )
        compare_views: str = flag(
            "off",
            "ablation: train on equally many views per step with p above 1/2, below it, or any",
            choices=("off", "id", "ood", "mix"),
        )
        distil: str = flag(
            "off",
            "control: distil the detector on augmented views instead of smoothing; released: KL's arguments exchanged",
            choices=("off", "corrected", "released"),
        )
        distil_weight: float = flag(0.5, "of the divergence", type=number(float, 0, LARGE))
        distil_temperature: float = flag(5.0, "of both networks", type=number(float, 0, LARGE, open_low=True))
        distil_classes: int = flag(0, "most probable classes of released; 0: all", type=number(int, 0, MANY))

        @property
        def fits(self) -> bool:
            """Whether the posterior is that of a mixture."""
            return self.mixture_posterior == "fitted" and self.distil == "off"

        @property
        def smooths_originals(self) -> bool:
            """Whether the posterior affects original views as well."""
            return self.mixture_smooth_originals or self.mixture_weighting != "regular"

    options: Options
    detector: Detector | None = None

    @classmethod
    def check(cls, setting: Any) -> None:
        """Refuse a setting without augmented views, one that smooths nothing, and flags without effect."""
        options = setting.estimator
        if not setting.augments and options.mixture_originals < 1:
            raise UserError("--hyper-opt GMM is about augmented views; add --aug-model, such as RA, or --cutout")
        if options.mixture_originals == 1 and not options.smooths_originals:
            raise UserError("--mixture-originals 1 has no augmented views; lower it, or add --mixture-smooth-originals")
        if options.compare_views != "off" and options.mixture_originals > 0:
            raise UserError("--compare-views is about augmented views alone; add --mixture-originals 0")
        fitted, smooths = options.fits, "S" in setting.row_parts and options.distil == "off"
        is_for = {
            "--distil off": (options.distil == "off", ("mixture_posterior",)),
            "--mixture-posterior fitted without --distil": (
                fitted,
                ("mixture_fit", "mixture_smooth_originals", "mixture_weighting", "compare_views"),
            ),
            "--los-model SOFT or BOTH without --distil": (smooths, ("mixture_smooth", "mixture_form")),
            "--distil": (options.distil != "off", ("distil_weight", "distil_temperature")),
            "--distil released": (options.distil == "released", ("distil_classes",)),
        }
        usual = cls.Options()
        for needed, (there, names) in is_for.items():
            for name in names:
                if not there and getattr(options, name) != getattr(usual, name):
                    raise UserError(f"{as_flag(name)} has an effect only with {needed}; change one of them")
        if not fitted and "W" in setting.row_parts:
            raise UserError("--los-model WGHT and BOTH weigh by a fitted posterior; take --mixture-posterior fitted")

    @classmethod
    def earlier(cls, options: Any) -> Any:
        """The baseline on the same data, whose network is the detector; none if all views count as strange."""
        own = options.estimator
        return options.baseline() if own.fits or own.distil != "off" else None

    def __init__(self, options: Options, training: Training):
        super().__init__(options, training)
        self._posteriors: list[Tensor] = []  # of the epoch's augmented views

    def begin(self, finished: FinishedRun) -> None:
        """Take the baseline's network as the detector."""
        from hyperopt.estimators.detector import Detector

        self.detector = Detector(self.training, finished.network(), self.options.mixture_fit)

    def epoch(self, number: int) -> float:
        """Run the train pass; the first one after the mixture has been fitted."""
        if self.detector and number == 1 and self.options.fits:
            self.detector.fit()
        self._posteriors.clear()
        return super().epoch(number)

    def step(self, batch: Batch) -> Tensor:
        """Train on a batch; to compare views, on equally many of each kind, and not at all if there are too few."""
        if self.options.compare_views == "off":
            return super().step(batch)
        from hyperopt.estimators.view_losses import first_of_kind

        views = self.views(batch)
        views = views.only(first_of_kind(views.posterior, self.options.compare_views))
        if len(views.index) < SMALLEST_GROUP:
            return views.posterior.new_zeros(())
        loss = self.mean_loss(views)
        self.training.descend(loss)
        return loss

    def loss(self, batch: Batch) -> Tensor:
        """The mean losses of the original and of the augmented views of a batch, in their proportion."""
        return self.mean_loss(self.views(batch))

    def views(self, batch: Batch) -> Views:
        """A view of each image of a batch, with its posterior."""
        from hyperopt.estimators.view_losses import draw_views

        views = draw_views(self.training, batch, self.options.mixture_originals)
        if self.detector and self.options.fits:
            first = 0 if self.options.mixture_smooth_originals else views.originals
            views.posterior[first:] = self.detector.posterior(views.images[first:], views.given[first:])
            augmented = slice(views.originals, None)
            self.detector.remember(views.index[augmented], views.posterior[augmented])
            self._posteriors.append(views.posterior[augmented])
        return views

    def mean_loss(self, views: Views) -> Tensor:
        """The loss (scalar, nats) of a step's views."""
        from hyperopt.estimators.view_losses import distilling_losses, smoothing_losses

        logits = self.training.logits(views.images, views.index)
        if self.options.distil != "off":
            teacher = self.detector.logits(views.images)
            losses = distilling_losses(logits, teacher, views, self.options)
        else:
            losses = smoothing_losses(logits, views, self.training, self.options)
        share, originals = self.options.mixture_originals, views.originals
        if originals in (0, len(losses)):
            return losses.mean()
        return share * losses[:originals].mean() + (1 - share) * losses[originals:].mean()

    def measures(self) -> dict[str, float]:
        """The mean posterior of the epoch's augmented views, and the share of those that are strange (below 1/2)."""
        if not self._posteriors:
            return {}
        from torch import cat

        posterior = cat(self._posteriors)
        return {"posterior": posterior.mean().item(), "strange_views": (posterior < 0.5).float().mean().item()}

    def columns(self, index: Tensor) -> dict[str, Tensor]:
        """The mean posterior of each image's augmented views, and the mean weight and soft label of these."""
        from hyperopt.head.smoothing import smoothed_labels

        if not (self.detector and self.options.fits):
            return {}
        training, posterior = self.training, self.detector.mean(index)
        found = {"posterior": posterior}
        if "W" in training.parts:
            found["weight"] = posterior
        if "S" in training.parts:
            amount = (1 - posterior) * self.options.mixture_smooth
            found["soft_label"] = smoothed_labels(training.rows.given[index].cpu(), amount, training.data.classes)
        return found

    def state(self) -> dict[str, Any]:
        """The mixture and the mean posteriors."""
        return self.detector.state() if self.detector else {}

    def load(self, state: dict[str, Any]) -> None:
        """Restore them."""
        if self.detector:
            self.detector.load(state)
