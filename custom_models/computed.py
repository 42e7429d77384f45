"""A fixed encoder whose features have been computed: what is trained on these is the head alone."""

from torch import Tensor

from custom_models.layers import Encoder


class Computed(Encoder):
    """Takes standardised features (B, F, 1, 1) that `encoder` has computed as its own result (B, F).

    `mean` and `deviation` (F,) are those of the standardisation. They and the encoder are part of its state, so that a
    checkpoint has the whole network: `of_images` is what `forward` has been given.
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
        return images.flatten(1)

    def of_images(self, images: Tensor) -> Tensor:
        """Standardised features (B, F) of normalised images (B, channels, H, W)."""
        return (self.encoder(images) - self.mean) / self.deviation
