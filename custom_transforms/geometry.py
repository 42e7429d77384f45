"""Operations that move pixels: batches of uint8 images (B, C, H, W), an amount per image.

Convention: PIL's. A matrix maps destination to source, so a positive translation or shear moves the content to the
left or upwards; a rotation turns it anticlockwise about the centre; a shear leaves the upper left corner where it is.
Nearest sampling, fill 0. B: images, C: channels, H and W: height and width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

# The operations, in the order of `kinds`: degrees anticlockwise; source x = x + value y; source y = y + value x; source
# x = x + value W; source y = y + value H.
KINDS = ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")


def matrices(kinds: Tensor, values: Tensor, height: int, width: int) -> Tensor:
    """Destination-to-source matrices (..., 2, 3) in grid_sample's unit: each side runs from -1 to 1, centre at 0.

    Args: kinds (...), places in `KINDS`, and values (...) in the kind's unit; a kind below 0 moves nothing.
    One formula serves all five, since the amounts of the other four are zero.
    """
    own = kinds[..., None] == torch.arange(len(KINDS), device=kinds.device)
    degrees, shear_x, shear_y, translate_x, translate_y = (own * values[..., None]).unbind(-1)
    angle = torch.deg2rad(degrees)
    cos, sin = torch.cos(angle), torch.sin(angle)
    # A term from one axis to the other changes its unit from half heights to half widths, or back. The fixed point of a
    # shear is the corner, at -1; a whole side is 2.
    ratio = height / width
    source_x = cos, ratio * (shear_x - sin), ratio * shear_x + 2 * translate_x
    source_y = (shear_y + sin) / ratio, cos, shear_y / ratio + 2 * translate_y
    return torch.stack((*source_x, *source_y), -1).unflatten(-1, (2, 3))


def move(images: Tensor, matrices: Tensor) -> Tensor:
    """Images (B, C, H, W) sampled where matrices (B, 2, 3) send the centres of their pixels, in grid_sample's unit."""
    y, x = (_pixel_centres(side, matrices) for side in images.shape[2:])
    by_row = torch.addcmul(matrices[:, :, 2:], matrices[:, :, 1:2], y)
    by_column = matrices[:, :, :1] * x
    grid = (by_row[..., None] + by_column[:, :, None]).permute(0, 2, 3, 1)
    moved = F.grid_sample(images.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return moved.byte()


def _pixel_centres(side: int, like: Tensor) -> Tensor:
    return torch.linspace(1 / side - 1, 1 - 1 / side, side, device=like.device, dtype=like.dtype)
