"""The stages of a command, one after the other, and finished runs for the stages that start from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperopt.estimators.estimator import Estimator
from hyperopt.options.run_options import RunOptions
from hyperopt.rows.letters import RANK
from utils.errors import UserError
from utils.flags import as_flag, flag_fields, is_rows_file
from utils.runs.files import LAST, RunFiles

if TYPE_CHECKING:
    from torch import Tensor

    from hyperopt.rows.rows_file import RowsFile
    from utils.runs.predictions import Predictions


@dataclass(frozen=True)
class Stage:
    """One training of a command.

    run: the options that name its files. training: the options that it is trained with; they differ from `run` for a
    flag such as --refit, which combines several others. earlier: the stage whose network it starts from, if any.
    """

    run: RunOptions
    training: RunOptions
    earlier: Stage | None = None

    @property
    def rows_path(self) -> Path | None:
        """The file of the learned rows that it starts from; None if rows start as usual."""
        return rows_path(self.training.rows, self.training.files.folder)

    @property
    def network_files(self) -> RunFiles | None:
        """The files of the run whose network it starts from: of the earlier stage, or of another run."""
        if self.earlier:
            return self.earlier.run.files
        path = self.training.estimator_class.network_path(self.training)
        return RunFiles(path.parent, path.stem.removeprefix(LAST)) if path else None


def stages(options: RunOptions) -> list[Stage]:
    """The stages of a command in order; the last one has the options' name.

    --fresh starts over only the last one. A refit is the last link of a chain: first the run without --refit, then a
    training from scratch on the distorted and the clean images with the rows that the first run has learned. So is a
    training of --augmented images by an estimator that orders them: first the run without --augmented.
    """
    if options.refit:
        learning = dataclasses.replace(options, refit=False, rows_use=None)
        return _then_training(options, learning, refit=False, train_on="both")
    if options.augmented and RANK in options.filled_parts:
        ordering = dataclasses.replace(options, augmented=None)
        return _then_training(options, ordering, rows_use=options.filled_parts)
    earlier = options.estimator_class.earlier(options)
    before = stages(dataclasses.replace(earlier, fresh=False)) if earlier else []
    return [*before, Stage(options, options, before[-1] if before else None)]


def _then_training(options: RunOptions, filling: RunOptions, **changes: Any) -> list[Stage]:
    """The stages of a run that fills rows, then a training from scratch with these, of the options and `changes`."""
    with_rows: dict[str, Any] = {"hyper_opt": "NONE", "estimator": Estimator.Options(), "rows": filling.name}
    training = dataclasses.replace(options, **with_rows | changes)
    return [*stages(dataclasses.replace(filling, fresh=False)), Stage(options, training)]


class EarlierStageError(UserError):
    """What a stage starts from is missing or damaged; the message says what to do about the stage before."""


@contextmanager
def explaining_fresh(stage: Stage, last: Stage) -> Iterator[None]:
    """Explain how to start over an earlier stage if an error advises --fresh, which is only for the last stage."""
    try:
        yield
    except UserError as error:
        about = stage.earlier if isinstance(error, EarlierStageError) else stage
        if about is None or about is last or "--fresh" not in str(error):
            raise
        raise UserError(
            f"{error} (this is an earlier stage, and --fresh starts over the last stage alone: give its own command, "
            f"which is this one {_changes(about, last)})"
        ) from error


def _changes(earlier: Stage, last: Stage) -> str:
    """How the command of an earlier stage differs from that of the last one: flags with other values, or without."""
    theirs, own = last.run.values(), (last.run.estimator, last.run.augmenter)
    usual = {field.name: field.default for options in own for field in flag_fields(type(options))}
    # --rows-use of a refit is filled in if it was not given, and refused by name without --refit.
    ours = {name: value for name, value in earlier.run.values().items() if name not in ("fresh", "rows_use")}
    different = {name: value for name, value in ours.items() if value != theirs[name]}
    filled_in = {name for name in different if theirs[name] == getattr(last.run.defaults, name, None)}
    without = [name for name, value in different.items() if value is None or value is False]
    given = [f"{as_flag(name)} {value}" for name, value in different.items() if name not in without]
    without += [name for name, value in usual.items() if name not in ours and theirs[name] != value]
    without = [name for name in without if name not in filled_in]
    left_out = ["and without", ", ".join(map(as_flag, without))] if without else []
    return " ".join(["with", *given, "--fresh", *left_out])


def rows_path(source: str | None, folder: Path) -> Path | None:
    """The file of the learned rows of --rows: a file, or that of a run in the run folder."""
    if source is None:
        return None
    return Path(source) if is_rows_file(source) else RunFiles(folder, source).rows


@dataclass(frozen=True)
class FinishedRun:
    """A finished run, for an estimator that starts from it.

    read: its rows file, if it has been read. use: letters of the columns of this that have been taken over. same_data:
    whether it was trained on the same images and given labels as the run that starts from it.
    """

    files: RunFiles
    classes: int
    read: RowsFile | None = None
    use: str = ""
    same_data: bool = True

    def rows(self) -> RowsFile:
        """Its rows file. Raises UserError when it is missing or damaged, as do the other methods."""
        from hyperopt.rows.rows_file import RowsFile

        return self.read or RowsFile.read(self.files.rows)

    def predictions(self) -> Predictions:
        """The predictions of its last network."""
        from utils.runs.predictions import Predictions

        return Predictions.read(self.files.predictions, self.classes)

    def network(self) -> dict[str, dict[str, Tensor]]:
        """The weights of its last epoch's encoder and head; not of the best epoch, which was chosen on the test set."""
        return {name: self.last[name] for name in ("encoder_state_dict", "decoder_state_dict")}

    def clean_accuracy(self) -> list[float]:
        """Its accuracy on the clean images of each class, in percent, averaged over its epochs; NaN without images."""
        from hyperopt.options.stored import read_result

        found = read_result(self.files.result).get("clean_accuracy")
        if not found:
            raise UserError(f"{self.files.result} is of an earlier version; train the run again with --fresh")
        return [float("nan") if value is None else value for value in found["mean_of_epochs"]]

    def features(self, fingerprint: str) -> Path:
        """The file for features of its network with this fingerprint; those of earlier networks are removed."""
        for path in self.files.old_features(self.checksum):
            path.unlink(missing_ok=True)
        return self.files.features(self.checksum, fingerprint)

    @cached_property
    def checksum(self) -> str:
        """The fingerprint of the network."""
        from utils.fingerprint import fingerprint

        return fingerprint(self.network())

    @cached_property
    def last(self) -> dict[str, Any]:
        """Its last checkpoint, read once."""
        from utils.runs.checkpoint import read_checkpoint

        try:
            return read_checkpoint(self.files.last)
        except (OSError, ValueError) as error:
            raise UserError(f"{self.files.last} cannot be read ({error}); train the run again with --fresh") from error
