"""A finished run's network, frozen, which tells strange views by its losses; ReSmooth (arXiv 2205.12606)."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from custom_models.frozen import FrozenClassifier
from hyperopt.estimators.training import Training
from hyperopt.head.loss_mixture import LossMixture, fit_mixture, log_losses
from utils.passes import Batch


@dataclass(frozen=True)
class LogLosses:
    """Log losses (n,) of both views of n images, their given labels and places in the table, int64 (n,)."""

    original: Tensor
    augmented: Tensor
    given: Tensor
    index: Tensor


class Detector:
    """The network, the mixture of its log losses, and each image's mean posterior over its views.

    Args:
        training: of the run that it serves; the network has the same layout, and sees the same views.
        weights: of the finished run's encoder and head.
        form: of the mixture's fit, robust or released.

    """

    def __init__(self, training: Training, weights: dict[str, dict[str, Tensor]], form: str):
        model = copy.deepcopy(training.model)
        model.encoder.load_state_dict(weights["encoder_state_dict"])
        model.head.load_state_dict(weights["decoder_state_dict"])
        self._training, self._form = training, form
        self._network = FrozenClassifier(model)
        one = next(model.head.parameters())
        self.mixture = LossMixture(one.new_zeros(training.data.classes, 3, 2), form == "robust")
        self._sum, self._count = (one.new_zeros(len(training.rows.given)) for _ in range(2))

    @torch.no_grad()
    def logits(self, views: Tensor) -> Tensor:
        """Its logits (B, C) for views (B, channels, H, W)."""
        return self._network(views)

    def posterior(self, views: Tensor, given: Tensor) -> Tensor:
        """The posterior (B,) of views (B, channels, H, W) with given labels (B,) to be in distribution."""
        return self.mixture.posterior(log_losses(self.logits(views), given, self._form), given)

    def remember(self, index: Tensor, posterior: Tensor) -> None:
        """Enter the posteriors (n,) of views of the images `index` (n,), each at most once; those of all processes."""
        self._sum[index] += posterior
        self._count[index] += 1

    def mean(self, index: Tensor) -> Tensor:
        """The mean posterior of all views so far of the images `index` (n,), on the host: at least that of the fit."""
        index = index.to(self._sum.device)
        return (self._sum[index] / self._count[index]).cpu()

    def fit(self) -> LogLosses:
        """Fit the mixture to both views of every training image, and return their log losses."""
        training = self._training
        parts = [self._log_losses(batch) for batch in training.watch(training.loaders.trained())]
        losses = LogLosses(*map(torch.cat, zip(*parts, strict=True)))
        both = torch.cat((losses.original, losses.augmented)).cpu().numpy()
        labels = losses.given.repeat(2).cpu().numpy()
        found = fit_mixture(both, labels, training.data.classes, self._form, training.plan.seed)
        self.mixture.numbers.copy_(found.numbers)
        self.remember(losses.index, self.mixture.posterior(losses.augmented, losses.given))
        return losses

    def _log_losses(self, batch: Batch) -> tuple[Tensor, ...]:
        """The fields of `LogLosses` for a whole batch."""
        original, (augmented, _) = self._training.original(batch), self._training.augmented(batch)
        pair = (log_losses(self.logits(view), batch.given, self._form) for view in (original, augmented))
        return tuple(batch.share.join_all((*pair, batch.given, batch.index)))

    def state(self) -> dict[str, Any]:
        """The mixture's numbers and the sums, for `load`."""
        return {"mixture": self.mixture.numbers, "posterior": {"sum": self._sum, "count": self._count}}

    def load(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.mixture.numbers.copy_(state["mixture"])
        self._sum.copy_(state["posterior"]["sum"])
        self._count.copy_(state["posterior"]["count"])
