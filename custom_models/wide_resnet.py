"""Wide ResNet (Zagoruyko and Komodakis 2016), in the variant of the published AutoDO code.

The stride sits in a block's second convolution and all convolutions have biases, which makes WRN-28-10 5.951 GMAC
per 32 x 32 image instead of the paper's 5.243. Activations are CELU, in ReSmooth ReLU. Weights and biases
have torch's initial values, uniform in +-1 / sqrt(fan in). A batch norm follows each convolution, so the size of
the initial values sets the relative size of the steps, and the published learning rates belong to these values.
"""

from torch import Tensor, nn

from custom_models.celu import CELU
from custom_models.layers import Activation, Encoder


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Convolution that keeps the side (up to the stride)."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)


class WideBlock(nn.Module):
    """Twice norm-activation-conv, plus the input: (B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""

    def __init__(self, inputs: int, outputs: int, stride: int, activation: Activation = CELU):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(inputs),
            activation(),
            conv(inputs, outputs, 3),
            nn.BatchNorm2d(outputs),
            activation(),
            conv(outputs, outputs, 3, stride),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = conv(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes as in the class's docstring."""
        return self.body(x).add_(self.shortcut(x))  # in place: nothing else uses the body's result


class WideResNet(Encoder):
    """WRN-depth-width: (B, channels, H, W) -> (B, 64 width); `depth` is 6 n + 4 with n blocks in each stage."""

    def __init__(self, channels: int, depth: int, width: int, activation: Activation = CELU):
        super().__init__()
        blocks = (depth - 4) // 6
        self.features = 64 * width
        layers: list[nn.Module] = [conv(channels, 16, 3)]
        inputs = 16
        for stage, outputs in enumerate((16 * width, 32 * width, 64 * width)):
            for block in range(blocks):
                layers.append(WideBlock(inputs, outputs, 2 if stage > 0 and block == 0 else 1, activation))
                inputs = outputs
        layers += [nn.BatchNorm2d(inputs), activation(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, 64 width)."""
        return self.layers(images)
