"""The table of operations, and how a batch goes through the steps that were drawn for it.

B: images, C: channels, H and W: height and width, n: steps, one after the other.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from custom_transforms import colour, geometry
from custom_transforms.upload import upload


class Operation(NamedTuple):
    """A function of images (B, C, H, W) and values (B,), and the range of its values.

    Cutout's function takes its centres (B, 2) as well. A geometric operation gets a random sign.
    """

    function: Callable[..., Tensor]
    low: float
    high: float
    geometric: bool = False


def without_value(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """An operation that has no amount, in the form of those that have one."""
    return lambda images, values: function(images)


# The ranges are Fast AutoAugment's (arXiv 1905.00397): grey levels, bits, factors, shares of the side, degrees.
OPERATIONS = {
    "Identity": Operation(without_value(lambda images: images), 0, 0),
    "AutoContrast": Operation(without_value(colour.auto_contrast), 0, 0),
    "Equalize": Operation(without_value(colour.equalize), 0, 0),
    "Invert": Operation(without_value(colour.invert), 0, 0),
    "Solarize": Operation(colour.solarize, 0, 256),
    "Posterize": Operation(colour.posterize, 4, 8),
    "Contrast": Operation(colour.contrast, 0.1, 1.9),
    "Color": Operation(colour.color, 0.1, 1.9),
    "Brightness": Operation(colour.brightness, 0.1, 1.9),
    "Sharpness": Operation(colour.sharpness, 0.1, 1.9),
    "Cutout": Operation(colour.cutout, 0, 0.2),
    "Rotate": Operation(geometry.rotate, -30, 30, geometric=True),
    "ShearX": Operation(geometry.shear_x, -0.3, 0.3, geometric=True),
    "ShearY": Operation(geometry.shear_y, -0.3, 0.3, geometric=True),
    "TranslateX": Operation(geometry.translate_x, -0.45, 0.45, geometric=True),
    "TranslateY": Operation(geometry.translate_y, -0.45, 0.45, geometric=True),
}
NAMES = tuple(OPERATIONS)
CUTOUT = NAMES.index("Cutout")
FIRST_GEOMETRIC = NAMES.index(geometry.KINDS[0])


class Steps(NamedTuple):
    """What was drawn for the images of a batch, on the host: n operations each.

    operation (n, B): places in `NAMES`; value (n, B), in the operation's unit; centre (n, B, 2), x and y in 0..1:
    where a Cutout is.
    """

    operation: Tensor
    value: Tensor
    centre: Tensor


def apply_steps(images: Tensor, steps: Steps) -> Tensor:
    """Images uint8 (B, C, H, W) after their n operations; the given images stay as they are.

    At each step the images are sorted by operation, so that each operation gets one slice of the batch; the geometric
    ones share theirs. The steps are on the host, which therefore knows the slices without waiting for the device.
    Raises TypeError for images of another type.
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"operations are defined on uint8 images, before they are normalised, not on {images.dtype}")
    group = steps.operation.clamp(max=FIRST_GEOMETRIC)
    sizes = (group[..., None] == torch.arange(FIRST_GEOMETRIC + 1)).sum(1).tolist()
    order = group.argsort(1)
    back = order.argsort(1)
    operation, value = steps.operation.gather(1, order), steps.value.gather(1, order)
    centre = steps.centre.gather(1, order[..., None].expand_as(steps.centre))
    matrices = geometry.matrices(operation - FIRST_GEOMETRIC, value, *images.shape[2:])
    order, back, value, centre, matrices = (
        upload(part, images.device) for part in (order, back, value, centre, matrices)
    )
    for step, size in enumerate(sizes):
        present = [group for group, count in enumerate(size) if count]
        batch = images.index_select(0, order[step]), value[step], centre[step], matrices[step]
        slices = zip(present, *(part.split([size[group] for group in present]) for part in batch), strict=True)
        images = torch.cat([_run(*members) for members in slices]).index_select(0, back[step])
    return images


def _run(group: int, images: Tensor, value: Tensor, centre: Tensor, matrices: Tensor) -> Tensor:
    if group == FIRST_GEOMETRIC:
        return geometry.move(images, matrices)
    if group == CUTOUT:
        return colour.cutout(images, value, centre)
    return OPERATIONS[NAMES[group]].function(images, value)
