"""The table of operations, and applying the drawn steps to a batch.

B: images, C: channels, H and W: height and width, n: steps, one after the other.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from custom_transforms import colour, filters, geometry
from custom_transforms.upload import upload


class Operation(NamedTuple):
    """The range of an operation's values, and a function of images (B, C, H, W) and values (B,).

    Cutout's function also takes its centres (B, 2). A geometric operation has no function, since `geometry.move`
    applies all of them; its value gets a random sign.
    """

    low: float
    high: float
    function: Callable[..., Tensor] | None

    @property
    def geometric(self) -> bool:
        """Whether it moves pixels."""
        return self.function is None


def without_value(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """An operation without a value, in the form of those with a value."""
    return lambda images, values: function(images)


# The ranges are Fast AutoAugment's (arXiv 1905.00397): grey levels, bits, factors, shares of the side, degrees; that of
# Blur is ReSmooth's (arXiv 2205.12606), in pixels.
OPERATIONS = {
    "Identity": Operation(0, 0, without_value(lambda images: images)),
    "AutoContrast": Operation(0, 0, without_value(colour.auto_contrast)),
    "Equalize": Operation(0, 0, without_value(colour.equalize)),
    "Invert": Operation(0, 0, without_value(colour.invert)),
    "Solarize": Operation(0, 256, colour.solarize),
    "Posterize": Operation(4, 8, colour.posterize),
    "Contrast": Operation(0.1, 1.9, colour.contrast),
    "Color": Operation(0.1, 1.9, colour.color),
    "Brightness": Operation(0.1, 1.9, colour.brightness),
    "Sharpness": Operation(0.1, 1.9, colour.sharpness),
    "Cutout": Operation(0, 0.2, colour.cutout),
    "Blur": Operation(0.6, 2, filters.blur),
    "Sobel": Operation(0, 0, without_value(filters.sobel)),
    "Rotate": Operation(-30, 30, None),
    "ShearX": Operation(-0.3, 0.3, None),
    "ShearY": Operation(-0.3, 0.3, None),
    "TranslateX": Operation(-0.45, 0.45, None),
    "TranslateY": Operation(-0.45, 0.45, None),
}
NAMES = tuple(OPERATIONS)
CUTOUT = NAMES.index("Cutout")
FIRST_GEOMETRIC = NAMES.index(geometry.KINDS[0])


class Steps(NamedTuple):
    """The operations drawn for the images of a batch, n for each image; on the host.

    operation (n, B): places in `NAMES`; value (n, B), in the operation's unit; centre (n, B, 2): of a Cutout, x and y
    in 0..1.
    """

    operation: Tensor
    value: Tensor
    centre: Tensor


def apply_steps(images: Tensor, steps: Steps) -> Tensor:
    """Images uint8 (B, C, H, W) after their n operations; the given images stay as they are.

    At each step the images are sorted by operation, so that each operation gets one slice of the batch; the geometric
    ones share a slice. The steps are on the host, so the slices are known without waiting for the device.
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
    function = OPERATIONS[NAMES[group]].function
    if function is None:
        return geometry.move(images, matrices)
    return function(images, value, centre) if group == CUTOUT else function(images, value)
