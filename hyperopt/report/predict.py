"""Predictions of a finished run's network for pictures or features that have no label."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from custom_datasets.loaders import EVALUATION_BATCH
from custom_datasets.own.names import counted
from custom_datasets.own.unlabelled import Unlabelled, find_unlabelled
from hyperopt.report.clean_accuracy import DIGITS
from hyperopt.report.own_files import PREDICTED
from hyperopt.runs.trained_network import TrainedNetwork
from utils.colour import rgb
from utils.errors import UserError
from utils.files import replace_file

COLUMNS = 200  # classes of which each has a column
SHOWN = 10  # classes in the report, and damaged files in the message


@dataclass(frozen=True)
class PredictionTable:
    """The probabilities (N, C) of N named images, NaN for those that could not be read.

    heading: what the names are, "file" or "index". classes: their C names. damaged: messages on images that could not
    be read. notes: for the user.
    """

    heading: str
    names: list[str]
    classes: list[str]
    probabilities: np.ndarray
    damaged: list[str]
    notes: list[str]

    @property
    def whole(self) -> np.ndarray:
        """A mask (N,) of the images that could be read."""
        return np.isfinite(self.probabilities).all(1)

    def write(self, path: Path) -> None:
        """Write a line per image as CSV; that of an image that could not be read is empty after its name."""
        shown = self.classes if len(self.classes) <= COLUMNS else []
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow([self.heading, *PREDICTED, *(f"probability_{name}" for name in shown)])
        for name, row, whole in zip(self.names, self.probabilities, self.whole, strict=True):
            shares = [round(float(share), DIGITS) for share in row] if whole else [""] * len(row)
            first = [self.classes[row.argmax()], shares[row.argmax()]] if whole else ["", ""]
            writer.writerow([name, *first, *shares[: len(shown)]])
        replace_file(path, text.getvalue().encode(errors="surrogateescape"))  # file names may have any bytes

    def report(self) -> str:
        """How many images have each class, the most frequent first."""
        counts = Counter(self.classes[label] for label in self.probabilities[self.whole].argmax(1))
        more = [f"{len(counts) - SHOWN} more classes"] if len(counts) > SHOWN else []
        listed = ", ".join([*(f"{name}: {count}" for name, count in counts.most_common(SHOWN)), *more])
        return f"{counted(int(self.whole.sum()), 'image')}{f' ({listed})' if listed else ''}"

    @property
    def problems(self) -> list[str]:
        """A line on the images that could not be read; none if there are none."""
        if not self.damaged:
            return []
        more = f"; and {len(self.damaged) - SHOWN} more" if len(self.damaged) > SHOWN else ""
        count = f"{len(self.damaged)} of {counted(len(self.names), 'image')}"
        return [f"{count} could not be read, and their lines are empty: {'; '.join(self.damaged[:SHOWN])}{more}"]


def predict_path(network: TrainedNetwork, path: Path) -> PredictionTable:
    """The network's predictions for a folder of pictures, a picture, or an array in .npz or .npy.

    Raises UserError when there is nothing that the network takes. Images that cannot be read are left without a
    prediction.
    """
    facts = network.facts
    found = find_unlabelled(path, facts.kind, facts.channels, rgb(facts.background), facts.image_size)
    probabilities = np.full((len(found.names), facts.classes), np.nan, np.float32)
    damaged: list[str] = []
    scaled: list[str] = []
    for places, images in _batches(network, found, damaged, scaled):
        probabilities[places] = network.probabilities(images).numpy()
    notes = list(found.notes)
    if scaled:
        notes.append(
            f"{counted(len(scaled), 'picture')} of another size became {facts.width} x {facts.height} pixels, the "
            f"network's, scaled and cut at the edges, such as {scaled[0]}"
        )
    if facts.classes > COLUMNS:
        notes.append(
            f"{facts.classes} classes are more than {COLUMNS}: the file has no column of each one's probability"
        )
    return PredictionTable(found.heading, found.names, network.class_names, probabilities, damaged, notes)


def _batches(
    network: TrainedNetwork, found: Unlabelled, damaged: list[str], scaled: list[str]
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Places and images of batches as large as those of an evaluation.

    Messages on damaged ones go to `damaged`, names of those of another size than the network's to `scaled`.
    """
    whole = _whole(network, found, damaged, scaled)
    while batch := list(islice(whole, EVALUATION_BATCH)):
        places, images = zip(*batch, strict=True)
        yield list(places), torch.cat(images)


def _whole(
    network: TrainedNetwork, found: Unlabelled, damaged: list[str], scaled: list[str]
) -> Iterator[tuple[int, torch.Tensor]]:
    for place, (name, item) in enumerate(zip(found.names, found.items(), strict=True)):
        if isinstance(item, UserError):
            damaged.append(str(item))
            continue
        stored = torch.from_numpy(item.copy())[None]
        fitting = network.fit(stored)
        if fitting.shape[2:] != stored.shape[2:] and stored.ndim == 4:
            scaled.append(name)
        yield place, fitting
