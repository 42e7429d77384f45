"""What a page shows of an audit: its images with labels, pictures and similar clean images, as plain values."""

from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from hyperopt.report.exports import label_columns, label_rows, labels_of_run, own_labels
from hyperopt.report.page.similar import Clean, encoder, nearest
from hyperopt.report.page.thumbnails import thumbnails
from hyperopt.report.review import Review
from hyperopt.runs.fingerprints import fingerprint_table
from utils.errors import UserError
from utils.fingerprint import fingerprint
from utils.runs.network_facts import IMAGES

MOST = 10_000  # images of a page
NONE = -2  # for an image without a suggestion; `LEFT_OUT`, -1, is one


@dataclass(frozen=True)
class Content:
    """The values of a page, by name, and notes for the user on what it lacks."""

    values: dict[str, Any]
    notes: list[str]


def content_of(review: Review, threshold: float) -> Content:
    """The content of the page of an audit whose labels look wrong at this threshold.

    Raises UserError when the data cannot be read.
    """
    audit = review.audit
    suspects = audit.suspects(threshold)
    places = choose(suspects, MOST)
    notes = []
    if len(places) < len(suspects):
        shown = suspects[places].sum()
        notes.append(
            f"the page has {len(places)} of the {len(suspects)} images: {shown} of the {suspects.sum()} whose labels "
            "look wrong, and the most suspicious of the others"
        )
    records = list(compress(audit.records(), np.isin(np.arange(len(suspects)), places)))
    suggested = np.where(suspects, audit.suggested(threshold), NONE)[places]
    pictures = review.data.kind == IMAGES
    clean, beside = _similar(review, audit.index[places], (audit.given[places], suggested), notes)
    used = sorted({image for lists in beside for one in lists for image in one})
    number = {image: place for place, image in enumerate(used)}
    values = {
        "title": f"{review.options.dataset}, {review.files.folder.name}",
        "key": page_key(review),
        "report": audit.report(threshold),
        "notes": [*review.notes, *notes],
        "classes": audit.names or [str(label) for label in range(review.data.classes)],
        # Of labels.csv: its columns, the data set's own labels, and the rows that it has without a decision.
        "columns": label_columns(review),
        "own": own_labels(review)[audit.index[places]].tolist(),
        "carried": label_rows(review, labels_of_run(review)),
        "total": len(suspects),
        "side": max(review.data.train.shape[1:]),
        "index": [record["index"] for record in records],
        "file": [record["file"] for record in records] if audit.files else None,
        "given": audit.given[places].tolist(),
        "suggested": suggested.tolist(),
        "quality": [record["quality"] for record in records],
        "suspect": suspects[places].astype(int).tolist(),
        "picture": list(thumbnails(review.data, audit.index[places])) if pictures else None,
        "beside": [[[number[image] for image in one] for one in lists] for lists in beside],
        "clean": {
            "name": [_name(review, image) for image in clean.index[used].tolist()],
            "picture": list(thumbnails(review.data, clean.index[used])) if pictures else None,
        },
    }
    return Content(values, notes)


def choose(suspects: np.ndarray, most: int) -> np.ndarray:
    """Ascending places of at most so many images: those of the mask (n,) before the others, the first ones of both."""
    return np.sort(np.argsort(~suspects, kind="stable")[:most])


def page_key(review: Review) -> str:
    """Under what a browser keeps the progress: the fingerprint of the data, the run and its given labels."""
    order = np.argsort(review.audit.index)
    given = zip(review.audit.index[order].tolist(), review.audit.given[order].tolist(), strict=True)
    run = review.files.folder.name, review.files.name
    return fingerprint({"table": fingerprint_table(review.data), "run": run, "given": list(given)})


def _similar(
    review: Review, index: np.ndarray, labels: tuple[np.ndarray, np.ndarray], notes: list[str]
) -> tuple[Clean, list[list[list[int]]]]:
    """The clean images, and the similar ones by list and image; a note where there are none."""
    nothing: list[list[list[int]]] = [[[] for _ in index] for _ in labels]
    clean = Clean.of(review)
    try:
        encode = encoder(review)
    except UserError as error:
        notes.append(f"the page has no similar images: {error}")
        return clean, nothing
    return clean, nearest(encode, index, labels, clean)


def _name(review: Review, index: int) -> str:
    """The file of an image of the training table, or else its place in the data set's own."""
    if review.data.train_files:
        return review.data.train_files[index]
    return str(index if review.data.places is None else int(review.data.places[index]))
