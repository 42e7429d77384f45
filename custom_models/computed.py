"""A fixed encoder whose features are standardised, and the same one once these have been computed for all images."""

from torch import Tensor

from custom_models.layers import Encoder


class Standardised(Encoder):
    """A fixed encoder with standardised features: normalised images (B, channels, H, W) -> (B, F).

    `mean` and `deviation` (F,) of the features are part of its state, as the encoder's weights are.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, encoder: Encoder, mean: Tensor, deviation: Tensor):
        super().__init__()
        self.encoder, self.features = encoder.eval().requires_grad_(False), encoder.features
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, F)."""
        return (self.encoder(images).to(self.mean.dtype) - self.mean) / self.deviation


class Computed(Standardised):
    """The same encoder in a training on its results: takes standardised features (B, F, 1, 1) and returns them (B, F).

    It has the same state, so that a checkpoint of such a training holds the whole network.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, F)."""
        return images.flatten(1)
