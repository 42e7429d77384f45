"""GMM: smooth the labels of views that are strange to a network which has seen no augmented images. ReSmooth.

ReSmooth (arXiv 2205.12606) has two stages. The first trains a network on the images as they are. The second fits a
mixture of two normal distributions to the log losses of this frozen network, the detector, on both views of every
image, and trains a new network, where the posterior p of each augmented view smooths its label by (1 - p) s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperopt.estimators.estimator import Estimator
from hyperopt.estimators.mixture_options import MixtureOptions
from utils.errors import UserError

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
    needs_pixels = True
    refits = True

    @dataclass(frozen=True)
    class Options(MixtureOptions):
        """Its flags."""

    options: Options
    detector: Detector | None = None

    @classmethod
    def check(cls, setting: Any) -> None:
        """Refuse flags that contradict each other."""
        if setting.augmented:
            raise UserError("--augmented has no effect on --hyper-opt GMM, which draws which views are augmented")
        setting.estimator.check(setting)

    @classmethod
    def check_run(cls, options: Any) -> None:
        """Refuse flags that have no effect together."""
        options.estimator.check_run(options)

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

    @property
    def fitting(self) -> Detector | None:
        """The detector if views are told by its mixture; None if it only teaches, or if there is none."""
        return self.detector if self.options.fits else None

    def epoch(self, number: int) -> float:
        """Run the train pass; the first one after the mixture has been fitted."""
        options = self.options
        seen = 1.0 if options.mixture_smooth_originals else 1 - options.mixture_originals
        self.forwards = seen if self.detector else 0.0
        if self.fitting and number == 1:
            self.fitting.fit()
            self.forwards += 2
        self._posteriors.clear()
        return super().epoch(number)

    def step(self, batch: Batch) -> Tensor:
        """Train on a batch; to compare views, on equally many of each kind, and not at all if there are too few."""
        if self.options.compare_views == "off":
            return super().step(batch)
        from hyperopt.estimators.view_losses import first_of_kind

        views = self.views(batch)
        chosen = first_of_kind(views.shares[0].join(views.posterior), self.options.compare_views)
        if len(chosen) < max(SMALLEST_GROUP, self.training.group.size):
            return views.posterior.new_zeros(())
        return self.training.descend(self.mean_loss(views.only(chosen)))

    def loss(self, batch: Batch) -> Tensor:
        """The mean losses of the original and of the augmented views of a batch, in their proportion.

        Of a share, its part.
        """
        return self.mean_loss(self.views(batch))

    def views(self, batch: Batch) -> Views:
        """A view of each image of a batch, with its posterior, which enters the image's mean."""
        from hyperopt.estimators.view_losses import draw_views

        views = draw_views(self.training, batch, self.options.originals_of(batch.whole))
        if self.fitting:
            whole, _, augmented = views.shares
            first, share = (0, whole) if self.options.mixture_smooth_originals else (views.originals, augmented)
            views.posterior[first:] = self.fitting.posterior(views.images[first:], views.given[first:])
            self.fitting.remember(*share.join_all((views.index[first:], views.posterior[first:])))
            self._posteriors.append(augmented.join(views.posterior[views.originals :]))
        return views

    def mean_loss(self, views: Views) -> Tensor:
        """The loss (scalar, nats) of a step's views; of a share, its part."""
        from hyperopt.estimators.view_losses import distilling_losses, smoothing_losses

        whole, first, rest = views.shares
        logits = self.training.logits(views.images, views.index)
        if self.detector and self.options.distil != "off":
            teacher = self.detector.logits(views.images[views.originals :])
            losses = distilling_losses(logits, teacher, views, self.options)
        else:
            losses = smoothing_losses(logits, views, self.training, self.options)
        share, originals = self.options.mixture_originals, views.originals
        if not (first.whole and rest.whole):
            return whole.mean(losses)
        return share * first.mean(losses[:originals]) + (1 - share) * rest.mean(losses[originals:])

    def measures(self) -> dict[str, float]:
        """The mean posterior of the epoch's augmented views, and the share of strange ones (below 1/2), if any."""
        if not any(map(len, self._posteriors)):
            return {}
        from torch import cat

        posterior = cat(self._posteriors)
        return {"posterior": posterior.mean().item(), "strange_views": (posterior < 0.5).to(posterior).mean().item()}

    def columns(self, index: Tensor) -> dict[str, Tensor]:
        """The mean posterior of each image's views, and the mean weight and soft label of these."""
        from hyperopt.head.smoothing import smoothed_labels
        from hyperopt.rows.parts import TINY

        if not self.fitting:
            return {}
        training, posterior = self.training, self.fitting.mean(index)
        found = {"posterior": posterior}
        if "W" in training.parts:
            found["weight"] = posterior.clamp(min=TINY)  # weights are positive; all may be rounded to zero
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
