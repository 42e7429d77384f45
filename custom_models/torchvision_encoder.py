"""The classification networks of torchvision as encoders: all before their last linear layer. Nothing is downloaded."""

from torch import Tensor, nn
from torchvision import models

from custom_models.layers import Encoder
from utils.errors import UserError

# Of ImageNet's pixels in 0..1, per channel: what torchvision's and timm's weights of these networks were trained with.
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WITHOUT_AUXILIARIES = ("googlenet", "inception_v3")  # their further heads serve the training from scratch alone


class TorchvisionEncoder(Encoder):
    """A network without its head: (B, channels, H, W) -> (B, F). Grey pictures get three equal channels.

    `side` is that of the only pictures that it takes; None if they may have other sizes.
    """

    def __init__(self, channels: int, network: str):
        super().__init__()
        self.network, self.features = without_head(network)
        self.side: int | None = getattr(self.network, "image_size", 224 if network == "maxvit_t" else None)

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, F)."""
        return self.network(images.expand(-1, 3, -1, -1))

    def refuse_size(self, height: int, width: int) -> None:
        """Raise UserError for pictures of a size that the network does not take."""
        if self.side and (height, width) != (self.side, self.side):
            raise UserError(
                f"this --model takes pictures of {self.side} x {self.side} pixels alone, and these have {width} x "
                f"{height}; scale them, or take another one"
            )


def without_head(name: str) -> tuple[nn.Module, int]:
    """A network of torchvision with random weights and an identity in place of its head, and the number of features.

    Raises UserError when its last layer is not linear.
    """
    more = {"aux_logits": False, "init_weights": True} if name in WITHOUT_AUXILIARIES else {}
    network = models.get_model(name, weights=None, **more)
    layers = [(place, layer) for place, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    if not layers or layers[-1][1].out_features != 1000:
        raise UserError(f"--model torchvision:{name} ends in no linear layer, which is needed; take another one")
    place, head = layers[-1]
    parent, _, own = place.rpartition(".")
    setattr(network.get_submodule(parent), own, nn.Identity())
    return network, head.in_features


def refuse_unknown_network(network: str) -> None:
    """Raise UserError when torchvision has no classification network of this name."""
    known = models.list_models(module=models)
    if network not in known:
        alike = [other for other in known if other[:4] == network[:4]] or known
        raise UserError(f"torchvision has no network '{network}' for pictures; there are {', '.join(alike[:12])}, ...")
