import pytest
import torch
import torch.nn.functional as F

from hyperopt.augmentation.warps import make_warp
from hyperopt.options.setting import Setting
from hyperopt.rows.rows import Rows, start_soft_labels, weight_of

LABELS = torch.tensor([0, 3, 1, 2, 2, 0])
INDEX = torch.tensor([4, 0, 1])


def make(aug_model="NONE", los_model="NONE", warp="paper"):
    loss = Setting(los_model=los_model, noise_ratio=0.1).training_loss
    return Rows(LABELS, 4, aug_model, los_model, make_warp(warp, 4), loss)


@pytest.mark.parametrize("classes", [4, 10, 1000])
def test_soft_labels_start_as_label_smoothing(classes):
    """Smoothing by 0.05: 0.95 for the given class, and 0.05 shared equally by all classes."""
    soft = start_soft_labels(LABELS, classes).softmax(1)
    smoothed = F.one_hot(LABELS, classes) * 0.95 + 0.05 / classes
    torch.testing.assert_close(soft, smoothed, rtol=1e-4, atol=1e-6)


def test_weights_start_at_one():
    torch.testing.assert_close(weight_of(torch.zeros(5, 1)), torch.ones(5))


@pytest.mark.parametrize(
    ("aug_model", "los_model", "shapes"),
    [
        ("NONE", "NONE", {}),
        ("SHA", "NONE", {"augmentation": (1, 14)}),
        ("SEP", "NONE", {"augmentation": (6, 14)}),
        ("NONE", "WGHT", {"weight": (6, 1)}),
        ("NONE", "SOFT", {"soft_label": (6, 4)}),
        ("SEP", "BOTH", {"augmentation": (6, 14), "weight": (6, 1), "soft_label": (6, 4)}),
    ],
)
def test_each_row_of_the_table_has_its_parts(aug_model, los_model, shapes):
    assert {name: tuple(v.shape) for name, v in make(aug_model, los_model).values().items()} == shapes


def test_training_loss_without_rows_is_cross_entropy_with_the_given_labels():
    hyper, logits = make(), torch.randn(3, 4)
    torch.testing.assert_close(hyper.training_loss(logits, INDEX, {}), F.cross_entropy(logits, LABELS[INDEX]))


def test_training_loss_is_weighted():
    hyper, logits = make(los_model="WGHT"), torch.randn(3, 4)
    hyper.tables["weight"].values[:, 0] = torch.linspace(-2, 2, 6)
    weight = F.softplus(torch.linspace(-2, 2, 6))[INDEX] / F.softplus(torch.tensor(0.0))
    expected = (weight * F.cross_entropy(logits, LABELS[INDEX], reduction="none")).mean()
    torch.testing.assert_close(hyper.training_loss(logits, INDEX, hyper.gather(INDEX)), expected)


@pytest.mark.parametrize("aug_model", ["SEP", "SHA"])
def test_augmentation_moves_training_images_only(aug_model):
    hyper, images = make(aug_model), torch.rand(3, 1, 8, 8)
    rows = hyper.gather(INDEX)
    augmented = hyper.augment(images, rows, torch.Generator().manual_seed(0))
    assert augmented.shape == images.shape
    assert not torch.equal(augmented, images)
    assert hyper.view_validation(images) is images


def test_description_of_the_start():
    described = make("SEP", "BOTH").describe(INDEX)
    assert len(described) == 16
    torch.testing.assert_close(described["Weight"], torch.ones(3))
    torch.testing.assert_close(described["Probability/rotate"], torch.full((3,), 0.2))
    torch.testing.assert_close(described["Magnitude/scale_y"], torch.full((3,), 0.5))
    torch.testing.assert_close(described["Soft label of the given class"], torch.full((3, 1), 0.9625))


def test_rows_are_described_in_the_order_of_the_images_however_many_at_once(monkeypatch):
    hyper = make("SEP", "BOTH")
    for name, values in hyper.values().items():
        values.copy_(torch.randn(values.shape, generator=torch.Generator().manual_seed(len(name))))
    index = torch.tensor([5, 1, 0, 4, 2])
    whole = hyper.describe(index)
    monkeypatch.setattr("hyperopt.rows.rows.DESCRIBED_AT_ONCE", 2)
    parts = hyper.describe(index)
    assert parts.keys() == whole.keys()
    for name, values in whole.items():
        torch.testing.assert_close(parts[name], values)
