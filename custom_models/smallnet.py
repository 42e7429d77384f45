"""A small convolutional network for 8 x 8 pictures."""

from torch import Tensor, nn

from custom_models.celu import CELU
from custom_models.layers import Encoder, conv


class SmallNet(Encoder):
    """Three 3 x 3 convolutions with batch norm and CELU: (B, channels, H, W) -> (B, 64)."""

    features = 64

    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(
            *self._block(channels, 16),
            *self._block(16, 32),
            nn.MaxPool2d(2),
            *self._block(32, 64),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )

    @staticmethod
    def _block(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
        return conv(inputs, outputs, 3), nn.BatchNorm2d(outputs), CELU()

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, 64)."""
        return self.layers(images)
