"""Learned rows that a training starts from: finding their file, and checking that they fit."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from custom_datasets.distortion import Split, distorted_images
from custom_datasets.table import Dataset
from hyperopt.options.augmenter import AugmenterOptions
from hyperopt.options.run_options import RunOptions
from hyperopt.rows.augmenter import NoiseHolder
from hyperopt.rows.augmenter_file import AugmenterFile
from hyperopt.rows.confidence import relative_confidence
from hyperopt.rows.letters import CONFIDENCE, RANK, in_words
from hyperopt.rows.rows import Rows
from hyperopt.rows.rows_file import RowsFile
from hyperopt.runs.augmenters import read_augmenter, read_network, refuse_other_images
from hyperopt.runs.fingerprints import fingerprint_training_set
from hyperopt.runs.stages import FinishedRun, rows_path
from utils.errors import UserError
from utils.fingerprint import fingerprint
from utils.flags import is_rows_file
from utils.runs.files import RunFiles

CERTAIN = 0.9999  # a soft label's probability that is as good as one
MANY = 0.1  # of the soft labels


@dataclass(frozen=True)
class StartingRows:
    """The rows of a file, the letters of the columns to take over, and the augmenter, if that is taken over.

    The augmenter's file is that of the run that wrote the rows.
    """

    path: Path
    rows: RowsFile
    use: str
    augmenter: AugmenterFile | None = None

    @property
    def files(self) -> RunFiles:
        """The files of the run that wrote the rows, by their name `rows_NAME`."""
        return RunFiles(self.path.parent, self.path.stem.removeprefix("rows_"))

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the content, which is the same in both kinds of file."""
        return fingerprint(self.rows.content() | ({"network": self.augmenter.content()} if self.augmenter else {}))

    def run(self, classes: int) -> FinishedRun:
        """The run that wrote the rows."""
        return FinishedRun(self.files, classes, self.rows, self.use)

    def check_training_set(self, data: Dataset, split: Split) -> None:
        """Raise UserError when the rows are not those of the distorted images of this split."""
        if self.rows.split != fingerprint_training_set(data, split):
            raise UserError(f"{self.path} is of another split; take one that was learned on this run's split file")
        if not np.array_equal(np.sort(self.rows.index.numpy()), distorted_images(split)):
            raise UserError(
                f"{self.path} does not have one row for each of the split's distorted images; write it anew"
            )
        if not np.array_equal(self.rows.given_label.numpy(), split.targets[self.rows.index.numpy()]):
            raise UserError(f"{self.path} has other given labels than the split; write it anew")
        soft_label = self.rows.columns.get("soft_label")
        if soft_label is not None and soft_label.shape[1] != data.classes:
            raise UserError(f"{self.path} has soft labels of other than {data.classes} classes; write it anew")
        if self.augmenter:
            refuse_other_images(self.files.augmenter, self.augmenter.form, data.channels, data.classes)

    def fill(self, rows: Rows) -> None:
        """Fill rows with the columns to take over; other parts, and the rows of other images, stay as they are.

        The confidence is a factor of the learned weight or, without that, of the weight 1.
        """
        columns, use = self.rows.columns, self.use
        if CONFIDENCE in use:
            factor = relative_confidence(columns["confidence"], self.rows.given_label)
            columns = columns | {"weight": factor * columns["weight"] if "W" in use else factor}
            use = "W" + use.replace("W", "").replace(CONFIDENCE, "")
        holder = rows.holders.get("A")
        if self.augmenter and isinstance(holder, NoiseHolder):
            holder.take(self.augmenter.weights)
            use = use.replace("A", "")
        rows.fill(self.rows.index, columns, use)


def note_certain_labels(start: StartingRows, loss: str) -> None:
    """Say so when many soft labels that are taken over are certain, and the loss hardly allows a network's doubt.

    The divergence of a network's probabilities from a label whose other classes have the probability e has the terms
    p log(p / e), without bound for small e.
    """
    if "S" not in start.use or loss != "symmetric KL":
        return
    share = (start.rows.columns["soft_label"].amax(1) > CERTAIN).double().mean().item()
    if share > MANY:
        print(
            f"note: {100 * share:.0f} % of the soft labels of {start.path} are certain, and the loss of a distorted "
            "set is symmetric: it hardly allows the network any doubt, so compare with a run without them",
            file=sys.stderr,
        )


