"""Encoder plus linear head, and the table of encoders."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from custom_models.layers import Encoder
from custom_models.lenet import LeNet
from custom_models.linear import Linear
from custom_models.names import LINEAR, TORCHVISION, parse_model
from custom_models.resnet import ResNet
from custom_models.smallnet import SmallNet
from custom_models.torchvision_encoder import TorchvisionEncoder
from custom_models.wide_resnet import WideResNet

# Their arguments: the number of image channels, and the sizes in the name.
ENCODERS: dict[str, Callable[..., Encoder]] = {
    "smallnet": SmallNet,
    "lenet": LeNet,
    "resnet18thin": partial(ResNet, widths=(16, 32, 64), stem="small"),
    "resnet18small": partial(ResNet, widths=(64, 128, 256, 512), stem="small", activation=nn.ReLU),
    "resnet18": partial(ResNet, widths=(64, 128, 256, 512), stem="large"),
    LINEAR: Linear,
    TORCHVISION: TorchvisionEncoder,
    "wresnet": WideResNet,
    "wrn": partial(WideResNet, activation=nn.ReLU),
}


class Classifier(nn.Module):
    """Logits (B, classes) of images (B, channels, H, W): head(encoder(images)).

    With `precision` bfloat16 the encoder runs in automatic mixed precision. Its features, the head, all weights and
    everything after the features (losses, rows, solvers) are of the type `dtype`: float64 with `precision` float64,
    otherwise float32.
    """

    def __init__(self, encoder: Encoder, classes: int, precision: torch.dtype = torch.float32):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.features, classes)
        self.precision = precision

    @property
    def dtype(self) -> torch.dtype:
        """The type of weights, features and logits."""
        return self.head.weight.dtype

    def features(self, images: Tensor) -> Tensor:
        """Features (B, F) of normalised images (B, channels, H, W)."""
        if self.precision != torch.bfloat16:
            return self.encoder(images)
        with torch.autocast(images.device.type, self.precision):
            return self.encoder(images).to(self.dtype)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of normalised images (B, channels, H, W)."""
        return self.head(self.features(images))


def build_model(
    name: str, channels: int, classes: int, seed: int, precision: torch.dtype = torch.float32
) -> Classifier:
    """A freshly initialised classifier on the CPU; `seed` alone fixes its weights.

    They are drawn in float32, so that the start is the same in every precision. The layout is channels last, in which
    convolutions are faster on CPUs and on tensor cores.
    """
    kind, sizes = parse_model(name)
    dtype = torch.float64 if precision == torch.float64 else torch.float32
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = ENCODERS[kind](channels, **sizes)
        return Classifier(encoder, classes, precision).to(dtype).to(memory_format=torch.channels_last)
