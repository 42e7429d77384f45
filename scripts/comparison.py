"""Reads the values in the files of a run folder, and compares those of two folders bit for bit.

It reads the files itself and imports nothing of a checkout, so that it can compare two versions of the project.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Values by their place in a file: FILE/KEY/KEY.
Values = dict[str, Any]
NAMES = "names of files"

# Columns of the table: a value belongs to the first one whose pattern matches its place.
COLUMNS = {
    "files": f"^{NAMES}$",
    "encoder": "/encoder_state_dict/",
    "head": "/decoder_state_dict/",
    "rows": "^rows_|/(reweight_state_dict|augment_state_dict|training/rows)/",
    "optimizer": "/training/optimizer/",
    "generators": "/training/generators/",
    "results": r"^(result|metrics|predictions)_|^last_[^/]*/epochs/|\.py",
    "rest": "",
}
# Values that differ between two equal trainings: the clock, and the versions of libraries and program.
IGNORED = re.compile(
    r"""^( last_[^/]*/ (versions | log | checksum | epochs/\d+/(seconds|speeds|memory))
         | result_[^/]*/ (timing | commit | versions)
         | metrics_[^/]*/ \w+_seconds
        )(/|$)""",
    re.VERBOSE,
)
# Values that a finished run must have; otherwise values that both folders lack would count as equal.
REQUIRED = (
    "last_*/encoder_state_dict/*",
    "last_*/decoder_state_dict/*",
    "last_*/training/optimizer/*",
    "last_*/training/generators/*",
    "last_*/epochs/*",
    "best_*/encoder_state_dict/*",
    "best_*/decoder_state_dict/*",
    "result_*/accuracy/*",
    "metrics_*/train_loss",
    "predictions_*/train_predicted",
)
# "reweight" and "augment".
REQUIRED_ROWS = ("last_*/[ra]*_state_dict/*", "best_*/[ra]*_state_dict/*", "last_*/training/rows/*")
PLAIN = (bool, int, float, str, type(None))


class Unreadable(str):
    """The reason why a value cannot be compared. It equals nothing, not even itself."""


@dataclass
class Comparison:
    """The equal and the different values of two sets."""

    equal: Counter[str] = field(default_factory=Counter)  # number of values by column
    different: Counter[str] = field(default_factory=Counter)
    differences: dict[str, str] = field(default_factory=dict)  # place -> what differs
    added: list[str] = field(default_factory=list)  # places that only AFTER has
    gone: list[str] = field(default_factory=list)  # places of None that only BEFORE has, if that is allowed

    def add_difference(self, place: str, what: str) -> None:
        """Add a value that is not equal."""
        self.differences[place] = what
        self.different[column_of(place)] += 1

    def cell(self, column: str) -> str:
        """A cell of the table: the number of equal values or, if there are any, of different ones."""
        if wrong := self.different[column]:
            return f"{wrong} of {wrong + self.equal[column]} differ"
        return str(self.equal[column] or "-")


def failed(place: str, what: str) -> Comparison:
    """A comparison that could not be made."""
    comparison = Comparison()
    comparison.add_difference(place, what)
    return comparison


def column_of(place: str) -> str:
    """The column of the table in which a value counts."""
    return next(name for name, pattern in COLUMNS.items() if re.search(pattern, place))


def compare(before: Values, after: Values, required: Sequence[str] = (), may_go: bool = False) -> Comparison:
    """Compare two sets of values bit for bit.

    A value that only `after` has is no difference; a value that it lacks is one. So is a place of `required` (shell
    patterns) that `before` lacks, and a comparison without values. With `may_go`, `after` may lack a line "name None".
    """
    found = Comparison(added=[place for place in after if place not in before])
    for place, value in before.items():
        if place not in after and may_go and str(value).endswith(" None"):
            found.gone.append(place)
        elif place not in after:
            found.add_difference(place, "only BEFORE has it")
        elif bits(value) == bits(after[place]):
            found.equal[column_of(place)] += 1
        else:
            found.add_difference(place, describe(value, after[place]))
    for pattern in required:
        if not any(fnmatchcase(place, pattern) for place in before):
            found.add_difference(pattern, "nothing to compare: BEFORE has none")
    if not found.equal and not found.differences:
        found.add_difference("everything", "nothing was compared")
    return found


def bits(value: Any) -> Any:
    """A representation that equals another value's only if type, shape and every bit are the same."""
    if isinstance(value, Unreadable):
        return object()
    if isinstance(value, Tensor):
        raw = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        return str(value.dtype), tuple(value.shape), raw.numpy().tobytes()
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return type(value).__name__, repr(value)  # exact for a float


