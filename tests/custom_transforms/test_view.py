import pytest
import torch

from custom_transforms.normalise import Normalise
from custom_transforms.policies import RandPolicy
from custom_transforms.standard import RandomCrop, RandomErasing, RandomFlip
from custom_transforms.view import TrainingView

CPU = torch.device("cpu")
NORMALISE = Normalise((0.4, 0.5, 0.6), (0.2, 0.2, 0.3), CPU)


def seeded():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def images():
    return torch.randint(256, (16, 3, 12, 12), dtype=torch.uint8, generator=seeded())


def test_without_augmentation_it_is_the_normalisation(images):
    assert torch.equal(TrainingView(None, (), NORMALISE, seeded())(images), NORMALISE(images))


def test_order_is_policy_crop_flip_normalisation_erasing(images):
    policy, generator = RandPolicy(3, 7), seeded()
    expected = RandomFlip()(RandomCrop()(policy(images, generator), generator), generator)
    expected = RandomErasing()(NORMALISE(expected), generator)
    view = TrainingView(policy, ("erasing", "flip", "crop"), NORMALISE, seeded())
    assert torch.equal(view(images), expected)
