"""A run, from its first epoch or its last checkpoint to its result."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from tqdm import tqdm

from custom_datasets.distortion import Split
from custom_datasets.table import Dataset
from custom_datasets.workers import lost_workers
from hyperopt.estimators.estimator import Estimator
from hyperopt.options.augmenter import AugmenterOptions, refuse_grey
from hyperopt.options.run_options import RunOptions
from hyperopt.runs.class_counts import announce
from hyperopt.runs.data import read_dataset
from hyperopt.runs.earlier import find_earlier
from hyperopt.runs.fingerprints import (
    fingerprint_run,
    fingerprints,
    refuse_other_data,
    refuse_split_of_other_labels,
    remember_labels_of_split,
)
from hyperopt.runs.going_on import find_state
from hyperopt.runs.network import make_normalise
from hyperopt.runs.outcome import describe, write_outcome
from hyperopt.runs.processes import note_undivided, one_writer
from hyperopt.runs.set_up import make_strong, make_training, prepare_split, refuse_counts
from hyperopt.runs.stages import Stage
from hyperopt.runs.starting_rows import find_starting_rows, note_certain_labels
from hyperopt.runs.trained_network import facts_of
from utils.device import check_compiler, pick_device
from utils.errors import DivergenceError, Interrupted, LostProcessError
from utils.group import ALONE, Group
from utils.passes import Evaluation
from utils.runs.accuracies import TESTED_ON_VALID
from utils.runs.checkpoint import Origin
from utils.runs.epochs import Epoch
from utils.runs.interruption import Interruption
from utils.runs.onlooker import Onlooker
from utils.runs.owner import remember_owner
from utils.runs.record import Epochs, Record
from utils.speed import peak_memory

PICTURED = 10  # epochs with a picture in the log, besides the first and the last


def prepare_device(options: RunOptions) -> torch.device:
    """The device that the options choose."""
    device = pick_device(options.gpu, options.no_cuda, options.threads)
    if options.compile:
        check_compiler(device)
    return device


def train(stage: Stage, device: torch.device, later: Sequence[Stage] = (), group: Group = ALONE) -> dict[str, Any]:
    """Train on a distorted data set while an estimator fills its rows, or go on with a stopped training.

    Returns the result. This is algorithm 1 of AutoDO (arXiv 2103.05863) for any estimator: `epoch` moves rows and
    network. A signal that comes at the very end takes effect before the `later` stages of the command, if any follow.
    The processes of a group train the run together, and the leader writes its files.
    """
    options, files = stage.training, stage.run.files
    note_undivided(options.rows_on, group)
    with group.leader_first():
        files.refuse_folders()
        start = find_starting_rows(options)
        data = read_data(options, device)
        for stage_after in later:
            make_strong(stage_after.training, *data.train.shape[1:])  # refuses one that does not fit these pictures
        split = distort(options, data)
        for each in (stage, *later):
            if each.run.files.folder == files.folder:  # another run folder has another split
                refuse_counts(each.training, split)
        if start:
            start.check_training_set(data, split)
            note_certain_labels(start, options.training_loss)
        fingerprint = fingerprint_run(data, split)
        earlier = find_earlier(stage, fingerprint, data.classes)
        origin = Origin(fingerprint, start.fingerprint if start else None, earlier.checksum if earlier else None)

    with one_writer(files, group), Interruption() as interruption:
        with group.leader_first():
            training = make_training(options, data, split, device, interruption.watch, group)
            estimator = options.estimator_class(options.estimator, training)
            if start:
                start.fill(training.rows)
            if finished := earlier or (start and start.run(data.classes)):
                estimator.begin(finished)
        checkpoint = find_state(stage, estimator, origin, device)
        epochs = Epochs(estimator.epochs, selects=not options.sees_valid, alike=estimator.epochs_alike)
        # Views of a head on computed features are of these; its network takes pictures.
        normalise = make_normalise(options, data, device) if options.freeze_encoder else training.views.normalise
        facts = facts_of(options.model, options.background, data, normalise).stored()
        record = (
            Record(files, stage.run.identity, epochs, options.fresh, device, origin, checkpoint, facts, group.size)
            if group.leads
            else Onlooker(checkpoint["epoch"] if checkpoint else 0)
        )
        start = earlier = finished = checkpoint = None  # each as large as the rows or the network
        with record, ending(record, interruption):
            for number in range(record.done + 1, epochs.count + 1):
                training.meter.start()
                loss = estimator.epoch(number)
                epoch = figures(estimator, number, loss, *estimator.evaluate(number))
                pictures = training.samples() if is_pictured(number, epochs.count) else {}
                record.add(epoch, training.published(), estimator.whole_state(), training.described(), pictures)
                tqdm.write(epoch.line(epochs.count))
            write_outcome(stage, estimator, split, record.accuracies())
            result = record.finish(describe(data, split) | estimator.result())
            if later:
                interruption.check(group)
            return group.agree(lambda: result)


def read_data(options: RunOptions, device: torch.device) -> Dataset:
    """Read the data set; notes about it are printed to stderr.

    Raises UserError when it cannot be read, when other runs of the run folder have another data set, when there are
    fewer test images than the options ask for, or when the images are grey and an augmenter needs colours.
    """
    data = read_dataset(options, device, labels=options.label_file)
    data = data.evaluating(options.test_images)
    refuse_other_data(options.files, options.read_as, fingerprints(data))
    refuse_split_of_other_labels(options.files.folder, options.split_name, data)
    missing = [f"no test set: test accuracies are {TESTED_ON_VALID}"] if data.tested_on_valid else []
    if isinstance(options.augmenter, AugmenterOptions):
        refuse_grey(options.augmenter.net_kind, data.channels, options.dataset)
    for note in (*data.notes, *data.duplicates, *missing):
        print(f"note: {note}", file=sys.stderr)
    return data


def distort(options: RunOptions, data: Dataset) -> Split:
    """The run's biased, noisy training set; its images per class are printed."""
    split = prepare_split(options, data)
    remember_owner(options.runs_folder, options.folder)
    remember_labels_of_split(options.files.folder, options.split_name, data)
    own = data.train.labels.cpu().numpy()
    for note in data.given.describe(split, own) if data.given else ():
        print(f"note: {note}", file=sys.stderr)
    announce(data, split, None if options.public else options.dataset)
    return split


