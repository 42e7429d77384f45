"""The order of a view, and the table of policies."""

import pytest
import torch

from custom_transforms.copy_amounts import usual_amount
from custom_transforms.names import MAGNITUDES, POLICY_NAMES, STANDARD_NAMES
from custom_transforms.normalise import Normalise
from custom_transforms.policies import RandPolicy
from custom_transforms.resized_crop import RandomResizedCrop
from custom_transforms.standard import Cutout, RandomAffine, RandomCrop, RandomErasing, RandomFlip, RandomVerticalFlip
from custom_transforms.table import POLICIES, Choice, make_policy
from custom_transforms.view import STANDARD, Place, TrainingView
from utils.errors import UserError

CPU = torch.device("cpu")
NORMALISE = Normalise((0.4, 0.5, 0.6), (0.2, 0.2, 0.3), CPU)
ALL = {place: make() for place, make in (STANDARD[name] for name in ("crop", "flip", "erasing"))}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def policy(name, height=12, width=12):
    rand = "2,28" if MAGNITUDES.get(name) == 30 else "2,5"
    return make_policy(name, Choice(rand, "CIFAR10", "CIFAR10", height, width, usual_amount(name, "CIFAR10") or ""))


@pytest.fixture
def images():
    return torch.randint(256, (16, 3, 12, 12), dtype=torch.uint8, generator=seeded())


def test_without_augmentation_it_is_the_normalisation(images):
    assert torch.equal(TrainingView({}, NORMALISE, seeded())(images), NORMALISE(images))


def test_order_is_policy_crop_flip_normalisation_erasing(images):
    rand, generator = RandPolicy(3, 7), seeded()
    expected = RandomFlip()(RandomCrop()(rand(images, generator), generator), generator)
    expected = RandomErasing()(NORMALISE(expected), generator)
    view = TrainingView({**dict(reversed(ALL.items())), Place.BEFORE_CROP: rand}, NORMALISE, seeded())
    assert torch.equal(view(images), expected)


def test_affine_comes_after_both_crops_and_a_vertical_flip_after_the_other(images):
    generator, expected = seeded(), images
    for step in (RandomResizedCrop(), RandomCrop(), RandomAffine(), RandomFlip(), RandomVerticalFlip()):
        expected = step(expected, generator)
    expected = RandomErasing()(NORMALISE(expected), generator)
    view = TrainingView({place: make() for place, make in STANDARD.values()}, NORMALISE, seeded())
    assert torch.equal(view(images), expected)


def test_vertical_flip_comes_after_crop_and_flip(images):
    generator = seeded()
    expected = RandomFlip()(RandomCrop()(images, generator), generator).flip(2)
    expected = RandomErasing()(NORMALISE(expected), generator)
    assert torch.equal(TrainingView(ALL | policy("VERTICAL"), NORMALISE, seeded())(images), expected)


def test_jigsaw_comes_after_erasing_and_cutout_last(images):
    generator = seeded()
    (jigsaw,) = policy("JIGSAW").values()
    expected = RandomErasing()(NORMALISE(RandomFlip()(RandomCrop()(images, generator), generator)), generator)
    expected = Cutout(4)(jigsaw(expected, generator), generator)
    view = TrainingView({Place.CUTOUT: Cutout(4)} | policy("JIGSAW") | ALL, NORMALISE, seeded())
    assert torch.equal(view(images), expected)


def test_cutout_is_exactly_zero_after_normalisation(images):
    view = TrainingView({Place.CUTOUT: Cutout(5)}, NORMALISE, seeded())
    zeros = (view(images) == 0).all(1)
    assert torch.equal(zeros, view_of_squares(5))
    assert not (NORMALISE(images) == 0).all(1).any()


def view_of_squares(side):
    """Where a view without other draws has its squares."""
    return (Cutout(side)(torch.ones(16, 1, 12, 12), seeded()) == 0)[:, 0]


def test_flags_know_the_policies():
    """Names stand in two places, since flags are read without torch."""
    assert tuple(POLICIES) == POLICY_NAMES
    assert tuple(STANDARD) == STANDARD_NAMES
    assert MAGNITUDES.keys() < set(POLICY_NAMES)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", POLICY_NAMES)
def test_every_policy_changes_images_and_a_seed_repeats_it(name, channels):
    images = torch.randint(256, (40, channels, 12, 12), dtype=torch.uint8, generator=seeded())
    ((_, augment),) = policy(name).items()
    first, again = augment(images, seeded(5)), augment(images, seeded(5))
    assert (first.dtype, first.shape) == (images.dtype, images.shape)
    assert torch.equal(first, again)
    assert not torch.equal(first, images)
    assert name == "VERTICAL" or name == "SOBEL" or not torch.equal(first, augment(images, seeded(6)))


@pytest.mark.parametrize(
    ("name", "height", "width", "message"),
    [
        ("JIGSAW", 27, 28, "--aug-model JIGSAW needs pictures of even height and width, and these have 28 x 27 pixels"),
        ("JIGSAW", 28, 27, "--aug-model JIGSAW needs"),
        ("JIGSAW", 27, 27, "--aug-model JIGSAW needs"),
        ("QUARTER", 28, 30, "--aug-model QUARTER needs square pictures, and these have 30 x 28 pixels"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(name, height, width, message):
    with pytest.raises(UserError, match=message):
        policy(name, height, width)


def test_pictures_that_fit_are_taken():
    assert policy("JIGSAW", 28, 30)
    assert policy("QUARTER", 27, 27)
