"""The rows file: the rows of a training set as an estimator has filled them, for other trainings.

Two files hold the same columns: `.pt`, which loads with `torch.load(path, weights_only=True)` as a dictionary, and
`.npz`, which loads with `numpy.load(path)`. n: images of the distorted training set, C: classes, K: operations.

    index           int64 (n,)      place of the image in the run's training table: the data set's, or its subset's
    given_label     int64 (n,)      its given, possibly wrong label
    weight          float32 (n,)    loss weight, 1 at the start
    soft_label      float32 (n, C)  class probabilities, rows sum to one
    probability     float32 (n, K)  of each operation of the learned augmentation, 0 to 1
    magnitude       float32 (n, K)  of each operation, 0 to 1, in units of its nominal range
    posterior       float32 (n,)    of the image's views to be in distribution, 0 to 1, averaged over the training (GMM)
    confidence      float32 (n,)    the network's probability of the given label, 0 to 1, averaged over its training
    rank            int64 (n,)      place in the order in which the images are augmented, a permutation of 0 to n - 1
    score           float32 (n,)    by which an estimator has first ordered the images, in units of its own, 0 or
                                    more; the rank can be by later scores (--select-update)
    operations      K names         the operations, in order
    dataset         text            name of the data set
    split           text            fingerprint of the distorted training set that the rows belong to

The columns weight, soft_label, probability, magnitude and rank are absent if the run's rows lack that part. If the run
does not learn, they are the rows that it started with. The confidence is not a hyperparameter: it tells wrong labels,
so that a training can weigh images by it. A file may lack it.
"""

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hyperopt.augmentation.warp import RANGES
from hyperopt.rows.letters import COLUMN_LETTERS, CONFIDENCE, RANK
from hyperopt.rows.order import COLUMN as RANK_COLUMN
from hyperopt.rows.parts import PARTS, Column
from utils.arrays import load_arrays, load_tensors
from utils.errors import UserError

INDEX, GIVEN, POSTERIOR, CONFIDENCE_COLUMN = "index", "given_label", "posterior", "confidence"
TEXTS = ("dataset", "split", "operations")
COLUMNS = {INDEX: Column(torch.int64), GIVEN: Column(torch.int64)}
COLUMNS |= {name: column for part in PARTS.values() for name, column in part.columns.items()}
COLUMNS |= {POSTERIOR: Column(), CONFIDENCE_COLUMN: Column(), RANK_COLUMN: Column(torch.int64), "score": Column()}


