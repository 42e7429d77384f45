"""The files that an audit writes: by flag, what is refused, and the writer. Another one is a line in `AUDIT_FILES`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from hyperopt.report.exports import export_pictures, write_clean, write_label_table, write_probabilities
from hyperopt.report.own_files import AUDITED, PAGES, refuse_foreign, refuse_present
from hyperopt.report.page.write import PAGE, write_page
from hyperopt.report.review import Review
from utils.errors import UserError
from utils.flags import as_flag


class Asked(NamedTuple):
    """How the files are written: below which quality labels look wrong; links in place of copies of pictures."""

    threshold: float
    links: bool = False


class AuditFile(NamedTuple):
    """A file or folder of an audit.

    write: writes it at a path, and returns notes for the user on what it lacks. refuse_path: raises UserError when
    there is something at the path that would be lost. refuse_review: raises UserError when a review cannot give the
    file. judged: it has the labels that look wrong as a verdict, and a network that is too weak for that is refused.
    """

    write: Callable[[Path, Review, Asked], list[str]]
    refuse_path: Callable[[Path], None] = lambda path: None
    refuse_review: Callable[[Path, Review], None] = lambda path, review: None
    judged: bool = False


def _write_audit(path: Path, review: Review, asked: Asked) -> list[str]:
    if path.suffix == PAGE:
        return write_page(path, review, asked.threshold)
    review.audit.write(path, asked.threshold)
    return []


def _refuse_audit_path(path: Path) -> None:
    refuse_foreign(path, PAGES if path.suffix == PAGE else AUDITED)


def _write_clean(path: Path, review: Review, asked: Asked) -> list[str]:
    write_clean(path, review.audit, asked.threshold)
    return []


def _write_labels(path: Path, review: Review, asked: Asked) -> list[str]:
    write_label_table(path, review, asked.threshold)
    return []


def _refuse_edited(path: Path) -> None:
    if path.exists():
        raise UserError(f"{path} is there, and may have been edited; remove it, or name another file")


def _refuse_without_probability(path: Path, review: Review) -> None:
    if review.audit.predicted_probability is None:
        raise UserError(
            f"{review.files.name} is of an earlier version, which kept no probabilities of the predicted classes, as "
            "--export-labels needs; train it again with --fresh"
        )


def _write_folders(path: Path, review: Review, asked: Asked) -> list[str]:
    export_pictures(path, review.data_folder, review.audit, asked.threshold, asked.links)
    return []


def _refuse_within_data(path: Path, review: Review) -> None:
    if not review.audit.files:
        raise UserError("--export-folders is for images in files, and these are arrays; use --export-labels")
    if path.resolve().is_relative_to(review.data_folder.resolve()):
        raise UserError(f"{path} is within the data set's folder {review.data_folder}; name a folder elsewhere")


def _write_probabilities(path: Path, review: Review, asked: Asked) -> list[str]:
    write_probabilities(path, review.audit)
    return []


def _refuse_without_probabilities(path: Path, review: Review) -> None:
    if review.audit.probabilities is None:
        raise UserError(
            f"{review.files.name} has stored no probabilities of all classes: it is of an earlier version, or they are "
            "more than 5 million numbers; leave out --probabilities"
        )


# By the name of the option that has the path; in the order in which they are written.
AUDIT_FILES = {
    "export_labels": AuditFile(_write_labels, _refuse_edited, _refuse_without_probability, judged=True),
    "export_folders": AuditFile(_write_folders, refuse_present, _refuse_within_data, judged=True),
    "probabilities": AuditFile(_write_probabilities, refuse_present, _refuse_without_probabilities),
    "audit": AuditFile(_write_audit, _refuse_audit_path),
    "export_clean": AuditFile(_write_clean, refuse_present, judged=True),
}


def carries_labels(paths: Mapping[str, Path]) -> bool:
    """Whether one of the files has new labels, which carry over those that a run was given by a file."""
    return "export_labels" in paths or paths.get("audit", Path()).suffix == PAGE


def refuse_review(review: Review, paths: Mapping[str, Path], threshold: float) -> None:
    """Raise UserError when a review cannot give one of the files at these paths, by option."""
    for name, path in paths.items():
        if AUDIT_FILES[name].judged:
            review.audit.refuse_export(threshold, as_flag(name))
        AUDIT_FILES[name].refuse_review(path, review)


def write_files(review: Review, paths: Mapping[str, Path], asked: Asked) -> list[str]:
    """Write the files at these paths, by option; returns notes for the user on what they lack."""
    return [note for name, path in paths.items() for note in AUDIT_FILES[name].write(path, review, asked)]
