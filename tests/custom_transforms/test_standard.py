"""Crop, flip, erasing and cutout against torchvision's functions and its own draws."""

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision import transforms
from torchvision.transforms import functional

from custom_transforms.standard import (
    Cutout,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomVerticalFlip,
    crop,
    erase,
    flip,
    turn_and_zoom,
)

UNLIKELY = 1e-4  # the smallest p-value that passes; the seeds are fixed
TYPES = pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random_images(count, channels=3, height=32, width=32, dtype=torch.uint8):
    images = torch.randint(256, (count, channels, height, width), dtype=torch.uint8, generator=seeded())
    return images if dtype == torch.uint8 else images / 255 - 0.5


def blank(count, height=32, width=32):
    """Images that take no memory: a draw reads their shape only."""
    return torch.zeros(()).expand(count, 3, height, width)


@TYPES
@pytest.mark.parametrize(("height", "width", "padding"), [(32, 32, 4), (20, 28, 0), (20, 28, 3)])
def test_crop_is_torchvisions(dtype, height, width, padding):
    images, augment = random_images(40, 3, height, width, dtype), RandomCrop(padding)
    tops, lefts = augment.draw(images, seeded())
    padded = functional.pad(images, [padding])
    expected = [
        functional.crop(image, top, left, height, width)
        for image, top, left in zip(padded, tops.tolist(), lefts.tolist(), strict=True)
    ]
    assert torch.equal(crop(images, tops, lefts, padding), torch.stack(expected))
    assert torch.equal(augment(images, seeded()), torch.stack(expected))


def test_every_crop_is_drawn_equally_often():
    tops, lefts = RandomCrop(4).draw(blank(100_000), seeded())
    assert stats.chisquare(torch.bincount(tops * 9 + lefts, minlength=81)).pvalue > UNLIKELY


@TYPES
def test_flip_is_torchvisions(dtype):
    images = random_images(40, dtype=dtype)
    flipped = RandomFlip().draw(images, seeded())
    expected = [functional.hflip(image) if turn else image for image, turn in zip(images, flipped, strict=True)]
    assert torch.equal(flip(images, flipped), torch.stack(expected))
    assert torch.equal(RandomFlip()(images, seeded()), torch.stack(expected))


@TYPES
def test_vertical_flip_is_torchvisions(dtype):
    images = random_images(40, dtype=dtype)
    flipped = RandomVerticalFlip().draw(images, seeded())
    expected = [functional.vflip(image) if turn else image for image, turn in zip(images, flipped, strict=True)]
    assert torch.equal(RandomVerticalFlip()(images, seeded()), torch.stack(expected))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 35)])
def test_affine_is_torchvisions(channels, height, width):
    """All pixels are those of PIL's pictures but for rounding, where a place lies on the border of two pixels."""
    images = random_images(40, channels, height, width)
    degrees, factors = RandomAffine().draw(images, seeded())
    pictures = [
        functional.affine(
            functional.to_pil_image(image),
            -angle,
            [0, 0],
            factor,
            [0.0, 0.0],  # torchvision's angles are clockwise
        )
        for image, angle, factor in zip(images, degrees.tolist(), factors.tolist(), strict=True)
    ]
    expected = torch.stack([functional.pil_to_tensor(picture) for picture in pictures])
    done = RandomAffine()(images, seeded())
    assert torch.equal(done, turn_and_zoom(images, degrees, factors))
    assert (done == expected).double().mean() > 0.999


def test_affine_is_drawn_as_torchvisions_is():
    degrees, factors = RandomAffine().draw(blank(100_000), seeded())
    assert stats.kstest(degrees, stats.uniform(-10, 20).cdf).pvalue > UNLIKELY
    assert stats.kstest(factors, stats.uniform(0.5, 1.5).cdf).pvalue > UNLIKELY


