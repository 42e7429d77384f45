"""The files that a run writes: metrics per epoch, checkpoints, TensorBoard, the result."""

import csv
import io
import math
import statistics
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from utils.arrays import write_tensors
from utils.errors import DivergenceError
from utils.files import replace_file, write_json
from utils.passes import mean_per_class
from utils.runs.checkpoint import PUBLISHED_KEYS, Origin, write_last
from utils.runs.epochs import Epoch, how_to_go_on
from utils.runs.files import RunFiles
from utils.runs.log import Log
from utils.runs.network_facts import NETWORK
from utils.runs.progress import log_of_progress, write_progress
from utils.versions import commit, versions

DATE = "%Y-%m-%d_%H-%M-%S"  # in a log's name
# TensorBoard tag -> column of the metrics file. The first three are the published ones.
TAGS = {
    "Accuracy": "test_accuracy",
    "Train Loss": "train_loss",
    "Test Loss": "test_loss",
    "Validation Accuracy": "valid_accuracy",
    "Learning Rate": "learning_rate",
    "Hyper Learning Rate": "hyper_learning_rate",
    "Seconds/hyper pass": "hyper_seconds",
    "Seconds/train pass": "train_seconds",
    "Seconds/evaluation": "evaluation_seconds",
}


@dataclass(frozen=True)
class Epochs:
    """The epochs of a run: their number, and which accuracies they give.

    selects: whether an epoch may be selected on the validation images: not if the run trains on these. alike: whether
    they are states of one training, so that the mean of the last five means something.
    """

    count: int
    selects: bool
    alike: bool = True


