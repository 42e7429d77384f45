"""The random resized crop of batches, against torchvision's function and its own draws."""

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import RandomResizedCrop as Theirs
from torchvision.transforms import functional

from custom_transforms.resized_crop import RandomResizedCrop, Windows, enlarge

UNLIKELY = 1e-4  # the smallest p-value that passes; the seeds are fixed


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def blank(count, height=32, width=32):
    """Images that take no memory: a draw reads their shape only."""
    return torch.zeros(()).expand(count, 3, height, width)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 33)])
@pytest.mark.parametrize("channels", [1, 3])
def test_windows_are_enlarged_as_torchvision_does(channels, height, width):
    images = torch.randint(256, (30, channels, height, width), dtype=torch.uint8, generator=seeded())
    windows = RandomResizedCrop().draw(images, seeded(1))
    for image, seen, *window in zip(
        images, enlarge(images, windows), *(w.int().tolist() for w in windows), strict=True
    ):
        expected = functional.resized_crop(image.float(), *window, [height, width], antialias=False)
        assert (seen - expected).abs().max() <= 0.51


def test_whole_image_stays_as_it_is():
    images = torch.randint(256, (2, 3, 17, 23), dtype=torch.uint8, generator=seeded())
    whole = Windows(*(torch.full((2,), float(number)) for number in (0, 0, 17, 23)))
    assert torch.equal(enlarge(images, whole), images)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 48)])
def test_windows_have_torchvisions_distribution(height, width):
    drawn = RandomResizedCrop().draw(blank(1500, height, width), seeded())
    torch.manual_seed(0)
    image = blank(1, height, width)[0]
    theirs = np.array([Theirs.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(1500)])
    for ours, other in zip(drawn, theirs.T, strict=True):
        noise = np.random.default_rng(0).uniform(size=(2, 1500))  # breaks ties alike
        assert stats.ks_2samp(ours.numpy() + noise[0], other + noise[1]).pvalue > UNLIKELY
    top, left, h, w = (part.int() for part in drawn)
    assert ((top >= 0) & (left >= 0) & (top + h <= height) & (left + w <= width) & (h > 0) & (w > 0)).all()


@pytest.mark.parametrize(("height", "width"), [(8, 400), (400, 8)])
def test_long_images_without_a_fitting_window_give_the_middle(height, width):
    torch.manual_seed(0)
    image = blank(1, height, width)[0]
    theirs = {tuple(Theirs.get_params(image, [0.5, 1.0], [3 / 4, 4 / 3])) for _ in range(20)}
    crop = RandomResizedCrop()
    crop.AREA = (0.5, 1.0)
    ours = {tuple(map(int, window)) for window in zip(*crop.draw(blank(20, height, width), seeded()), strict=True)}
    assert ours == theirs
    assert len(ours) == 1


def test_a_seed_repeats_the_images():
    images = torch.randint(256, (8, 3, 16, 16), dtype=torch.uint8, generator=seeded())
    first, again = (RandomResizedCrop()(images, seeded(5)) for _ in range(2))
    assert torch.equal(first, again)
    assert (first.dtype, first.shape) == (images.dtype, images.shape)
    assert not torch.equal(first, RandomResizedCrop()(images, seeded(6)))
