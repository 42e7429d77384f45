"""Files of given labels: `--labels FILE[:KEY]`, read beside the data set whose training images they are of."""

import re
from collections.abc import Sequence

import numpy as np

from custom_datasets.given import LEFT_OUT, NOT_NAMED, GivenLabels
from custom_datasets.label_arrays import read_label_array
from custom_datasets.label_csv import IN_ORDER, Line, read_lines
from custom_datasets.label_kinds import plain_labels
from custom_datasets.label_source import LabelSource
from custom_datasets.table import Dataset
from utils.errors import UserError

SHOWN = 5  # names of classes in a message
NUMBER = re.compile(r"([0-9]{1,9})(\.0*)?")  # as tables with gaps have whole numbers


def read_given(source: LabelSource, data: Dataset) -> GivenLabels:
    """The labels that a file gives the training images of a whole data set.

    An array, or a table of labels alone, has a label for each image of the training set, in its order; clean images
    that came with the data set are no part of it. A table with the column `given_label` mends the data set's labels.

    Raises UserError, naming the file and the line or the place in it, when it cannot be read or does not fit.
    """
    if not source.path.exists():
        raise UserError(f"there is no file {source.path} of labels; name another with --labels, or leave it out")
    if source.path.suffix.lower() == ".csv":
        return _of_table(source, data)
    labels, notes = plain_labels(read_label_array(source), str(source))
    found = np.full(len(data.train), NOT_NAMED)
    found[: _refuse_count(len(labels), data, source)] = _numbers(labels, data, source)
    return GivenLabels.of(found, False, str(source), [*notes, *_note_numbers(labels, data, source)])


def _refuse_count(count: int, data: Dataset, source: LabelSource) -> int:
    images = len(data.train) - data.valid_given
    if count != images:
        beside = f" (beside {data.valid_given} clean ones)" if data.valid_given else ""
        raise UserError(
            f"{source} has {count} labels for {images} training images{beside}; it must have one for each, in the "
            "order of the data set"
        )
    return images


def _of_table(source: LabelSource, data: Dataset) -> GivenLabels:
    lines, mends = read_lines(source.path)
    if lines[0].image == IN_ORDER:
        _refuse_count(len(lines), data, source)
        places = [[place] for place in range(len(lines))]
    else:
        places = _find_places(lines, data, source)
    texts = [line.label for line in lines]
    labels, notes = _classes_of(texts, lines, data, source)
    if mends:
        _refuse_other_labels(lines, places, data, source)
    found = np.full(len(data.train), NOT_NAMED)
    for own, label in zip(places, labels, strict=True):
        found[own] = label
    return GivenLabels.of(found, mends, str(source), notes)


def _find_places(lines: Sequence[Line], data: Dataset, source: LabelSource) -> list[list[int]]:
    """The places in the training table of the image of every line; a file's several patches have one name."""
    known: dict[str, list[int]] = {}
    for place, file in enumerate(data.train_files or ()):
        known.setdefault(file, []).append(place)
    if not any({line.image, line.image.strip()} & known.keys() for line in lines):
        known = {str(place): [place] for place in range(len(data.train))}
    named: dict[str, int] = {}
    for line in lines:
        image = line.image if line.image in known else line.image.strip()
        if image not in known:
            raise UserError(
                f"line {line.number} of {source} names {image!a}, which is no training image: {_image_names(data)}"
            )
        if image in named:
            raise UserError(f"{source} names {image} in the lines {named[image]} and {line.number}; keep one of them")
        named[image] = line.number
    return [known[image] for image in named]


def _image_names(data: Dataset) -> str:
    places = f"places from 0 to {len(data.train) - 1}"
    return f"they are files such as {data.train_files[0]}, or {places}" if data.train_files else f"they are {places}"


def _classes_of(
    texts: Sequence[str], lines: Sequence[Line], data: Dataset, source: LabelSource
) -> tuple[list[int], list[str]]:
    """The class of every text, `LEFT_OUT` for an empty one. All are names of classes, or all are their numbers."""
    names = {name: label for label, name in enumerate(data.class_names or ())}
    texts = [text if text in names else text.strip() for text in texts]
    given = {text for text in texts if text}
    numbers = {text: int(match[1]) for text in given if (match := NUMBER.fullmatch(text))}
    numbers = {text: label for text, label in numbers.items() if label < data.classes}
    for line, text in zip(lines, texts, strict=True):
        if text and text not in names and text not in numbers:
            known = _class_names(data)
            raise UserError(f"line {line.number} of {source} has the label {text!a}, which is none of {known}")
    by_name = bool(names) and given <= names.keys()
    if not by_name and (others := sorted(given - numbers.keys())):
        raise UserError(f"{source} mixes names of classes ({others[0]}) and numbers ({min(numbers)}); keep one kind")
    known_by = names if by_name else numbers
    both = by_name and any(numbers[text] != names[text] for text in numbers)
    notes = [f"the labels of {source} are read as names of classes, not as their numbers"] if both else []
    return [known_by[text] if text else LEFT_OUT for text in texts], notes


def _class_names(data: Dataset) -> str:
    numbers = f"the classes 0 to {data.classes - 1}"
    if not data.class_names:
        return numbers
    more = ", ..." if data.classes > SHOWN else ""
    return f"{numbers} ({', '.join(data.class_names[:SHOWN])}{more})"


def _refuse_other_labels(
    lines: Sequence[Line], places: Sequence[Sequence[int]], data: Dataset, source: LabelSource
) -> None:
    """Raise UserError when a line that mends replaces another label than the data set's own."""
    own = data.train.labels.cpu().numpy()
    replaced, _ = _classes_of([line.given or "" for line in lines], lines, data, source)
    for line, label, image in zip(lines, replaced, places, strict=True):
        if (own[image] != label).any():
            now = own[image][0]
            now = data.class_names[now] if data.class_names else now
            raise UserError(
                f"line {line.number} of {source} replaces the label {line.given!a} of {line.image}, which is {now} in "
                "the data set; the file is of other data or of other labels: make it anew"
            )


def _numbers(labels: np.ndarray, data: Dataset, source: LabelSource) -> np.ndarray:
    """The classes of labels (N,), int64 or text."""
    if labels.dtype.kind == "U":
        texts = labels.tolist()
        lines = [Line(place, IN_ORDER, None, text) for place, text in enumerate(texts)]
        return np.array(_classes_of(texts, lines, data, source)[0])
    if labels.size and (labels.min() < 0 or labels.max() >= data.classes):
        raise UserError(
            f"{source} has labels from {labels.min()} to {labels.max()}; they must be from 0 to {data.classes - 1}"
            + (": subtract 1" if (labels.min(), labels.max()) == (1, data.classes) else "")
        )
    return labels


def _note_numbers(labels: np.ndarray, data: Dataset, source: LabelSource) -> list[str]:
    """A note on numbers where the classes' names are numbers as well, and other ones."""
    names = data.class_names or []
    if labels.dtype.kind == "U" or not names or not all(name.isdigit() for name in names):
        return []
    if [int(name) for name in names] == list(range(data.classes)):
        return []
    return [f"the labels of {source} are numbers of classes, from 0, not their names"]
