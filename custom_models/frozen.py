"""A classifier in evaluation mode, for hyper pass, evaluation and predictions, which change no weight."""

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from custom_models.celu import CELU
from custom_models.classifier import Classifier

CPU_PART = 32  # images per part, so that the activations fit a CPU's caches

Module = TypeVar("Module", bound=nn.Module)


class FrozenClassifier(nn.Module):
    """A classifier in evaluation mode, with fewer operations; gradients reach the images, not the weights.

    A batch norm behind a convolution is folded into it, activations work in place, and the encoder's weights are stored
    in `precision`. Logits differ from the classifier's by rounding alone. `refresh` copies new weights.
    """

    def __init__(self, model: Classifier):
        super().__init__()
        self.precision = model.precision
        self.encoder, self.head = fold(model.encoder, self.precision), freeze(model.head)

    def refresh(self, model: Classifier) -> None:
        """Copy the current weights and statistics of the classifier, or of another one of the same shape."""
        self.encoder.load_state_dict(fold(model.encoder, self.precision).state_dict())
        self.head.load_state_dict(model.head.state_dict())

    def features(self, images: Tensor) -> Tensor:
        """Features (B, F), of the head's type, of normalised images (B, channels, H, W)."""
        images = images.to(self.precision)
        # In parts, since images do not interact.
        parts = images.split(CPU_PART) if images.device.type == "cpu" else (images,)
        return torch.cat([self.encoder(part) for part in parts]).to(self.head.weight.dtype)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of normalised images (B, channels, H, W)."""
        return self.head(self.features(images))


def freeze(module: Module) -> Module:
    """A copy in evaluation mode whose weights take no gradient."""
    return copy.deepcopy(module).eval().requires_grad_(False)


def fold(encoder: nn.Module, precision: torch.dtype) -> nn.Module:
    """A frozen copy of an encoder with convolution and batch norm in one, and activations in place."""
    frozen = freeze(encoder)
    for module in list(frozen.modules()):
        if isinstance(module, nn.Sequential):
            _fold_norms(module)
        elif isinstance(module, CELU | nn.ReLU):
            module.inplace = True
    # The remaining batch norms keep their statistics in float32 beside weights in bfloat16.
    for module in frozen.modules():
        if not isinstance(module, _BatchNorm):
            for values in _own_values(module):
                values.data = values.data.to(precision)
    return frozen.to(memory_format=torch.channels_last)


def _own_values(module: nn.Module) -> list[Tensor]:
    """A module's own weights, and the tables beside them, which meet weights in products (Swin transformers V2)."""
    weights = list(module.parameters(recurse=False))
    return [*weights, *(table for table in module.buffers(recurse=False) if weights and table.is_floating_point())]


def _fold_norms(layers: nn.Sequential) -> None:
    for place in range(len(layers) - 1):
        conv, norm = layers[place], layers[place + 1]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, _BatchNorm):
            layers[place] = fuse_conv_bn_eval(conv, norm).requires_grad_(False)
            layers[place + 1] = nn.Identity()
