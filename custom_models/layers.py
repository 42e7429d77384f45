"""The base class and the convolution of the encoders."""

import math
from collections.abc import Callable

from torch import nn

Activation = Callable[[], nn.Module]  # makes the layer


class Encoder(nn.Module):
    """Normalised images (B, channels, H, W) -> features (B, F); `features` is F."""

    features: int


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Convolution without bias that keeps the side (up to the stride), started as N(0, 2 / (k k out))."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    nn.init.normal_(layer.weight, 0, math.sqrt(2 / (kernel * kernel * outputs)))
    return layer
