"""Operations that move pixels: batches of uint8 images (B, C, H, W), an amount per image.

Convention: PIL's. A matrix maps destination to source, so a positive translation or shear moves the content to the
left or upwards; a rotation turns it anticlockwise about the centre; a shear leaves the upper left corner where it is.
Nearest sampling, fill 0. B: images, C: channels, H and W: height and width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

# The operations, in the order of `kinds`.
KINDS = ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Turned anticlockwise by degrees (B,)."""
    return _move_by("Rotate", images, degrees)


def shear_x(images: Tensor, factors: Tensor) -> Tensor:
    """Source x = x + factor (B,) * y."""
    return _move_by("ShearX", images, factors)


def shear_y(images: Tensor, factors: Tensor) -> Tensor:
    """Source y = y + factor (B,) * x."""
    return _move_by("ShearY", images, factors)


def translate_x(images: Tensor, shares: Tensor) -> Tensor:
    """Source x = x + share (B,) * W."""
    return _move_by("TranslateX", images, shares)


def translate_y(images: Tensor, shares: Tensor) -> Tensor:
    """Source y = y + share (B,) * H."""
    return _move_by("TranslateY", images, shares)


def matrices(kinds: Tensor, values: Tensor, height: int, width: int) -> Tensor:
    """What `move` wants (..., 2, 3), from kinds (...), places in `KINDS`, and values (...) in the kind's unit.

    One formula serves all five, for the others' amounts are zero. A kind below 0 moves nothing.
    """
    own = kinds[..., None] == torch.arange(len(KINDS), device=kinds.device)
    degrees, shear_x, shear_y, translate_x, translate_y = (own * values[..., None]).unbind(-1)
    angle = torch.deg2rad(degrees)
    cos, sin = torch.cos(angle), torch.sin(angle)
    # PIL's six numbers: source x = a x + b y + c, source y = d x + e y + f, in pixels from the upper left corner.
    a, b, c = cos, shear_x - sin, translate_x * width + (width - width * cos + height * sin) / 2
    d, e, f = shear_y + sin, cos, translate_y * height + (height - width * sin - height * cos) / 2
    # From a pixel's number to its centre, and to grid_sample's unit, in which a side runs from -1 to 1.
    source_x = torch.stack((a, b, c + (a + b - width) / 2), -1) * (2 / width)
    source_y = torch.stack((d, e, f + (d + e - height) / 2), -1) * (2 / height)
    return torch.stack((source_x, source_y), -2)


def move(images: Tensor, matrices: Tensor) -> Tensor:
    """Images (B, C, H, W) sampled where matrices (B, 2, 3) say: from (column, row, 1) to grid_sample's unit."""
    rows, columns = (torch.arange(side, device=images.device) for side in images.shape[2:])
    by_row = torch.addcmul(matrices[:, :, 2:], matrices[:, :, 1:2], rows)
    by_column = matrices[:, :, :1] * columns
    grid = (by_row[..., None] + by_column[:, :, None]).permute(0, 2, 3, 1)
    moved = F.grid_sample(images.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return moved.byte()


def _move_by(kind: str, images: Tensor, values: Tensor) -> Tensor:
    kinds = torch.full_like(values, KINDS.index(kind), dtype=torch.int64)
    return move(images, matrices(kinds, values, *images.shape[2:]))
