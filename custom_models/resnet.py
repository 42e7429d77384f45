"""ResNet (He et al. 2015) with two basic blocks per stage; the activation is CELU or another one."""

from torch import Tensor, nn

from custom_models.celu import CELU
from custom_models.layers import Activation, Encoder, conv


class BasicBlock(nn.Module):
    """conv-norm-activation-conv-norm, plus the input, activation.

    (B, inputs, H, W) -> (B, outputs, H / stride, W / stride).
    """

    def __init__(self, inputs: int, outputs: int, stride: int, activation: Activation = CELU):
        super().__init__()
        self.body = nn.Sequential(
            conv(inputs, outputs, 3, stride),
            nn.BatchNorm2d(outputs),
            activation(),
            conv(outputs, outputs, 3),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
        self.activation = activation()

    def forward(self, x: Tensor) -> Tensor:
        """Shapes as in the class's docstring."""
        return self.activation(self.body(x).add_(self.shortcut(x)))  # in place: nothing else uses the body's result


def _small_stem(channels: int, width: int, activation: Activation) -> nn.Sequential:
    return nn.Sequential(conv(channels, width, 3), nn.BatchNorm2d(width), activation())


def _large_stem(channels: int, width: int, activation: Activation) -> nn.Sequential:
    return nn.Sequential(
        conv(channels, width, 7, stride=2), nn.BatchNorm2d(width), activation(), nn.MaxPool2d(3, 2, padding=1)
    )


STEMS = {"small": _small_stem, "large": _large_stem}


class ResNet(Encoder):
    """Stem, a stage of two blocks per width, mean over the picture: (B, channels, H, W) -> (B, widths[-1]).

    Stem "small" is a 3 x 3 convolution (MNIST, CIFAR), "large" a 7 x 7 with stride 2 and pooling (ImageNet).
    """

    blocks_per_stage = 2

    def __init__(self, channels: int, widths: tuple[int, ...], stem: str, activation: Activation = CELU):
        super().__init__()
        self.features = widths[-1]
        layers: list[nn.Module] = [STEMS[stem](channels, widths[0], activation)]
        inputs = widths[0]
        for stage, width in enumerate(widths):
            for block in range(self.blocks_per_stage):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(BasicBlock(inputs, width, stride, activation))
                inputs = width
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, widths[-1])."""
        return self.layers(images)
