"""Operations on the values of pixels: batches of uint8 images (B, C, H, W), C = 1 or 3, an amount per image.

Each is PIL's operation of that name (ImageOps, ImageEnhance), to the bit: where PIL rounds, truncates or works in
double precision, so does the function here. B: images, C: channels, H and W: height and width.
"""

import torch
from torch import Tensor

LEVELS = 256
# Cutout's fill (Fast AutoAugment, arXiv 1905.00397): about ImageNet's mean. Grey images take the first.
CUTOUT_FILL = (125, 123, 114)


def auto_contrast(images: Tensor) -> Tensor:
    """Each channel stretched linearly so that its darkest pixel becomes 0 and its brightest 255."""
    darkest, brightest = images.flatten(2).aminmax(dim=2, keepdim=True)
    darkest, spread = darkest.double(), (brightest - darkest).double()
    # In double precision and in this order, as in PIL: another order truncates some levels to their neighbour. (So does
    # 255 / spread, since torch multiplies by the reciprocal.)
    scale = torch.full_like(spread, 255) / spread
    levels = torch.arange(LEVELS, device=images.device)
    tables = torch.where(spread > 0, levels * scale - darkest * scale, levels)
    return look_up(images.flatten(2).long(), tables).view_as(images)


def equalize(images: Tensor) -> Tensor:
    """Each channel mapped so that its levels become as evenly filled as a monotone map allows."""
    pixels = images.flatten(2).long()
    one = pixels.new_ones(())
    counts = pixels.new_zeros((*pixels.shape[:2], LEVELS)).scatter_add_(2, pixels, one.expand_as(pixels))
    in_brightest = counts.gather(2, pixels.amax(2, keepdim=True))
    step = (pixels.shape[2] - in_brightest) // 255
    below = counts.cumsum(2) - counts
    levels = torch.arange(LEVELS, device=images.device)
    # True division and truncation is integer division, but faster; float32 is exact for up to 2^24 pixels. With fewer
    # than 255 pixels below the brightest level, the step is 0 and there is nothing to spread.
    spread = ((step // 2 + below) / step).clamp_(max=255)
    return look_up(pixels, torch.where(step > 0, spread, levels)).view_as(images)


def invert(images: Tensor) -> Tensor:
    """255 - x."""
    return ~images


def solarize(images: Tensor, thresholds: Tensor) -> Tensor:
    """Pixels at or above the threshold (B,), in grey levels, inverted."""
    return torch.where(images < _per_image(thresholds), images, ~images)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """The upper `bits` (B,) of each value kept, the others zeroed; a fraction of a bit counts as none."""
    mask = LEVELS - (1 << (8 - bits.int()))
    return images & _per_image(mask.byte())


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Blend with the image's mean grey: factor (B,) 0 is plain grey, 1 the image, above 1 more contrast."""
    grey = to_grey(images).flatten(1)
    pixels = grey.shape[1]
    mean = (2 * grey.sum(1) + pixels) // (2 * pixels)  # rounded half up
    return blend(_per_image(mean), images, factors)


def color(images: Tensor, factors: Tensor) -> Tensor:
    """Blend with the grey picture: factor (B,) 0 is grey, 1 the image, above 1 more colour."""
    return images if images.shape[1] == 1 else blend(to_grey(images), images, factors)


def brightness(images: Tensor, factors: Tensor) -> Tensor:
    """Blend with black: factor (B,) 0 is black, 1 the image, above 1 brighter."""
    return (images * _per_image(factors)).clamp_(0, 255).byte()


def sharpness(images: Tensor, factors: Tensor) -> Tensor:
    """Blend with the smoothed image: factor (B,) 0 is smooth, 1 the image, above 1 sharper.

    The smoothing is the 3 x 3 mean with a centre of weight 5; pixels at the border keep their value.
    """
    exact = images.float()
    rows = exact[:, :, :-2] + exact[:, :, 1:-1] + exact[:, :, 2:]
    boxes = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    inside = exact[:, :, 1:-1, 1:-1]
    smooth = boxes.add_(inside, alpha=4).div_(13).round_()  # a sum over 13 never ends in one half
    sharpened = images.clone()
    sharpened[:, :, 1:-1, 1:-1] = blend(smooth, inside, factors)
    return sharpened


def cutout(images: Tensor, shares: Tensor, centres: Tensor) -> Tensor:
    """A square filled with `CUTOUT_FILL`.

    Its side is a share (B,) of the picture's width; its centre (B, 2), x and y, is given in shares of width and height
    from the upper left corner. The pixels whose centre lies in the square are filled.
    """
    height, width = images.shape[2:]
    x = torch.arange(width, device=images.device) + 0.5
    y = torch.arange(height, device=images.device) + 0.5
    half = shares[:, None] * width / 2
    columns = (x - centres[:, :1] * width).abs() < half
    rows = (y - centres[:, 1:] * height).abs() < half
    square = rows[:, :, None] & columns[:, None, :]
    channels = zip(images.unbind(1), CUTOUT_FILL, strict=False)
    return torch.stack([channel.masked_fill(square, level) for channel, level in channels], 1)


def blend(base: Tensor, images: Tensor, factors: Tensor) -> Tensor:
    """Base + factor (images - base), cut off at 0 and 255 and truncated to uint8 (B, C, H, W); factors (B,)."""
    return (base + _per_image(factors) * (images.float() - base)).clamp_(0, 255).byte()


def to_grey(images: Tensor) -> Tensor:
    """ITU-R 601 luma (B, 1, H, W) in int32, in PIL's 16-bit fixed point; grey images keep their values."""
    if images.shape[1] == 1:
        return images.int()
    red, green, blue = images.int().split(1, dim=1)
    return (19595 * red).add_(green, alpha=38470).add_(blue, alpha=7471).add_(0x8000) >> 16


def look_up(pixels: Tensor, tables: Tensor) -> Tensor:
    """Map pixels (B, C, H W), int64, by the tables (B, C, 256) of their channels; the result is truncated to uint8."""
    return tables.byte().gather(2, pixels)


def _per_image(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)
