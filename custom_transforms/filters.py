"""Operations on the neighbourhood of pixels: batches of uint8 images (B, C, H, W), each channel on its own.

B: images, C: channels, H and W: height and width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

PASSES = 3  # box blurs along each axis, whose sequence is nearly a Gaussian
ONE = 1 << 24  # PIL's weights are fractions of this


def blur(images: Tensor, deviations: Tensor) -> Tensor:
    """PIL's GaussianBlur, to the bit: standard deviations (B,) in pixels, above 0 and at most 2.

    PIL blurs three times along each axis, with a box whose last pixel on either side counts in part, and rounds each
    time. Pixels outside are the nearest inside.
    """
    weights = _box_weights(deviations)
    for axis in (3, 2):
        for _ in range(PASSES):
            images = _box(images, weights, axis)
    return images


def _box_weights(deviations: Tensor) -> list[Tensor]:
    """Weights (B, 1, 1, 1) in float64 of the middle pixel, and of those one and two pixels from it."""
    variance = deviations * deviations / PASSES  # float32, as PIL's
    whole = torch.floor((torch.sqrt(12 * variance.double() + 1).float() - 1) / 2)
    part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance) / (6 * (variance - (whole + 1) ** 2))
    full = (ONE / ((whole + part) * 2 + 1)).int()
    rest = (ONE - (2 * whole.int() + 1) * full) // 2
    one_pixel, none = whole < 1, torch.zeros_like(full)
    weights = full, torch.where(one_pixel, rest, full), torch.where(one_pixel, none, rest)
    return [weight.double().view(-1, 1, 1, 1) / ONE for weight in weights]


def _box(images: Tensor, weights: list[Tensor], axis: int) -> Tensor:
    """One box blur along an axis, 2 or 3."""
    side = images.shape[axis]
    at = torch.arange(-2, side + 2, device=images.device).clamp_(0, side - 1)
    padded = images.index_select(axis, at).double()  # in which all sums are exact; faster than int64
    left2, left, centre, right, right2 = (padded.narrow(axis, first, side) for first in range(5))
    middle, near, far = weights
    total = (left2 + right2).mul_(far).addcmul_(left + right, near).addcmul_(centre, middle)
    return total.add_(0.5).byte()


def sobel(images: Tensor) -> Tensor:
    """Sobel's gradient magnitude, in grey levels: scikit-image's filters.sobel x 255, truncated.

    Of each channel on its own. Given a colour picture as one array (H, W, 3), newer versions of scikit-image take the
    difference between channels as well. Pixels outside are the nearest inside.
    """
    padded = F.pad(images.float(), (1, 1, 1, 1), mode="replicate")
    across = padded[..., 2:] - padded[..., :-2]
    down = padded[:, :, 2:] - padded[:, :, :-2]
    across = across[:, :, :-2] + 2 * across[:, :, 1:-1] + across[:, :, 2:]
    down = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    # Four times the gradient of either axis, so that the sum of squares and its 32nd part are exact in float32.
    return ((across * across + down * down) / 32).sqrt_().byte()