def figures(estimator: Estimator, number: int, loss: float, test: Evaluation, valid: Evaluation) -> Epoch:
    """The figures of epoch `number`, which has just ended with this mean training loss and these evaluations."""
    training = estimator.training
    return Epoch(
        number,
        loss,
        test,
        valid,
        learning_rate=training.optimizer.param_groups[0]["lr"],
        hyper_learning_rate=estimator.rows_rate if training.rows.takes_rate else 0.0,
        seconds=dict(training.meter.seconds),
        speeds=dict(training.meter.speeds),
        memory=peak_memory(training.meter.device),
        measures=training.measures() | estimator.measures(),
    )


def is_pictured(number: int, epochs: int) -> bool:
    """Whether the log shows samples of epoch `number`: the first, the last and about ten in between."""
    return number in (1, epochs) or number % -(-epochs // PICTURED) == 0


@contextmanager
def ending(record: Record | Onlooker, interruption: Interruption) -> Iterator[None]:
    """Add to any exception that ends a run early how the run goes on; store a divergence for the results script."""
    with lost_workers(record.how_to_go_on), interruption.before_errors():
        try:
            yield
        except Interrupted as stop:
            stop.hint = record.how_to_go_on()
            raise
        except LostProcessError as error:
            raise LostProcessError(f"{error}, {record.how_to_go_on()}") from error
        except DivergenceError as error:
            raise record.diverged(error) from error
