"""Fixed copies of images: translated, turned or cropped by amounts that are not drawn.

As in Efficient Augmentation (ICLR 2019, arXiv 1810.05222), where an augmented image comes with all of its copies.
Images are uint8 (B, C, H, W), on any device. B: images, C: channels, H and W: height and width, k: copies of an image.

A copy is a map of positions: each of its pixels is the original's value at a position, bilinear between pixel centres,
and beyond the outermost of these the nearest one's. Positions are fixed-point numbers, so that all sums are exact and
copies are the same on every device.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from custom_transforms.copy_amounts import split_amount
from custom_transforms.upload import upload
from utils.draws import integers
from utils.errors import UserError

BITS = 16  # of a position's fraction of a pixel
ONE = 1 << BITS

Label = tuple[str | float, ...]


class FixedCopies:
    """The k fixed copies of images of one size.

    labels: of each copy, its kind and amounts: ("translate", x, y) in pixels to the right and down, ("rotate", degrees)
    anticlockwise, ("crop", pixels) off each side. positions: int32 (k, 2, H, W), x and y in the original of each pixel,
    in units of 1 / `ONE` pixel.
    """

    def __init__(self, labelled: dict[Label, Tensor]):
        self.labels, self.positions = tuple(labelled), torch.stack(tuple(labelled.values()))

    def __len__(self) -> int:
        return len(self.labels)

    def __call__(self, images: Tensor) -> Iterator[Tensor]:
        """The copies of uint8 images (B, C, H, W), one batch of the same shape for each label.

        The source of a copy is the image at its own place: image i of batch j is the copy `labels[j]` of images[i].
        """
        for positions in upload(self.positions, images.device):
            yield sample(images, positions[None])


class RandomCopy:
    """A policy: the original or one of its k fixed copies, each equally often."""

    def __init__(self, copies: FixedCopies):
        height, width = copies.positions.shape[2:]
        original = _positions(_pixels(width), _pixels(height))
        self._positions = torch.cat((original[None], copies.positions))

    def draw(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Numbers (B,): 0 for the original, otherwise that of a copy, from 1."""
        return upload(integers(0, len(self._positions), [len(images)], generator), images.device)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The drawn versions of uint8 images (B, C, H, W), of the same shape."""
        if self._positions.device != images.device:
            self._positions = upload(self._positions, images.device)
        return sample(images, self._positions[self.draw(images, generator)])


def fixed_copies(name: str, amount: str, height: int, width: int) -> FixedCopies:
    """The fixed copies of a kind, a name in `COPY_NAMES`, of images of height x width pixels.

    Raises UserError for an amount, as `--amount` has it, that is too large for them.
    """
    copies = COPIES[name](split_amount(amount), height, width)
    if not copies:
        raise UserError(
            f"--amount {amount} of --aug-model {name} leaves nothing of pictures of {width} x {height} pixels; lower "
            "it, or take another --aug-model"
        )
    return FixedCopies(copies)


def translated(amount: tuple[float, ...], height: int, width: int) -> dict[Label, Tensor]:
    """The four diagonal translations by some pixels; none if they would lead out of the image."""
    (pixels,) = map(int, amount)
    shifts = [(x, y) for y in (pixels, -pixels) for x in (pixels, -pixels)] if pixels < min(height, width) else []
    return {("translate", x, y): _positions(_pixels(width) - x * ONE, _pixels(height) - y * ONE) for x, y in shifts}


def turned(amount: tuple[float, ...], height: int, width: int) -> dict[Label, Tensor]:
    """Turns about the centre by evenly spaced angles, both ends included, but not by 0.

    The amount is the largest angle, in degrees, and the number of angles from its negative, 0 included.
    """
    largest, angles = amount[0], int(amount[1])
    steps = range(1 - angles, angles, 2)  # of largest / (angles - 1) degrees
    return {
        ("rotate", degrees): _turned(degrees, height, width)
        for degrees in (largest * step / (angles - 1) for step in steps if step)
    }


def _turned(degrees: float, height: int, width: int) -> Tensor:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    x, y = torch.arange(width, dtype=torch.float64) - centre_x, torch.arange(height, dtype=torch.float64) - centre_y
    y = y[:, None]
    return torch.stack([_fixed(centre_x + cos * x - sin * y), _fixed(centre_y + sin * x + cos * y)])


def cropped(amount: tuple[float, ...], height: int, width: int) -> dict[Label, Tensor]:
    """Some pixels cut off each of the four sides, and the rest enlarged to the image's size, for each number of pixels.

    A new pixel is the mean, over its area, of the old ones as squares. The published code has this from OpenCV's
    INTER_AREA, which falls back to it when it enlarges, with coefficients of 11 bits: its result is at most one grey
    level away. None if one would leave no pixel.
    """
    if 2 * max(amount) >= min(height, width):
        return {}
    return {
        ("crop", pixels): _positions(_enlarged(width, int(pixels)), _enlarged(height, int(pixels))) for pixels in amount
    }


def _enlarged(side: int, pixels: int) -> Tensor:
    """Positions (side,) whose bilinear values are the means over the areas of enlarged pixels.

    Such a pixel lies in at most two old ones: the position is that of the first one, and beyond it by the share of the
    area in the second one.
    """
    rest = side - 2 * pixels
    at = torch.arange(side, dtype=torch.float64)
    first = torch.arange(side) * rest // side
    # The first old pixel ends at (first + 1) side / rest, the new one at `at` + 1.
    second = (at + 1 - (first + 1) * side / rest).clamp_(min=0)
    return _fixed(pixels + first + second)


COPIES: dict[str, Callable[[tuple[float, ...], int, int], dict[Label, Tensor]]] = {
    "TRANSLATE": translated,
    "ROTATE": turned,
    "CROP": cropped,
}


def sample(images: Tensor, positions: Tensor) -> Tensor:
    """uint8 images (B, C, H, W) at positions (B or 1, 2, H, W), rounded; those outside count as the edge."""
    height, width = images.shape[2:]
    x, y = (at.clamp(0, (side - 1) * ONE) for at, side in zip(positions.unbind(1), (width, height), strict=True))
    left, top = x >> BITS, y >> BITS
    right, bottom = (left + 1).clamp_(max=width - 1), (top + 1).clamp_(max=height - 1)
    across, down = ((at & (ONE - 1)).double()[:, None] / ONE for at in (x, y))
    pixels = images.flatten(2)

    def at(row: Tensor, column: Tensor) -> Tensor:
        index = (row * width + column).long().flatten(1)[:, None].expand(pixels.shape)
        return pixels.gather(2, index).view_as(images).double()

    upper = at(top, left).lerp_(at(top, right), across)
    lower = at(bottom, left).lerp_(at(bottom, right), across)
    return upper.lerp_(lower, down).add_(0.5).byte()


def _positions(x: Tensor, y: Tensor) -> Tensor:
    """Positions (2, H, W) of columns x (W,) and rows y (H,)."""
    return torch.stack(torch.broadcast_tensors(x, y[:, None]))


def _pixels(side: int) -> Tensor:
    """Positions (side,) of pixel centres."""
    return torch.arange(side, dtype=torch.int32) * ONE


def _fixed(positions: Tensor) -> Tensor:
    return (positions * ONE).round().int()
