"""The audit of a training set: which labels look wrong, judged by what a run has learned about every image."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperopt.options.run_options import RunOptions
from hyperopt.options.stored import classes_of, knows_true_labels
from hyperopt.report.clean_accuracy import DIGITS, CleanAccuracy
from hyperopt.report.scores import precision_and_recall, score
from hyperopt.report.suggestions import suggest
from hyperopt.rows.quality import THRESHOLD, looks_wrong, quality_of
from hyperopt.runs.clean_images import few_clean_of_runs
from utils.errors import UserError
from utils.files import replace_file
from utils.runs.files import RunFiles, run_number
from utils.runs.owner import data_folder_of

if TYPE_CHECKING:  # imports torch, which the checks of an audit's flags do not need
    from custom_datasets.table import Dataset
    from utils.runs.predictions import Predictions

HEADER = (
    "index",
    "file",
    "given_label",
    "learned_label",
    "given_probability",
    "weight",
    "quality",
    "posterior",
    "class_accuracy",
    "predicted_label",
    "true_label",
    # The names that cleanlab has.
    "label_score",
    "is_label_issue",
    "suggested_label",
)
SHOWN = 10  # classes and pairs of classes in the report
QUALITIES = ("network", "posterior")
FORMATS = (".csv", ".json")
INDEX_FORMATS = (".txt", ".npy")


@dataclass(frozen=True)
class Audit:
    """The findings on n training images, the most suspicious ones first.

    quality: (n,) in 0..1, low where the given label looks wrong (`hyperopt.rows.quality`); or the posterior.
    by: which of `QUALITIES`. clean: the network's accuracies on clean images. reference: (C,), with which the quality
    is compared: these accuracies, or ones for the posterior. confidence: p alone, (n,). posterior: of the image's
    views to be in distribution, averaged, (n,), None without GMM. predicted_probability: of the predicted label, (n,),
    and probabilities: of all C classes, (n, C), by the last epoch's network; None if the run has not stored them.
    learned_probability: of the learned label, (n,).
    index, given, predicted: place in the training table, given and most probable label, int64 (n,). network: the given
    label's probability by the last epoch's network, (n,). learned, given_probability: argmax of the soft label and its
    probability of the given label; weight: learned loss weight; None if not learned. true: labels,
    None unless this program made the noise or --labels gave the labels. names: of the classes; files: of all N images
    of the training table; None without names. places: of these images in the data set's own training table, which files
    have as index; None if it is the same.
    """

    index: np.ndarray
    given: np.ndarray
    predicted: np.ndarray
    quality: np.ndarray
    confidence: np.ndarray
    posterior: np.ndarray | None
    network: np.ndarray
    learned: np.ndarray | None
    given_probability: np.ndarray | None
    weight: np.ndarray | None
    true: np.ndarray | None
    names: list[str] | None
    files: list[str] | None
    clean: CleanAccuracy
    reference: np.ndarray
    by: str = QUALITIES[0]
    places: np.ndarray | None = None
    predicted_probability: np.ndarray | None = None
    learned_probability: np.ndarray | None = None
    probabilities: np.ndarray | None = None

    def records(self, threshold: float = THRESHOLD) -> Iterator[dict[str, Any]]:
        """A dictionary with the keys of `HEADER` per image; missing values are None. Labels are names, if any exist.

        Which labels look wrong depends on the threshold; the suggested label of an image to be left out is None.
        """
        suspects, suggested = self.suspects(threshold), self.suggested(threshold)
        class_accuracy = self.clean.reference()[self.given]
        for place, index in enumerate(self.index.tolist()):
            yield {
                "index": int(self.published_index[place]),
                "file": self.files[index] if self.files else None,
                "given_label": self.name(self.given[place]),
                "learned_label": None if self.learned is None else self.name(self.learned[place]),
                "given_probability": _share(self.given_probability, place),
                "weight": _share(self.weight, place),
                "quality": _share(self.quality, place),
                "posterior": _share(self.posterior, place),
                "class_accuracy": _share(class_accuracy, place),
                "predicted_label": self.name(self.predicted[place]),
                "true_label": None if self.true is None else self.name(self.true[place]),
                "label_score": _share(self.quality, place),
                "is_label_issue": bool(suspects[place]),
                "suggested_label": None if suggested[place] < 0 else self.name(suggested[place]),
            }

    @property
    def published_index(self) -> np.ndarray:
        """The images' places in the data set's own training table, int64 (n,)."""
        return self.index if self.places is None else self.places[self.index]

    def name(self, label: int) -> str | int:
        """The name of a class, or its number if it has none."""
        return self.names[label] if self.names else int(label)

    def suspects(self, threshold: float) -> np.ndarray:
        """A mask of the labels (n,) that look wrong.

        A quality is compared with the accuracy on clean images, a posterior with the threshold itself.
        """
        return looks_wrong(self.quality, self.given, self.reference, threshold)

    def suggested(self, threshold: float) -> np.ndarray:
        """The suggested labels int64 (n,), below zero for images to be left out (`hyperopt.report.suggestions`)."""
        predicted, learned = (self.predicted, self.predicted_probability), (self.learned, self.learned_probability)
        return suggest(self.suspects(threshold), self.given, predicted, learned)

    def weakness(self, threshold: float) -> str | None:
        """Why the network cannot tell which labels are wrong; None if it can."""
        return self.clean.weakness((self.suspects(threshold) & (self.predicted != self.given)).mean())

    def refuse_export(self, threshold: float, flag: str) -> None:
        """Raise UserError for an export, by its flag, when no label looks wrong or each does, or for a weak network."""
        suspects = self.suspects(threshold)
        problem = self.weakness(threshold)
        if suspects.all() or not suspects.any():
            problem = problem or f"the cleaned list would {'be empty' if suspects.all() else 'keep every image'}"
            problem += f"; {suspects.sum()} of {len(suspects)} labels look wrong at --threshold {threshold:g}"
        if problem:
            raise UserError(f"{flag} is refused: {problem}")

    def write(self, path: Path, threshold: float = THRESHOLD) -> None:
        """Write a line per image as CSV or JSON, by the file's suffix; which labels look wrong is by the threshold."""
        if path.suffix == ".json":
            text = json.dumps(list(self.records(threshold)), indent=1) + "\n"
        else:
            file = io.StringIO(newline="")
            writer = csv.DictWriter(file, HEADER)  # with the line ends of RFC 4180: other ones leave a "\r" unquoted
            writer.writeheader()
            writer.writerows(self.records(threshold))
            text = file.getvalue()
        replace_file(path, text.encode(errors="surrogateescape"))  # file names may have any bytes

    def report(self, threshold: float) -> str:
        """How many labels look wrong, per class and pair of classes, and how many of them are wrong, if known."""
        suspects = self.suspects(threshold)
        measure = f"posterior below {threshold:g}"
        if self.by != "posterior":
            measure = f"quality below {threshold:g} times the accuracy on clean images of the class, mean over epochs"
        lines = [f"{suspects.sum()} of {len(suspects)} labels look wrong ({measure})", *self.clean.report(self.names)]
        if first := self.weakness(threshold) or self.clean.doubt:
            lines.insert(0, first)
        per_class = Counter(self.given[suspects].tolist())
        images = Counter(self.given.tolist())
        lines += [
            "",
            *_listed("per given label", per_class, lambda c: f"{self.name(c)}: {per_class[c]} of {images[c]}"),
        ]
        pairs = Counter(zip(self.given[suspects].tolist(), self.predicted[suspects].tolist(), strict=True))
        changed = Counter({pair: count for pair, count in pairs.items() if pair[0] != pair[1]})
        lines += _listed(
            "given label -> what the network says",
            changed,
            lambda pair: f"{self.name(pair[0])} -> {self.name(pair[1])}: {changed[pair]}",
        )
        if self.true is not None:
            lines += ["", self._against_truth(suspects)]
        return "\n".join(lines)

    def _against_truth(self, suspects: np.ndarray) -> str:
        wrong = self.given != self.true
        figures = score(wrong, self.quality) | precision_and_recall(wrong, suspects)
        listed = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
        found = f"of these, {(wrong & suspects).sum()} are wrong, of {wrong.sum()} wrong labels in all"
        return f"{found}: {listed}" if figures else found


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


def _share(column: np.ndarray | None, place: int) -> float | None:
    return None if column is None else round(float(column[place]), DIGITS)


def _listed(title: str, counts: Counter, line: Callable[[Any], str]) -> Sequence[str]:
    """The largest counts, a line each."""
    if not counts:
        return []
    more = len(counts) - SHOWN
    listed = [f"  {line(key)}" for key, _ in counts.most_common(SHOWN)]
    return [f"{title}:", *listed, *([f"  and {more} more"] if more > 0 else [])]
