"""Colour operations with an amount of each per image, differentiable in images and amounts.

B: images, H and W: height and width. Images (B, 3, H, W) are in 0..1, and stay there; amounts (B,) are 0 where nothing
changes. Factors and mixtures are those of torchvision's colour jitter; HSV is converted in closed form, both ways.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

SECTORS = (5, 3, 1)  # of the colour circle, in sixths: where red, green and blue are lowest
ROUNDING = 1e-5  # of pixels that were normalised, warped and converted
GREY = (0.299, 0.587, 0.114)  # share of red, green and blue in the brightness that one sees


def brightness(images: Tensor, amounts: Tensor) -> Tensor:
    """Multiplied by 1 + amount."""
    return clipped(images * _factor(amounts))


def contrast(images: Tensor, amounts: Tensor) -> Tensor:
    """The distance from the image's mean grey value is multiplied by 1 + amount."""
    mean = grey(images).mean((2, 3), keepdim=True)
    return clipped((images - mean) * _factor(amounts) + mean)


def saturation(images: Tensor, amounts: Tensor) -> Tensor:
    """The distance from the pixel's grey value is multiplied by 1 + amount."""
    value = grey(images)
    return clipped((images - value) * _factor(amounts) + value)


def hue(images: Tensor, amounts: Tensor) -> Tensor:
    """Turned on the colour circle by the amount, in circles: red goes to green with 1/3."""
    angle, depth, value = to_hsv(images)
    return from_hsv(angle + amounts[:, None, None], depth, value)


OPERATIONS = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}


def jitter(images: Tensor, amounts: Tensor, order: Sequence[int]) -> Tensor:
    """All operations one after the other: amounts (B, 4) in the order of `OPERATIONS`, done in that of `order`."""
    operations = list(OPERATIONS.values())
    for place in order:
        images = operations[place](images, amounts[:, place])
    return images


def clipped(values: Tensor) -> Tensor:
    """Values clamped to 0..1, with slope 1 up to these bounds and a rounding error beyond.

    Torch's own clamp has no slope there in some versions, so that black and saturated pixels would not move amounts.
    """
    known = values.detach()
    clamped = known.clamp(0, 1)
    moves = (known - clamped).abs() <= ROUNDING
    return clamped + torch.where(moves, values - known, 0)


def grey(images: Tensor) -> Tensor:
    """Grey values (B, 1, H, W)."""
    red, green, blue = (share * channel for share, channel in zip(GREY, images.split(1, 1), strict=True))
    return red + green + blue


def to_hsv(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue in circles, 0 to 1, saturation and value in 0..1, each (B, H, W); a grey pixel has hue and saturation 0."""
    red, green, blue = images.unbind(1)
    value, lowest = images.amax(1), images.amin(1)
    spread = value - lowest
    # A denominator near zero would give slopes of 1 / 1e-7 on grey and black pixels; their numerators are zero.
    safe = torch.where(spread > 0, spread, 1)
    sixths = torch.where(
        value == red,
        (green - blue) / safe % 6,
        torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    return sixths / 6, spread / torch.where(value > 0, value, 1), value


def from_hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Images (B, 3, H, W) from hue in circles, of any size, saturation and value, each (B, H, W)."""
    # Pure colours are on the kinks of this. There, maximum and minimum have the mean of the slopes on both sides.
    low, high = torch.zeros_like(hue), torch.ones_like(hue)
    places = [(sector + 6 * hue) % 6 for sector in SECTORS]
    depths = [torch.maximum(low, torch.minimum(high, torch.minimum(place, 4 - place))) for place in places]
    return torch.stack([value - value * saturation * depth for depth in depths], 1)


def _factor(amounts: Tensor) -> Tensor:
    return (1 + amounts)[:, None, None, None]
