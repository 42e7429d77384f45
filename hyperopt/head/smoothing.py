"""Losses of ReSmooth (arXiv 2205.12606) at logits: label smoothing with an amount per view, and distillation.

All return one value per view (B,), in nats. B: views, C: classes.
"""

import torch.nn.functional as F
from torch import Tensor


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, amount: Tensor) -> Tensor:
    """Cross-entropy with the target (1 - amount) onehot(label) + amount / C, for amounts (B,) in 0..1."""
    nll, uniform = _two_entropies(logits, labels)
    return (1 - amount) * nll + amount * uniform


def smoothed_labels(labels: Tensor, amount: Tensor, classes: int) -> Tensor:
    """The target of `smoothed_cross_entropy` as class probabilities (B, C)."""
    return (1 - amount)[:, None] * F.one_hot(labels, classes) + amount[:, None] / classes


def released_smoothing(logits: Tensor, labels: Tensor, amount: Tensor, smoothing: Tensor) -> Tensor:
    """The released form, in which the label's share is 1 - smoothing (B,), whatever the amount (B,).

    A view with an amount below its `smoothing` therefore has a target whose sum is below one.
    """
    nll, uniform = _two_entropies(logits, labels)
    return (1 - smoothing) * nll + amount * uniform


def distillation(logits: Tensor, teacher: Tensor, labels: Tensor, weight: float, temperature: float) -> Tensor:
    """Cross-entropy plus weight T^2 KL(teacher || student) of probabilities at temperature T (Hinton et al. 2015).

    `teacher` are its logits (B, C).
    """
    student, target = ((z / temperature).log_softmax(1) for z in (logits, teacher))
    divergence = (target.exp() * (target - student)).sum(1)
    return F.cross_entropy(logits, labels, reduction="none") + weight * temperature**2 * divergence


def released_distillation(
    logits: Tensor, teacher: Tensor, labels: Tensor, weight: float, temperature: float, most_probable: int
) -> Tensor:
    """The released form: KL(student || teacher) over the teacher's most probable classes, and the labels' loss at T."""
    student, target = ((z / temperature).log_softmax(1) for z in (logits, teacher))
    chosen = teacher.topk(most_probable, 1).indices
    student, target = student.gather(1, chosen), target.gather(1, chosen)
    divergence = (student.exp() * (student - target)).sum(1)
    return F.cross_entropy(logits / temperature, labels, reduction="none") + weight * temperature**2 * divergence


def _two_entropies(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The cross-entropies (B,) with the labels and with the uniform distribution."""
    log_p = logits.log_softmax(1)
    return -log_p.gather(1, labels[:, None])[:, 0], -log_p.mean(1)
