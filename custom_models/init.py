"""Fills an encoder with the weights in a file: of torchvision, of timm, or a checkpoint of this project.

A file is read as tensors only; nothing in it is executed. Its head is left out, whatever its classes are.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from custom_models.timm_names import CONVNEXT, VISION_TRANSFORMER, renamed
from utils.arrays import load_tensors
from utils.errors import UserError

WRAPPERS = ("state_dict", "model_state_dict", "state_dict_ema", "model_ema", "model")
PREFIXES = re.compile(r"^(module\.|_orig_mod\.)+")  # of data parallel and of compiled networks
COUNTERS = "num_batches_tracked"  # of batch norms, which nothing here uses
SHOWN = 3  # tensors in a message


@dataclass(frozen=True)
class Filled:
    """What has come of a file: names of the encoder's tensors that it fills and that it lacks, and its others."""

    filled: list[str]
    lacking: list[str]
    left_out: list[str]

    def notes(self, path: Path, model: str) -> tuple[str, str]:
        """Two lines for the user on what fits and what is left out."""
        count = len(self.filled) + len(self.lacking)
        rest = f"; these start at random: {_listed(self.lacking)}" if self.lacking else ""
        left_out = _listed(self.left_out) if self.left_out else "nothing"
        return (
            f"--init {path}: {len(self.filled)} of {count} tensors of the encoder of --model {model} are in it{rest}",
            f"--init {path}: left out of it: {left_out}; the head starts at random",
        )


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors in a file by name, without what wraps them. Raises UserError when it cannot be read or has none."""
    content: Any = _load(path)
    if isinstance(content, Mapping) and "encoder_state_dict" in content:  # a checkpoint of this project
        head = {f"head.{name}": value for name, value in content.get("decoder_state_dict", {}).items()}
        content = {**content["encoder_state_dict"], **head}
    while isinstance(content, Mapping) and (inner := _wrapped(content)):
        content = inner
    if isinstance(content, nn.Module) or not isinstance(content, Mapping):
        raise UserError(f"{path} holds no weights by name; save network.state_dict() with torch.save")
    tensors = {PREFIXES.sub("", str(name)): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise UserError(f"{path} holds no weights by name; save network.state_dict() with torch.save")
    return tensors


def _wrapped(content: Mapping[Any, Any]) -> Mapping[Any, Any] | None:
    return next((content[name] for name in WRAPPERS if isinstance(content.get(name), Mapping)), None)


def _load(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return import_module("safetensors.torch").load_file(path)
        return load_tensors(path)
    except ImportError:
        raise UserError(f"--init {path} needs the package safetensors: pip install safetensors") from None
    except OSError as error:
        raise UserError(f"--init {path} cannot be read ({error.strerror or error}); give another file") from error
    except UserError:
        raise
    except Exception as error:  # decoders can raise anything for damaged bytes
        raise UserError(
            f"--init {path} is damaged, or holds more than tensors, which are all that is read; save "
            "network.state_dict() with torch.save"
        ) from error


# From the names in a file to those of an encoder: its own, those of one that was fixed (`custom_models.computed`),
# those of the network in it, and timm's for two families.
NAMINGS: tuple[Callable[[str], str], ...] = (
    lambda name: name,
    lambda name: name.removeprefix("encoder."),
    lambda name: f"network.{name}",
    lambda name: f"network.{renamed(name, VISION_TRANSFORMER)}",
    lambda name: f"network.{renamed(name, CONVNEXT)}",
)


@torch.no_grad()
def fill_encoder(encoder: nn.Module, tensors: Mapping[str, Tensor], path: Path, model: str) -> Filled:
    """Fill an encoder, of --model `model`, with the tensors that fit in name and shape, of the file at `path`.

    Raises UserError when none fits.
    """
    own = {name: value for name, value in encoder.state_dict().items() if not name.endswith(COUNTERS)}
    sources = {name: value for name, value in tensors.items() if not name.endswith(COUNTERS)}
    pairs = max((_fitting(own, sources, naming) for naming in NAMINGS), key=len)
    if not pairs:
        raise UserError(
            f"--init {path} has no tensor that fits --model {model}: it begins with {_shown(sources)}, and the "
            f"network with {_shown(own)}; give the --model that it is of"
        )
    if broken := [source for source in pairs.values() if not tensors[source].isfinite().all()]:
        raise UserError(f"--init {path} has weights in {broken[0]} that are not finite; give another file")
    for name, source in pairs.items():
        own[name].copy_(sources[source].reshape(own[name].shape))
    taken = set(pairs.values())
    return Filled(
        list(pairs),
        [name for name in own if name not in pairs],
        [name for name in sources if name not in taken],
    )


def _fitting(own: Mapping[str, Tensor], sources: Mapping[str, Tensor], naming: Callable[[str], str]) -> dict[str, str]:
    """Names of the file's tensors by those of the encoder's that they fit."""
    by_name = {naming(name): name for name in sources}
    return {
        name: by_name[name]
        for name, value in own.items()
        if name in by_name and value.squeeze().shape == sources[by_name[name]].squeeze().shape
    }


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _shown(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {tuple(value.shape)}" for name, value in list(tensors.items())[:SHOWN])
