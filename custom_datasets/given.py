"""The labels that training images are given in place of the data set's own ones."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from custom_datasets.distortion import Split
from custom_datasets.own.names import counted
from utils.errors import UserError

LEFT_OUT, NOT_NAMED, OTHER_CLASS = -1, -2, -3  # in place of a label


@dataclass(frozen=True)
class GivenLabels:
    """The labels of the N images of a training table, as a file has them.

    labels: int64 (N,), of each image its class; or `LEFT_OUT`: it is not trained on; `NOT_NAMED`: the file does not
    name it; `OTHER_CLASS`: its class is none of those that are used. mends: the file mends the data set's own labels,
    and no label is known to be true; otherwise the data set's own labels are the true ones. source: the file, for the
    user. notes: on how the file was read. fingerprint: of the labels of the whole data set.
    """

    labels: np.ndarray
    mends: bool
    source: str
    notes: tuple[str, ...] = ()
    fingerprint: str = ""

    @classmethod
    def of(cls, labels: np.ndarray, mends: bool, source: str, notes: Sequence[str] = ()) -> "GivenLabels":
        """The labels of a whole data set, with their fingerprint."""
        digest = hashlib.sha256(f"{mends} {labels.tolist()}".encode()).hexdigest()
        return cls(labels, mends, source, tuple(notes), digest)

    def select(self, places: np.ndarray) -> "GivenLabels":
        """The labels of the images at these places (n,)."""
        return replace(self, labels=self.labels[places])

    def of_classes(self, classes: Sequence[int]) -> "GivenLabels":
        """The labels as places in `classes`."""
        labels = np.where(self.labels < 0, self.labels, OTHER_CLASS)
        for place, label in enumerate(classes):
            labels[self.labels == label] = place
        return replace(self, labels=labels)

    def put_into(self, split: Split, own: np.ndarray) -> Split:
        """The split with these labels as targets of its training images, without those that are left out.

        Clean images keep the data set's own labels (N,), and so do images that a file that mends does not name.

        Raises UserError when the file lacks a label of a training image and does not mend, or leaves out all images.
        """
        labels = np.where((self.labels == NOT_NAMED) & self.mends, own, self.labels)
        if lacking := int((labels[split.train] == NOT_NAMED).sum()):
            raise UserError(
                f"{self.source} has no label for {lacking} of {len(split.train)} training images; add them, with an "
                "empty label to leave an image out; or add the column given_label, with which it mends the data set's "
                "labels, and images that it does not name keep theirs"
            )
        train = split.train[labels[split.train] >= 0]
        if not len(train):
            raise UserError(f"{self.source} leaves out all {len(split.train)} training images; give some a label")
        targets = own.copy()
        targets[train] = labels[train]
        return Split(split.valid, train, targets)

    def describe(self, split: Split, own: np.ndarray) -> list[str]:
        """Lines for the user on these labels, which a split has, beside the data set's own ones (N,)."""
        found = [*self.notes, *self._of_trained(np.setdiff1d(split.train, split.valid), split.targets, own)]
        if self.mends and (named := int((self.labels[split.valid] != NOT_NAMED).sum())):
            found.append(f"{self.source} names {named} of the clean images, which keep their own labels")
        if left_out := int((self.labels == LEFT_OUT).sum()):
            found.append(f"{self.source} leaves out {counted(left_out, 'image')} by an empty label")
        if other := int((self.labels == OTHER_CLASS).sum()):
            found.append(f"{self.source} gives {counted(other, 'image')} a class that is none of --classes: left out")
        return found

    def _of_trained(self, index: np.ndarray, given: np.ndarray, own: np.ndarray) -> list[str]:
        """Lines on the training images `index` (n,), by the given and the data set's own labels (N,)."""
        if not len(index):
            return []
        images, differ = len(index), int((given[index] != own[index]).sum())
        measured = f"{differ} of {images} training images ({100 * differ / images:.1f} %)"
        if self.mends:
            kept = int((self.labels[index] == NOT_NAMED).sum())
            return [
                f"{self.source} mends the labels of {measured}; {kept} that it does not name keep theirs, and "
                "no label is known to be true"
            ]
        found = [f"{self.source} gives {measured} another label than the data set's own, which is the true one"]
        chance = _agreement_by_chance(given[index], own[index])
        if images - differ <= images * chance + 3 * np.sqrt(images * chance):
            found.append(
                f"the labels of {self.source} agree with the data set's own no more than by chance; see whether they "
                "are in the order of its images"
            )
        return found

    def summary(self, split: Split, own: np.ndarray) -> dict[str, Any]:
        """What a result keeps of the labels: their fingerprint, whether they mend, and how many differ."""
        index = np.setdiff1d(split.train, split.valid)
        differ = int((split.targets[index] != own[index]).sum())
        return {"fingerprint": self.fingerprint, "mends": self.mends, "images": len(index), "differ": differ}


def _agreement_by_chance(given: np.ndarray, own: np.ndarray) -> float:
    """The share of images on which two independent labellings with these counts of labels (n,) would agree."""
    classes = int(max(given.max(), own.max())) + 1
    counts = [np.bincount(labels, minlength=classes) / len(labels) for labels in (given, own)]
    return float(counts[0] @ counts[1])
