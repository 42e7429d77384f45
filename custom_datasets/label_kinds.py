"""Labels as people store them: whole numbers of many types, truth values, text, a column, one-hot rows."""

import numpy as np

from utils.errors import UserError


def plain_labels(labels: np.ndarray, origin: str) -> tuple[np.ndarray, list[str]]:
    """Labels (N,) as int64, or as text, which names the classes; and notes for the user on what was read otherwise.

    A column (N, 1) is read as (N,), truth values as 0 and 1, floating-point numbers that are whole and one-hot rows
    (N, C) as the numbers of classes, bytes as text.

    Raises UserError, beginning with `origin`, for other labels.
    """
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels.flat):
        labels = labels.astype(str)
    found = f"{origin} holds {labels.dtype} labels of shape {labels.shape}"
    notes = []
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "biuf" and 1 not in labels.shape:
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all()):
            raise UserError(f"{found}, not one class per image; write labels = labels.argmax(1) if that is meant")
        labels, notes = labels.argmax(1), [f"the labels of {origin} are one-hot rows of {labels.shape[1]} classes"]
    if labels.ndim != 1 or labels.dtype.kind not in "biufUS":
        raise UserError(f"{found}, not a whole number or a name per image{_mended(labels)}")
    if labels.dtype.kind in "US":
        return _text(labels, found), notes
    if labels.dtype.kind == "f":
        odd = np.flatnonzero(~(np.isfinite(labels) & (labels == np.rint(labels))))
        if len(odd):
            raise UserError(f"{found}, not whole numbers: label {odd[0]} is {labels[odd[0]]}; mend it")
        notes.append(f"the labels of {origin} are {labels.dtype}, and whole numbers")
    if labels.dtype.kind in "fu" and labels.size and labels.max() > np.iinfo(np.int64).max:
        raise UserError(f"{found}, up to {labels.max()}; they must count the classes from 0")
    return labels.astype(np.int64), notes


def _text(labels: np.ndarray, found: str) -> np.ndarray:
    try:
        return labels.astype(str) if labels.dtype.kind == "U" else np.char.decode(labels, "utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{found}, which are not UTF-8; write labels = labels.astype(str)") from error


def _mended(labels: np.ndarray) -> str:
    """The line of numpy that is likely to mend labels; empty if none is."""
    if labels.dtype.names:
        return f"; write labels = labels['{labels.dtype.names[-1]}'], or what the field of the labels is"
    if labels.ndim == 2 and 1 in labels.shape:
        return "; write labels = labels.ravel()"
    return "; write labels = labels.astype(str)" if labels.dtype.kind == "O" else ""
