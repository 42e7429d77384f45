"""The augmentation network of a run: made from its options, and written at its end."""

import torch

from custom_datasets.table import Dataset
from custom_transforms.normalise import Normalise
from hyperopt.augmentation.network import NoiseNetwork, SpatialTransformer
from hyperopt.augmentation.network_names import Form, form_of
from hyperopt.options.network import NetworkOptions, refuse_grey
from hyperopt.options.run_options import RunOptions
from hyperopt.rows.network import Descent, ImageHolder, NoiseHolder


def make_network(
    options: RunOptions, given: torch.Tensor, data: Dataset, normalise: Normalise
) -> NoiseHolder | ImageHolder | None:
    """The network that holds the augmentation of a run, at its start; None without one.

    Raises UserError for colours of grey images.

    Args:
        options: of the run.
        given: the given labels of all training images, on the run's device.
        data: all images.
        normalise: of the images.

    """
    device, network = given.device, options.network
    if options.aug_model == "STN":
        form = form_of("stn", None, "identity", data.channels)
        return ImageHolder(SpatialTransformer(form, device), device, normalise, options.seed)
    if not isinstance(network, NetworkOptions):
        return None
    refuse_grey(network.net_kind, data.channels, options.dataset)
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
