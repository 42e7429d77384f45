"""The learned affine warp of the paper: seven operations, an amount of each per image.

Convention: an operation moves the picture's content (the matrix maps source to destination pixels and is inverted
for sampling). Origin in the centre of the picture, x to the right, y down, unit: pixels. A positive rotation turns
the content anticlockwise. Bilinear sampling, border padding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

# Operation and its nominal range: degrees, share of the side, shear factor, scale (1 +- range).
RANGES = {
    "rotate": 30.0,
    "translate_x": 0.45,
    "translate_y": 0.45,
    "shear_x": 0.30,
    "shear_y": 0.30,
    "scale_x": 0.50,
    "scale_y": 0.50,
}
# A scale of zero has no inverse; below this value the picture is a smear of its centre.
SMALLEST_SCALE = 0.01
# Limit of source coordinates, in half sides, far beyond any coordinate that an amount leads to.
FARTHEST = 1e6


def nominal_amounts(amounts: Tensor) -> tuple[Tensor, ...]:
    """Angle in radians, shifts in sides, shear factors and scales, each (B,), from amounts (B, 7) in units of ranges.

    In the order of `RANGES`.
    """
    # Plain numbers, since tensors would have to be copied to the device each time.
    angle, tx, ty, shear_x, shear_y, scale_x, scale_y = (
        amount * limit for amount, limit in zip(amounts.unbind(1), RANGES.values(), strict=True)
    )
    scales = _away_from_zero(1 + scale_x), _away_from_zero(1 + scale_y)
    return torch.deg2rad(angle), tx, ty, shear_x, shear_y, *scales


def affine_matrices(amounts: Tensor, height: int, width: int) -> Tensor:
    """Source-to-destination matrices (B, 2, 3), in pixels about the origin: shear . translate . rotation-and-scale.

    Args: amounts (B, 7), in units of each operation's range (1 = the full range), in the order of `RANGES`.
    """
    angle, tx, ty, shear_x, shear_y, scale_x, scale_y = nominal_amounts(amounts)
    cos, sin = torch.cos(angle), torch.sin(angle)
    tx, ty = tx * width, ty * height

    rotate_and_scale = _matrix((cos * scale_x, sin * scale_y), (-sin * scale_x, cos * scale_y))
    # Shear along x after shear along y: the determinant is one for all amounts.
    shear = _matrix((1 + shear_x * shear_y, shear_x), (shear_y, torch.ones_like(shear_x)))
    linear = shear @ rotate_and_scale
    shift = shear @ torch.stack((tx, ty), 1)[:, :, None]
    return torch.cat((linear, shift), 2)


def invert_affine(matrices: Tensor) -> Tensor:
    """Inverse of affine matrices (B, 2, 3), in closed form."""
    (a, b, tx), (c, d, ty) = (row.unbind(1) for row in matrices.unbind(1))
    inverse = _matrix((d, -b), (-c, a)) / (a * d - b * c)[:, None, None]
    return torch.cat((inverse, -inverse @ torch.stack((tx, ty), 1)[:, :, None]), 2)


def sample_affine(images: Tensor, matrices: Tensor, padding: str = "border") -> Tensor:
    """Warp images (B, C, H, W) by source-to-destination matrices (B, 2, 3); `padding` as in `sample`."""
    height, width = images.shape[2:]
    half_x, half_y = width / 2, height / 2
    (a, b, tx), (c, d, ty) = (row.unbind(1) for row in invert_affine(matrices).unbind(1))
    # From pixels to grid_sample's coordinates, in which the side runs from -1 to 1.
    x_row = torch.stack((a * half_x, b * half_y, tx), 1) / half_x
    y_row = torch.stack((c * half_x, d * half_y, ty), 1) / half_y
    return sample(images, torch.stack((x_row, y_row), 1), padding)


def sample(images: Tensor, theta: Tensor, padding: str = "border") -> Tensor:
    """Images (B, C, H, W), read where the matrices (B, 2, 3) lead from the destination: both sides run from -1 to 1.

    `padding` is what is read outside of the picture: its `border`, or `zeros`.
    """
    # grid_sample reads out of bounds if a coordinate is not a number, as in a training that diverges.
    theta = theta.nan_to_num().clamp(-FARTHEST, FARTHEST)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode=padding, align_corners=False)


class PaperWarp:
    """Warp about the picture's centre, nominal ranges, one bilinear sampling."""

    blurs_still = False

    def __call__(self, images: Tensor, amounts: Tensor) -> Tensor:
        """Images (B, C, H, W) warped under amounts (B, 7) in units of the ranges."""
        return sample_affine(images, affine_matrices(amounts, *images.shape[2:]))

    def still(self, images: Tensor) -> Tensor:
        """Images without learned augmentation: they stay as they are."""
        return images


def _matrix(*rows: tuple[Tensor, Tensor]) -> Tensor:
    """2 x 2 matrices (B, 2, 2) out of entries (B,)."""
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def _away_from_zero(scale: Tensor) -> Tensor:
    smallest = torch.full_like(scale, SMALLEST_SCALE)
    smallest = torch.where(scale < 0, -smallest, smallest)
    return torch.where(scale.abs() < SMALLEST_SCALE, smallest, scale)
