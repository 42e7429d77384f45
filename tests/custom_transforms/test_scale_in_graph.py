"""Scaling inside of a network, against Pillow and torchvision."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from custom_datasets.own.scale import scale_picture
from custom_transforms.scale import Scale

SIZES = [(5, 9), (32, 32), (37, 64), (48, 33), (200, 301), (301, 200), (17, 500), (1, 1), (640, 480)]


def noise(height, width):
    return np.random.default_rng(height * width).integers(256, size=(height, width, 3), dtype=np.uint8)


def scaled(pixels, height, width):
    return Scale(height, width)(torch.from_numpy(pixels).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [8, 32, 65])
def test_is_pillows_evaluation_view(size, side):
    pixels = noise(*size)
    expected = np.asarray(scale_picture(Image.fromarray(pixels), side)).astype(float)
    # Later versions of Pillow begin with the columns of tall pictures, and round between the two.
    np.testing.assert_allclose(scaled(pixels, side, side), expected, atol=1 if size[0] > size[1] else 0)


@pytest.mark.parametrize("size", [(200, 301), (301, 200), (640, 480)])
def test_is_torchvisions_up_to_rounding(size):
    pixels = noise(*size)
    view = transforms.Compose([transforms.Resize(32), transforms.CenterCrop(32)])
    np.testing.assert_allclose(scaled(pixels, 32, 32), np.asarray(view(Image.fromarray(pixels))).astype(float), atol=2)


@pytest.mark.parametrize(("size", "box"), [((20, 60), (16, 0, 46, 20)), ((60, 30), (0, 20, 30, 40))])
def test_pictures_that_are_not_square_are_covered_and_cut(size, box):
    pixels = noise(*size)
    expected = Image.fromarray(pixels).resize((15, 10), Image.Resampling.BILINEAR, box=box)
    np.testing.assert_allclose(scaled(pixels, 10, 15), np.asarray(expected).astype(float), atol=1)


def test_pictures_of_the_right_size_stay_as_they_are():
    pixels = noise(10, 15)
    np.testing.assert_array_equal(scaled(pixels, 10, 15), pixels)
