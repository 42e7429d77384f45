"""What the networks share."""

import math

from torch import nn


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """Convolution that keeps the side (up to the stride), started as N(0, 2 / (k k out)), bias 0."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=bias)
    nn.init.normal_(layer.weight, 0, math.sqrt(2 / (kernel * kernel * outputs)))
    if bias:
        nn.init.zeros_(layer.bias)
    return layer
