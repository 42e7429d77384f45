"""The augmentation network of a run: made from its options, and that of a finished run, to start from."""

from pathlib import Path

import torch

from custom_datasets.table import Dataset
from custom_transforms.normalise import Normalise
from hyperopt.augmentation.network import NoiseNetwork, SpatialTransformer
from hyperopt.augmentation.network_names import Form, form_of
from hyperopt.options.network import NetworkOptions
from hyperopt.options.run_options import RunOptions
from hyperopt.rows.network import Descent, ImageHolder, NoiseHolder
from hyperopt.rows.network_file import NetworkFile
from utils.errors import UserError
from utils.flags import as_flag


def make_network(
    options: RunOptions, given: torch.Tensor, data: Dataset, normalise: Normalise
) -> NoiseHolder | ImageHolder | None:
    """The network that holds the augmentation of a run, at its start; None without one.

    Args:
        options: of the run.
        given: the given labels of all training images, on the run's device.
        data: all images.
        normalise: of the images.

    """
    device, network, learned = given.device, options.network, options.learned_augmentation
    if learned and learned.by_training:
        form = form_of("stn", None, "identity", data.channels)
        return ImageHolder(SpatialTransformer(form, device), device, normalise, options.seed)
    if not isinstance(network, NetworkOptions):
        return None
    return NoiseHolder(
        NoiseNetwork(network_form(network, data.channels, data.classes), device),
        given,
        normalise,
        options.seed,
        network.net_start == "identity",
        Descent(network.unroll_lr, network.unroll_decay, network.unroll_clip),
    )


def network_form(network: NetworkOptions, channels: int, classes: int) -> Form:
    """The form of a network for images with so many channels and labels of so many classes."""
    known = classes if network.net_labels else 0
    return form_of(network.net_kind, network.net_ranges, network.net_start, channels, known)


def read_network(path: Path, network: NetworkOptions) -> NetworkFile:
    """The network of a finished run, for a run with these options. Raises UserError when it is of another form."""
    found = NetworkFile.read(path)
    if found.form.kind == "stn":
        raise UserError(
            f"{path} is of --aug-model STN, whose network sees the image and cannot be taken over; "
            "give the name of a run with --aug-model NET"
        )
    form = network_form(network, found.form.channels, found.form.classes)
    pairs = {
        "net_kind": (found.form.kind, form.kind),
        "net_start": (bool(found.form.ranges), bool(form.ranges)),
        "net_ranges": (found.form.ranges, form.ranges),
        "net_labels": (bool(found.form.classes), network.net_labels),
    }
    for name, (theirs, ours) in pairs.items():
        if theirs != ours:
            raise UserError(f"{path} is of a network with another {as_flag(name)}; give the same one as its run had")
    return found


def refuse_other_images(path: Path, form: Form, channels: int, classes: int) -> None:
    """Raise UserError when the network at `path` is for images with other channels, or for labels of other classes."""
    if form.channels != channels:
        raise UserError(
            f"{path} is for images of {form.channels} channels, and these have {channels}; take another one"
        )
    if form.classes not in (0, classes):
        raise UserError(f"{path} knows labels of {form.classes} classes, and these are {classes}; take another one")
