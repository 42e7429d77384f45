"""A run's training: the network and the rows, and what moves them in an epoch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from custom_datasets import Dataset, Split, distorted_images, load_dataset
from custom_models import build_model
from hyperopt import Hyperparameters, HyperSettings, LearnedRows, hyper_pass
from utils.checkpoint import Origin, find_checkpoint, identify, identify_training_set
from utils.debug import BatchPictures
from utils.device import PRECISIONS, Stopwatch
from utils.errors import DivergenceError, Interrupted
from utils.files import bytes_there, refuse_full_disk, replace_file
from utils.interruption import Interruption
from utils.lock import only_writer
from utils.options import TrainOptions
from utils.passes import Batch, Batches, Evaluation, evaluate, train_pass
from utils.predictions import predict
from utils.preparation import make_loaders, prepare_split
from utils.record import Epoch, Record
from utils.row_options import LEARNED_AUG_MODELS
from utils.run_folder import dataset_folder, run_files
from utils.schedule import Cosine
from utils.seeds import generator
from utils.speed import Work, count_cost, forget_peak_memory, matrix_product_peak, peak_memory, speed
from utils.starting_rows import find_starting_rows

# Sizes of a checkpoint: last, the one before, the one that is being written, at most one for the best, and what is
# written at the end: the rows twice, which a checkpoint holds with as large a running square.
COPIES = 5


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
        self.options, self.device, self.classes, self.watch = options, device, data.classes, watch
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
            options.warp,
            options.distorted,
            home=device if options.rows_on == "device" else torch.device("cpu"),
        )
        decay = (options.lr_decay_rate, options.lr_warm_epochs)
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
        self._cost = count_cost(self.model, data.train.shape)
        self.peak = matrix_product_peak(device, precision)
        forget_peak_memory(device)
        if options.compile:
            self.model.encoder.compile()

    def state(self) -> dict[str, Any]:
        """What the next epoch depends on beside the weights and the values of the rows."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "rows": {name: table.state() for name, table in self.rows.tables.items()},
            "generators": {name: draws.get_state() for name, draws in self._generators().items()},
        }

    def load(self, checkpoint: dict[str, Any]) -> None:
        """Go on from a checkpoint of the same run."""
        self.model.encoder.load_state_dict(checkpoint["encoder_state_dict"])
        self.model.head.load_state_dict(checkpoint["decoder_state_dict"])
        values, state = checkpoint["reweight_state_dict"] | checkpoint["augment_state_dict"], checkpoint["training"]
        self.optimizer.load_state_dict(state["optimizer"])
        for name, table in self.rows.tables.items():
            table.load(values[name], state["rows"][name])
        for name, draws in self._generators().items():
            draws.set_state(state["generators"][name])
        self.pictures = BatchPictures(None)  # of the first batches, which are over

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
        (test, valid), work["evaluation"] = self.evaluate()
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
        clean = self.loaders.all_clean() if self.hyper_settings.valid == "full" else self.loaders.clean(size)
        rate = hyper_pass(
            self.model,
            self.rows,
            self.watch(batches),
            self.watch(clean),
            self.hyper_settings,
            lambda done: self.hyper_schedule(start + done),
            self.draws,
        )
        learns_pixels = self.options.aug_model in LEARNED_AUG_MODELS
        per_image = self._cost.to_pixels if learns_pixels else self._cost.forward
        return rate, Work(batches.images, batches.images * per_image + clean.images * self._cost.forward)

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
        return loss, Work(batches.images, batches.images * self._cost.training)

    def evaluate(self) -> tuple[list[Evaluation], Work]:
        """The network on the test and on the validation set."""
        batches = [self.loaders.test(), self.loaders.valid()]
        images = sum(part.images for part in batches)
        evaluations = [evaluate(self.model, self.watch(part), self.classes) for part in batches]
        return evaluations, Work(images, images * self._cost.forward)

    def _loss(self, batch: Batch) -> Tensor:
        images, _, index = batch
        with torch.no_grad():
            rows = self.rows.gather(index)
            augmented = self.rows.augment(images, rows, self.draws)
        self.pictures.add(images, augmented)
        return self.rows.training_loss(self.model(augmented), index, rows)


def train(options: TrainOptions, device: torch.device) -> dict[str, Any]:
    """Distort the data set and train on it, recording every epoch, or go on where a run stopped. Returns the result."""
    start = find_starting_rows(options)
    data = load_dataset(options.dataset, dataset_folder(options), device)
    split = prepare_split(options, data)
    if start:
        start.check_training_set(data, split)
    origin = Origin(identify(data, split), start.checksum if start else None)
    files = run_files(options)
    with only_writer(files), Interruption() as interruption:
        checkpoint = find_checkpoint(options, origin)
        training = Training(options, data, split, device, interruption.watch)
        if start:
            start.fill(training.rows)
        if checkpoint:
            training.load(checkpoint)
        refuse_full_disk(files.folder, COPIES * training.checkpoint_bytes() - bytes_there(files.checkpoints))
        with Record(options, device, origin, checkpoint) as record, how_to_go_on(record):
            checkpoint = None  # as large as everything that is trained
            train_epochs(training, record)
            write_outcome(training, data, split)
            images = {"train": len(split.train), "valid": len(split.valid), "test": len(data.test)}
            return record.finish(images, data.class_names)


def train_epochs(training: Training, record: Record) -> None:
    """The epochs that are not recorded yet. Raises DivergenceError with how far the run has come."""
    epochs = training.options.epochs
    for number in range(record.done + 1, epochs + 1):
        try:
            epoch = training.epoch(number)
            record.add(epoch, training.model, training.rows, training.loaders.train_index, training.state())
        except DivergenceError as error:
            raise record.diverged(error) from error
        tqdm.write(epoch.line(epochs))


def write_outcome(training: Training, data: Dataset, split: Split) -> None:
    """Write the rows, where there are some of distorted images, and the predictions of the last epoch."""
    options, files = training.options, run_files(training.options)
    if options.learns and options.trained_on == "distorted":
        index = torch.from_numpy(distorted_images(split))
        rows = LearnedRows.of(training.rows, index, options.dataset, identify_training_set(data, split))
        replace_file(files.rows, rows.as_pt())
        replace_file(files.rows_npz, rows.as_npz())
    test, trained = (training.watch(batches) for batches in (training.loaders.test(), training.loaders.trained()))
    predict(training.model, test, trained, training.rows.labels, data.train.labels).write(files.predictions)


@contextmanager
def how_to_go_on(record: Record) -> Iterator[None]:
    """Have a signal that ends the run say what there is to lose."""
    try:
        yield
    except Interrupted as stop:
        stop.hint = "within the first epoch: the same command starts over"
        if record.options.refit:
            stop.hint = "within the first epoch of the refit: the same command, without --fresh, starts that over"
        if record.done:
            stop.hint = f"after epoch {record.done}: the same command, without --fresh, goes on from there"
        raise
