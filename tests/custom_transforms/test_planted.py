"""Transformations planted in clean images, against torchvision's of PIL's pictures."""

import pytest
import torch
from test_operations import from_pil, random_images, to_pil
from torchvision.transforms import functional as pil

from custom_transforms.names import AS_IT_IS, PLANTED_NAMES
from custom_transforms.planted import PLANTED, plant
from utils.errors import UserError

CHANNELS = pytest.mark.parametrize("channels", [1, 3])
SIZES = pytest.mark.parametrize("size", [(32, 32), (8, 8), (28, 28), (25, 48)])
# What the published code does to a picture of height x width, and by how many levels a pixel may differ: PIL rounds
# after each of the two directions.
PUBLISHED = {
    "rotation": (lambda picture, height, width: pil.rotate(picture, 45), 0),
    "translation": (
        lambda picture, height, width: pil.center_crop(pil.pad(picture, [4, 4, 0, 0]), [height, width]),
        0,
    ),
    "zoomin": (
        lambda picture, height, width: pil.center_crop(
            pil.resize(picture, [int(1.5 * height), int(1.5 * width)]), [height, width]
        ),
        1,
    ),
    "zoomout": (
        lambda picture, height, width: pil.center_crop(
            pil.resize(picture, [int(0.75 * height), int(0.75 * width)]), [height, width]
        ),
        1,
    ),
}


@CHANNELS
@SIZES
@pytest.mark.parametrize("name", PUBLISHED)
def test_planted_transformations_are_the_published_ones(name, size, channels):
    images = random_images(channels, size)
    theirs, tolerance = PUBLISHED[name]
    expected = torch.stack([from_pil(theirs(to_pil(image), *size)) for image in images])
    ours = PLANTED[name](images)
    assert (ours.dtype, ours.shape) == (torch.uint8, images.shape)
    assert (ours.int() - expected.int()).abs().max() <= tolerance


def test_directions_are_those_of_the_content():
    """A dot in the upper left quarter of a picture."""
    images = torch.zeros(1, 1, 16, 16, dtype=torch.uint8)
    images[..., 3, 3] = 255
    assert PLANTED["translation"](images).nonzero().tolist() == [[0, 0, 5, 5]]
    centre = {name: place(PLANTED[name](images)) for name in ("rotation", "zoomin", "zoomout")}
    assert centre["rotation"] == pytest.approx((0, -4.5 * 2**0.5), abs=0.5)  # anticlockwise: to the left
    images[..., 3, 3], images[..., 6, 6] = 0, 255  # which stays in the picture when it is enlarged
    assert place(PLANTED["zoomin"](images)) == pytest.approx((-2.25, -2.25), abs=0.1)
    assert place(PLANTED["zoomout"](images)) == pytest.approx((-1.125, -1.125), abs=0.1)


def place(images):
    """The centre of mass of the only image, down and to the right of the picture's centre."""
    weight = images[0, 0].double() / images.sum()
    at = torch.arange(images.shape[-1], dtype=torch.float64) - (images.shape[-1] - 1) / 2
    return (weight.sum(1) @ at).item(), (weight.sum(0) @ at).item()


def test_flags_know_the_planted_transformations():
    """Names stand in two places, since flags are read without torch."""
    assert (AS_IT_IS, *PLANTED) == PLANTED_NAMES


def test_what_is_planted_comes_before_the_view():
    images = random_images(3, (8, 8))
    assert plant(AS_IT_IS, torch.neg, 8, 8) is torch.neg
    assert torch.equal(plant("translation", torch.neg, 8, 8)(images), -PLANTED["translation"](images))


@pytest.mark.parametrize("name", PLANTED)
def test_images_that_are_too_small_are_refused_and_the_smallest_show_it(name):
    for size in ((2, 2), (1, 9), (9, 1)):
        with pytest.raises(UserError, match=rf"^--view-valid {name} needs images of 3 x 3 .* {size[1]} x {size[0]};"):
            plant(name, torch.neg, *size)
        assert plant(AS_IT_IS, torch.neg, *size) is torch.neg
    image = torch.arange(1, 10, dtype=torch.uint8).view(1, 1, 3, 3)
    found = plant(name, torch.clone, 3, 3)(image)
    assert not torch.equal(found, image)
    assert found.any()
