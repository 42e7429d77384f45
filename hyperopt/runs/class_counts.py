"""The number of images per class in a run's training, validation and test set."""

import sys

import numpy as np

from custom_datasets.distortion import Split
from custom_datasets.table import Dataset
from hyperopt.runs.clean_images import few_clean
from utils.grid import as_text

SHOWN = 30  # classes in the table
LONGEST = 40  # letters of a class's name in the table


def announce(data: Dataset, split: Split, own: str | None) -> None:
    """Print the counts of the user's own data, if `own` names it, and notes about the clean images."""
    counts = images_per_class(data, split)
    if own:
        print(class_table(own, data, counts))
    for note in clean_notes(data, split, counts, own is not None):
        print(f"note: {note}", file=sys.stderr)


def images_per_class(data: Dataset, split: Split) -> dict[str, list[int]]:
    """Number of images of each of the C classes by part, by given labels; without a test set only train and valid."""
    labels = {"train": split.targets[split.train], "valid": split.targets[split.valid]}
    if not data.tested_on_valid:
        labels["test"] = data.test_labels.cpu().numpy()
    return {part: np.bincount(given, minlength=data.classes).tolist() for part, given in labels.items()}


def class_table(title: str, data: Dataset, counts: dict[str, list[int]]) -> str:
    """A table of the images per class and part; if there are many classes, of those with the fewest clean images."""
    names = [_short(name) for name in data.class_names or map(str, range(data.classes))]
    rarest = sorted(range(data.classes), key=lambda label: (counts["valid"][label], counts["train"][label]))
    lines = [[names[label], *(str(part[label]) for part in counts.values())] for label in sorted(rarest[:SHOWN])]
    if data.classes > SHOWN:
        others = rarest[SHOWN:]
        rest = (str(sum(part[label] for label in others)) for part in counts.values())
        lines.append([f"{len(others)} other classes", *rest])
    total = ["all", *(str(sum(part)) for part in counts.values())]
    return as_text([[f"images of {title}", *counts], *lines, total])


def clean_notes(data: Dataset, split: Split, counts: dict[str, list[int]], own: bool) -> list[str]:
    """Notes about the clean and the test images: their source, and the classes with too few of them."""
    notes = []
    if own and not data.has_clean_part:
        trusted = data.given is not None and not data.given.mends
        labels = "have the data set's own labels, which are the true ones" if trusted else "are only as clean as these"
        notes.append(
            f"no valid part: {len(split.valid)} of the {len(data.train)} training images serve as clean ones; they "
            f"{labels}"
        )
    tested, classes = (len(labels.unique()) for labels in (data.test_labels, data.test.labels))
    if tested < classes:
        notes.append(
            f"the first {len(data.test_labels)} test images are of {tested} of {classes} classes: the test accuracies "
            "say nothing about the others"
        )
    few = few_clean(counts["valid"], data.class_names)
    return [*notes, few] if few else notes


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
