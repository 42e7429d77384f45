"""The step of an optimiser as a function of the gradient, for estimators that look ahead.

After a step of SGD, the weights are w' = w - rate x (share x g + a part that does not depend on g). So the
hypergradient of a loss L at w' is that of the scalar -rate x share x <grad L(w'), g>, the gradient held fixed.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call

from custom_models.classifier import Classifier

Weights = Sequence[Tensor]  # of a network, in the order of its parameters


class Step(NamedTuple):
    """Weights after a step, and the factor of the gradient in it: rate x share."""

    weights: list[Tensor]
    factor: float


@torch.no_grad()
def sgd_step(optimizer: torch.optim.SGD, gradient: Weights) -> Step:
    """The weights after the optimiser's next step with this gradient: momentum, weight decay and Nesterov's form.

    The optimiser and its weights stay as they are.
    """
    (group,) = optimizer.param_groups
    momentum, decay, nesterov = group["momentum"], group["weight_decay"], group["nesterov"]
    ahead = []
    for weight, slope in zip(group["params"], gradient, strict=True):
        slope = slope.add(weight, alpha=decay)
        before = optimizer.state.get(weight, {}).get("momentum_buffer")
        velocity = slope if before is None else slope.add(before, alpha=momentum)
        direction = slope.add(velocity, alpha=momentum) if nesterov else velocity
        ahead.append(weight.sub(direction, alpha=group["lr"]))
    return Step(ahead, group["lr"] * (1 + momentum if nesterov else 1))


class PublishedLook:
    """The look-ahead of DABO's code: no weight decay, and a momentum of its own that starts at zero in every epoch."""

    def __init__(self, optimizer: torch.optim.SGD):
        (self._group,) = optimizer.param_groups
        self._velocity: list[Tensor] = []

    @torch.no_grad()
    def __call__(self, gradient: Weights) -> Step:
        """The weights after a step with this gradient, which enters the momentum."""
        before = self._velocity or [torch.zeros_like(slope) for slope in gradient]
        pairs = zip(gradient, before, strict=True)
        self._velocity = [slope.add(velocity, alpha=self._group["momentum"]) for slope, velocity in pairs]
        moved = zip(self._group["params"], self._velocity, strict=True)
        return Step([weight.sub(step, alpha=self._group["lr"]) for weight, step in moved], self._group["lr"])


def network_at(model: Classifier, weights: Weights, update_statistics: bool = False) -> Callable[[Tensor], Tensor]:
    """The network with other weights; its batch norms use a batch's statistics and write theirs only if told so."""
    named = dict(zip((name for name, _ in model.named_parameters()), weights, strict=True))
    buffers = {} if update_statistics else {name: buffer.clone() for name, buffer in model.named_buffers()}

    def logits(images: Tensor) -> Tensor:
        found: Tensor = functional_call(model, named | buffers, (images,))
        return found

    return logits


def inner_product(one: Weights, other: Weights) -> Tensor:
    """The sum of products of all weights (scalar)."""
    return torch.stack([(a * b).sum() for a, b in zip(one, other, strict=True)]).sum()


def norm(weights: Weights) -> Tensor:
    """The Euclidean norm of all weights together (scalar)."""
    return torch.stack([weight.square().sum() for weight in weights]).sum().sqrt()
