"""The views of a step of GMM, original and augmented ones, and their losses; ReSmooth (arXiv 2205.12606).

B: views of a step, one per image, the original ones first; C: classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from custom_transforms.upload import upload
from hyperopt.estimators.mixture_options import MixtureOptions
from hyperopt.estimators.training import Training
from hyperopt.head.smoothing import distillation, released_distillation, released_smoothing, smoothed_cross_entropy
from utils.draws import share_of, uniform
from utils.passes import Batch
from utils.share import Share


@dataclass(frozen=True)
class Views:
    """Views (B, channels, H, W), their given labels and places in the table, int64 (B,), and posteriors (B,).

    originals: number of the first views, which are not augmented. shares: of the whole step's views, and of its
    original and augmented ones.
    """

    images: Tensor
    given: Tensor
    index: Tensor
    posterior: Tensor
    originals: int
    shares: tuple[Share, Share, Share]

    def only(self, chosen: Tensor) -> Views:
        """The augmented views at the places `chosen` (n,) in the whole step, of views without original ones.

        Several processes share them anew, so that each has its part of them.
        """
        whole = self.shares[0]
        share = replace(whole, whole=len(chosen))
        parts = whole.join_all((self.images, self.given, self.index, self.posterior))
        images, given, index, posterior = (share.cut(part[chosen]) for part in parts)
        return Views(images, given, index, posterior, originals=0, shares=(share, *share.split(0)))


def draw_views(training: Training, batch: Batch, originals: int) -> Views:
    """A view of each image: original of the whole batch's first `originals` images, augmented of the others.

    The posterior of the original ones is 1, that of the others 0.
    """
    first, rest = batch.split(originals)
    parts = [training.original(first)] if originals else []
    parts += [training.augmented(rest)[0]] if originals < batch.whole else []
    images, own = torch.cat(parts), len(first.given)
    posterior = torch.zeros(len(images), dtype=images.dtype, device=images.device)
    posterior[:own] = 1
    return Views(images, batch.given, batch.index, posterior, own, (batch.share, first.share, rest.share))


def first_of_kind(posterior: Tensor, kind: str) -> Tensor:
    """Places (n,) of the first views above 1/2 (id), below it (ood), or of either kind (mix).

    n is the number of views of the rarer kind, so that all three train on equally many. It is read from the device.
    """
    known = posterior > 0.5
    places = {"id": known.nonzero()[:, 0], "ood": (~known).nonzero()[:, 0]}
    count = min(map(len, places.values()))
    return places[kind][:count] if kind in places else torch.arange(count, device=posterior.device)


def weighted(posterior: Tensor, weighting: str, draws: torch.Generator) -> Tensor:
    """The posteriors (B,) of an ablation: regular, reverse, random (of another view of the step), or uniform draws."""
    if weighting == "reverse":
        return 1 - posterior
    if weighting == "random":
        share, whole = share_of(draws), share_of(draws).join(posterior)
        return share.cut(whole[upload(torch.randperm(len(whole), generator=draws), whole.device)])
    if weighting == "uniform":
        return upload(uniform([len(posterior)], draws).to(posterior.dtype), posterior.device)
    return posterior


def smoothing_losses(logits: Tensor, views: Views, training: Training, options: MixtureOptions) -> Tensor:
    """Losses (B,) at logits (B, C), with labels smoothed and views weighted by the posterior."""
    training.draws.share, *_ = views.shares
    posterior = weighted(views.posterior, options.mixture_weighting, training.draws)
    if "S" not in training.parts:
        losses = F.cross_entropy(logits, views.given, reduction="none")
    elif options.mixture_form == "convex":
        losses = smoothed_cross_entropy(logits, views.given, (1 - posterior) * options.mixture_smooth)
    else:
        smoothing = torch.full_like(posterior, options.mixture_smooth)
        if not options.smooths_originals:
            smoothing[: views.originals] = 0
        losses = released_smoothing(logits, views.given, (1 - posterior) * smoothing, smoothing)
    return losses * posterior if "W" in training.parts else losses


def distilling_losses(logits: Tensor, teacher: Tensor, views: Views, options: MixtureOptions) -> Tensor:
    """Losses (B,) at logits (B, C): cross-entropy of original views, distillation of augmented ones.

    `teacher` are the detector's logits for the latter.
    """
    originals = F.cross_entropy(logits[: views.originals], views.given[: views.originals], reduction="none")
    augmented = logits[views.originals :], teacher, views.given[views.originals :]
    strength = options.distil_weight, options.distil_temperature
    if options.distil == "corrected":
        return torch.cat((originals, distillation(*augmented, *strength)))
    classes = min(options.distil_classes or logits.shape[1], logits.shape[1])
    return torch.cat((originals, released_distillation(*augmented, *strength, classes)))
