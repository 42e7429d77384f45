"""What an audit leaves for other programs: clean images, suggested labels, folders of pictures, probabilities."""

import csv
import io
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from custom_datasets.given import LEFT_OUT, NOT_NAMED
from hyperopt.report.audit import Audit
from hyperopt.report.review import Review
from utils.files import replace_file


def write_clean(path: Path, audit: Audit, threshold: float) -> None:
    """Write the images whose label does not look wrong, ascending: one per line, or as an array of places (.npy).

    The lines are names of files, or places in the data set's training table where it has no files.
    """
    index = np.sort(audit.index[~audit.suspects(threshold)])
    places = index if audit.places is None else audit.places[index]
    content = io.BytesIO()
    if path.suffix == ".npy":
        np.save(content, places)
        replace_file(path, content.getvalue())
        return
    lines = [audit.files[place] for place in index] if audit.files else [str(place) for place in places]
    replace_file(path, "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))


def write_probabilities(path: Path, audit: Audit) -> None:
    """Write the last network's probabilities float32 (n, C) of all classes, of the images in ascending order."""
    assert audit.probabilities is not None
    content = io.BytesIO()
    np.save(content, audit.probabilities[np.argsort(audit.index)])
    replace_file(path, content.getvalue())


def write_label_table(path: Path, review: Review, threshold: float) -> None:
    """Write the suggested labels: the run's own ones, with the audit's suggestions for those that look wrong."""
    audit, labels = review.audit, labels_of_run(review)
    suspects = audit.suspects(threshold)
    labels[audit.index[suspects]] = audit.suggested(threshold)[suspects]
    rows = label_rows(review, labels)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(label_columns(review))
    writer.writerows(rows)
    replace_file(path, text.getvalue().encode(errors="surrogateescape"))


def mends(review: Review) -> bool:
    """Whether a table of new labels mends the data set's own; these are the true ones otherwise."""
    return review.audit.true is None


def label_columns(review: Review) -> list[str]:
    """The header of a table of labels as `--labels` reads it."""
    return ["file" if review.audit.files else "index", *(["given_label"] if mends(review) else []), "label"]


def labels_of_run(review: Review) -> np.ndarray:
    """The labels int64 (N,) that a run was given in place of the data set's own, by a file or by this program.

    `NOT_NAMED` for images that keep their own label, or that the run has not seen.
    """
    audit, given = review.audit, review.data.given
    if given is not None:
        return given.labels.copy()
    labels = np.full(len(review.data.train), NOT_NAMED)
    if not mends(review):
        labels[audit.index] = audit.given
    return labels


def label_rows(review: Review, labels: np.ndarray) -> list[list[str | int]]:
    """The rows of a table of these labels (N,), ascending by image, with the columns of `label_columns`.

    A table that mends has the images whose label differs from the data set's own, which is its `given_label`; another
    one has all images that are named. The label of an image that is left out is empty.
    """
    audit, own = review.audit, own_labels(review)
    listed = labels != NOT_NAMED
    if mends(review):
        listed &= labels != own
    rows = []
    for place in np.flatnonzero(listed).tolist():
        image = audit.files[place] if audit.files else place if audit.places is None else int(audit.places[place])
        label = audit.name(labels[place]) if labels[place] >= 0 else ""
        rows.append([image, *([audit.name(own[place])] if mends(review) else []), label])
    return rows


def own_labels(review: Review) -> np.ndarray:
    """The data set's own labels int64 (N,)."""
    return review.data.train.labels.cpu().numpy()


def export_pictures(folder: Path, source: Path, audit: Audit, threshold: float, links: bool) -> None:
    """Copy the images that are not left out, or link to them, into folder/CLASS/ by their suggested labels.

    `source` is the data set's folder. A picture keeps its path below its class; one that changes its class gets the
    earlier class as part of its name. Everything is made beside `folder`, which is there at the end or not at all.
    """
    beside = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    try:
        for file, target in _targets(audit, threshold):
            path = beside / target
            path.parent.mkdir(parents=True, exist_ok=True)
            if links:
                path.symlink_to((source / file).resolve())
            else:
                shutil.copy2(source / file, path)
        os.rename(beside, folder)  # refuses a folder that is not empty
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _targets(audit: Audit, threshold: float) -> Iterable[tuple[str, Path]]:
    """The files of the images that are kept, and where each belongs, ascending by image."""
    suggested, taken, files = audit.suggested(threshold), set[Path](), audit.files or []
    order = np.argsort(audit.index)
    # Those that stay come first: no other picture takes their names.
    for place in sorted(order.tolist(), key=lambda place: suggested[place] != audit.given[place]):
        if suggested[place] == LEFT_OUT:
            continue
        file, given, label = files[audit.index[place]], audit.given[place], suggested[place]
        below = Path(*Path(file).parts[2:]) if len(Path(file).parts) > 2 else Path(Path(file).name)
        if label != given:
            below = below.with_name(f"{below.stem}_was_{_plain(audit.name(given))}{below.suffix}")
        target, number = Path(_plain(audit.name(label))) / below, 1
        while target in taken:
            number += 1
            target = target.with_name(f"{below.stem}_{number}{below.suffix}")
        taken.add(target)
        yield file, target


def _plain(name: str | int) -> str:
    """The name of a class as that of a folder."""
    return str(name).replace("/", "-")
