"""The network of a finished run, from its checkpoint: what it needs to know of its images, and what it says of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from custom_datasets.own.picture import read_picture
from custom_datasets.table import Dataset
from custom_models.classifier import Classifier, build_model
from custom_models.computed import Standardised
from custom_models.frozen import FrozenClassifier
from custom_transforms.normalise import Normalise, Standardise
from custom_transforms.scale import Scale
from hyperopt.options.run_options import RunOptions
from hyperopt.runs.network import make_normalise
from utils.arrays import load_tensors
from utils.colour import rgb
from utils.device import PRECISIONS
from utils.errors import UserError, first_line
from utils.fingerprint import CHECKSUM, fingerprint
from utils.runs.network_facts import FEATURES, NETWORK, NetworkFacts

CPU = torch.device("cpu")


def facts_of(model: str, background: str, data: Dataset, normalise: Normalise) -> NetworkFacts:
    """What a run's checkpoints say about its network, by the run's options of these names.

    normalise: from the stored images of `data` to the network's input, also where a head is trained on their features.
    """
    channels, height, width = data.test.shape
    return NetworkFacts(
        model,
        channels,
        height,
        width,
        data.image_size,
        normalise.mean,
        normalise.std,
        tuple(data.class_names) if data.class_names else None,
        data.classes,
        background,
        data.kind,
    )


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with the view of evaluation: the same numbers as in its run's evaluation.

    epoch: of its weights. device: that it is on. Images are uint8 (B, C, h, w) of any size; those that do not have the
    network's are scaled until they cover it, and their centre is cut out (`Scale`). A network of features takes
    float32 (B, D) instead. What it returns is float32, or float64 if it computes in fp64.
    """

    facts: NetworkFacts
    model: Classifier
    epoch: int
    device: torch.device = CPU

    @cached_property
    def frozen(self) -> FrozenClassifier:
        """The network as evaluation has it."""
        return FrozenClassifier(self.model)

    @cached_property
    def normalise(self) -> Normalise:
        """From scaled images to the network's input."""
        kind = Standardise if self.facts.kind == FEATURES else Normalise
        return kind(self.facts.mean, self.facts.std, self.device, self.model.dtype)

    @cached_property
    def scale(self) -> Scale:
        """From images of any size to the network's."""
        return Scale(self.facts.height, self.facts.width)

    @property
    def class_names(self) -> list[str]:
        """The names of the classes, or their numbers as text."""
        return list(self.facts.names)

    def read(self, path: str | Path) -> Tensor:
        """The picture in a file as uint8 (1, C, height, width), read and scaled as for the training.

        Raises UserError when it is damaged or not of 8 bits.
        """
        facts = self.facts
        picture = read_picture(Path(path), facts.channels > 1, rgb(facts.background), facts.image_size)
        return self.fit(torch.from_numpy(picture.copy())[None])

    @torch.inference_mode()
    def fit(self, images: Tensor) -> Tensor:
        """Images uint8 (B, C, h, w) in the network's size, uint8 (B, C, height, width); features (B, D) as such."""
        if images.ndim == 2:
            return images[:, :, None, None]
        if images.shape[2:] == (self.facts.height, self.facts.width):
            return images
        return self.scale(images).to(torch.uint8)

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """Features (B, F) of stored images of a data set (B, C, h, w), which are not scaled."""
        return self.frozen.features(self.normalise(images.to(self.device)))

    @torch.inference_mode()
    def logits(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of images uint8 (B, C, h, w)."""
        return self.frozen(self.normalise(self.fit(images.to(self.device))))

    def probabilities(self, images: Tensor) -> Tensor:
        """Class probabilities (B, classes) of images uint8 (B, C, h, w)."""
        return self.logits(images).softmax(1)


def read_network(
    path: Path,
    options: RunOptions,
    load_data: Callable[[], Dataset],
    precision: str | None = None,
    device: torch.device = CPU,
) -> TrainedNetwork:
    """The network in the checkpoint at `path`, of a run with these options.

    A checkpoint of an earlier version, which says nothing about its network, needs the data set; a note is printed to
    stderr then.

    Args:
        path: of the checkpoint of the last or of the best epoch.
        options: of the run.
        load_data: reads the run's data set.
        precision: in which the network computes (default: as in its run).
        device: that the network is put on.

    Raises:
        UserError: when the file is missing or damaged.

    """
    content = _read(path)
    try:
        facts = NetworkFacts.of(content[NETWORK]) if NETWORK in content else None
    except (ValueError, TypeError) as error:
        raise _unreadable(path, error) from error
    if facts is None:
        print(
            f"note: {path} is of an earlier version: what its network takes is read from the data set", file=sys.stderr
        )
        data = load_data()
        facts = facts_of(options.model, options.background, data, make_normalise(options, data, CPU))
    model = build_model(facts.model, facts.channels, facts.classes, 0, PRECISIONS[precision or options.precision])
    if options.freeze_encoder:
        mean = torch.zeros(model.encoder.features, dtype=model.dtype)
        model.encoder = Standardised(model.encoder, mean, torch.ones_like(mean))
    try:
        model.encoder.load_state_dict(content["encoder_state_dict"])
        model.head.load_state_dict(content["decoder_state_dict"])
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, ValueError("its weights do not fit its network")) from error
    return TrainedNetwork(facts, model.to(device).eval().requires_grad_(False), content["epoch"], device)


def _read(path: Path) -> dict[str, Any]:
    """The content of a checkpoint; that of the last epoch has a checksum."""
    try:
        content = load_tensors(path)
        if not isinstance(content, dict) or "epoch" not in content:
            raise ValueError("not a checkpoint")
        if CHECKSUM in content and content[CHECKSUM] != fingerprint(content):
            raise ValueError("damaged: its checksum is another")
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return content


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = "it is not there" if isinstance(error, FileNotFoundError) else first_line(error)
    return UserError(f"{path} cannot be read ({reason}); put it back, or train the run again with --fresh")
