"""Encoder plus linear head, and the table of names that `--model` knows."""

import re
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from custom_models.lenet import LeNet
from custom_models.resnet import ResNet
from custom_models.smallnet import SmallNet
from custom_models.wide_resnet import WideResNet


class ModelError(ValueError):
    """A model name that nobody knows."""


# Encoders take the number of image channels and have an attribute `features`, the length of what they return.
ENCODERS: dict[str, Callable[[int], nn.Module]] = {
    "smallnet": SmallNet,
    "lenet": LeNet,
    "resnet18thin": partial(ResNet, widths=(16, 32, 64), stem="small"),
    "resnet18": partial(ResNet, widths=(64, 128, 256, 512), stem="large"),
}
WIDE_RESNET = re.compile(r"wresnet([0-9]{1,4})_([0-9]{1,3})")


class Classifier(nn.Module):
    """logits = head(encoder(images)): (B, channels, H, W) -> (B, classes).

    With `precision` bfloat16 the encoder runs in automatic mixed precision. Its features, the head and whatever is
    built on them (losses, rows, solvers) are float32 all the same, and so are all weights.
    """

    def __init__(self, encoder: nn.Module, classes: int, precision: torch.dtype = torch.float32):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.features, classes)
        self.precision = precision

    def features(self, images: Tensor) -> Tensor:
        """Features (B, F), float32, of normalised images (B, channels, H, W)."""
        mixed = self.precision != torch.float32
        with torch.autocast(images.device.type, self.precision if mixed else None, enabled=mixed):
            features = self.encoder(images)
        return features.float() if mixed else features

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of normalised images (B, channels, H, W)."""
        return self.head(self.features(images))


def parse_model(name: str) -> Callable[[int], nn.Module]:
    """The encoder's constructor for a name of `--model`. Raises ModelError when there is no such model."""
    if name in ENCODERS:
        return ENCODERS[name]
    wide = WIDE_RESNET.fullmatch(name)
    if wide is None:
        raise ModelError(f"no model '{name}'; there are {', '.join(ENCODERS)} and wresnetD_K, e.g. wresnet28_10")
    depth, width = int(wide[1]), int(wide[2])
    if depth % 6 != 4 or not 10 <= depth <= 1000 or not 1 <= width <= 100:
        raise ModelError(f"no model '{name}': wresnetD_K needs D = 10, 16, 22, 28, ... up to 1000 and K from 1 to 100")
    return partial(WideResNet, depth=depth, width=width)


def build_model(
    name: str, channels: int, classes: int, seed: int, precision: torch.dtype = torch.float32
) -> Classifier:
    """A freshly initialised classifier on the CPU; `seed` alone fixes its weights.

    The layout is channels last, in which convolutions are faster on CPUs and on tensor cores.
    """
    make_encoder = parse_model(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Classifier(make_encoder(channels), classes, precision).to(memory_format=torch.channels_last)
