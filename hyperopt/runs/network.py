"""The network of a run at its start: random, with the weights of --init, or a head on features of a fixed encoder."""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from custom_datasets.loaders import EVALUATION_BATCH, ceil_div
from custom_datasets.names import BUILT_IN
from custom_datasets.table import Dataset, FeatureTable, Images, ImageTable, channel_statistics, feature_statistics
from custom_models.classifier import Classifier, build_model
from custom_models.computed import Computed
from custom_models.frozen import FrozenClassifier
from custom_models.init import fill_encoder, read_weights
from custom_models.torchvision_encoder import IMAGENET, TorchvisionEncoder
from custom_transforms.normalise import Normalise, Standardise
from hyperopt.options.run_options import RunOptions
from utils.device import PRECISIONS
from utils.fingerprint import fingerprint
from utils.stored import find_stored

MEASURED = 2000  # streamed images at most, of which mean and deviation are taken


def make_normalise(
    options: RunOptions, data: Dataset, device: torch.device, dtype: torch.dtype = torch.float32
) -> Normalise:
    """From stored images to the network's input: with the statistics of own data, the known ones of a built-in set.

    With weights of --init, a network of torchvision has ImageNet's, grey pictures their mean over the channels.
    """
    if isinstance(data.train, FeatureTable):
        return Standardise(*feature_statistics(data.train.features), device, dtype)
    if options.init and options.model.startswith("torchvision:"):
        if data.channels == 1:
            mean, std = ((sum(values) / len(values),) for values in IMAGENET)
            return Normalise(mean, std, device, dtype)
        return Normalise(*IMAGENET, device, dtype)
    return Normalise(*pixel_statistics(options, data), device, dtype)


def pixel_statistics(options: RunOptions, data: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation per channel: the published ones; of own data those of the training table.

    Of streamed images they are those of some, which stand at equal distances in the table.
    """
    if options.public:
        return BUILT_IN[options.dataset].mean, BUILT_IN[options.dataset].std
    if isinstance(data.train, ImageTable):
        return channel_statistics(data.train.images)
    places = torch.arange(0, len(data.train), ceil_div(len(data.train), MEASURED), device=data.train.labels.device)
    return channel_statistics(torch.cat(list(data.train.fetch(places.split(100), None, options.workers))))


def make_network(options: RunOptions, data: Dataset) -> Classifier:
    """The classifier at its start, on the CPU; notes about it are printed to stderr.

    Raises UserError when pictures have a size that it does not take, or when the file of --init does not fit.
    """
    model = build_model(options.model, data.channels, data.classes, options.seed, PRECISIONS[options.precision])
    if isinstance(model.encoder, TorchvisionEncoder):
        for part in (data.train, data.test):
            model.encoder.refuse_size(*part.shape[1:])
        if data.channels == 1:
            _note(f"grey pictures get three equal channels, which --model {options.model} has")
    if options.init:
        path = Path(options.init)
        for note in fill_encoder(model.encoder, read_weights(path), path, options.model).notes(path, options.model):
            _note(note)
    return model


def encode(options: RunOptions, data: Dataset, model: Classifier, device: torch.device) -> Dataset:
    """The data set with the features of its images by the model's encoder, in the view of evaluation, in their place.

    The model, on the device, becomes one of these features: its encoder is fixed. The features are kept in the run
    folder for other runs with the same encoder and images.
    """
    normalise = make_normalise(options, data, device, model.dtype)
    parts = {"train": data.train, "test": data.test}
    mark = fingerprint(
        {
            "encoder": model.encoder.state_dict(),
            "normalise": (normalise.mean, normalise.std),
            "precision": str(model.precision),
            "images": [(part.content, part.shape) for part in parts.values()],
        }
    )

    def compute() -> dict[str, torch.Tensor]:
        frozen = FrozenClassifier(model)
        return {name: features_of(part, frozen, normalise, options.workers) for name, part in parts.items()}

    folder = options.files.folder
    folder.mkdir(parents=True, exist_ok=True)
    found = find_stored(folder / f"encoded_{mark[:8]}.pt", mark, compute)
    train, test = (FeatureTable(found[name].to(device)[:, :, None, None], part.labels) for name, part in parts.items())
    statistics = feature_statistics(train.features)
    mean, deviation = (torch.tensor(values, dtype=model.dtype, device=device) for values in statistics)
    model.encoder, model.precision = Computed(model.encoder, mean, deviation), model.dtype
    return replace(data, train=train, test=test)


@torch.inference_mode()
def features_of(images: Images, network: FrozenClassifier, normalise: Normalise, workers: int) -> torch.Tensor:
    """Features (N, F) of all images, on the host."""
    order = torch.arange(len(images), device=images.labels.device).split(EVALUATION_BATCH)
    return torch.cat([network.features(normalise(batch)).cpu() for batch in images.fetch(order, None, workers)])


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)
