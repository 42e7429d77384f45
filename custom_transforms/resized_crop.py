"""A random part of each image, scaled to the size of the whole: torchvision's RandomResizedCrop for batches."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from custom_transforms.upload import upload
from utils.draws import uniform


class Windows(NamedTuple):
    """A part of each image, in whole pixels, each (B,)."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor


class RandomResizedCrop:
    """A window at a uniform place, of 0.08 to 1 of the image's area and 3/4 to 4/3 in width over height (log-uniform).

    The first of ten tries that fits is taken; without one, the largest window in the middle whose shape is in these
    bounds. As torchvision's, with its defaults.
    """

    AREA = (0.08, 1.0)
    RATIO = (3 / 4, 4 / 3)
    TRIES = 10

    def draw(self, images: Tensor, generator: torch.Generator) -> Windows:
        """Windows for a batch (B, C, H, W)."""
        batch, _, height, width = images.shape
        area, ratio = uniform((2, batch, self.TRIES), generator, images=1)
        place = uniform((2, batch), generator, images=1)
        area = height * width * (self.AREA[0] + area * (self.AREA[1] - self.AREA[0]))
        low, high = map(math.log, self.RATIO)
        ratio = (low + ratio * (high - low)).exp()
        heights, widths = (area / ratio).sqrt().round(), (area * ratio).sqrt().round()
        fits = (heights > 0) & (widths > 0) & (heights <= height) & (widths <= width)
        first = fits.int().argmax(1, keepdim=True)
        usual = width / min(max(width / height, self.RATIO[0]), self.RATIO[1])
        middle = min(float(height), float(round(usual))), min(float(width), float(round(height * self.RATIO[1])))
        heights, widths = (
            torch.where(fits.any(1), sides.gather(1, first)[:, 0], otherwise)
            for sides, otherwise in zip((heights, widths), middle, strict=True)
        )
        rooms = height - heights, width - widths
        tops, lefts = (
            torch.where(fits.any(1), (u * (room + 1)).floor().minimum(room), (room / 2).floor())
            for u, room in zip(place, rooms, strict=True)
        )
        return Windows(*upload(torch.stack((tops, lefts, heights, widths)), images.device))

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """uint8 images (B, C, H, W)."""
        return enlarge(images, self.draw(images, generator))


def enlarge(images: Tensor, windows: Windows) -> Tensor:
    """Each window of uint8 images (B, C, H, W), enlarged to H x W: bilinear, and no pixel outside it is used."""
    height, width = images.shape[2:]
    y, x = _source(height, windows.top, windows.height), _source(width, windows.left, windows.width)
    grid = torch.stack((x[:, None, :].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)), -1)
    seen = F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return seen.round().byte()


def _source(side: int, start: Tensor, length: Tensor) -> Tensor:
    """Where the pixels of a side (B, side) come from, in grid_sample's unit: from -1 to 1 over the whole side."""
    pixels = (torch.arange(side, device=start.device) + 0.5) * (length / side)[:, None] - 0.5
    inside = pixels.clamp(min=0).minimum(length[:, None] - 1) + start[:, None]
    return (2 * inside + 1) / side - 1
