"""The training losses at the logits, each with its first and second derivative in closed form.

Every loss maps logits z (B, C) and a target to one value per image (B,). With p = softmax(z):

    residual(z, target)      d loss_i / d z_i                    (B, C)
    curvature(z, target, u)  (d^2 loss_i / d z_i^2) u_i          (B, C), for directions u (B, C)

The residual is the delta from which the gradient at the linear head is built, the curvature gives the
head's Hessian product (AutoDO, arXiv 2103.05863, eq. 6-8, restricted to the last layer). B: images in the
batch, C: classes.
"""

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor


class Loss(Protocol):
    """A training loss with its derivatives. Shapes as in the module's docstring."""

    def value(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss of every image, (B,), in nats."""

    def residual(self, logits: Tensor, target: Tensor) -> Tensor:
        """First derivative with respect to the logits, (B, C)."""

    def curvature(self, logits: Tensor, target: Tensor, direction: Tensor) -> Tensor:
        """Second derivative with respect to the logits times `direction`, (B, C)."""


def fisher_product(probabilities: Tensor, direction: Tensor) -> Tensor:
    """(diag(p) - p p^T) u for every image: (B, C) x (B, C) -> (B, C)."""
    return probabilities * (direction - (probabilities * direction).sum(1, keepdim=True))


class CrossEntropy:
    """Cross-entropy with a class index per image; `target` is (B,) int64."""

    def value(self, logits: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        return F.cross_entropy(logits, target, reduction="none")

    def residual(self, logits: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        return logits.softmax(1) - F.one_hot(target, logits.shape[1]).to(logits.dtype)

    def curvature(self, logits: Tensor, target: Tensor, direction: Tensor) -> Tensor:  # noqa: D102
        return fisher_product(logits.softmax(1), direction)


class SoftCrossEntropy:
    """KL(s || p) with soft label s = softmax(target); `target` is (B, C), the soft label's logits."""

    def value(self, logits: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        log_s = target.log_softmax(1)
        return (log_s.exp() * (log_s - logits.log_softmax(1))).sum(1)

    def residual(self, logits: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        return logits.softmax(1) - target.softmax(1)

    def curvature(self, logits: Tensor, target: Tensor, direction: Tensor) -> Tensor:  # noqa: D102
        return fisher_product(logits.softmax(1), direction)


class SymmetricKL:
    """(KL(s || p) + KL(p || s)) / 2 with soft label s = softmax(target); `target` is (B, C)."""

    def value(self, logits: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        log_p, log_s = logits.log_softmax(1), target.log_softmax(1)
        return 0.5 * ((log_p.exp() - log_s.exp()) * (log_p - log_s)).sum(1)

    def residual(self, logits: Tensor, target: Tensor) -> Tensor:  # noqa: D102
        log_p, log_s = logits.log_softmax(1), target.log_softmax(1)
        p, log_ratio = log_p.exp(), log_p - log_s
        divergence = (p * log_ratio).sum(1, keepdim=True)  # KL(p || s)
        return 0.5 * (p - log_s.exp() + p * (log_ratio - divergence))

    def curvature(self, logits: Tensor, target: Tensor, direction: Tensor) -> Tensor:  # noqa: D102
        log_p, log_s = logits.log_softmax(1), target.log_softmax(1)
        p, log_ratio = log_p.exp(), log_p - log_s
        divergence = (p * log_ratio).sum(1, keepdim=True)
        # First dp along u, then the product rule on p * (log_ratio - divergence); the derivative of the
        # divergence along u is dp . log_ratio, because p . d(log p) = 0.
        dp = fisher_product(p, direction)
        d_log_p = direction - (p * direction).sum(1, keepdim=True)
        d_divergence = (dp * log_ratio).sum(1, keepdim=True)
        return 0.5 * (dp + dp * (log_ratio - divergence) + p * (d_log_p - d_divergence))


LOSSES: dict[str, Loss] = {"cross-entropy": CrossEntropy(), "KL": SoftCrossEntropy(), "symmetric KL": SymmetricKL()}