@dataclass(frozen=True)
class RowsFile:
    """The content of a rows file, on the CPU; the columns are described in the module's docstring.

    columns: all existing ones except index and given label, by name.
    """

    index: Tensor
    given_label: Tensor
    dataset: str
    split: str
    columns: dict[str, Tensor]
    operations: tuple[str, ...] = tuple(RANGES)

    @classmethod
    def read(cls, path: Path) -> "RowsFile":
        """Read a `.pt` or `.npz` file; nothing in it is executed. Raises UserError when it is missing or damaged."""
        try:
            content = {name: value for name, value in _load(path).items() if value is not None}
            unknown = sorted(content.keys() - {*COLUMNS, *TEXTS})
            columns = {name: content[name] for name in COLUMNS if name in content and name not in (INDEX, GIVEN)}
            own = {name: content[name] for name in (INDEX, GIVEN, "dataset", "split")}
            rows = cls(**own, columns=columns, operations=tuple(content.get("operations", RANGES)))
            problem = f"it has an unknown column {unknown[0]!a}" if unknown else rows._misfit()
        except FileNotFoundError as error:
            raise UserError(f"there is no rows file {path}; train its run, with --fresh if it is finished") from error
        except KeyError as error:
            problem = f"it has no {error}"
        except (ValueError, TypeError, AttributeError, RuntimeError):  # from sparse tensors, or text
            problem = "damaged"
        if problem:
            raise UserError(f"{path} is not a rows file that can be used ({problem})")
        return rows

    def _misfit(self) -> str | None:
        """What differs from the module's docstring; None if nothing does."""
        for name, column in self._all().items():
            kind, dimensions = COLUMNS[name]
            if column.dtype != kind or column.ndim != dimensions or len(column) != len(self.index):
                wanted = "(n,)" if dimensions == 1 else "(n, k)"
                return f"{name} is {column.dtype} of shape {tuple(column.shape)}; it must be {kind} of shape {wanted}"
            if not column.isfinite().all() or column.numel() == 0 or column.min() < 0:
                return f"{name} is empty or has a value that is not finite or below zero"
        if len(self.index.unique()) != len(self.index):
            return "index has an image twice"
        for part in PARTS.values():
            own = {name: self.columns[name] for name in part.columns if name in self.columns}
            if own and (problem := part.misfit(own, self.given_label)):
                return problem
        confidence = self.columns.get(CONFIDENCE_COLUMN)
        if confidence is not None and (confidence.max() > 1 or not confidence.any()):
            wrong = "must be from 0 to 1" if confidence.any() else "is zero for every image"
            return f"{CONFIDENCE_COLUMN} {wrong}"
        if POSTERIOR in self.columns and self.columns[POSTERIOR].max() > 1:
            return f"{POSTERIOR} must be from 0 to 1"
        if RANK_COLUMN in self.columns and not _is_permutation(self.columns[RANK_COLUMN]):
            return f"{RANK_COLUMN} must have each place from 0 to {len(self.index) - 1} once"
        if self.operations != tuple(RANGES):
            return f"the operations must be {', '.join(RANGES)}"
        if not all(isinstance(text, str) for text in (self.dataset, self.split)):
            return "dataset and split must be text"
        return None

    def _all(self) -> dict[str, Tensor]:
        """The columns of all kinds, in the order of `COLUMNS`."""
        found = {INDEX: self.index, GIVEN: self.given_label} | self.columns
        return {name: found[name] for name in COLUMNS if name in found}

    @property
    def letters(self) -> str:
        """Letters of the columns that can be taken over: the existing parts and the confidence."""
        names = {letter: {*part.columns} for letter, part in PARTS.items()}
        names |= {CONFIDENCE: {CONFIDENCE_COLUMN}, RANK: {RANK_COLUMN}}
        return "".join(letter for letter in COLUMN_LETTERS if names[letter] <= self.columns.keys())

    def in_order_of(self, index: np.ndarray, given_label: np.ndarray, classes: int, source: Path | str) -> "RowsFile":
        """These rows, which were read from `source`, in the order of the images `index` (n,) of a predictions file.

        Raises UserError when images, given labels or classes differ.
        """
        ours, theirs = self.index.argsort().numpy(), index.argsort()
        pairs = ((self.index, index), (self.given_label, given_label))
        same = all(np.array_equal(mine.numpy()[ours], their[theirs]) for mine, their in pairs)
        soft_label = self.columns.get("soft_label")
        if not same or (soft_label is not None and soft_label.shape[1] != classes):
            raise UserError(
                f"{source} is of other images or labels than the predictions file; train the run again with --fresh"
            )
        order = torch.from_numpy(ours[theirs.argsort()])
        columns = {name: column[order] for name, column in self.columns.items()}
        return replace(self, index=self.index[order], given_label=self.given_label[order], columns=columns)

    def content(self) -> dict[str, Any]:
        """All existing entries, by name."""
        texts = {"dataset": self.dataset, "split": self.split}
        own = {INDEX: self.index, GIVEN: self.given_label}
        return own | texts | {n: c for n, c in self._all().items() if n not in own} | {"operations": self.operations}

    def as_pt(self) -> bytes:
        """The content of the `.pt` file."""
        content = io.BytesIO()
        torch.save(self.content() | {"operations": list(self.operations)}, content)
        return content.getvalue()

    def as_npz(self) -> bytes:
        """The content of the `.npz` file."""
        content = io.BytesIO()
        arrays: dict[str, Any] = {
            name: v.numpy() if isinstance(v, Tensor) else np.array(v) for name, v in self.content().items()
        }
        np.savez(content, **arrays)
        return content.getvalue()


def _is_permutation(places: Tensor) -> bool:
    """Whether places (n,) int64 are each of 0 to n - 1 once."""
    return torch.equal(places.sort().values, torch.arange(len(places)))


def _load(path: Path) -> dict[str, Any]:
    """The unchecked content of a file, with arrays as tensors."""
    if path.suffix.lower() != ".npz":
        content = load_tensors(path)
        content = content if isinstance(content, dict) else {}  # another kind of file lacks the columns
        return {name: part.detach() if isinstance(part, Tensor) else part for name, part in content.items()}
    arrays = load_arrays(path)
    texts = {name: arrays.pop(name).tolist() for name in TEXTS if name in arrays}
    return texts | {
        name: torch.from_numpy(_native(array)) if name in COLUMNS else array for name, array in arrays.items()
    }


def _native(array: np.ndarray) -> np.ndarray:
    """The array in this machine's byte order."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)
