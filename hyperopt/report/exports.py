"""What an audit leaves for other programs: clean images, suggested labels, folders of pictures, probabilities."""

import csv
import io
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from custom_datasets.given import LEFT_OUT, NOT_NAMED
from hyperopt.report.audit import Audit, Review
from utils.errors import UserError
from utils.files import replace_file


def refuse_lacking(review: Review, labels: bool, pictures: bool, probabilities: bool) -> None:
    """Raise UserError when a run lacks what an export of labels, of pictures or of probabilities needs."""
    audit, run = review.audit, review.files.name
    if labels and audit.predicted_probability is None:
        raise UserError(
            f"{run} is of an earlier version, which kept no probabilities of the predicted classes, as --export-labels "
            "needs; train it again with --fresh"
        )
    if pictures and not audit.files:
        raise UserError("--export-folders is for images in files, and these are arrays; use --export-labels")
    if probabilities and audit.probabilities is None:
        raise UserError(
            f"{run} has stored no probabilities of all classes: it is of an earlier version, or they are more than 5 "
            "million numbers; leave out --probabilities"
        )


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
    assert audit.probabilities is not None  # as `refuse_lacking` has checked, and so for the others
    content = io.BytesIO()
    np.save(content, audit.probabilities[np.argsort(audit.index)])
    replace_file(path, content.getvalue())


def write_label_table(path: Path, review: Review, threshold: float) -> None:
    """Write the suggested labels."""
    by = "file" if review.audit.files else "index"
    write_labels(path, label_rows(review, threshold), review.audit.true is None, by)


def write_labels(path: Path, rows: Iterable[Sequence[str | int]], mends: bool, by: str) -> None:
    """Write a table of labels as `--labels` reads it. `by` is how images are named: `file` or `index`.

    rows: image, the label that is replaced, the label; or without the second if the table does not mend. An empty label
    leaves the image out.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow((by, "given_label", "label") if mends else (by, "label"))
    writer.writerows(rows)
    replace_file(path, text.getvalue().encode(errors="surrogateescape"))


def label_rows(review: Review, threshold: float) -> list[tuple[str | int, ...]]:
    """The rows of the table of suggested labels, ascending by image, for `write_labels`.

    The labels are those that the run was given by a file (`review.data.given`), or the data set's own ones, with the
    audit's suggestions in place of those that look wrong. If the data set's own labels are the true ones
    (`audit.true`), the table has all images that are known; otherwise it mends, and has those whose label differs from
    the data set's own.
    """
    audit, given = review.audit, review.data.given
    mends, own = audit.true is None, review.data.train.labels.cpu().numpy()
    labels = np.full(len(own), NOT_NAMED) if given is None else given.labels.copy()
    changed = np.ones(len(audit.index), bool) if given is None and not mends else audit.suspects(threshold)
    labels[audit.index[changed]] = audit.suggested(threshold)[changed]
    listed = np.flatnonzero((labels != NOT_NAMED) & ((labels != own) | (not mends)))
    rows: list[tuple[str | int, ...]] = []
    for place in listed.tolist():
        image = audit.files[place] if audit.files else place if audit.places is None else int(audit.places[place])
        label = audit.name(labels[place]) if labels[place] >= 0 else ""
        rows.append((image, audit.name(own[place]), label) if mends else (image, label))
    return rows


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


def refuse_folder(folder: Path, source: Path) -> None:
    """Raise UserError when pictures cannot be exported to `folder`: it is there, or within the data's folder."""
    if os.path.lexists(folder):
        raise UserError(f"{folder} is there, and --export-folders overwrites nothing; name a new folder")
    if folder.resolve().is_relative_to(source.resolve()):
        raise UserError(f"{folder} is within the data set's folder {source}; name a folder elsewhere")


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
