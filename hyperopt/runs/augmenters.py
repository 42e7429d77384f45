"""The augmenter of a run: made from its options, and that of a finished run, to start from."""

from pathlib import Path

import torch

from custom_datasets.table import Dataset
from custom_transforms.normalise import Normalise
from hyperopt.augmentation.augmenter import NoiseAugmenter, SpatialTransformer
from hyperopt.augmentation.augmenter_names import Form, form_of
from hyperopt.options.augmenter import AugmenterOptions
from hyperopt.options.run_options import RunOptions
from hyperopt.rows.augmenter import Descent, ImageHolder, NoiseHolder
from hyperopt.rows.augmenter_file import AugmenterFile
from utils.errors import UserError
from utils.flags import as_flag


def make_augmenter(
    options: RunOptions, given: torch.Tensor, data: Dataset, normalise: Normalise
) -> NoiseHolder | ImageHolder | None:
    """The augmenter that holds the augmentation of a run, at its start; None without one.

    Args:
        options: of the run.
        given: the given labels of all training images, on the run's device.
        data: all images.
        normalise: of the images.

    """
    device, augmenter, learned = given.device, options.augmenter, options.learned_augmentation
    if learned and learned.by_training:
        form = form_of("stn", None, "identity", data.channels)
        return ImageHolder(SpatialTransformer(form, device), device, normalise, options.seed)
    if not isinstance(augmenter, AugmenterOptions):
        return None
    return NoiseHolder(
        NoiseAugmenter(augmenter_form(augmenter, data.channels, data.classes), device),
        given,
        normalise,
        options.seed,
        augmenter.net_start == "identity",
        Descent(augmenter.unroll_lr, augmenter.unroll_decay, augmenter.unroll_clip),
    )


def augmenter_form(augmenter: AugmenterOptions, channels: int, classes: int) -> Form:
    """The form of an augmenter for images with so many channels and labels of so many classes."""
    known = classes if augmenter.net_labels else 0
    return form_of(augmenter.net_kind, augmenter.net_ranges, augmenter.net_start, channels, known)


def read_network(path: Path) -> AugmenterFile:
    """The augmenter of a finished run. Raises UserError when it is one that cannot be taken over."""
    found = AugmenterFile.read(path)
    if found.form.kind == "stn":
        raise UserError(
            f"{path} is of --aug-model STN, whose network sees the image and cannot be taken over; "
            "give the name of a run with --aug-model NET"
        )
    return found


def read_augmenter(path: Path, augmenter: AugmenterOptions) -> AugmenterFile:
    """The augmenter of a finished run, for a run with these options. Raises UserError when it is of another form."""
    found = read_network(path)
    form = augmenter_form(augmenter, found.form.channels, found.form.classes)
    pairs = {
        "net_kind": (found.form.kind, form.kind),
        "net_start": (bool(found.form.ranges), bool(form.ranges)),
        "net_ranges": (found.form.ranges, form.ranges),
        "net_labels": (bool(found.form.classes), augmenter.net_labels),
    }
    for name, (theirs, ours) in pairs.items():
        if theirs != ours:
            raise UserError(f"{path} is of a network with another {as_flag(name)}; give the same one as its run had")
    return found


def refuse_other_images(path: Path, form: Form, channels: int, classes: int) -> None:
    """Raise UserError when the augmenter at `path` is for images with other channels, or labels of other classes."""
    if form.channels != channels:
        raise UserError(
            f"{path} is for images of {form.channels} channels, and these have {channels}; take another one"
        )
    if form.classes not in (0, classes):
        raise UserError(f"{path} knows labels of {form.classes} classes, and these are {classes}; take another one")
