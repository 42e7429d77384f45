"""Augmenters: networks whose outputs are the parameters of an augmentation, and the augmentation with such parameters.

DABO (arXiv 2006.14699) section 3: a small network maps noise to a transformation of each image. Here every parameter is
bounded by its range, so that the warp can be inverted for any weights; `--net-start published` has the released affine
form without bounds. The spatial transformer (STN) sees the image as well; it is the paper's baseline.
B: images, C: channels, H and W: height and width, P: an augmenter's weights, k: parameters.
"""

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from custom_transforms.normalise import Normalise
from hyperopt.augmentation.augmenter_names import COLOUR, RESIDUAL, Form, range_of
from hyperopt.augmentation.colour import jitter
from hyperopt.augmentation.warp import sample, sample_affine

DROPOUT = 0.2  # in both hidden layers, as published
LABEL, LAST = "label", "last"  # layers: an embedding, and the one whose outputs are the parameters
STN_WIDTHS, STN_GRID, STN_NOISE, STN_HIDDEN = (16, 32), 4, 16, 64


class Weights:
    """The weights of an augmenter as one vector (P,): their shapes by name, and their start.

    Args:
        layers: shapes of the weights by layer, the number of outputs first; each has a bias, but for the embedding of
            labels.
        form: of the augmenter.
        device: of the ranges.

    """

    def __init__(self, layers: Mapping[str, Sequence[int]], form: Form, device: torch.device):
        self.form = form
        self.shapes: dict[str, tuple[int, ...]] = {}
        for layer, shape in layers.items():
            self.shapes[f"{layer}.weight"] = tuple(shape)
            if layer != LABEL:
                self.shapes[f"{layer}.bias"] = (shape[0],)
        ranges = [form.ranges.get(range_of(name), 1.0) for name in form.parameters]
        self._ranges = torch.tensor(ranges, dtype=torch.float64, device=device)  # takes the type of the outputs

    def split(self, values: Tensor) -> dict[str, Tensor]:
        """Weights by name, from all of them (P,)."""
        parts = values.split([math.prod(shape) for shape in self.shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def join(self, weights: Mapping[str, Tensor]) -> Tensor:
        """All weights (P,), from those by name."""
        return torch.cat([weights[name].flatten() for name in self.shapes])

    def start(self, draws: torch.Generator, identity: bool) -> Tensor:
        """Weights (P,), float32, on the host; with `identity` those of the last layer are zero.

        All are uniform, as torch has those of linear layers and convolutions; its embeddings are normal.
        """
        found = {}
        for name, shape in self.shapes.items():
            layer = name.partition(".")[0]
            inputs = math.prod(self.shapes[f"{layer}.weight"][1:])
            found[name] = (2 * torch.rand(shape, generator=draws) - 1) / math.sqrt(inputs)
            if identity and layer == LAST:
                found[name].zero_()
        return self.join(found)

    def bounded(self, raw: Tensor) -> Tensor:
        """Parameters (B, k) in their units, from outputs (B, k) without bounds."""
        return self._ranges.to(raw.dtype) * raw.tanh() if self.form.ranges else raw


class NoiseAugmenter(Weights):
    """Parameters from noise, and from the given label if the augmenter knows labels: three layers, ReLU, dropout.

    A label is known by a vector as long as the noise, which is put beside it.
    """

    def __init__(self, form: Form, device: torch.device):
        self.noise = 10 if set(COLOUR) <= set(form.parameters) else 6
        self._hidden = (self.noise, 10 * self.noise)
        first, second = self._hidden
        inputs = (2 if form.classes else 1) * self.noise
        layers = {"first": (first, inputs), "second": (second, first), LAST: (len(form.parameters), second)}
        super().__init__(({LABEL: (form.classes, self.noise)} if form.classes else {}) | layers, form, device)

    @property
    def draws(self) -> int:
        """How many numbers an image's parameters need."""
        return self.noise + sum(self._hidden)

    def parameters(self, values: Tensor, uniform: Tensor, labels: Tensor) -> Tensor:
        """Parameters (B, k) with the weights (P,), from numbers (B, `draws`) in 0..1 and labels (B,) int64."""
        weights = self.split(values)
        noise, *chances = uniform.split([self.noise, *self._hidden], 1)
        x = 2 * noise - 1
        if self.form.classes:
            x = torch.cat((x, weights["label.weight"][labels]), 1)
        for layer, chance in zip(("first", "second"), chances, strict=True):
            x = F.linear(x, weights[f"{layer}.weight"], weights[f"{layer}.bias"]).relu()
            x = x * (chance >= DROPOUT) / (1 - DROPOUT)
        return self.bounded(F.linear(x, weights["last.weight"], weights["last.bias"]))


class SpatialTransformer(Weights):
    """Affine parameters from the image itself and noise: two convolutions, pooled to a fixed grid, two layers."""

    def __init__(self, form: Form, device: torch.device):
        first, second = STN_WIDTHS
        layers = {
            "first": (first, form.channels, 3, 3),
            "second": (second, first, 3, 3),
            "third": (STN_HIDDEN, second * STN_GRID**2 + STN_NOISE),
            LAST: (len(form.parameters), STN_HIDDEN),
        }
        super().__init__(layers, form, device)

    def parameters(self, values: Tensor, images: Tensor, uniform: Tensor) -> Tensor:
        """Parameters (B, k) with the weights (P,), for images (B, C, H, W) and numbers (B, `STN_NOISE`) in 0..1."""
        weights = self.split(values)
        x = images
        for layer in ("first", "second"):
            x = F.conv2d(x, weights[f"{layer}.weight"], weights[f"{layer}.bias"], stride=2, padding=1).relu()
        x = torch.cat((F.adaptive_avg_pool2d(x, STN_GRID).flatten(1), 2 * uniform - 1), 1)
        x = F.linear(x, weights["third.weight"], weights["third.bias"]).relu()
        return self.bounded(F.linear(x, weights["last.weight"], weights["last.bias"]))


def augmenter_of(form: Form, device: torch.device) -> NoiseAugmenter | SpatialTransformer:
    """The augmenter of a form."""
    return SpatialTransformer(form, device) if form.kind == "stn" else NoiseAugmenter(form, device)


def transform(images: Tensor, parameters: Tensor, form: Form, normalise: Normalise, draws: torch.Generator) -> Tensor:
    """Normalised images (B, C, H, W) under parameters (B, k): first the warp, then the colours, in one random order.

    Outside of the picture is its data set's mean colour, which is zero. The order is drawn on the host.
    """
    found = dict(zip(form.parameters, parameters.unbind(1), strict=True))
    if form.parameters == RESIDUAL:
        identity = torch.eye(2, 3, dtype=parameters.dtype, device=parameters.device)
        warped = sample(images, parameters.view(-1, 2, 3) + identity, "zeros")
    else:
        warped = sample_affine(images, affine_matrices(found, *images.shape[2:]), "zeros")
    if COLOUR[0] not in found:
        return warped
    order = torch.randperm(len(COLOUR), generator=draws).tolist()
    amounts = torch.stack([found[name] for name in COLOUR], 1)
    return normalise.of_pixels(jitter(normalise.to_pixels(warped), amounts, order))


def affine_matrices(parameters: Mapping[str, Tensor], height: int, width: int) -> Tensor:
    """Source-to-destination matrices (B, 2, 3), in pixels about the origin: translate . rotate . shear . scale.

    Conventions as in `hyperopt.augmentation.warp`: parameters move the picture's content; origin in the centre, x to
    the right, y down. The determinant is that of the scales, which are exponentials, so above zero for all parameters.

    Args:
        parameters: (B,) by name, in the units of `augmenter_names.RANGES`; those that are missing are zero.
        height: of the picture.
        width: of the picture.

    """
    zero = torch.zeros_like(next(iter(parameters.values())))
    names = ("rotate", "shear", "scale_x", "scale_y", "translate_x", "translate_y")
    angle, shear, scale_x, scale_y, tx, ty = (parameters.get(name, zero) for name in names)
    cos, sin = torch.deg2rad(angle).cos(), torch.deg2rad(angle).sin()
    scale_x, scale_y = scale_x.exp(), scale_y.exp()
    x_row = torch.stack((cos * scale_x, (cos * shear + sin) * scale_y, tx * width), 1)
    y_row = torch.stack((-sin * scale_x, (cos - sin * shear) * scale_y, ty * height), 1)
    return torch.stack((x_row, y_row), 1)