def test_half_of_the_images_are_flipped():
    flipped = RandomFlip().draw(blank(100_000), seeded())
    assert stats.binomtest(flipped.sum().item(), 100_000).pvalue > UNLIKELY
    pairs = torch.bincount(2 * flipped[::2].int() + flipped[1::2])
    assert stats.chisquare(pairs).pvalue > UNLIKELY


@pytest.mark.parametrize("channels", [1, 3])
def test_erasing_is_torchvisions(channels):
    images = random_images(60, channels, 28, 36, torch.float32)
    rectangles = RandomErasing().draw(images, seeded())
    expected = [
        functional.erase(image, *(int(edge) for edge in edges), torch.zeros(()))
        for image, *edges in zip(images, *(edge.tolist() for edge in rectangles), strict=True)
    ]
    assert torch.equal(erase(images, rectangles), torch.stack(expected))
    assert torch.equal(RandomErasing()(images, seeded()), torch.stack(expected))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (16, 48)])
def test_rectangles_are_distributed_as_torchvisions(height, width):
    """The narrow image refuses many tries, so that the choice among them shows."""
    count = 5000
    drawn = torch.stack(RandomErasing().draw(blank(2 * count, height, width), seeded()), 1)
    drawn = drawn[drawn[:, 2] > 0].numpy()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        image = blank(1, height, width)[0]
        theirs = [transforms.RandomErasing.get_params(image, (0.02, 0.33), (0.3, 3.3), [0])[:4] for _ in range(count)]
    theirs = np.array([edges for edges in theirs if edges != (0, 0, height, width)])
    kept = len(theirs) / count / 2
    assert stats.binomtest(len(drawn), 2 * count, kept).pvalue > UNLIKELY
    for feature in (
        lambda top, left, height, width: height * width,
        lambda top, left, height, width: height / width,
        lambda top, left, height, width: top,
        lambda top, left, height, width: left,
        lambda top, left, height, width: top + height,
        lambda top, left, height, width: left + width,
    ):
        assert stats.ks_2samp(feature(*drawn.T), feature(*theirs.T)).pvalue > UNLIKELY


def test_rectangles_lie_in_the_image():
    top, left, height, width = RandomErasing().draw(blank(100_000, 9, 15), seeded())
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height).max() == 9
    assert (left + width).max() == 15
    assert height.max() < 9
    assert width.max() < 15


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [1, 8, 9, 16, 100])
def test_cutout_is_a_square_of_zeros_about_its_centre(side, channels):
    images, cutout = random_images(60, channels, 20, 28, torch.float32), Cutout(side)
    tops, lefts, *sides = cutout.draw(images, seeded())
    assert all((length == side).all() for length in sides)
    expected = images.clone()
    for image, top, left in zip(expected, tops.tolist(), lefts.tolist(), strict=True):
        image[:, max(top, 0) : top + side, max(left, 0) : left + side] = 0
    done = cutout(images, seeded())
    assert torch.equal(done, expected)
    assert (done != images).any((1, 2, 3)).all()


def test_centres_of_cutouts_are_uniform_over_the_pixels():
    tops, lefts, *_ = Cutout(16).draw(blank(100_000, 9, 5), seeded())
    rows, columns = tops + 8, lefts + 8  # an even square reaches as far up from its centre as down, as published
    assert stats.chisquare(torch.bincount(rows * 5 + columns, minlength=45)).pvalue > UNLIKELY


@pytest.mark.parametrize("augment", [RandomCrop(), RandomFlip(), RandomVerticalFlip(), RandomErasing(), Cutout(8)])
def test_images_are_drawn_for_one_by_one_and_a_seed_repeats_them(augment):
    images = random_images(1, dtype=torch.float32).expand(64, -1, -1, -1)
    done = augment(images, seeded())
    assert done.dtype == images.dtype
    assert len(done.flatten(1).unique(dim=0)) > (1 if isinstance(augment, RandomFlip) else 10)
    assert torch.equal(done, augment(images, seeded()))
    assert not torch.equal(done, augment(images, seeded(1)))
