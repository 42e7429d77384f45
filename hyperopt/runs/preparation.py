"""What a run starts from, as its options say: the policy, the distorted training set, the batches."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from custom_datasets.distortion import Distortion, Split, keep_validation, train_on_everything, train_on_validation
from custom_datasets.loaders import EVALUATION_BATCH, Loaders
from custom_datasets.split_file import find_split
from custom_datasets.table import Dataset, channel_statistics
from custom_datasets.workers import refuse_little_shared_memory
from custom_transforms.normalise import Normalise
from custom_transforms.policies import PARTNER_OPERATIONS, RandPolicy, SubPolicies, published_policy
from custom_transforms.published import PUBLISHED
from custom_transforms.view import TrainingView
from utils.errors import UserError
from utils.options import TrainOptions
from utils.recipes import RECIPES
from utils.row_options import LEARNED_AUG_MODELS
from utils.run_folder import run_files
from utils.seeds import generator

# Own data without a validation set gives up one of so many training images for it.
OWN_VALIDATION = 5


def make_policy(options: TrainOptions) -> RandPolicy | SubPolicies | None:
    """The policy that training images go through before the learned augmentation, None without one.

    Raises PolicyError for a policy that was never published.
    """
    recipe = RECIPES[options.recipe]
    if options.aug_model == "RAND":
        return RandPolicy(*recipe.rand)
    if options.aug_model in LEARNED_AUG_MODELS and recipe.partner:
        return RandPolicy(*recipe.partner, PARTNER_OPERATIONS)
    if options.aug_model in PUBLISHED:
        return published_policy(options.aug_model, options.policy or options.dataset)
    return None


def validation_images(options: TrainOptions, data: Dataset) -> int:
    """How many images validate: of a public data set as its recipe says, of own data `valid` or a fifth of `train`."""
    if options.dataset == options.recipe:
        return RECIPES[options.recipe].validation
    images = data.valid_given or len(data.train) // OWN_VALIDATION
    if not images:
        raise UserError(
            f"{options.dataset} has {len(data.train)} training images, too few to hold some out; add valid/"
        )
    if not data.valid_given:
        refuse_lone_images(options, data)
    return images


def refuse_lone_images(options: TrainOptions, data: Dataset) -> None:
    """Raise UserError when a class has a single image, which cannot be both trained on and held out."""
    lone = (data.train.labels.cpu().bincount() == 1).nonzero().flatten().tolist()
    if lone:
        names = ", ".join(data.class_names[label] if data.class_names else f"class {label}" for label in lone)
        raise UserError(f"{options.dataset} has a single image of {names}, so that none can be held out; add valid/")


def prepare_split(
    options: TrainOptions, data: Dataset, find: Callable[[Path, np.ndarray, int, Distortion, int], Split] = find_split
) -> Split:
    """The run's distorted training set, shared by all its rows, and what this row takes of it.

    `find` is `find_split`, or `preview_split` where nothing may be written.
    """
    distortion = Distortion(
        validation_images(options, data),
        options.imbalance_ratio,
        options.subsample_ratio,
        options.noise_ratio,
        valid_given=data.valid_given > 0,
    )
    labels = data.train.labels.cpu().numpy()
    split = find(run_files(options).folder, labels, data.classes, distortion, options.seed)
    if options.oversplit:
        split = train_on_everything(split)
    if options.valid_images:
        split = keep_validation(split, labels, options.valid_images, options.seed)
    if options.trained_on != "distorted":
        split = train_on_validation(split, with_distorted=options.trained_on == "both")
    if len(split.train) < options.batch_size:
        raise UserError(f"{len(split.train)} training images are less than one batch; lower --batch-size")
    return split


def make_loaders(
    options: TrainOptions, data: Dataset, split: Split, augmentation: torch.Generator, device: torch.device
) -> Loaders:
    """The run's batches: training images augmented as the recipe and the policy say, all normalised."""
    recipe = RECIPES[options.recipe]
    mean, std = recipe.mean, recipe.std
    if options.dataset != options.recipe:
        mean, std = channel_statistics(data.train.images)
    normalise = Normalise(mean, std, device)
    training_view = TrainingView(make_policy(options), recipe.standard, normalise, augmentation)
    if not data.memory:  # streamed
        # The hyper pass reads training and clean images at once.
        largest = max(EVALUATION_BATCH, options.batch_size, 2 * options.hyper_batch_size)
        largest = min(largest, len(data.train) + len(data.test))
        refuse_little_shared_memory(largest * math.prod(data.train.shape), options.workers)
    orders = (generator(options.seed, use) for use in ("train order", "hyper order"))
    return Loaders(data, split, normalise, training_view, *orders, options.overfit, options.workers)
