"""Augmentation that takes pictures out of their class's usual look: quarter turns, vertical flip, jigsaw.

Each is called with images (B, C, H, W), uint8 or float, on any device, and a CPU generator, and returns new images of
the same type and place. B: images, C: channels, H and W: height and width.
"""

from itertools import permutations

import torch
from torch import Tensor

from custom_transforms.upload import upload
from utils.draws import integers


class QuarterTurn:
    """A turn by 90, 180 or 270 degrees anticlockwise, equally often; the images are square."""

    def draw(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Numbers (B,) of quarter turns, 1 to 3."""
        return upload(integers(1, 4, [len(images)], generator), images.device)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images after their turn; shapes as in the module's docstring."""
        turns = self.draw(images, generator)[:, None, None, None]
        once, twice, thrice = (images.rot90(number, (2, 3)) for number in (1, 2, 3))
        return torch.where(turns == 1, once, torch.where(turns == 2, twice, thrice))


def flip_vertically(images: Tensor, generator: torch.Generator) -> Tensor:
    """Top and bottom exchanged in every image; nothing is drawn."""
    return images.flip(2)


class Jigsaw:
    """The four quarters of an image at each other's places, in an order other than their own; the sides are even."""

    _, *ORDERS = permutations(range(4))  # without the first one, in which every quarter stays

    def draw(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """For each image the quarters (B, 4) that come to the four places, both counted row by row from 0."""
        choice = integers(0, len(self.ORDERS), [len(images)], generator)
        return upload(torch.tensor(self.ORDERS)[choice], images.device)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images with their quarters reordered; shapes as in the module's docstring."""
        order = self.draw(images, generator)
        halves = images.unflatten(3, (2, -1)).unflatten(2, (2, -1))  # (B, C, 2, H / 2, 2, W / 2)
        quarters = halves.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
        placed = quarters.gather(1, order[:, :, None, None, None].expand_as(quarters)).unflatten(1, (2, 2))
        return placed.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)