def describe(before: Any, after: Any) -> str:
    """The difference between two values, as text."""
    if isinstance(before, Unreadable):
        return f"BEFORE {before}"
    if isinstance(after, Unreadable):
        return f"AFTER {after}"
    if isinstance(before, list) and isinstance(after, list):
        lost, new = ([str(x) for x in one if x not in other] for one, other in ((before, after), (after, before)))
        return f"only BEFORE: {shortened(lost)}; only AFTER: {shortened(new)}"
    arrays = [value for value in (before, after) if isinstance(value, Tensor | np.ndarray)]
    if len(arrays) == 2:
        return describe_arrays(*arrays)
    return f"{shortened(before)} -> {shortened(after)}"


def describe_arrays(before: Tensor | np.ndarray, after: Tensor | np.ndarray) -> str:
    """The difference between two arrays, as text."""
    kinds = [f"{array.dtype} {tuple(array.shape)}" for array in (before, after)]
    if kinds[0] != kinds[1]:
        return " -> ".join(kinds)
    if isinstance(before, np.ndarray) and before.dtype.kind not in "biuf":
        return f"{shortened(before)} -> {shortened(after)}"
    numbers = [torch.as_tensor(array).cpu().double().numpy() for array in (before, after)]
    apart = np.abs(numbers[0] - numbers[1])
    return f"{np.count_nonzero(apart)} of {apart.size} numbers, by at most {apart.max():.3g}"


def shortened(value: Any) -> str:
    """A value in at most 200 characters."""
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]} ..."


def read_pt(path: Path) -> Any:
    """Read a file of tensors; the epochs of a checkpoint are lines of JSON."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(content, dict) and "epochs" in content:
        content["epochs"] = [json.loads(line) for line in content["epochs"]]
    return content


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read a file of arrays."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def read_csv(path: Path) -> dict[str, list[str]]:
    """Read the columns of a table."""
    with path.open(newline="") as file:
        heading, *lines = csv.reader(file)
    return {name: [line[place] for line in lines] for place, name in enumerate(heading)}


READERS: dict[str, Callable[[Path], Any]] = {
    ".pt": read_pt,
    ".npz": read_npz,
    ".csv": read_csv,
    ".json": lambda path: json.loads(path.read_text()),
}


def read_folder(folder: Path) -> Values:
    """The values of all files in a folder, and the files' names. A file of another kind is one value, its bytes."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    values: Values = {NAMES: [path.relative_to(folder).as_posix() for path in paths]}
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            found = dict(leaves(name, READERS.get(path.suffix, Path.read_bytes)(path)))
            found = found or {name: Unreadable("holds no value")}
        except Exception as error:  # a damaged file can raise anything
            found = {name: Unreadable(f"cannot be read: {type(error).__name__}: {error}")}
        values |= {place: value for place, value in found.items() if not IGNORED.search(place)}
    return values


def read_bytes(folder: Path) -> Values:
    """The bytes of all files in a folder, and the files' names."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    values = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return {NAMES: list(values)} | values


def leaves(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The values in nested dictionaries and lists, by place: tensors, arrays, numbers, texts and lists of these."""
    parts: Any
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list | tuple) and not all(isinstance(part, PLAIN) for part in value):
        yield f"{place}/length", len(value)
        parts = enumerate(value)
    else:
        yield place, value
        return
    for name, part in parts:
        yield from leaves(f"{place}/{name}", part)


def table(comparisons: dict[str, Comparison]) -> str:
    """The table of all comparisons, by command."""
    lines = [["command", *COLUMNS, "verdict"]]
    for name, found in comparisons.items():
        verdict = "DIFFERENT" if found.differences else "equal"
        lines.append([name, *(found.cell(column) for column in COLUMNS), verdict])
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    rows = (" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(row.rstrip() for row in rows)


def remarks(comparisons: dict[str, Comparison], most: int = 10) -> Iterator[str]:
    """Lines on the differences, at most `most` for each comparison, and on values that only one of the two has."""
    for name, found in comparisons.items():
        for place, what in list(found.differences.items())[:most]:
            yield f"DIFFERENT  {name}: {place}: {what}"
        if len(found.differences) > most:
            yield f"DIFFERENT  {name}: and {len(found.differences) - most} more"
    for heading, kind in (("only AFTER has it, allowed", "added"), ("only BEFORE has it, None", "gone")):
        places = Counter(general(place) for found in comparisons.values() for place in getattr(found, kind))
        for place, count in sorted(places.items()):
            yield f"{heading}: {place} ({count} times)"


def general(place: str) -> str:
    """A value's place without the name of the run or the flags of the command."""
    return re.sub(r"^([a-z]+_|\S+\.py)[^/]*", r"\1*", place)
