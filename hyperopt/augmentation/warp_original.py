"""The learned affine warp of the published code: kornia 0.4.1's arithmetic on an enlarged picture.

`hyperopt.augmentation.warp` is the paper's. Here, as in the published code,

- pictures are enlarged, warped and reduced, even if nothing moves them: all training images and the validation images
  of the hyper pass get a small blur, which test images do not get;
- the matrix is made for the small picture: in the fourfold one, its centre is at an eighth of the side, and its shifts
  are a quarter as long;
- the shear is [[1, x], [y, 1]] about the upper left corner;
- with unequal scales the centre moves down by c (s_y - s_x) (sin + cos) pixels of the big picture, for a centre (c, c);
- pixels 0 to W - 1 get coordinates from -1 to 1, which the sampling takes for the outer edges of the picture: source
  pixel s is read at s W / (W - 1) - 1/2, an enlargement about the centre.

For ImageNet the enlargement is 1: its pictures are warped at their own size, and unchanged if nothing moves them.
B: images, C: channels, H and W: height and width.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from hyperopt.augmentation.warp import FARTHEST, invert_affine, nominal_amounts


def original_matrices(amounts: Tensor, height: int, width: int) -> Tensor:
    """Source-to-destination matrices (B, 2, 3), in pixels from the centre of the upper left one.

    Args: amounts (B, 7), in units of each operation's range, in the order of `RANGES`; height and width of the
    picture before it is enlarged.
    """
    angle, tx, ty, shear_x, shear_y, scale_x, scale_y = nominal_amounts(amounts)
    cos, sin = torch.cos(angle), torch.sin(angle)
    centre_x, centre_y = width // 2, height // 2
    # The second line's shift has the first line's entries, as published; for equal scales that is the same.
    along, across = cos * scale_x, sin * scale_y
    tx = tx * width + (1 - along) * centre_x - across * centre_y
    ty = ty * height + across * centre_x + (1 - along) * centre_y
    x_row = torch.stack((along, across, tx), 1)
    y_row = torch.stack((-sin * scale_x, cos * scale_y, ty), 1)
    return torch.stack((x_row + shear_x[:, None] * y_row, shear_y[:, None] * x_row + y_row), 1)


class OriginalWarp:
    """Warps pictures (B, C, H, W) at an enlargement of 4 or 1."""

    def __init__(self, enlargement: int):
        self._enlargement = enlargement
        self.blurs_still = enlargement > 1

    def __call__(self, images: Tensor, amounts: Tensor) -> Tensor:
        """Pictures warped under amounts (B, 7) in units of the ranges."""
        height, width = images.shape[2:]
        enlarged = self._enlarge(images)
        (a, b, tx), (c, d, ty) = (row.unbind(1) for row in self._inverse(amounts, height, width))
        x, y = (_kept_pixels(self._enlargement, side, images.device, images.dtype) for side in (width, height))
        source_x = _reading_place(_plane(a, b, tx, x, y), enlarged.shape[3])
        source_y = _reading_place(_plane(c, d, ty, x, y), enlarged.shape[2])
        # grid_sample reads out of bounds if a coordinate is not a number, as in a training that diverges.
        grid = torch.stack((source_x, source_y), 3).nan_to_num().clamp(-FARTHEST, FARTHEST)
        warped = F.grid_sample(enlarged, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return self._reduce(warped)

    def still(self, images: Tensor) -> Tensor:
        """Pictures that nothing moves: unchanged on ImageNet, otherwise blurred by enlarging and reducing them."""
        if not self.blurs_still:
            return images
        rows, columns = (blur_matrix(self._enlargement, side, images.device, images.dtype) for side in images.shape[2:])
        return rows @ images @ columns.T

    def _inverse(self, amounts: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        to_x, to_y = invert_affine(original_matrices(amounts, height, width)).unbind(1)
        return to_x, to_y

    def _enlarge(self, images: Tensor) -> Tensor:
        if self._enlargement == 1:
            return images
        return F.interpolate(images, scale_factor=self._enlargement, mode="bilinear", align_corners=False)

    def _reduce(self, warped: Tensor) -> Tensor:
        """The small picture from the kept pixels, which bilinear interpolation weighs equally."""
        return warped if self._enlargement == 1 else F.avg_pool2d(warped, 2)


@lru_cache
def blur_matrix(enlargement: int, side: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Enlarging and reducing a line or column of `side` pixels, as a matrix (side, side), since it is linear."""
    big = side * enlargement
    up = (torch.arange(big, device=device, dtype=dtype) + 0.5) / enlargement - 0.5
    kept = _kept_pixels(enlargement, side, device, dtype)
    read = ((_reading_place(kept, big) + 1) * big - 1) / 2
    return (_interpolation(read, big) @ _interpolation(up, side)).view(side, 2, side).mean(1)


def _kept_pixels(enlargement: int, side: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Places of the big picture's pixels that the reduction uses: the two in the middle of each group of four."""
    places = torch.arange(side * enlargement, device=device, dtype=dtype)
    return places if enlargement == 1 else places.view(side, enlargement)[:, 1:3].flatten()


def _plane(a: Tensor, b: Tensor, shift: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The plane a x + b y + shift (B, H, W) at all x (W,) and y (H,)."""
    return (b[:, None] * y + shift[:, None])[:, :, None] + (a[:, None] * x)[:, None]


def _reading_place(pixel: Tensor, side: int) -> Tensor:
    """The coordinates at which grid_sample reads the source pixel."""
    return pixel * (2 / (side - 1)) - 1


def _interpolation(places: Tensor, side: int) -> Tensor:
    """Matrix (n, side) that reads a line of pixels at `places` (n,) between them; beyond the ends it is constant."""
    pixels = torch.arange(side, device=places.device, dtype=places.dtype)
    return (1 - (places.clamp(0, side - 1)[:, None] - pixels).abs()).clamp(min=0)
