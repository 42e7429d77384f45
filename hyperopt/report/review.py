"""The review of a finished run: its training labels, audited by what the run has learned about every image."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperopt.options.run_options import RunOptions
from hyperopt.options.stored import classes_of, knows_true_labels
from hyperopt.report.audit import QUALITIES, Audit
from hyperopt.report.clean_accuracy import DIGITS, CleanAccuracy
from hyperopt.rows.quality import quality_of
from hyperopt.runs.clean_images import few_clean_of_runs
from utils.errors import UserError
from utils.runs.files import RunFiles, run_number
from utils.runs.owner import data_folder_of

if TYPE_CHECKING:  # imports torch, which the checks of an audit's flags do not need
    from custom_datasets.table import Dataset
    from utils.runs.predictions import Predictions


@dataclass(frozen=True)
class Review:
    """A finished run that is audited: its files, the data that it was trained on, its options, and its audit.

    notes: data of the run that an earlier version did not store, and what replaces them; images that occur twice; for a
    run without a number, which is in no table, classes with too few clean images.
    """

    files: RunFiles
    data: "Dataset"
    options: RunOptions
    audit: Audit
    notes: tuple[str, ...] = ()

    @property
    def data_folder(self) -> Path:
        """Where the run's data are."""
        return data_folder_of(self.files.folder.absolute().parent)


def review_run(files: RunFiles, data: "Dataset", result: dict[str, Any], by: str = QUALITIES[0]) -> Review:
    """Audit a finished run, by its files, the data that it was trained on, its result and one of `QUALITIES`.

    If this program has made the label noise, or --labels gave the labels, the data set's labels are the true ones.

    Raises UserError when a file is missing or damaged, when the data set is another one, or without that quality.

    """
    from hyperopt.rows.rows_file import RowsFile
    from hyperopt.runs.fingerprints import fingerprint_table
    from utils.runs.predictions import Predictions

    options = result["options"]
    found = Predictions.read(files.predictions, classes_of(result))
    index = found.train_index
    if found.table != fingerprint_table(data):
        raise UserError(
            f"{files.predictions} is of other data than the present ones; put the earlier ones back, or train again"
        )
    learned: dict[str, np.ndarray] = {}
    if options.has_learned_rows:
        rows = RowsFile.read(files.rows).in_order_of(index, found.train_given, data.classes, files.rows)
        learned = {name: column.numpy() for name, column in rows.columns.items()}
    soft = learned.get("soft_label")
    clean = CleanAccuracy.of(files, data, result)
    quality, reference = quality_of(found), clean.reference()
    if by == "posterior":
        quality, reference = _posterior(learned, files).astype(np.float64), np.ones(data.classes)
    quality = quality.round(DIGITS)  # as in the file, so that a threshold gives the same labels there
    columns = {
        "index": index,
        "given": found.train_given,
        "predicted": found.train_predicted,
        "quality": quality,
        "confidence": found.train_confidence,
        "posterior": learned.get("posterior"),
        "network": found.train_given_probability,
        "learned": None if soft is None else soft.argmax(1),
        "given_probability": None if soft is None else soft[np.arange(len(index)), found.train_given],
        "weight": learned.get("weight"),
        "learned_probability": None if soft is None else soft.max(1),
        "predicted_probability": found.train_predicted_probability,
        "probabilities": found.train_probabilities,
        "true": found.train_true if knows_true_labels(result) else None,
    }
    order = np.argsort(quality, kind="stable")
    ordered: dict[str, Any] = {name: None if column is None else column[order] for name, column in columns.items()}
    of_data: dict[str, Any] = {"names": data.class_names, "files": data.train_files, "places": data.places}
    audit = Audit(**ordered, **of_data, clean=clean, reference=reference, by=by)
    few_clean = few_clean_of_runs({0: result}) if run_number(files.folder.name) is None else []
    return Review(files, data, options, audit, (*_missing(found, result), *data.duplicates, *few_clean))


def _posterior(learned: dict[str, np.ndarray], files: RunFiles) -> np.ndarray:
    if "posterior" not in learned:
        needed = "audit a run of --hyper-opt GMM without --mixture-posterior ood, --distil, --train-on and --refit"
        raise UserError(f"{files.name} has no posteriors of training labels; {needed}, or take --quality network")
    return learned["posterior"]


def _missing(found: "Predictions", result: dict[str, Any]) -> tuple[str, ...]:
    """The data that an earlier version did not store, and what replaces them, a line each."""
    notes = []
    if found.train_other_confidence is None:
        notes.append("no probabilities of other labels: the quality is the given label's probability, which is lower")
    if "clean_accuracy" not in result:
        notes.append("no accuracies of clean images per class: the accuracy of all classes together is used for each")
    return tuple(f"the run is of an earlier version, which kept {note}" for note in notes)