def find_starting_rows(options: RunOptions) -> StartingRows | None:
    """The learned rows that the options name; None if rows start as usual.

    Raises UserError when they are missing, lack a part that is to be taken over, or are of another data set.
    """
    path = rows_path(options.rows, options.files.folder)
    if path is None or options.rows is None:
        return None
    if not path.exists() and not is_rows_file(options.rows):
        raise UserError(
            f"no finished run {options.rows} with rows in {path.parent}; train it first, with --fresh if it is old"
        )
    rows = RowsFile.read(path)
    if rows.dataset != options.dataset:
        raise UserError(f"{path} is of the data set {rows.dataset}, not of {options.dataset}")
    augmenter, there, asked = options.augmenter, rows.letters, "A" in (options.rows_use or "")
    beside = StartingRows(path, rows, "").files.augmenter
    if not isinstance(augmenter, AugmenterOptions):
        if asked and "A" not in there and beside.exists():
            read_network(beside)
            raise UserError(
                f"{path} has no augmentation, which the network {beside} holds; take --aug-model NET in place of "
                f"{options.aug_model}"
            )
        return StartingRows(path, rows, _letters_to_take(options, path, there))
    if asked and "A" in there and not beside.exists():
        raise UserError(
            f"{path} has its augmentation in a table, and there is no network file {beside}; take --aug-model SHA or "
            "SEP in place of NET"
        )
    there = there.replace("A", "") + ("A" if beside.exists() else "")
    if asked and "A" not in there:
        raise UserError(f"there is no network file {beside}; take the rows of such a run, or train it with --fresh")
    use = _letters_to_take(options, path, there)
    if "A" not in use + options.filled_parts and augmenter.net_start == "identity":
        if beside.exists():
            raise UserError(
                f"--hyper-opt {options.hyper_opt} takes over no network by default, so that --aug-model NET would have "
                "no effect; add --rows-use A"
            )
        raise UserError(
            f"there is no {beside}, so that --aug-model NET would have no effect; take the rows of such a run"
        )
    return StartingRows(path, rows, use, read_augmenter(beside, augmenter) if "A" in use else None)


def _letters_to_take(options: RunOptions, path: Path, there: str) -> str:
    """Letters of the columns to take over from the file at `path`, which has those of `there`."""
    if not there:
        raise UserError(f"{path} has none of the learned columns; take another file")
    reads = options.estimator_class.reads
    if missing := [letter for letter in (options.rows_use or "") + reads if letter not in there]:
        way_out = f"leave out --hyper-opt {options.hyper_opt}" if missing[0] in reads else "change --rows-use"
        raise UserError(
            f"{path} has no {in_words(missing[0])}, only {there}; {way_out}, or, if the file is of an earlier version, "
            "train its run again with --fresh"
        )
    if options.augmented and RANK not in there:
        raise UserError(f"{path} has no {in_words(RANK)}, only {there}; take that of a run with one for --augmented")
    usual = "" if reads else "".join(letter for letter in options.table_parts if letter in there)
    use = options.rows_use or usual
    if not (use or reads):
        raise UserError(
            f"{path} has {there}, the row {options.table_parts}; change --rows-use, --aug-model or --los-model"
        )
    return use


def refuse_other_rows(path: Path, options: RunOptions, files: RunFiles, result: dict[str, Any]) -> None:
    """Raise UserError when the rows file at `path`, from which a finished run has started, has changed since.

    If it is gone, or the augmenter beside it, a note says so.

    Args:
        path: of the rows file.
        options: that the run was trained with.
        files: of the finished run.
        result: of the finished run.

    """
    if not path.exists():
        _note_missing(path)
        return
    start, expected = StartingRows(path, RowsFile.read(path), ""), result.get("rows_checksum")
    if isinstance(options.augmenter, AugmenterOptions):
        beside = start.files.augmenter
        if beside.exists():
            start = find_starting_rows(options) or start
        elif start.fingerprint != expected and "A" in (options.rows_use or "A"):
            _note_missing(beside)
            return
    if start.fingerprint != expected:
        raise UserError(
            f"{files.result} is of a run that was started with another {_sources(start)}; "
            "put the earlier one back, or start over with --fresh"
        )


def _sources(start: StartingRows) -> str:
    """The files that one fingerprint is of, in words."""
    rows = f"rows file than {start.path}"
    return f"{rows}, or another network file than {start.files.augmenter}" if start.augmenter else rows


def _note_missing(path: Path) -> None:
    print(f"note: {path} is not there, so that it was not compared with what the run started from", file=sys.stderr)
