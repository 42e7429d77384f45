"""A run from its first epoch, or the one that it stopped after, to its result."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from custom_datasets.distortion import Split, distorted_images
from custom_datasets.sources import load_dataset
from custom_datasets.table import Dataset
from custom_datasets.workers import lost_workers
from hyperopt.learned_rows import LearnedRows
from hyperopt.runs.class_counts import announce, images_per_class
from hyperopt.runs.identity import (
    fingerprints,
    identify,
    identify_training_set,
    refuse_other_data,
    refuse_split_of_other_labels,
    remember_labels_of_split,
)
from hyperopt.runs.preparation import prepare_split
from hyperopt.runs.starting_rows import find_starting_rows
from hyperopt.runs.training import Training
from utils.checkpoint import Origin, find_checkpoint
from utils.colour import rgb
from utils.device import check_compiler, pick_device
from utils.errors import DivergenceError, Interrupted
from utils.files import bytes_there, refuse_full_disk, replace_file
from utils.interruption import Interruption
from utils.lock import only_writer
from utils.options import TrainOptions
from utils.predictions import predict
from utils.record import Record
from utils.run_folder import TESTED_ON_VALID, dataset_folder, run_files
from utils.versions import note_others

# Sizes of a checkpoint: last, the one before, the one that is being written, at most one for the best, and what is
# written at the end: the rows twice, which a checkpoint holds with as large a running square.
COPIES = 5
PICTURED = 10  # epochs of which the log has a picture, beside the first and the last


def prepare_device(options: TrainOptions) -> torch.device:
    """The device that the options choose."""
    device = pick_device(options.gpu, options.no_cuda, options.threads)
    if options.compile:
        check_compiler(device)
    return device


def train(options: TrainOptions, device: torch.device, later: Sequence[TrainOptions] = ()) -> dict[str, Any]:
    """Distort the data set and train on it, recording every epoch, or go on where a run stopped. Returns the result.

    `later` are the stages of the same command that start from this one's rows: what an earlier command left of them
    goes with what it left of this one, and a signal that comes at the very end stops before them.
    """
    files = run_files(options)
    files.refuse_folders()
    start = find_starting_rows(options)
    data = load_dataset(options.dataset, dataset_folder(options), device, rgb(options.background))
    tables = fingerprints(data)
    refuse_other_data(options, tables)
    refuse_split_of_other_labels(options, data)
    missing = [f"no test set: test accuracies are {TESTED_ON_VALID}"] if data.tested_on_valid else []
    for note in (*data.notes, *data.duplicates, *missing):
        print(f"note: {note}", file=sys.stderr)
    split = prepare_split(options, data)
    remember_labels_of_split(options, data)
    announce(options, data, split)
    if start:
        start.check_training_set(data, split)
    origin = Origin(identify(data, split), start.checksum if start else None)
    outdated = [run_files(stage) for stage in later if options.fresh]
    with ExitStack() as stack:
        for one in (files, *outdated):
            stack.enter_context(only_writer(one))
        interruption = stack.enter_context(Interruption())
        training = Training(options, data, split, device, interruption.watch)
        if start:
            start.fill(training.rows)
            start = None  # as large as the rows
        checkpoint = find_checkpoint(options, origin, training.layout())
        if checkpoint:
            training.load(checkpoint)
            note_others(checkpoint.get("versions"), device)
        refuse_full_disk(files.folder, COPIES * training.checkpoint_bytes() - bytes_there(files.checkpoints))
        record = stack.enter_context(Record(options, device, origin, checkpoint, outdated))
        with hinted(record), lost_workers(lambda: how_to_go_on(record)), interruption.before_errors():
            checkpoint = None  # as large as everything that is trained
            train_epochs(training, record)
            write_outcome(training, data, split, tables["table"])
            result = record.finish(describe(data, split) | tables)
            if later:
                interruption.check()
            return result


def is_pictured(number: int, epochs: int) -> bool:
    """Whether the log shows samples of epoch `number`: of the first, the last and about ten in between."""
    return number in (1, epochs) or number % -(-epochs // PICTURED) == 0


def describe(data: Dataset, split: Split) -> dict[str, Any]:
    """What a result says of the data set, beside the numbers that stand for it."""
    return {
        "class_names": data.class_names,
        "images": {"train": len(split.train), "valid": len(split.valid), "test": len(data.test)},
        "images_per_class": images_per_class(data, split),
        "tested_on": "valid" if data.tested_on_valid else "test",
    }


def train_epochs(training: Training, record: Record) -> None:
    """The epochs that are not recorded yet. Raises DivergenceError with how far the run has come."""
    epochs = training.options.epochs
    for number in range(record.done + 1, epochs + 1):
        try:
            epoch = training.epoch(number)
            pictures = training.samples() if is_pictured(number, epochs) else {}
            index = training.loaders.train_index
            record.add(epoch, training.model, training.rows, index, training.state(), pictures)
        except DivergenceError as error:
            raise record.diverged(error) from error
        tqdm.write(epoch.line(epochs))


def write_outcome(training: Training, data: Dataset, split: Split, table: str) -> None:
    """Write the predictions of the last epoch, and the rows of the distorted images where those are trained on."""
    options, files = training.options, run_files(training.options)
    trained, labels = training.watch(training.loaders.trained()), (training.rows.labels, data.train.labels)
    confidence = training.confidence.mean(), training.confidence.mean_other()
    predictions = predict(training.frozen, training.test_outputs(), trained, *labels, confidence, table)
    predictions.write(files.predictions)
    if options.learns and options.trained_on != "valid":
        index = distorted_images(split)
        confidence = predictions.train_confidence[np.isin(predictions.train_index, index)]  # both ascend
        origin = options.dataset, identify_training_set(data, split)
        rows = LearnedRows.of(training.rows, torch.from_numpy(index), *origin, torch.from_numpy(confidence))
        replace_file(files.rows, rows.as_pt())
        replace_file(files.rows_npz, rows.as_npz())


def how_to_go_on(record: Record) -> str:
    """When a run that ends now does, and what its command does then."""
    if record.done:
        return f"after epoch {record.done}: the same command, without --fresh, goes on from there"
    if record.options.refit:
        return "within the first epoch of the refit: the same command, without --fresh, starts that over"
    return "within the first epoch: the same command starts over"


@contextmanager
def hinted(record: Record) -> Iterator[None]:
    """Have a signal that ends the run say how to go on."""
    try:
        yield
    except Interrupted as stop:
        stop.hint = how_to_go_on(record)
        raise
