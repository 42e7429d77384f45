"""The audit of a training set: which labels look wrong, its table and its report."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hyperopt.report.clean_accuracy import DIGITS, CleanAccuracy
from hyperopt.report.scores import precision_and_recall, score
from hyperopt.report.suggestions import suggest
from hyperopt.rows.quality import THRESHOLD, looks_wrong
from utils.errors import UserError
from utils.files import replace_file

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


def _share(column: np.ndarray | None, place: int) -> float | None:
    return None if column is None else round(float(column[place]), DIGITS)


def _listed(title: str, counts: Counter, line: Callable[[Any], str]) -> Sequence[str]:
    """The largest counts, a line each."""
    if not counts:
        return []
    more = len(counts) - SHOWN
    listed = [f"  {line(key)}" for key, _ in counts.most_common(SHOWN)]
    return [f"{title}:", *listed, *([f"  and {more} more"] if more > 0 else [])]
