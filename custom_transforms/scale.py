"""The evaluation view of pictures of any size as a part of a network, which can be exported with it."""

import torch
from torch import Tensor, nn

STEPS = 2.0**22  # Pillow's weights are multiples of 1 / STEPS


class Scale(nn.Module):
    """uint8 (B, C, h, w) of any size -> float32 (B, C, height, width): whole numbers from 0 to 255.

    A picture is scaled until it just covers height x width, its aspect kept, and its centre is cut out. The result is
    that of Pillow's `resize` (bilinear, with antialias) bit for bit, whatever computes it: Pillow's weights are whole
    multiples of 2^-22, so that float64 has the sums exactly, in any order. (Later versions of Pillow begin with the
    columns of tall pictures, and differ there by one grey level.) The weights are computed from the sizes with tensors
    alone, as two matrices, so that an exported network takes pictures of any size.
    """

    def __init__(self, height: int, width: int):
        super().__init__()
        self.height, self.width = height, width

    def forward(self, images: Tensor) -> Tensor:
        """Shapes as in the class's docstring."""
        rows, columns = images.shape[2:]
        h, w = (torch.full((), side, dtype=torch.float64, device=images.device) for side in (rows, columns))
        # The rounding down of the longer side, and the box of the crop, as in `custom_datasets.own.scale`.
        scaled_h = torch.maximum((self.width * h / w).floor(), torch.full_like(h, self.height))
        scaled_w = torch.maximum((self.height * w / h).floor(), torch.full_like(w, self.width))
        across = _weights(self.width, columns, w, scaled_w)
        down = _weights(self.height, rows, h, scaled_h)
        return _to_whole(down @ _to_whole(images.double() @ across.T)).float()


def _to_whole(values: Tensor) -> Tensor:
    return (values + 0.5).floor()


def _weights(kept: int, pixels: int, side: Tensor, scaled: Tensor) -> Tensor:
    """Weights (kept, pixels) of the pixels of a side in the `kept` central ones of the side scaled to `scaled` pixels.

    `side` is the number of pixels, and it and `scaled` are float64 scalars.
    """
    factor = side / scaled
    first = ((scaled - kept) / 2).round() * factor
    last = torch.minimum(first + kept * factor, side)
    first, last = first.float(), last.float()  # as Pillow has the box
    step = (last - first).double() / kept
    centre = first.double() + (torch.arange(kept, dtype=torch.float64, device=side.device) + 0.5) * step
    place = torch.arange(pixels, dtype=torch.float64, device=side.device) + 0.5
    distance = (place - centre[:, None]).abs() / step.clamp(min=1)
    taps = (1 - distance).clamp(min=0)
    return _to_whole(taps / taps.sum(1, keepdim=True) * STEPS) / STEPS
