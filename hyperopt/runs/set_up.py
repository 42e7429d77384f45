"""The set-up of a run from its options: the distorted training set, and the training on it."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from custom_datasets.distortion import (
    Distortion,
    Split,
    distorted_images,
    keep_validation,
    train_on_everything,
    train_on_validation,
)
from custom_datasets.loaders import EVALUATION_BATCH, Loaders
from custom_datasets.names import BUILT_IN, OWN_VALIDATION
from custom_datasets.split_file import find_split
from custom_datasets.table import Dataset, ImageTable
from custom_datasets.workers import refuse_little_shared_memory
from custom_transforms.copies import fixed_copies
from custom_transforms.copy_amounts import COPY_NAMES
from custom_transforms.names import split_names
from custom_transforms.normalise import Normalise
from custom_transforms.planted import plant
from custom_transforms.policies import PARTNER_OPERATIONS, RandPolicy
from custom_transforms.published import auto_augment_table
from custom_transforms.standard import Cutout
from custom_transforms.table import POLICIES, Choice, make_policy
from custom_transforms.view import STANDARD, Place, Random, TrainingView
from hyperopt.augmentation.warps import make_warp
from hyperopt.estimators.plan import CopyViews, Plan, Rate, Views
from hyperopt.estimators.training import Training
from hyperopt.head.losses import LOSSES
from hyperopt.options.run_options import RunOptions
from hyperopt.rows.rows import make_rows
from hyperopt.runs.augmenters import make_augmenter
from hyperopt.runs.network import encode, make_network, make_normalise
from hyperopt.runs.processes import refuse_small_batches, synchronised
from utils.errors import UserError
from utils.flags import count_of
from utils.group import ALONE, Group
from utils.passes import Batches
from utils.schedule import make_schedule
from utils.seeds import generator
from utils.speed import Meter, count_cost, forget_peak_memory, matrix_product_peak


def make_strong(options: RunOptions, height: int, width: int) -> dict[Place, Random]:
    """What comes to the base view of training images before the learned augmentation, by place: policy and cutout.

    Raises UserError for a policy that was never published, or that does not fit pictures of height x width pixels.
    """
    recipe, learned, found = options.defaults, options.learned_augmentation, dict[Place, Random]()
    if recipe.partner and learned and not learned.by_augmenter:
        found[Place.BEFORE_CROP] = RandPolicy(*recipe.partner, PARTNER_OPERATIONS)
    if options.aug_model in POLICIES:
        table = auto_augment_table(options.dataset, options.recipe)
        choice = Choice(options.rand, options.policy or options.dataset, table, height, width, options.amount or "")
        found |= make_policy(options.aug_model, choice)
    return found | ({Place.CUTOUT: Cutout(options.cutout)} if options.cutout else {})


def validation_images(dataset: str, data: Dataset) -> int:
    """Number of validation images: those that are there; a fixed one of a built-in data set; a fifth of own `train`."""
    if data.valid_given:
        return data.valid_given
    if dataset in BUILT_IN:
        return data.held_out or BUILT_IN[dataset].validation
    images = len(data.train) // OWN_VALIDATION
    if not images:
        raise UserError(f"{dataset} has {len(data.train)} training images, too few to hold some out; add valid/")
    refuse_lone_images(data, dataset)
    return images


def refuse_lone_images(data: Dataset, name: str) -> None:
    """Raise UserError when a class has a single image, which cannot be both trained on and held out."""
    lone = (data.train.labels.cpu().bincount() == 1).nonzero().flatten().tolist()
    if lone:
        names = ", ".join(data.class_names[label] if data.class_names else f"class {label}" for label in lone)
        raise UserError(f"{name} has a single image of {names}, so that none can be held out; add valid/")


def prepare_split(
    options: RunOptions, data: Dataset, find: Callable[[Path, np.ndarray, int, Distortion, int], Split] = find_split
) -> Split:
    """The run's distorted training set, which all settings share, and the part of it that this setting trains on.

    `find` is `find_split`, or `preview_split` if nothing may be written.
    """
    distortion = Distortion(
        validation_images(options.dataset, data),
        options.imbalance_ratio,
        options.subsample_ratio,
        options.noise_ratio,
        valid_given=data.valid_given > 0,
        subset=options.subset.suffix,
    )
    labels = data.train.labels.cpu().numpy()
    split = find(options.files.folder, labels, data.classes, distortion, options.seed)
    if data.given:
        split = data.given.put_into(split, labels)
    if options.oversplit:
        split = train_on_everything(split)
    if options.valid_images:
        split = keep_validation(split, labels, options.valid_images, options.seed)
    if options.train_on != "distorted":
        split = train_on_validation(split, with_distorted=options.train_on == "both")
    if len(split.train) < options.batch_size:
        raise UserError(f"{len(split.train)} training images are less than one batch; lower --batch-size")
    return split


def refuse_counts(options: RunOptions, split: Split) -> None:
    """Raise UserError for numbers of images that the split's training images do not have."""
    images_to_augment(options.augmented, split)
    options.estimator_class.check_images(options, len(split.train))


