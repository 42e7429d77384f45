"""Fixed copies against closed forms and other libraries, and what their policy draws."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage, stats

from custom_transforms.copies import COPIES, RandomCopy, fixed_copies
from custom_transforms.copy_amounts import COPY_NAMES, USUAL, amount_numbers, is_amount_of, split_amount, usual_amount
from utils.errors import UserError
from utils.recipes import RECIPES

USED = {"TRANSLATE": "2", "ROTATE": "30,15", "CROP": "1,2,3,4,5,6"}  # of MNIST


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def some_images(height=28, width=24, channels=3, count=5):
    return torch.randint(256, (count, channels, height, width), dtype=torch.uint8, generator=seeded())


def copies_of(images, name, amount):
    """Labels and copies (k, B, C, H, W)."""
    copies = fixed_copies(name, amount, *images.shape[2:])
    return copies.labels, torch.stack(list(copies(images)))


@pytest.mark.parametrize(
    ("recipe", "numbers"), {"MNIST": (4, 14, 6), "CIFAR10": (4, 4, 1), "DIGITS": (4, 14, 1)}.items()
)
def test_numbers_of_copies_are_the_published_ones(recipe, numbers):
    side = {"MNIST": 28, "CIFAR10": 32, "DIGITS": 8}[recipe]
    assert numbers == tuple(len(fixed_copies(name, usual_amount(name, recipe), side, side)) for name in COPY_NAMES)


def test_labels_say_what_copies_are():
    assert fixed_copies("TRANSLATE", "2", 9, 9).labels == tuple(("translate", x, y) for y in (2, -2) for x in (2, -2))
    assert fixed_copies("CROP", "1,3", 9, 9).labels == (("crop", 1), ("crop", 3))
    kinds, angles = zip(*fixed_copies("ROTATE", "30,15", 9, 9).labels, strict=True)
    assert set(kinds) == {"rotate"}
    wanted = np.linspace(-30, 30, 15)
    np.testing.assert_allclose(angles, wanted[wanted != 0], rtol=1e-14)
    assert fixed_copies("ROTATE", "5,4", 9, 9).labels[0] == ("rotate", -5)


@pytest.mark.parametrize("name", COPY_NAMES)
def test_a_batch_holds_the_copies_of_its_images_at_their_places(name):
    images = some_images()
    copies = fixed_copies(name, USED[name], 28, 24)
    for label, batch in zip(copies.labels, copies(images), strict=True):
        assert (batch.dtype, batch.shape) == (images.dtype, images.shape)
        (alone,) = (one for own, one in zip(copies.labels, copies(images[3:4]), strict=True) if own == label)
        assert torch.equal(batch[3:4], alone)


def test_translated_copies_are_shifted_windows_with_the_edge_repeated():
    images = some_images()
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (3, 3), (3, 3)), mode="edge")
    for (_, x, y), found in zip(*copies_of(images, "TRANSLATE", "3"), strict=True):
        np.testing.assert_array_equal(found, padded[:, :, 3 - y : 31 - y, 3 - x : 27 - x])
        inside = found[:, :, 3:-3, 3:-3]
        np.testing.assert_array_equal(inside, images[:, :, 3 - y : 25 - y, 3 - x : 21 - x])


def test_turned_copies_agree_with_scipy():
    images = some_images(channels=1)
    height, width = 28, 24
    for (_, degrees), found in zip(*copies_of(images, "ROTATE", "30,15"), strict=True):
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        matrix = np.array([[cos, sin], [-sin, cos]])  # of rows and columns, from the copy to the original
        centre = np.array([height / 2 - 0.5, width / 2 - 0.5])
        for image, turned in zip(images[:, 0].double().numpy(), found[:, 0].double().numpy(), strict=True):
            offset = centre - matrix @ centre
            exact = ndimage.affine_transform(image, matrix, offset, order=1, mode="nearest")
            assert np.abs(turned - exact).max() <= 0.5 + 255 * 2**-16 * 2  # rounded, at positions of 16 bits


@pytest.mark.parametrize("degrees", [17, 45])
def test_turned_copies_agree_with_pil_inside(degrees):
    """Anticlockwise about the centre. PIL has no pixels from outside, so that corners are left out, and truncates."""
    images = some_images(24, 24, channels=1)
    _, found = copies_of(images, "ROTATE", f"{degrees},2")
    y, x = np.mgrid[:24, :24] - 11.5
    inside = np.hypot(x, y) <= 11
    for turned, image in zip(found[1, :, 0], images[:, 0], strict=True):
        theirs = np.asarray(Image.fromarray(image.numpy()).rotate(degrees, Image.Resampling.BILINEAR))
        apart = turned.int().numpy()[inside] - theirs.astype(int)[inside]
        assert set(apart) == {0, 1}
        assert 0.4 < apart.mean() < 0.6


def test_quarter_turns_are_exact():
    images = some_images(24, 24)
    _, found = copies_of(images, "ROTATE", "90,2")
    assert torch.equal(found, torch.stack([images.rot90(-1, (2, 3)), images.rot90(1, (2, 3))]))


def test_turns_either_way_are_mirror_images():
    images = some_images(27, 24)
    labels, found = copies_of(images, "ROTATE", "40,6")
    _, of_mirrored = copies_of(images.flip(3), "ROTATE", "40,6")
    assert [label[1] for label in labels] == [-degrees for _, degrees in reversed(labels)]
    assert torch.equal(found.flip(0), of_mirrored.flip(4))


def area_mean(side, pixels):
    """The (side, side) matrix of a crop: each new pixel is the mean of the old ones over its area."""
    scale = (side - 2 * pixels) / side
    starts, old = pixels + scale * np.arange(side)[:, None], np.arange(side)
    overlap = np.minimum(starts + scale, old + 1) - np.maximum(starts, old)
    return np.clip(overlap, 0, None) / scale


def test_crops_are_the_means_over_the_areas_of_enlarged_pixels():
    images = some_images(28, 20)
    for (_, pixels), found in zip(*copies_of(images, "CROP", "1,2,3,4,5,6"), strict=True):
        down, across = area_mean(28, pixels), area_mean(20, pixels)
        exact = np.einsum("hr,ncrs,ws->nchw", down, images.double().numpy(), across)
        assert np.abs(found.double().numpy() - exact).max() <= 0.5 + 255 * 2**-16 * 2


def test_crop_to_half_doubles_pixels():
    images = some_images(16, 16)
    _, (found,) = copies_of(images, "CROP", "4")
    inside = images[:, :, 4:12, 4:12]
    assert torch.equal(found, inside.repeat_interleave(2, 2).repeat_interleave(2, 3))


@pytest.mark.parametrize("name", COPY_NAMES)
def test_a_plain_picture_stays_as_it_is(name):
    plain = torch.full((2, 1, 28, 28), 77, dtype=torch.uint8)
    _, found = copies_of(plain, name, USED[name])
    assert (found == 77).all()


@pytest.mark.parametrize("name", COPY_NAMES)
def test_the_policy_draws_originals_and_copies_equally_often(name):
    images = some_images(channels=1)[:1].expand(4000, -1, -1, -1)
    copies = fixed_copies(name, USED[name], 28, 24)
    policy = RandomCopy(copies)
    counts = torch.bincount(policy.draw(images, seeded()), minlength=len(copies) + 1)
    assert len(counts) == len(copies) + 1
    assert stats.chisquare(counts.numpy()).pvalue > 1e-4


@pytest.mark.parametrize("name", COPY_NAMES)
def test_the_policy_returns_originals_and_copies(name):
    images = some_images(count=60)
    copies = fixed_copies(name, USED[name], 28, 24)
    policy = RandomCopy(copies)
    choice = policy.draw(images, seeded(3))
    versions = torch.stack([images, *copies(images)])
    assert torch.equal(policy(images, seeded(3)), versions[choice, torch.arange(60)])


@pytest.mark.parametrize(
    ("name", "amount", "largest"), [("TRANSLATE", "8", "7"), ("TRANSLATE", "9", "7"), ("CROP", "1,4", "1,3")]
)
def test_too_large_amounts_are_refused(name, amount, largest):
    with pytest.raises(UserError, match=f"--amount {amount} of --aug-model {name} .* 9 x 8 pixels; lower it"):
        fixed_copies(name, amount, 8, 9)
    assert fixed_copies(name, largest, 8, 9)


def test_every_recipe_has_usual_amounts():
    assert USUAL.keys() == RECIPES.keys()
    assert COPIES.keys() == set(COPY_NAMES)
    for amounts in USUAL.values():
        for name, amount in zip(COPY_NAMES, amounts, strict=True):
            assert is_amount_of(name, amount)
            assert amount_numbers(amount) == amount
    assert usual_amount("RAND", "MNIST") is None


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("TRANSLATE", ("1", "12"), ("0", "1,2", "1.5")),
        ("ROTATE", ("30,15", "0.5,2", "179,99"), ("30", "0,4", "180,4", "30,1", "30,100", "30,2.5", "30,4,5")),
        ("CROP", ("1", "1,2,6"), ("0", "0,1", "2,1", "1,1", "1.5")),
    ],
)
def test_amounts_that_a_kind_can_have(name, right, wrong):
    assert all(is_amount_of(name, amount) for amount in right)
    assert not any(is_amount_of(name, amount) for amount in wrong)


def test_amounts_are_numbers():
    assert split_amount("30,1.5") == (30, 1.5)
    assert amount_numbers("007,1.50") == "7,1.5"
