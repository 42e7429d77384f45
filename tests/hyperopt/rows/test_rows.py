import pytest
import torch
import torch.nn.functional as F
from oracle import rows_of_setting

from hyperopt.rows.parts import start_soft_labels, weight_of

LABELS = torch.tensor([0, 3, 1, 2, 2, 0])
INDEX = torch.tensor([4, 0, 1])


def make(aug_model="NONE", los_model="NONE"):
    return rows_of_setting(LABELS, 4, aug_model, los_model, noise_ratio=0.1)


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
        ("SHA", "NONE", {"A": (1, 14)}),
        ("SEP", "NONE", {"A": (6, 14)}),
        ("NONE", "WGHT", {"W": (6, 1)}),
        ("NONE", "SOFT", {"S": (6, 4)}),
        ("SEP", "BOTH", {"A": (6, 14), "W": (6, 1), "S": (6, 4)}),
    ],
)
def test_each_row_of_the_table_has_its_parts(aug_model, los_model, shapes):
    assert {name: tuple(v.values.shape) for name, v in make(aug_model, los_model).holders.items()} == shapes


def test_training_loss_without_rows_is_cross_entropy_with_the_given_labels():
    rows, logits = make(), torch.randn(3, 4)
    torch.testing.assert_close(rows.loss(logits, INDEX, {}), F.cross_entropy(logits, LABELS[INDEX]))


def test_training_loss_is_weighted():
    rows, logits = make(los_model="WGHT"), torch.randn(3, 4)
    rows.holders["W"].values[:, 0] = torch.linspace(-2, 2, 6)
    weight = F.softplus(torch.linspace(-2, 2, 6))[INDEX] / F.softplus(torch.tensor(0.0))
    expected = (weight * F.cross_entropy(logits, LABELS[INDEX], reduction="none")).mean()
    torch.testing.assert_close(rows.loss(logits, INDEX, rows.leaves(INDEX)), expected)


@pytest.mark.parametrize("aug_model", ["SEP", "SHA"])
def test_augmentation_moves_training_images_only(aug_model):
    rows, images = make(aug_model), torch.rand(3, 1, 8, 8)
    augmented = rows.augment(images, INDEX, rows.leaves(INDEX), torch.Generator().manual_seed(0))
    assert augmented.shape == images.shape
    assert not torch.equal(augmented, images)
    assert rows.still(images) is images


def test_description_of_the_start():
    described = make("SEP", "BOTH").describe(INDEX)
    assert len(described) == 16
    torch.testing.assert_close(described["Weight"], torch.ones(3))
    torch.testing.assert_close(described["Probability/rotate"], torch.full((3,), 0.2))
    torch.testing.assert_close(described["Magnitude/scale_y"], torch.full((3,), 0.5))
    torch.testing.assert_close(described["Soft label of the given class"], torch.full((3, 1), 0.9625))


def test_rows_are_described_in_the_order_of_the_images_however_many_at_once(monkeypatch):
    rows = make("SEP", "BOTH")
    for seed, holder in enumerate(rows.holders.values()):
        holder.values.copy_(torch.randn(holder.values.shape, generator=torch.Generator().manual_seed(seed)))
    index = torch.tensor([5, 1, 0, 4, 2])
    whole = rows.describe(index)
    monkeypatch.setattr("hyperopt.rows.rows.DESCRIBED_AT_ONCE", 2)
    parts = rows.describe(index)
    assert parts.keys() == whole.keys()
    for name, values in whole.items():
        torch.testing.assert_close(parts[name], values)
