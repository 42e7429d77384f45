"""ReSmooth's losses against torch's cross-entropy with probabilities as the target, and its Kullback-Leibler loss."""

import pytest
import torch
import torch.nn.functional as F

from hyperopt.head.smoothing import (
    distillation,
    released_distillation,
    released_smoothing,
    smoothed_cross_entropy,
    smoothed_labels,
)

VIEWS, CLASSES = 64, 10
RANDOM = torch.Generator().manual_seed(0)
LOGITS = 3 * torch.randn(VIEWS, CLASSES, generator=RANDOM, dtype=torch.float64)
TEACHER = 3 * torch.randn(VIEWS, CLASSES, generator=RANDOM, dtype=torch.float64)
LABELS = torch.arange(VIEWS) % CLASSES
POSTERIOR = torch.rand(VIEWS, generator=RANDOM, dtype=torch.float64)
SMOOTH = 0.4


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_convex_form_is_cross_entropy_with_soft_targets():
    amount = (1 - POSTERIOR) * SMOOTH
    target = torch.full((VIEWS, CLASSES), 0.0, dtype=torch.float64)
    for view in range(VIEWS):
        target[view] = amount[view] / CLASSES
        target[view, LABELS[view]] += 1 - amount[view]
    close(smoothed_cross_entropy(LOGITS, LABELS, amount), F.cross_entropy(LOGITS, target, reduction="none"))
    close(smoothed_labels(LABELS, amount, CLASSES), target)


@pytest.mark.parametrize("smooth", [0, 0.3, 1])
def test_equal_amounts_are_label_smoothing(smooth):
    amount = torch.full((VIEWS,), float(smooth))
    expected = F.cross_entropy(LOGITS, LABELS, label_smoothing=smooth, reduction="none")
    close(smoothed_cross_entropy(LOGITS, LABELS, amount), expected)


def test_released_form_keeps_the_labels_share():
    found = released_smoothing(LOGITS, LABELS, (1 - POSTERIOR) * SMOOTH, torch.full((VIEWS,), SMOOTH))
    nll, uniform = F.cross_entropy(LOGITS, LABELS, reduction="none"), -LOGITS.log_softmax(1).mean(1)
    close(found, (1 - SMOOTH) * nll + (1 - POSTERIOR) * SMOOTH * uniform)


def test_forms_agree_for_strange_views_only():
    smoothing = torch.full((VIEWS,), SMOOTH)
    close(released_smoothing(LOGITS, LABELS, smoothing, smoothing), smoothed_cross_entropy(LOGITS, LABELS, smoothing))
    known = torch.zeros(VIEWS)
    plain = F.cross_entropy(LOGITS, LABELS, reduction="none")
    close(smoothed_cross_entropy(LOGITS, LABELS, known), plain)
    close(released_smoothing(LOGITS, LABELS, known, smoothing), (1 - SMOOTH) * plain)


def test_distillation_is_torchs_divergence_of_teacher_and_student():
    student, teacher = ((logits / 5).log_softmax(1) for logits in (LOGITS, TEACHER))
    divergence = F.kl_div(student, teacher, reduction="none", log_target=True).sum(1)
    expected = F.cross_entropy(LOGITS, LABELS, reduction="none") + 0.5 * 25 * divergence
    close(distillation(LOGITS, TEACHER, LABELS, 0.5, 5), expected)


@pytest.mark.parametrize("classes", [3, CLASSES])
def test_released_distillation_exchanges_the_arguments(classes):
    student, teacher = ((logits / 5).log_softmax(1) for logits in (LOGITS, TEACHER))
    for view in range(VIEWS):
        chosen = TEACHER[view].argsort(descending=True)[:classes]
        divergence = F.kl_div(teacher[view, chosen], student[view, chosen], reduction="sum", log_target=True)
        expected = F.cross_entropy(LOGITS[view] / 5, LABELS[view]) + 0.5 * 25 * divergence
        found = released_distillation(LOGITS, TEACHER, LABELS, 0.5, 5, classes)[view]
        close(found, expected)
