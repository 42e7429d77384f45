"""What a run leaves behind: metrics per epoch, checkpoints, TensorBoard, the result."""

import csv
import dataclasses
import io
import math
import platform
import statistics
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import numpy
import torch
import torchvision
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from utils.checkpoint import Origin, write_last
from utils.errors import DivergenceError
from utils.files import replace_file, write_checkpoint, write_json
from utils.options import TrainOptions
from utils.passes import Evaluation
from utils.progress import write_progress
from utils.run_folder import run_files


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One epoch's figures. Losses are in nats; the seconds are those of the hyper and train pass and the evaluation.

    learning_rate, hyper_learning_rate: of the last step, the latter 0 without a hyper pass.
    speeds: of the passes, in words. memory: the most used so far, in GiB.
    """

    epoch: int
    train_loss: float
    test: Evaluation
    valid: Evaluation
    learning_rate: float
    hyper_learning_rate: float
    seconds: dict[str, float]
    speeds: dict[str, str]
    memory: float

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "Epoch":
        """The epoch that `dataclasses.asdict` made `stored` of."""
        return cls(**stored | {name: Evaluation(**stored[name]) for name in ("test", "valid")})

    def row(self) -> dict[str, float | int]:
        """The epoch as a row of the metrics file."""
        return {
            "epoch": self.epoch,
            "train_loss": self.train_loss,
            "test_loss": self.test.loss,
            "test_accuracy": self.test.accuracy,
            "valid_loss": self.valid.loss,
            "valid_accuracy": self.valid.accuracy,
            "learning_rate": self.learning_rate,
            "hyper_learning_rate": self.hyper_learning_rate,
            **{f"{name}_seconds": round(seconds, 4) for name, seconds in self.seconds.items()},
        }

    def line(self, epochs: int) -> str:
        """The epoch as a line of the log."""
        passes = "  ".join(f"{name} {self.seconds[name]:.2f} s ({speed})" for name, speed in self.speeds.items())
        return (
            f"epoch {self.epoch}/{epochs}  train loss {self.train_loss:.4f}  test loss {self.test.loss:.4f}  "
            f"test {self.test.accuracy:.2f} %  valid {self.valid.accuracy:.2f} %  lr {self.learning_rate:.2e}  "
            f"{passes}  memory {self.memory:.1f} GiB"
        )


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


# What the published code keeps of an epoch, and the options.
PUBLISHED_KEYS = (
    "encoder_state_dict",
    "decoder_state_dict",
    "reweight_state_dict",
    "augment_state_dict",
    "acc",
    "epoch",
    "options",
)


class Rows(Protocol):
    """What is recorded of the rows of hyperparameters."""

    def values(self) -> dict[str, Tensor]:
        """The tables, (N or 1, k) each, by name."""

    def describe(self, index: Tensor) -> dict[str, Tensor]:
        """What the rows of the images `index` (B,) have come to, by TensorBoard tag."""


class Record(AbstractContextManager):
    """Writes a run's files as it goes. An earlier run's files stay until the first epoch is recorded.

    What an epoch leaves is complete when its checkpoint has its name, which comes last: a run that is killed before
    goes on from the epoch before, and writes the same again.

    Args:
        options: resolved.
        device: of the run.
        origin: what the run is trained on and starts from.
        checkpoint: that the run goes on from, None for a run from scratch.
        logs: folder for TensorBoard.

    """

    def __init__(
        self,
        options: TrainOptions,
        device: torch.device,
        origin: Origin,
        checkpoint: dict[str, Any] | None = None,
        logs: Path = Path("logs"),
    ):
        self.options, self.device, self.origin = options, device, origin
        self.files = run_files(options)
        self.epochs = [Epoch.of(stored) for stored in checkpoint["epochs"]] if checkpoint else []
        date = time.strftime("%Y-%m-%d_%H-%M-%S")
        self.log = checkpoint["log"] if checkpoint else f"{options.run_folder}_{options.run_name}_{date}"
        # Whatever an epoch that is not complete has left in the log is void.
        self.board = SummaryWriter(logs / options.dataset / self.log, purge_step=self.done + 1)
        if checkpoint:
            self._write_best(checkpoint)  # a kill may have come between the two
        if checkpoint or not self._earlier_run():
            write_progress(self.files, self.done, options.epochs)

    def __exit__(self, *_: object) -> None:
        self.board.close()

    @property
    def done(self) -> int:
        """Epochs that are recorded."""
        return len(self.epochs)

    def add(self, epoch: Epoch, model: nn.Module, rows: Rows, train_index: Tensor, training: dict[str, Any]) -> None:
        """Record an epoch that has just ended.

        Args:
            epoch: the figures.
            model: encoder and head.
            rows: the tables of hyperparameters.
            train_index: (n,), the images that are trained on.
            training: what the next epoch depends on beside the weights and the rows.

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
        checkpoint = self._checkpoint(epoch, model, rows.values())
        self._write_metrics()  # first: by it the best checkpoint is known as one of this program
        self._write_log(epoch, rows, train_index)
        state = {"training": training, "epochs": [dataclasses.asdict(one) for one in self.epochs], "log": self.log}
        write_last(self.files, checkpoint | dataclasses.asdict(self.origin) | state)
        self._write_best(checkpoint)
        write_progress(self.files, self.done, self.options.epochs)

    def diverged(self, error: DivergenceError) -> DivergenceError:
        """Keep the error with the epoch that it came in for the results script, and return it so.

        Not beside the files of an earlier run, which are there until the first epoch is recorded.
        """
        told = f"diverged in epoch {self.done + 1}: {error}"
        if self.done or not self._earlier_run():
            write_progress(self.files, self.done, self.options.epochs, told)
        return DivergenceError(told)

    def _write_best(self, checkpoint: dict[str, Any]) -> None:
        """Write the best checkpoint if it is this one."""
        if self.chosen_epochs()["best_on_test"].epoch == checkpoint["epoch"]:
            write_checkpoint(self.files.best, {key: checkpoint[key] for key in PUBLISHED_KEYS})

    def _remove_earlier_run(self) -> None:
        """In an order in which a kill leaves a finished run, one that can go on, or none."""
        files = self.files
        trained = (files.progress, files.last, files.result, files.previous, files.best, files.metrics)
        for path in (*trained, *files.outcome):
            path.unlink(missing_ok=True)

    def _write_log(self, epoch: Epoch, rows: Rows, train_index: Tensor) -> None:
        for tag, column in TAGS.items():
            self.board.add_scalar(tag, epoch.row()[column], epoch.epoch)
        for tag, values in rows.describe(train_index).items():
            self.board.add_histogram(tag, values, epoch.epoch)
        self.board.flush()

    def _write_metrics(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(self.epochs[-1].row()))
        writer.writeheader()
        writer.writerows(epoch.row() for epoch in self.epochs)
        replace_file(self.files.metrics, text.getvalue().encode())

    def _checkpoint(self, epoch: Epoch, model: nn.Module, tables: dict[str, Tensor]) -> dict[str, Any]:
        """The epoch's `PUBLISHED_KEYS`."""
        return {
            "encoder_state_dict": model.encoder.state_dict(),
            "decoder_state_dict": model.head.state_dict(),
            "reweight_state_dict": {name: tables[name] for name in ("weight", "soft_label") if name in tables},
            "augment_state_dict": {name: tables[name] for name in ("augmentation",) if name in tables},
            "acc": epoch.test.accuracy,
            "epoch": epoch.epoch,
            "options": self.options.identity,
        }

    def chosen_epochs(self) -> dict[str, Epoch]:
        """The epoch behind each of the accuracies that are of one; the earliest of equally good ones.

        Nothing is selected on validation images that are trained on.
        """
        chosen = {
            "best_on_test": max(self.epochs, key=lambda epoch: epoch.test.accuracy),
            "selected_on_validation": max(self.epochs, key=lambda epoch: epoch.valid.accuracy),
            "last_epoch": self.epochs[-1],
        }
        if self.options.oversplit or self.options.trained_on != "distorted":
            del chosen["selected_on_validation"]
        return chosen

    def last_five(self) -> float:
        """Mean test accuracy of the last five epochs, or of all if there are fewer."""
        return statistics.fmean(epoch.test.accuracy for epoch in self.epochs[-5:])

    def _earlier_run(self) -> bool:
        return self.files.result.exists() or self.files.last.exists()

    def finish(self, images: dict[str, int], class_names: list[str] | None) -> dict[str, Any]:
        """Write and return the result.

        Args:
            images: numbers of training, validation and test images.
            class_names: of the C classes, None where the data set has no names.

        """
        chosen = self.chosen_epochs()
        # The times of the epochs with a hyper pass, where there are some.
        moving = [epoch.seconds for epoch in self.epochs if epoch.hyper_learning_rate] or [
            epoch.seconds for epoch in self.epochs
        ]
        result = {
            "dataset": self.options.dataset,
            "run": self.options.run_folder,
            "name": self.options.run_name,
            "accuracy": {key: epoch.test.accuracy for key, epoch in chosen.items()} | {"last_five": self.last_five()},
            "epochs": {key: epoch.epoch for key, epoch in chosen.items()} | {"last_five": self.done},
            "accuracy_per_class": {key: epoch.test.per_class for key, epoch in chosen.items()},
            "class_names": class_names,
            "images": images,
            "options": self.options.identity,
            "rows_checksum": self.origin.rows_checksum,
            "seed": self.options.seed,
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "torchvision": torchvision.__version__,
                "numpy": numpy.__version__,
                "threads": torch.get_num_threads(),
                "device": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu",
            },
            "timing": {
                "finished": time.strftime("%Y-%m-%d %H:%M:%S"),
                "median_seconds": {
                    name: statistics.median(seconds[name] for seconds in moving) for name in self.epochs[-1].seconds
                },
            },
        }
        self.files.previous.unlink(missing_ok=True)
        write_json(self.files.result, result)
        self.files.progress.unlink(missing_ok=True)
        return result