def images_to_augment(augmented: str | None, split: Split) -> int | None:
    """How many of the split's distorted images are augmented, by --augmented; None if all images are.

    Raises UserError when there are fewer images, or when a share is of none.
    """
    if augmented is None:
        return None
    images = len(distorted_images(split))
    count = count_of(augmented, images)
    if not 0 < count <= images:
        raise UserError(f"--augmented {augmented} is {count} of {images} images; {'lower' if count else 'raise'} it")
    return count


def make_views(
    options: RunOptions,
    data: Dataset,
    draws: torch.Generator,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Views:
    """The views of images: augmented in training, always normalised; with --view-valid, clean ones are transformed.

    `dtype` is that of normalised images.
    """
    normalise = make_normalise(options, data, device, dtype)
    in_memory = isinstance(data.train, ImageTable)
    # Streamed images come as random resized crops.
    standard = [name for name in split_names(options.standard) if in_memory or name != "resized"]
    base = {place: make() for place, make in (STANDARD[name] for name in standard)}
    _, *size = data.train.shape
    strong = base | make_strong(options, *size)
    base_view, training = (TrainingView(augmentation, normalise, draws) for augmentation in (base, strong))
    return Views(
        normalise=normalise,
        evaluation=plant(options.view_valid, normalise, *size),
        base=base_view,
        training=training,
        clean=plant(options.view_valid, normalise if options.overfit else training, *size),
        clean_is_validation=not options.overfit,
        copies=make_copies(options, normalise, data),
    )


def make_copies(options: RunOptions, normalise: Normalise, data: Dataset) -> CopyViews | None:
    """Views of the copies of training and of test images, which may differ in size, if the estimator needs them."""
    if not options.estimator_class.drawn_copies(options):
        return None
    draws, sizes = generator(options.seed, "copies"), [part.shape[1:] for part in (data.train, data.test)]
    training, evaluation = (_copies(options, normalise, draws, *size) for size in sizes)
    name = f"{options.aug_model} {options.view_valid} "
    if options.aug_model in COPY_NAMES:
        name += options.amount or ""
    else:
        table = options.policy or options.dataset, auto_augment_table(options.dataset, options.recipe)
        name += f"{options.rand} {table} {options.estimator_class.drawn_copies(options)} {options.seed}"
    return CopyViews(name, training, plant(options.view_valid, evaluation, *sizes[1]))


def _copies(
    options: RunOptions, normalise: Normalise, draws: torch.Generator, height: int, width: int
) -> Callable[[Tensor], Iterable[Tensor]]:
    """Normalised copies of stored images of height x width pixels: fixed ones, or drawn ones."""
    if options.aug_model in COPY_NAMES:
        fixed = fixed_copies(options.aug_model, options.amount or "", height, width)
        return lambda images: map(normalise, fixed(images))
    view = TrainingView(make_strong(options, height, width), normalise, draws)
    return lambda images: (view(images) for _ in range(options.estimator_class.drawn_copies(options)))


def read_at_once(options: RunOptions) -> int:
    """Images of all batches that are read at the same time, at most: for a hypergradient, training and clean ones."""
    own = options.estimator_class.hyper_options
    # Hypergradients are taken in a pass of their own, or in the train pass.
    pair = options.hyper_batch_size if "hyper_batch_size" in own else options.batch_size if own else 0
    return max(EVALUATION_BATCH, options.batch_size, 2 * pair)


def make_loaders(options: RunOptions, data: Dataset, split: Split, group: Group = ALONE) -> Loaders:
    """The run's batches, which the processes of a group share."""
    if not data.memory:  # streamed
        largest = min(read_at_once(options), len(data.train) + len(data.test))
        refuse_little_shared_memory(largest * math.prod(data.train.shape), options.workers)
    train_order, hyper_order = (generator(options.seed, use) for use in ("train order", "hyper order"))
    return Loaders(data, split, train_order, hyper_order, options.overfit, options.workers, group)


def make_plan(options: RunOptions) -> Plan:
    """Sizes and rates of the passes."""

    def schedule(base: float, epochs: int) -> Rate:
        return make_schedule(
            options.lr_schedule,
            base,
            epochs,
            options.lr_decay_rate,
            options.lr_decay_epochs,
            options.lr_warm_epochs,
            options.lr_warm_multiplier,
            options.lr_after_warm,
        )

    return Plan(
        epochs=options.epochs,
        batch_size=options.batch_size,
        rate=schedule(options.lr, options.epochs),
        hyper_start=options.hyper_start,
        hyper_batch_size=options.hyper_batch_size,
        hyper_rate=schedule(options.hyper_lr, options.epochs - options.hyper_start),
        log_interval=options.log_interval,
        seed=options.seed,
    )


def make_training(
    options: RunOptions,
    data: Dataset,
    split: Split,
    device: torch.device,
    watch: Callable[[Batches], Batches] = lambda batches: batches,
    group: Group = ALONE,
) -> Training:
    """The training at its start: network, rows and batches.

    Args:
        options: resolved.
        data: on the run's device.
        split: the distorted training set.
        device: of the run.
        watch: wraps the batches of every pass.
        group: of the processes that train the run.

    Raises UserError when a batch has fewer images than there are processes.

    """
    refuse_small_batches(options, len(data.test_labels if options.overfit else split.valid), group.size)
    draws = generator(options.seed, "augmentation")
    model = make_network(options, data).to(device)
    if group.size > 1 and device.type == "cuda":
        model = synchronised(options, model)
    seen = encode(options, data, model, device) if options.freeze_encoder else data
    views = make_views(options, seen, draws, device, model.dtype)
    loaders = make_loaders(options, seen, split, group)
    rows = make_rows(
        loaders.given,
        data.classes,
        options.table_parts,
        options.aug_model == "SHA",
        LOSSES[options.training_loss],
        make_warp(options.warp, options.defaults.warp_enlargement),
        torch.device("cpu") if options.rows_on == "host" else device,
        make_augmenter(options, loaders.given, data, views.normalise),
        images_to_augment(options.augmented, split),
        group if options.rows_on == "sharded" else ALONE,
        model.dtype,
    )
    optimizer = torch.optim.SGD(
        [*filter(lambda weight: weight.requires_grad, model.parameters()), *rows.parameters()],
        options.lr,
        momentum=options.momentum,
        nesterov=options.momentum > 0,
        weight_decay=options.weight_decay,
    )
    cost = count_cost(model, seen.train.shape, seen.test.shape)
    meter = Meter(device, group.size * matrix_product_peak(device, model.precision))
    plan, parts = make_plan(options), options.row_parts
    training = Training(model, optimizer, rows, parts, data, loaders, views, plan, draws, watch, meter, cost, group)
    forget_peak_memory(device)
    if options.plot_debug:
        training.show_batches(options.files.debug)
    if options.compile:
        training.compile()
    return training
