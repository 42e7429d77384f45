#!/usr/bin/env python3
"""Train a classifier on a biased, noisy training set while learning how to augment, weigh and label every image."""

import sys
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from custom_datasets import (
    DataError,
    Dataset,
    Distortion,
    Loaders,
    Split,
    channel_statistics,
    find_source,
    find_split,
    keep_validation,
    load_dataset,
    train_on_validation,
)
from custom_models import ModelError, build_model, parse_model
from custom_transforms import (
    PARTNER_OPERATIONS,
    PUBLISHED,
    Normalise,
    PolicyError,
    RandPolicy,
    SubPolicies,
    TrainingView,
    published_policy,
)
from hyperopt import Hyperparameters, HyperSettings, hyper_pass
from utils.debug import BatchPictures
from utils.device import Stopwatch, pick_device
from utils.errors import UserError, exit_status
from utils.options import LEARNED_AUG_MODELS, TrainOptions, parse_options, resolve
from utils.passes import Batch, evaluate, train_pass
from utils.plan import plan, summary
from utils.recipes import RECIPES
from utils.record import Epoch, Record
from utils.run_folder import dataset_folder, finished_result, run_files
from utils.schedule import Cosine
from utils.seeds import generator

# Own data without a validation set gives up one of so many training images for it.
OWN_VALIDATION = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return exit_status(lambda: run(arguments), (UserError, DataError, ModelError, PolicyError))


def run(arguments: Sequence[str] | None) -> None:
    """Resolve the options, then plan, report a finished run, or train."""
    options = resolve(parse_options(TrainOptions, __doc__, arguments))
    find_source(options.dataset, dataset_folder(options))
    parse_model(options.model)
    make_policy(options)
    for note in options.notes:
        print(f"note: {note}", file=sys.stderr)
    finished = None if options.fresh else finished_result(options)
    if options.dry_run:
        print(plan(options, finished))
    elif finished:
        print(f"finished already, --fresh starts over: {summary(finished)}")
    else:
        print(summary(train(options, pick_device(options.gpu, options.no_cuda, options.threads))))


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


def prepare_split(options: TrainOptions, data: Dataset) -> Split:
    """The run's distorted training set, shared by all its rows, and what this row takes of it."""
    if options.dataset == options.recipe:
        validation = RECIPES[options.recipe].validation
    else:
        validation = data.valid_given or len(data.train) // OWN_VALIDATION
    distortion = Distortion(
        0 if options.oversplit else validation,
        options.imbalance_ratio,
        options.subsample_ratio,
        options.noise_ratio,
        valid_given=data.valid_given > 0,
    )
    labels = data.train.labels.cpu().numpy()
    split = find_split(run_files(options).folder, labels, data.classes, distortion, options.seed)
    if options.valid_images:
        split = keep_validation(split, labels, options.valid_images, options.seed)
    if options.train_on != "distorted":
        split = train_on_validation(split, with_distorted=options.train_on == "both")
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
    orders = (generator(options.seed, use) for use in ("train order", "hyper order"))
    return Loaders(data, split, normalise, training_view, *orders, options.overfit, options.workers)


def train(options: TrainOptions, device: torch.device) -> dict[str, Any]:
    """Distort the data set, then per epoch: hyper pass, train pass, evaluation, record. Returns the result."""
    data = load_dataset(options.dataset, dataset_folder(options), device)
    split = prepare_split(options, data)
    augmentation = generator(options.seed, "augmentation")
    loaders = make_loaders(options, data, split, augmentation, device)

    model = build_model(options.model, data.channels, data.classes, options.seed)
    model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), options.lr, momentum=0.9, nesterov=True, weight_decay=1e-4)
    decay = (options.lr_decay_rate, options.lr_warm_epochs)
    schedule = Cosine(options.lr, options.epochs, *decay)

    given_labels = torch.from_numpy(split.targets).to(device)
    hyper = Hyperparameters(
        given_labels,
        data.classes,
        options.aug_model,
        options.los_model,
        options.warp,
        options.distorted,
        home=device if options.rows == "device" else torch.device("cpu"),
    )
    settings = HyperSettings(
        opt=options.hyper_opt,
        iters=options.hyper_iters,
        alpha=options.hyper_alpha,
        damping=options.hyper_damping,
        valid=options.hyper_valid,
        steps=options.hyper_steps,
    )
    hyper_schedule = Cosine(options.hyper_lr, options.epochs - options.hyper_start, *decay)
    pictures = BatchPictures(run_files(options).debug if options.plot_debug else None)

    def training_loss(batch: Batch) -> Tensor:
        images, _, index = batch
        with torch.no_grad():
            rows = hyper.gather(index)
            augmented = hyper.augment(images, rows, augmentation)
        pictures.add(images, augmented)
        return hyper.training_loss(model(augmented), index, rows)

    with Record(options, device) as record:
        for epoch in range(1, options.epochs + 1):
            # Time in epochs since the start of each schedule.
            time, hyper_time = epoch - 1, epoch - 1 - options.hyper_start
            hyper_rate = 0.0
            clock = Stopwatch(device)
            if options.hyper_opt != "NONE" and hyper_time >= 0:
                hyper_rate = hyper_pass(
                    model,
                    hyper,
                    loaders.hyper(options.hyper_batch_size),
                    loaders.all_clean() if settings.valid == "full" else loaders.clean(options.hyper_batch_size),
                    settings,
                    lambda done, start=hyper_time: hyper_schedule(start + done),
                    augmentation,
                )
                if not hyper.finite():
                    raise UserError(f"diverged: a hyperparameter of epoch {epoch} is not a number; lower --lr")
            clock.lap("hyper")
            train_loss = train_pass(
                model,
                optimizer,
                loaders.train(options.batch_size),
                training_loss,
                lambda done, start=time: schedule(start + done),
                options.log_interval,
            )
            clock.lap("train")
            test = evaluate(model, loaders.test(), data.classes)
            valid = evaluate(model, loaders.valid(), data.classes)
            clock.lap("evaluation")
            rate = optimizer.param_groups[0]["lr"]
            figures = Epoch(epoch, train_loss, test, valid, rate, hyper_rate, clock.seconds)
            record.add(figures, model, hyper, loaders.train_index)
            tqdm.write(figures.line(options.epochs))
        images = {"train": len(split.train), "valid": len(split.valid), "test": len(data.test)}
        return record.finish(images, data.class_names)


if __name__ == "__main__":
    raise SystemExit(main())