class Record(AbstractContextManager):
    """Writes a run's files during the training. An earlier run's files are kept until the first epoch is recorded.

    The checkpoint of an epoch is written last: a run that is killed before that goes on from the epoch before, and
    writes the same files again.

    Args:
        files: of the run.
        options: the options that affect the result, by name.
        run_epochs: of the whole run.
        fresh: whether to discard the files of an earlier run of this name.
        device: of the run.
        origin: fingerprints of the run's data and rows.
        checkpoint: from which the run goes on, None for a run from scratch.
        network: what the checkpoints say about the network (`utils.runs.network_facts`).
        processes: how many train the run from here on.
        logs: folder for TensorBoard.

    """

    def __init__(
        self,
        files: RunFiles,
        options: dict[str, Any],
        run_epochs: Epochs,
        fresh: bool,
        device: torch.device,
        origin: Origin,
        checkpoint: dict[str, Any] | None = None,
        network: dict[str, Any] | None = None,
        processes: int = 1,
        logs: Path = Path("logs"),
    ):
        self.files, self.options, self.device, self.origin = files, options, device, origin
        self._run_epochs, self._fresh = run_epochs, fresh
        self._processes = processes
        self._network = {} if network is None else {NETWORK: network}
        self.run = files.folder.name
        self.commit = commit()  # now: the files may have changed by the end of the run
        # As lines of JSON, as in a checkpoint: each epoch is formatted once, not at every epoch after it.
        self.lines: list[str] = checkpoint["epochs"] if checkpoint else []
        self.epochs = [Epoch.of(line) for line in self.lines]
        self.log = self._earlier_log(checkpoint) or f"{self.run}_{files.name}_{time.strftime(DATE)}"
        if checkpoint:
            self._write_best(checkpoint)  # the run may have been killed between the two
        if checkpoint or not self._earlier_run():
            self._write_progress()
        # The entries of an incomplete epoch in the log are void.
        self.board = Log(logs / options["dataset"] / self.log, void_from=self.done + 1)
        if not self.done:
            self.board.add_table("Options", {"run": self.run} | options)

    def __exit__(self, *_: object) -> None:
        self.board.close()

    @property
    def done(self) -> int:
        """Number of recorded epochs."""
        return len(self.epochs)

    def add(
        self,
        epoch: Epoch,
        published: dict[str, Any],
        training: dict[str, Any],
        described: dict[str, Tensor],
        pictures: dict[str, Tensor],
    ) -> None:
        """Record an epoch that has just ended.

        Args:
            epoch: the figures.
            published: weights and rows by the keys of the published checkpoints.
            training: the rest of the state that the next epoch depends on.
            described: figures of the rows for the log, by tag.
            pictures: (C, H, W) in 0..1 for the log, by tag.

        Raises:
            DivergenceError: when a loss is not a number; the files are then those of the epoch before.

        """
        losses = {"training": epoch.train_loss, "validation": epoch.valid.loss, "test": epoch.test.loss}
        for name, loss in losses.items():
            if not math.isfinite(loss):
                raise DivergenceError(f"the {name} loss is {loss}; start over with --fresh and a lower --lr")
        if self.done == 0:
            self._remove_earlier_run()
        self.epochs.append(epoch)
        self.lines.append(epoch.stored())
        about = {"acc": epoch.test.accuracy, "epoch": epoch.epoch, "options": self.options}
        checkpoint = published | about | self._network
        self._write_metrics()  # first: it shows that the best checkpoint is one of this program
        scalars = {tag: epoch.metrics()[column] for tag, column in TAGS.items()}
        self.board.add(epoch.epoch, scalars, described, pictures)
        state = {"training": training, "epochs": self.lines, "log": self.log}
        origin = self.origin.stored() | {"versions": versions(self.device) | {"commit": commit()}}
        write_last(self.files, checkpoint | origin | state)
        self._write_best(checkpoint)
        self._write_progress()

    def how_to_go_on(self) -> str:
        """At which epoch a run stops that ends now, and what the same command does next."""
        return how_to_go_on(self.done)

    def diverged(self, error: DivergenceError) -> DivergenceError:
        """Store the error with its epoch for the results script, and return it with the epoch.

        It is not stored beside the files of an earlier run, which exist until the first epoch is recorded.
        """
        message = f"diverged in epoch {self.done + 1}: {error}"
        if self.done or not self._earlier_run():
            self._write_progress(message)
        return DivergenceError(message)

    def _earlier_log(self, checkpoint: dict[str, Any] | None) -> str | None:
        """The log of the run that goes on, even if it was stopped within its first epoch."""
        if checkpoint:
            return checkpoint["log"]
        return None if self._fresh or self._earlier_run() else log_of_progress(self.files)

    def _write_progress(self, diverged: str | None = None) -> None:
        write_progress(self.files, self.done, self._run_epochs.count, self.log, diverged)

    def _write_best(self, checkpoint: dict[str, Any]) -> None:
        """Write the best checkpoint, if it is this one."""
        if self.chosen_epochs()["best_on_test"].epoch == checkpoint["epoch"]:
            keys = (*PUBLISHED_KEYS, NETWORK)
            write_tensors(self.files.best, {key: checkpoint[key] for key in keys if key in checkpoint})

    def _remove_earlier_run(self) -> None:
        """Remove an earlier run's files. At every moment the rest is a finished run, one that can go on, or none."""
        files = self.files
        if self._earlier_run():  # otherwise the file is this run's own
            files.progress.unlink(missing_ok=True)
        for path in (files.last, files.result, *files.outcome, files.previous, files.best, files.metrics):
            path.unlink(missing_ok=True)

    def _write_metrics(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(self.epochs[-1].metrics()))
        writer.writeheader()
        writer.writerows(epoch.metrics() for epoch in self.epochs)
        replace_file(self.files.metrics, text.getvalue().encode())

    def chosen_epochs(self) -> dict[str, Epoch]:
        """The epoch of each accuracy that belongs to one epoch; the earliest of equally good ones.

        Nothing is selected on validation images if the run trains on them.
        """
        chosen = {
            "best_on_test": max(self.epochs, key=lambda epoch: epoch.test.accuracy),
            "selected_on_validation": max(self.epochs, key=lambda epoch: epoch.valid.accuracy),
            "last_epoch": self.epochs[-1],
        }
        if not self._run_epochs.selects:
            del chosen["selected_on_validation"]
        return chosen

    def last_five(self) -> float:
        """Mean test accuracy of the last five epochs, or of all if there are fewer."""
        return statistics.fmean(epoch.test.accuracy for epoch in self.epochs[-5:])

    def accuracies(self) -> dict[str, float]:
        """The test accuracies of the run so far, in percent."""
        found = {key: epoch.test.accuracy for key, epoch in self.chosen_epochs().items()}
        return found | ({"last_five": self.last_five()} if self._run_epochs.alike else {})

    def _earlier_run(self) -> bool:
        return self.files.result.exists() or self.files.last.exists()

    def finish(self, data: dict[str, Any]) -> dict[str, Any]:
        """Write and return the result; `data` holds its entries about the data set, by key."""
        chosen, accuracy = self.chosen_epochs(), self.accuracies()
        epochs = {key: chosen[key].epoch if key in chosen else self.done for key in accuracy}
        result = {
            "dataset": self.options["dataset"],
            "run": self.run,
            "name": self.files.name,
            "accuracy": accuracy,
            "epochs": epochs,
            "accuracy_per_class": {key: epoch.test.per_class for key, epoch in chosen.items()},
            "clean_accuracy": {
                "last_epoch": self.epochs[-1].valid.per_class,
                "mean_of_epochs": mean_per_class([epoch.valid for epoch in self.epochs]),
            },
            **data,
            "options": self.options,
            **self.origin.stored(),
            "seed": self.options["seed"],
            "versions": versions(self.device),
            "commit": self.commit,
            "timing": self._timing(),
        }
        self.files.previous.unlink(missing_ok=True)
        self.files.progress.unlink(missing_ok=True)
        write_json(self.files.result, result)  # last: with it the run is finished, and no file is removed any more
        return result

    def _timing(self) -> dict[str, Any]:
        """The entry of a result about time: the medians are over the epochs after the hyper start, if there is one."""
        typical = [epoch for epoch in self.epochs if epoch.epoch > self.options.get("hyper_start", 0)]
        return {
            "finished": time.strftime("%Y-%m-%d %H:%M:%S"),
            "processes": self._processes,
            "seconds": sum(sum(epoch.seconds.values()) for epoch in self.epochs),
            "median_seconds": {
                name: statistics.median(epoch.seconds[name] for epoch in typical) for name in self.epochs[-1].seconds
            },
        }
