"""LeNet-5 (LeCun et al. 1998) with CELU activations."""

from torch import Tensor, nn

from custom_models.celu import CELU
from custom_models.layers import Encoder


class LeNet(Encoder):
    """Two 5 x 5 convolutions and two dense layers: (B, channels, H, W) -> (B, 84), any side from 4 pixels up."""

    features = 84

    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 6, 5, padding=2),
            CELU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5, padding=2),
            CELU(),
            nn.MaxPool2d(2),
            nn.AdaptiveAvgPool2d(5),
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 120),
            CELU(),
            nn.Linear(120, 84),
            CELU(),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, 84)."""
        return self.layers(images)
