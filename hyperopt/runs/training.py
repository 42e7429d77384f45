"""A run's training: the network and the rows, and what moves them in an epoch."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torchvision.utils import make_grid

from custom_datasets.distortion import Split
from custom_datasets.table import Dataset
from custom_models.classifier import build_model
from custom_models.frozen import FrozenClassifier
from hyperopt.estimators import HyperSettings
from hyperopt.hyper_pass import CleanGradient, clean_features, gradients_of_all, gradients_of_batches, hyper_pass
from hyperopt.hyperparameters import Hyperparameters
from hyperopt.runs.preparation import make_loaders
from hyperopt.warps import make_warp
from utils.checkpoint import published_state
from utils.confidence import Confidence
from utils.debug import BatchPictures
from utils.device import PRECISIONS, Stopwatch
from utils.epochs import Epoch
from utils.options import TrainOptions
from utils.passes import Batch, Batches, Evaluation, Outputs, Seen, evaluate, train_pass
from utils.recipes import RECIPES
from utils.row_options import LEARNED_AUG_MODELS
from utils.run_folder import run_files
from utils.schedule import Cosine
from utils.seeds import generator
from utils.speed import Work, count_cost, forget_peak_memory, matrix_product_peak, peak_memory, speed

SAMPLES = 8  # images in a picture of the log


class Training:
    """The network, the rows, their optimisers and learning rates, and the batches of a run.

    Args:
        options: resolved.
        data: on the run's device.
        split: the distorted training set.
        device: of the run.
        watch: lays itself around the batches of every pass, for whoever wants to end one between two steps.

    """

    def __init__(
        self,
        options: TrainOptions,
        data: Dataset,
        split: Split,
        device: torch.device,
        watch: Callable[[Batches], Batches] = lambda batches: batches,
    ):
        self.options, self.device, self._data, self.watch = options, device, data, watch
        self.draws = generator(options.seed, "augmentation")
        self.loaders = make_loaders(options, data, split, self.draws, device)

        precision = PRECISIONS[options.precision]
        self.model = build_model(options.model, data.channels, data.classes, options.seed, precision).to(device)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), options.lr, momentum=0.9, nesterov=True, weight_decay=1e-4
        )
        self.rows = Hyperparameters(
            torch.from_numpy(split.targets).to(device),
            data.classes,
            options.aug_model,
            options.los_model,
            make_warp(options.warp, RECIPES[options.recipe].warp_enlargement),
            options.training_loss,
            home=device if options.rows_on == "device" else torch.device("cpu"),
        )
        decay = (options.lr_decay_rate, options.lr_warm_epochs)
        self.confidence = Confidence(self.rows.labels)
        self.schedule = Cosine(options.lr, options.epochs, *decay)
        self.hyper_schedule = Cosine(options.hyper_lr, options.epochs - options.hyper_start, *decay)
        self.hyper_settings = HyperSettings(
            opt=options.hyper_opt,
            iters=options.hyper_iters,
            alpha=options.hyper_alpha,
            damping=options.hyper_damping,
            valid=options.hyper_valid,
            steps=options.hyper_steps,
        )
        self.pictures = BatchPictures(run_files(options).debug if options.plot_debug else None)
        self.frozen = FrozenClassifier(self.model)
        # Outputs of the last evaluation: of the clean images for the next hyper pass, of the test images for the end.
        self._clean: Outputs | None = None
        self._test: Outputs | None = None
        self._cost = count_cost(self.model, data.train.shape)
        self.peak = matrix_product_peak(device, precision)
        forget_peak_memory(device)
        if options.compile:
            self.model.encoder.compile()
            self.frozen.encoder.compile()

    def state(self) -> dict[str, Any]:
        """What the next epoch depends on beside the weights and the values of the rows."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "rows": {name: table.state() for name, table in self.rows.tables.items()},
            "confidence": self.confidence.state(),
            "generators": {name: draws.get_state() for name, draws in self._generators().items()},
        }

    def layout(self) -> dict[str, Any]:
        """What a checkpoint of this run has beside its figures; only keys, types and shapes count."""
        momentum = {place: {"momentum_buffer": weight} for place, weight in enumerate(self.model.parameters())}
        state = self.state()
        state["optimizer"]["state"] = momentum
        return published_state(self.model, self.rows.values()) | {"training": state}

    def load(self, checkpoint: dict[str, Any]) -> None:
        """Go on from a checkpoint of the same run, which has its `layout`."""
        self.model.encoder.load_state_dict(checkpoint["encoder_state_dict"])
        self.model.head.load_state_dict(checkpoint["decoder_state_dict"])
        self.frozen.refresh(self.model)
        values, state = checkpoint["reweight_state_dict"] | checkpoint["augment_state_dict"], checkpoint["training"]
        # What else it has comes from the options.
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state["optimizer"]["state"]})
        for name, table in self.rows.tables.items():
            table.load(values[name], state["rows"][name])
        self.confidence.load(state["confidence"])
        for name, draws in self._generators().items():
            draws.set_state(state["generators"][name])
        if self.options.plot_debug:
            print("note: --plot-debug draws a run's first batches, which are over; add --fresh", file=sys.stderr)
        self.pictures = BatchPictures(None)

    def checkpoint_bytes(self) -> int:
        """About what a checkpoint takes: weights, their momentum, rows with their running squares and visits."""
        weights = sum(weight.nbytes for weight in self.model.parameters())
        return 2 * weights + sum(
            table.values.nbytes + table.square.nbytes + table.visited.nbytes for table in self.rows.tables.values()
        )

    def _generators(self) -> dict[str, torch.Generator]:
        return {"augmentation": self.draws} | self.loaders.orders

    def epoch(self, number: int) -> Epoch:
        """Epoch `number`, from 1: hyper pass, train pass, evaluation.

        Raises DivergenceError when a loss or a hypergradient is not a number.
        """
        clock, work = Stopwatch(self.device), {}
        hyper_rate = 0.0
        if self.options.moves_rows and number > self.options.hyper_start:
            hyper_rate, work["hyper"] = self.move_rows(number)
            clock.lap("hyper")
        train_loss, work["train"] = self.move_network(number)
        clock.lap("train")
        (test, valid), work["evaluation"] = self.evaluate(number)
        clock.lap("evaluation")
        return Epoch(
            number,
            train_loss,
            test,
            valid,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            hyper_learning_rate=hyper_rate,
            seconds={"hyper": 0.0} | clock.seconds,
            speeds={name: speed(done, clock.seconds[name], self.peak) for name, done in work.items()},
            memory=peak_memory(self.device),
        )

    def move_rows(self, number: int) -> tuple[float, Work]:
        """The hyper pass of epoch `number`; returns its last learning rate."""
        size, start = self.options.hyper_batch_size, number - 1 - self.options.hyper_start
        batches = self.loaders.hyper(size)
        clean, clean_images = self._clean_gradients(size, len(batches))
        rate = hyper_pass(
            self.frozen,
            self.rows,
            self.watch(batches),
            clean,
            self.hyper_settings,
            lambda done: self.hyper_schedule(start + done),
            self.draws,
        )
        learns_pixels = self.options.aug_model in LEARNED_AUG_MODELS
        per_image = self._cost.to_pixels if learns_pixels else self._cost.forward
        return rate, Work(batches.images, batches.images * per_image + clean_images * self._cost.forward)

    def _clean_gradients(self, size: int, steps: int) -> tuple[Iterator[CleanGradient], int]:
        """The clean gradients of a hyper pass, and how many images the network has to see for them."""
        if self.hyper_settings.valid == "batch":
            batches = self.loaders.clean(size)
            return gradients_of_batches(self.frozen, self.rows, self.watch(batches)), batches.images
        batches, seen, self._clean = self.loaders.all_clean(), self._clean, None
        if seen:
            features, labels, images = seen.features, seen.labels, 0
        else:
            features, labels = clean_features(self.frozen, self.rows, self.watch(batches))
            images = batches.images
        return gradients_of_all(self.frozen, features, labels, self.hyper_settings, steps), images

    def move_network(self, number: int) -> tuple[float, Work]:
        """The train pass of epoch `number`; returns its mean loss."""
        batches = self.loaders.train(self.options.batch_size)
        loss = train_pass(
            self.model,
            self.optimizer,
            self.watch(batches),
            self._loss,
            lambda done: self.schedule(number - 1 + done),
            self.options.log_interval,
        )
        self.frozen.refresh(self.model)
        return loss, Work(batches.images, batches.images * self._cost.training)

    def evaluate(self, number: int) -> tuple[list[Evaluation], Work]:
        """The network on the test and on the validation set, in epoch `number`."""
        test, valid = self.loaders.test(), self.loaders.valid()
        # A hyper pass that sees the clean images as this evaluation does need not compute their features again.
        to_come = self.options.moves_rows and self.options.hyper_start <= number < self.options.epochs
        same = not (self.options.overfit or self.rows.views_validation_anew)
        seen_valid = Seen() if to_come and same and self.hyper_settings.valid == "full" else None
        seen_test = Seen() if number == self.options.epochs else None
        evaluations = [
            evaluate(self.frozen, self.watch(batches), self._data.classes, seen)
            for batches, seen in ((test, seen_test), (valid, seen_valid))
        ]
        self._clean, self._test = seen_valid and seen_valid.outputs(), seen_test and seen_test.outputs()
        images = test.images + valid.images
        return evaluations, Work(images, images * self._cost.forward)

    def test_outputs(self) -> Outputs:
        """What the network makes of the test images: of the last evaluation, if this training has had it."""
        if self._test is None:
            seen = Seen()
            evaluate(self.frozen, self.watch(self.loaders.test()), self._data.classes, seen)
            self._test = seen.outputs()
        return self._test

    def samples(self) -> dict[str, Tensor]:
        """A picture (C, H, W) of some training images, above as they are and below under their learned augmentation.

        By its tag; nothing where none is learned. The draws are the same every time, and no others depend on them.
        """
        if self.options.aug_model not in LEARNED_AUG_MODELS:
            return {}
        index = self.loaders.train_index[:SAMPLES]
        images = self._data.pixels(index)
        with torch.no_grad():
            augmented = self.rows.augment(images, self.rows.gather(index), generator(self.options.seed, "samples"))
        return {"Learned augmentation": make_grid(torch.cat((images, augmented)), nrow=len(index))}

    def _loss(self, batch: Batch) -> Tensor:
        images, _, index = batch
        with torch.no_grad():
            rows = self.rows.gather(index)
            augmented = self.rows.augment(images, rows, self.draws)
        self.pictures.add(images, augmented)
        logits = self.model(augmented)
        self.confidence.add(index, logits.detach())
        return self.rows.training_loss(logits, index, rows)
