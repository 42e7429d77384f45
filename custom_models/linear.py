"""No encoder: the head is on features that another network has computed."""

from torch import Tensor

from custom_models.layers import Encoder


class Linear(Encoder):
    """The features themselves: (B, D, 1, 1) -> (B, D)."""

    def __init__(self, inputs: int):
        super().__init__()
        self.features = inputs

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, D)."""
        return images.flatten(1)
