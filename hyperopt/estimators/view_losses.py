"""The views of a step of GMM, original and augmented ones, and their losses; ReSmooth (arXiv 2205.12606).

B: views of a step, one per image, the original ones first; C: classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from custom_transforms.upload import upload
from hyperopt.estimators.mixture_options import MixtureOptions
from hyperopt.estimators.training import Training
from hyperopt.head.smoothing import distillation, released_distillation, released_smoothing, smoothed_cross_entropy
from utils.passes import Batch


@dataclass(frozen=True)
class Views:
    """Views (B, channels, H, W), their given labels and places in the table, int64 (B,), and posteriors (B,).

    originals: number of the first views, which are not augmented.
    """

    images: Tensor
    given: Tensor
    index: Tensor
    posterior: Tensor
    originals: int

    def only(self, chosen: Tensor) -> Views:
        """The augmented views at the places `chosen` (n,), of views without original ones."""
        return Views(self.images[chosen], self.given[chosen], self.index[chosen], self.posterior[chosen], originals=0)


def draw_views(training: Training, batch: Batch, originals: int) -> Views:
    """A view of each image: original of the first `originals` images, augmented of the others.

    The posterior of the original ones is 1, that of the others 0.
    """
    first, rest = (Batch(*(part[half] for part in batch)) for half in (slice(originals), slice(originals, None)))
    parts = [training.original(first.images)] if originals else []
    parts += [training.augmented(rest)[0]] if len(rest.index) else []
    images = torch.cat(parts)
    posterior = torch.zeros(len(images), device=images.device)
    posterior[:originals] = 1
    return Views(images, batch.given, batch.index, posterior, originals)


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
        return posterior[upload(torch.randperm(len(posterior), generator=draws), posterior.device)]
    if weighting == "uniform":
        return upload(torch.rand(len(posterior), generator=draws), posterior.device)
    return posterior


def smoothing_losses(logits: Tensor, views: Views, training: Training, options: MixtureOptions) -> Tensor:
    """Losses (B,) at logits (B, C), with labels smoothed and views weighted by the posterior."""
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
