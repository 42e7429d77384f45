"""The learned affine warp: seven operations, an amount of each per image.

Convention: an operation moves the picture's content (the matrix maps source to destination pixels and is inverted
for sampling). Origin in the centre of the picture, x to the right, y down, unit: pixels. A positive rotation turns
the content anticlockwise. Bilinear sampling, border padding.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

# Operation and its nominal range: degrees, share of the side, shear factor, scale (1 +- range).
OPERATIONS = {
    "rotate": 30.0,
    "translate_x": 0.45,
    "translate_y": 0.45,
    "shear_x": 0.30,
    "shear_y": 0.30,
    "scale_x": 0.50,
    "scale_y": 0.50,
}
# A scale of zero has no inverse; below this the picture is a smear of its centre anyway.
SMALLEST_SCALE = 0.01
# No source coordinate is farther out than this, in half sides; far beyond what any amount leads to.
FARTHEST = 1e6
# The published code warps a picture enlarged this many times.
ORIGINAL_ENLARGEMENT = 4


def affine_matrices(amounts: Tensor, height: int, width: int) -> Tensor:
    """Source-to-destination matrices (B, 2, 3), in pixels about the origin: shear . translate . rotation-and-scale.

    Args: amounts (B, 7), in units of each operation's range (1 = the full range), in the order of `OPERATIONS`.
    """
    # Plain numbers instead of tensors, here and below: a tensor would have to travel to the device each time.
    angle, tx, ty, shear_x, shear_y, scale_x, scale_y = (
        amount * limit for amount, limit in zip(amounts.unbind(1), OPERATIONS.values(), strict=True)
    )
    cos, sin = torch.cos(torch.deg2rad(angle)), torch.sin(torch.deg2rad(angle))
    scale_x, scale_y = _away_from_zero(1 + scale_x), _away_from_zero(1 + scale_y)
    tx, ty = tx * width, ty * height

    rotate_and_scale = _matrix((cos * scale_x, sin * scale_y), (-sin * scale_x, cos * scale_y))
    # Shear along x after shear along y: the determinant is one whatever the amounts.
    shear = _matrix((1 + shear_x * shear_y, shear_x), (shear_y, torch.ones_like(shear_x)))
    linear = shear @ rotate_and_scale
    shift = shear @ torch.stack((tx, ty), 1)[:, :, None]
    return torch.cat((linear, shift), 2)


def invert_affine(matrices: Tensor) -> Tensor:
    """Inverse of affine matrices (B, 2, 3), in closed form."""
    (a, b, tx), (c, d, ty) = (row.unbind(1) for row in matrices.unbind(1))
    inverse = _matrix((d, -b), (-c, a)) / (a * d - b * c)[:, None, None]
    return torch.cat((inverse, -inverse @ torch.stack((tx, ty), 1)[:, :, None]), 2)


def sample_affine(images: Tensor, matrices: Tensor, centre: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Warp images (B, C, H, W) by source-to-destination matrices (B, 2, 3).

    `centre` is the matrices' origin (x, y) in pixels from the centre of the picture.
    """
    height, width = images.shape[2:]
    half_x, half_y = width / 2, height / 2
    centre_x, centre_y = centre
    (a, b, tx), (c, d, ty) = (row.unbind(1) for row in invert_affine(matrices).unbind(1))
    tx, ty = tx + centre_x - (a * centre_x + b * centre_y), ty + centre_y - (c * centre_x + d * centre_y)
    # From pixels to grid_sample's coordinates, in which the side runs from -1 to 1.
    x_row = torch.stack((a * half_x, b * half_y, tx), 1) / half_x
    y_row = torch.stack((c * half_x, d * half_y, ty), 1) / half_y
    # grid_sample reads out of bounds where a coordinate is not a number, as after a training that diverged.
    theta = torch.stack((x_row, y_row), 1).nan_to_num().clamp(-FARTHEST, FARTHEST)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def warp_paper(images: Tensor, amounts: Tensor) -> Tensor:
    """Warp as the paper states it: about the centre, nominal ranges, one bilinear sampling.

    Args: images (B, C, H, W), amounts (B, 7) in units of the ranges. Returns (B, C, H, W).
    """
    return sample_affine(images, affine_matrices(amounts, *images.shape[2:]))


def warp_original(images: Tensor, amounts: Tensor) -> Tensor:
    """Warp as the published code does it: on an enlarged picture, with the small picture's centre and shifts.

    The rotation is about a point an eighth into the picture, a translation covers a quarter of its nominal distance,
    and the way up and down blurs the picture even when nothing is moved.
    """
    height, width = images.shape[2:]
    matrices = affine_matrices(amounts, height, width)
    enlarged = _resize(images, ORIGINAL_ENLARGEMENT)
    offset = (1 - ORIGINAL_ENLARGEMENT) / 2  # from the big picture's centre to the small one's, in small sides
    warped = sample_affine(enlarged, matrices, centre=(offset * width, offset * height))
    return _resize(warped, 1 / ORIGINAL_ENLARGEMENT)


def blur_original(images: Tensor) -> Tensor:
    """What the published code does to validation images: the way up and down, nothing moved."""
    return _resize(_resize(images, ORIGINAL_ENLARGEMENT), 1 / ORIGINAL_ENLARGEMENT)


def keep(images: Tensor) -> Tensor:
    """What the paper does to validation images: nothing."""
    return images


Warp = Callable[[Tensor, Tensor], Tensor]
# How `--warp` moves training images, and what it does to validation images.
WARPS: dict[str, tuple[Warp, Callable[[Tensor], Tensor]]] = {
    "paper": (warp_paper, keep),
    "original": (warp_original, blur_original),
}


def _matrix(*rows: tuple[Tensor, Tensor]) -> Tensor:
    """2 x 2 matrices (B, 2, 2) out of entries (B,)."""
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def _away_from_zero(scale: Tensor) -> Tensor:
    smallest = torch.where(scale < 0, -SMALLEST_SCALE, SMALLEST_SCALE)
    return torch.where(scale.abs() < SMALLEST_SCALE, smallest, scale)


def _resize(images: Tensor, factor: float) -> Tensor:
    return F.interpolate(images, scale_factor=factor, mode="bilinear", align_corners=False)
