"""Transformations that are planted in the clean images (`--view-valid`), so that a learned augmentation can find them.

As in DABO's code, which applies them to validation and test images alike (arXiv 2006.14699). All act on uint8 images
(B, C, H, W) and leave their shape; what comes from outside is 0. Directions are those of the content in the picture.
"""

from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from custom_transforms.geometry import KINDS, matrices, move
from custom_transforms.names import AS_IT_IS
from utils.errors import UserError

View = Callable[[Tensor], Tensor]
Seen = TypeVar("Seen")  # what a view makes of images

DEGREES = 45.0  # anticlockwise
SHIFT = 2  # pixels to the right, and as many down
ENLARGED, REDUCED = 1.5, 0.75


def turned(images: Tensor) -> Tensor:
    """Turned by 45 degrees anticlockwise about the centre; nearest pixels."""
    kinds = torch.full((1,), KINDS.index("Rotate"), device=images.device)
    degrees = torch.full((1,), DEGREES, device=images.device)
    return move(images, matrices(kinds, degrees, *images.shape[2:]).expand(len(images), 2, 3))


def shifted(images: Tensor) -> Tensor:
    """Shifted by 2 pixels to the right and 2 pixels down, whatever the size."""
    return F.pad(images, (SHIFT, -SHIFT, SHIFT, -SHIFT))


def zoomed(images: Tensor, factor: float) -> Tensor:
    """Enlarged or reduced by `factor` about the centre; bilinear, each pixel the mean over its area if reduced."""
    height, width = images.shape[2:]
    size = [int(side * factor) for side in (height, width)]
    scaled = F.interpolate(images.float(), size, mode="bilinear", antialias=True).round().byte()
    above, left = ((side - new) // 2 for side, new in zip((height, width), size, strict=True))
    return F.pad(scaled, (left, width - size[1] - left, above, height - size[0] - above))


PLANTED: dict[str, View] = {
    "rotation": turned,
    "translation": shifted,
    "zoomin": lambda images: zoomed(images, ENLARGED),
    "zoomout": lambda images: zoomed(images, REDUCED),
}


def plant(name: str, view: Callable[[Tensor], Seen], height: int, width: int) -> Callable[[Tensor], Seen]:
    """The view of images after the transformation of `--view-valid`; the view itself if that is none.

    Raises UserError for images, of height x width pixels, that are too small to show a transformation.
    """
    if name == AS_IT_IS:
        return view
    if min(height, width) <= SHIFT:
        needed = f"needs images of {SHIFT + 1} x {SHIFT + 1} pixels or more"
        raise UserError(f"--view-valid {name} {needed}, these have {width} x {height}; leave it out")
    transform = PLANTED[name]
    return lambda images: view(transform(images))
