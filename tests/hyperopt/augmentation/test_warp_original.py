"""The published code's warp against its arithmetic, pixel by pixel in float64."""

import math

import numpy as np
import pytest
import torch
from oracle import rows_of_setting

from hyperopt.augmentation.warp import RANGES
from hyperopt.augmentation.warp_original import OriginalWarp, original_matrices

warp = OriginalWarp(4)
as_it_is = OriginalWarp(1)
RANDOM = torch.Generator().manual_seed(0)


def amounts(**nominal):
    return torch.tensor([[nominal.get(name, 0.0) / limit for name, limit in RANGES.items()]], dtype=torch.float64)


def read(line, place):
    """A line of pixels (..., n) between two of them, constant beyond its ends."""
    place = min(max(place, 0.0), line.shape[-1] - 1.0)
    low = min(int(place), line.shape[-1] - 2)
    return line[..., low] * (1 - (place - low)) + line[..., low + 1] * (place - low)


def resized(picture, factor):
    """Bilinear, pixel centres at (j + 1/2) of a new side."""
    for _ in range(2):
        places = [(j + 0.5) / factor - 0.5 for j in range(round(picture.shape[1] * factor))]
        picture = np.stack([read(picture, place) for place in places], -1).T
    return picture


def published(picture, row, enlargement):
    """A picture (H, W) under nominal amounts (7,): matrices 3 x 3, inverted, then sampled."""
    height, width = picture.shape
    angle, tx, ty, shear_x, shear_y, scale_x, scale_y = row
    angle = math.radians(angle)
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    rotation = rotation @ np.diag([1 + scale_x, 1 + scale_y])
    alpha, beta = rotation[0]
    x, y = width // 2, height // 2
    move = np.eye(3)
    move[:2, :2] = rotation
    move[:2, 2] = (1 - alpha) * x - beta * y, beta * x + (1 - alpha) * y
    shift = np.array([[1, 0, tx * width], [0, 1, ty * height], [0, 0, 1]])
    shear = np.array([[1, shear_x, 0], [shear_y, 1, 0], [0, 0, 1]])
    back = np.linalg.inv(shear @ shift @ move)
    big = resized(picture, enlargement) if enlargement > 1 else picture
    rows, columns = big.shape
    warped = np.empty_like(big)
    for i in range(rows):
        for j in range(columns):
            source_x, source_y, _ = back @ (j, i, 1)
            # From 0 .. W - 1 to -1 .. 1, and to pixels again as if those were the outer edges.
            at_x = ((2 * source_x / (columns - 1) - 1 + 1) * columns - 1) / 2
            at_y = ((2 * source_y / (rows - 1) - 1 + 1) * rows - 1) / 2
            warped[i, j] = read(read(big, at_x), at_y)
    return resized(warped, 1 / enlargement) if enlargement > 1 else warped


@pytest.mark.parametrize("enlargement", [4, 1])
@pytest.mark.parametrize("shape", [(9, 9), (8, 11)])
def test_published_arithmetic(shape, enlargement):
    pictures = torch.rand(3, 1, *shape, dtype=torch.float64, generator=RANDOM)
    draws = torch.randn(3, 7, dtype=torch.float64, generator=RANDOM) * 0.6
    warped = OriginalWarp(enlargement)(pictures, draws)
    nominal = (draws * torch.tensor(list(RANGES.values()), dtype=torch.float64)).numpy()
    for picture, row, found in zip(pictures, nominal, warped, strict=True):
        expected = published(picture[0].numpy(), row, enlargement)
        np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("shape", [(9, 9), (8, 11)])
def test_pictures_that_nothing_moves_go_up_and_down_too(shape):
    pictures = torch.rand(2, 3, *shape, dtype=torch.float64, generator=RANDOM)
    still = warp.still(pictures)
    np.testing.assert_allclose(still[1, 2].numpy(), published(pictures[1, 2].numpy(), [0] * 7, 4), atol=1e-9)
    torch.testing.assert_close(still, warp(pictures, torch.zeros(2, 7, dtype=torch.float64)))
    assert (still - pictures).abs().max() > 0.01


def test_imagenets_pictures_are_left_alone_where_nothing_moves_them():
    pictures = torch.rand(2, 3, 8, 8)
    assert as_it_is.still(pictures) is pictures


def test_unequal_scales_move_the_picture_down_as_published():
    """c (s_y - s_x) (sin + cos) pixels of the big picture, for MNIST's centre of 14."""
    matrix = original_matrices(amounts(rotate=20, scale_x=0.2, scale_y=-0.3), 28, 28)[0].numpy()
    angle = math.radians(20)
    moved = matrix[:, :2] @ (14, 14) + matrix[:, 2] - (14, 14)
    assert moved == pytest.approx((0, 14 * -0.5 * (math.sin(angle) + math.cos(angle))))


def test_rotation_is_about_a_point_an_eighth_into_the_picture():
    matrix = original_matrices(amounts(rotate=30, translate_x=0.1), 28, 28)[0].numpy()
    assert matrix[:, :2] @ (14, 14) + matrix[:, 2] == pytest.approx((14 + 2.8, 14))
    assert 14 / (4 * 28) == 1 / 8


@pytest.mark.parametrize("enlargement", [4, 1])
def test_gradient_is_finite_where_a_scale_vanishes(enlargement):
    row = amounts(scale_x=-1.0).requires_grad_()
    OriginalWarp(enlargement)(torch.rand(1, 1, 8, 8, dtype=torch.float64), row).sum().backward()
    assert torch.isfinite(row.grad).all()


def test_gradient_is_that_of_finite_differences():
    pictures = torch.rand(1, 1, 6, 6, dtype=torch.float64, generator=RANDOM)
    row = (torch.randn(1, 7, dtype=torch.float64, generator=RANDOM) * 0.3).requires_grad_()
    assert torch.autograd.gradcheck(lambda one: warp(pictures, one), row, eps=1e-7, atol=1e-4)


def test_amounts_that_are_not_numbers_do_not_crash_the_sampling():
    for bad in (float("nan"), float("inf"), 1e30):
        assert warp(torch.rand(3, 1, 8, 8), torch.full((3, 7), bad)).shape == (3, 1, 8, 8)


@pytest.mark.parametrize(("augmentation", "loss"), [("NONE", "NONE"), ("RAND", "NONE"), ("NONE", "WGHT")])
def test_rows_without_learned_augmentation_see_the_blur(augmentation, loss):
    """Their training images, and the validation images of the hyper pass."""
    rows = rows_of_setting(torch.arange(3), 3, augmentation, loss, warp="original")
    images, index = torch.rand(3, 1, 8, 8), torch.arange(3)
    assert torch.equal(rows.augment(images, index, rows.leaves(index), RANDOM), warp.still(images))
    assert torch.equal(rows.still(images), warp.still(images))
