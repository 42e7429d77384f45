"""Crop, affine, flips, erasing and cutout, drawn for each image of a batch.

Each is called with images (B, C, H, W), on any device, and a CPU generator, and returns new images of the same type and
place. `draw` draws the random numbers; a function of these makes the pixels. B: images, C: channels, H and W: height
and width.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from custom_transforms.geometry import KINDS, matrices, move
from custom_transforms.upload import upload
from utils.draws import integers, uniform


class RandomCrop:
    """A window as large as the image, at a uniform place in the image padded with `padding` zeros on each side."""

    def __init__(self, padding: int = 4):
        self.padding = padding

    def draw(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Upper and left edges (B,) of the windows, in pixels of the padded images."""
        edges = integers(0, 2 * self.padding + 1, (2, len(images)), generator, images=1)
        tops, lefts = upload(edges, images.device)
        return tops, lefts

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Windows (B, C, H, W) of uint8 or float images."""
        return crop(images, *self.draw(images, generator), self.padding)


class RandomFlip:
    """Left and right exchanged in half of the images."""

    axis = 3

    def draw(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Which images (B,) are flipped."""
        return upload(uniform([len(images)], generator) < 0.5, images.device)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images (B, C, H, W), uint8 or float."""
        return flip(images, self.draw(images, generator), self.axis)


class RandomVerticalFlip(RandomFlip):
    """Up and down exchanged in half of the images."""

    axis = 2


class RandomAffine:
    """A turn by up to 10 degrees either way, and a zoom by 1/2 to 2, both uniform, about the centre.

    As torchvision's `RandomAffine(10, scale=(0.5, 2))`, one of DABO's standard augmentations (arXiv 2006.14699): the
    nearest pixel, and 0 from outside.
    """

    DEGREES = 10.0
    SCALE = (0.5, 2.0)

    def draw(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Degrees anticlockwise and factors (B,)."""
        turn, zoom = uniform((2, len(images)), generator, images=1)
        drawn = _between(turn, -self.DEGREES, self.DEGREES), _between(zoom, *self.SCALE)
        degrees, factors = upload(torch.stack(drawn), images.device)
        return degrees, factors

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """uint8 images (B, C, H, W)."""
        return turn_and_zoom(images, *self.draw(images, generator))


class Rectangles(NamedTuple):
    """One rectangle per image, in pixels, each (B,); an image without one has a height of 0."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor


class RandomErasing:
    """A random rectangle set to zero (arXiv 1708.04896), with torchvision's defaults.

    With probability 1/2 an image loses a rectangle of 0.02 to 0.33 of its area, with a ratio of height to width that is
    log-uniform in 0.3..3.3; the first of ten tries whose sides are smaller than the image's is taken, if there is one.
    """

    PROBABILITY = 0.5
    AREA = (0.02, 0.33)  # of the image's
    RATIO = (0.3, 3.3)
    TRIES = 10

    def draw(self, images: Tensor, generator: torch.Generator) -> Rectangles:
        """Rectangles for a batch."""
        batch, _, height, width = images.shape
        area, ratio = uniform((2, batch, self.TRIES), generator, images=1)
        erased, *place = uniform((3, batch), generator, images=1)
        area = height * width * _between(area, *self.AREA)
        ratio = _between(ratio, math.log(self.RATIO[0]), math.log(self.RATIO[1])).exp()
        heights, widths = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (heights < height) & (widths < width)
        first = fits.int().argmax(1, keepdim=True)
        kept = (erased < self.PROBABILITY) & fits.any(1)
        heights, widths = heights.gather(1, first)[:, 0] * kept, widths.gather(1, first)[:, 0]
        # A place in the remaining space, both ends included; rounding must not exceed it.
        top, left = (
            (u * (room + 1)).floor().minimum(room)
            for u, room in zip(place, (height - heights, width - widths), strict=True)
        )
        return Rectangles(*upload(torch.stack((top, left, heights, widths)), images.device))

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Normalised float images (B, C, H, W): zero is the mean."""
        return erase(images, self.draw(images, generator))


class Cutout:
    """A square set to zero (arXiv 1708.04552), with its centre at a uniform pixel; what lies outside is cut off.

    Args: its side in pixels. An even square's centre is the first pixel of its lower right quarter.
    """

    def __init__(self, side: int):
        self._side = side

    def draw(self, images: Tensor, generator: torch.Generator) -> Rectangles:
        """Squares for a batch; a corner outside the picture is negative."""
        batch, _, height, width = images.shape
        tops, lefts = (integers(0, side, [batch], generator) for side in (height, width))
        sides = torch.full((batch,), self._side)
        corners = (tops - self._side // 2, lefts - self._side // 2)
        return Rectangles(*upload(torch.stack((*corners, sides, sides)), images.device))

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Normalised float images (B, C, H, W): zero is the mean."""
        return erase(images, self.draw(images, generator))


def crop(images: Tensor, tops: Tensor, lefts: Tensor, padding: int) -> Tensor:
    """Windows (B, C, H, W) whose upper left corners are at (tops, lefts), each (B,), of the padded images."""
    height, width = images.shape[2:]
    padded = F.pad(images, (padding,) * 4)
    rows = tops[:, None] + torch.arange(height, device=images.device)
    columns = lefts[:, None] + torch.arange(width, device=images.device)
    pixels = rows[:, :, None] * padded.shape[3] + columns[:, None, :]
    index = pixels.flatten(1)[:, None].expand(-1, images.shape[1], -1)
    return padded.flatten(2).gather(2, index).unflatten(2, (height, width))


def flip(images: Tensor, flipped: Tensor, axis: int = 3) -> Tensor:
    """The images (B, C, H, W) with an axis reversed where flipped (B,) is true: 3 is left and right, 2 up and down."""
    return torch.where(flipped[:, None, None, None], images.flip(axis), images)


def turn_and_zoom(images: Tensor, degrees: Tensor, factors: Tensor) -> Tensor:
    """uint8 images (B, C, H, W), turned anticlockwise by degrees (B,) and enlarged by factors (B,) about the centre."""
    turns = torch.full((len(images),), KINDS.index("Rotate"), device=images.device)
    return move(images, matrices(turns, degrees, *images.shape[2:]) / factors[:, None, None])


def erase(images: Tensor, rectangles: Rectangles) -> Tensor:
    """Zeros in each image's rectangle."""
    height, width = images.shape[2:]
    rows = _inside(height, rectangles.top, rectangles.height)
    columns = _inside(width, rectangles.left, rectangles.width)
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0)


def _inside(side: int, start: Tensor, length: Tensor) -> Tensor:
    """Which of a side's pixels (B, side) lie between start and start + length, each (B,)."""
    at = torch.arange(side, device=start.device)
    return (at >= start[:, None]) & (at < (start + length)[:, None])


def _between(uniform: Tensor, low: float, high: float) -> Tensor:
    return low + uniform * (high - low)
