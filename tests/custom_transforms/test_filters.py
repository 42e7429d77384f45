"""Sobel against scipy's filters in double precision. (Blur is among the operations that PIL has.)"""

import numpy as np
import pytest
import torch
from scipy import ndimage
from test_operations import operate, random_images


def sobel_of_scikit_image(channel):
    """filters.sobel of an array (H, W) in 0..1: the root mean square of both gradients, with its borders mirrored."""
    gradients = [ndimage.sobel(channel, axis, mode="reflect") / 4 for axis in (0, 1)]
    return np.sqrt(np.square(gradients).mean(0))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(32, 32), (21, 34), (2, 5), (1, 1)])
def test_sobel_is_scikit_images_of_each_channel(size, channels):
    images = random_images(channels, size)
    exact = 255 * np.stack([[sobel_of_scikit_image(channel / 255) for channel in image] for image in images.numpy()])
    found = operate("Sobel", images, torch.zeros(len(images))).numpy()
    decided = np.abs(exact - exact.round()) > 1e-6  # whole levels can be truncated to the one below
    assert np.array_equal(found[decided], np.uint8(exact)[decided])
    assert np.array_equal(found[~decided], np.uint8(exact.round())[~decided])
