"""The rows of a training set as a file: what an estimator learned, for whoever wants to train with it.

Two files hold the same columns: `.pt`, which loads with `torch.load(path, weights_only=True)` as a dictionary, and
`.npz`, which loads with `numpy.load(path)`. n: images of the distorted training set, C: classes, K: operations.

    index           int64 (n,)      place of the image in the data set's training table
    given_label     int64 (n,)      the possibly wrong label that it came with
    weight          float32 (n,)    loss weight, 1 at the start
    soft_label      float32 (n, C)  class probabilities, rows sum to one
    probability     float32 (n, K)  of each operation of the learned augmentation, 0 to 1
    magnitude       float32 (n, K)  of each operation, 0 to 1, in units of its nominal range
    confidence      float32 (n,)    the network's probability of the given label, 0 to 1, averaged over its training
    operations      K names         the operations, in order
    dataset         text            name of the data set
    split           text            fingerprint of the distorted training set that the rows belong to

Of weight, soft_label and the two columns of the augmentation those are absent that the run had no rows of; in the file
of a run that does not learn they are what it was given. The confidence is no hyperparameter, it only tells wrong
labels, so that a training can weigh by it; a file may lack it.
"""

import io
import math
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hyperopt.augmentation import probabilities_and_magnitudes
from hyperopt.hyperparameters import Hyperparameters, weight_of
from hyperopt.warp import OPERATIONS
from utils.arrays import load_arrays, load_tensors
from utils.errors import UserError

# The parts of a row, by the names of the tables in `Hyperparameters`, and their columns.
PARTS = {"weight": ("weight",), "soft_label": ("soft_label",), "augmentation": ("probability", "magnitude")}
# Type and number of dimensions of the columns.
COLUMNS = {
    "index": (torch.int64, 1),
    "given_label": (torch.int64, 1),
    "weight": (torch.float32, 1),
    "soft_label": (torch.float32, 2),
    "probability": (torch.float32, 2),
    "magnitude": (torch.float32, 2),
    "confidence": (torch.float32, 1),
}
TINY = torch.finfo(torch.float32).tiny
BELOW_ONE = 1 - torch.finfo(torch.float32).eps / 4
ROUNDING = 1e-3  # by which a soft label's sum may miss one
HEAVIEST = 1e6  # weight that a file may have


@dataclass(frozen=True)
class LearnedRows:
    """The columns of the module's docstring, on the CPU; None for what was not learned."""

    index: Tensor
    given_label: Tensor
    dataset: str
    split: str
    weight: Tensor | None = None
    soft_label: Tensor | None = None
    probability: Tensor | None = None
    magnitude: Tensor | None = None
    confidence: Tensor | None = None
    operations: tuple[str, ...] = tuple(OPERATIONS)

    @classmethod
    def of(
        cls, hyper: Hyperparameters, index: Tensor, dataset: str, split: str, confidence: Tensor | None = None
    ) -> "LearnedRows":
        """The rows of the images `index` (n,) as they are now; a shared augmentation is written for each of them."""
        index = index.cpu()
        labels = hyper.labels.cpu()[index]
        rows = {name: table.host_rows(index) for name, table in hyper.tables.items()}
        columns: dict[str, Tensor] = {}
        if "weight" in rows:
            columns["weight"] = weight_of(rows["weight"])
        if "soft_label" in rows:
            columns["soft_label"] = rows["soft_label"].softmax(1)
        if "augmentation" in rows:
            values = (part.expand(len(index), -1) for part in probabilities_and_magnitudes(rows["augmentation"]))
            columns |= dict(zip(PARTS["augmentation"], values, strict=True))
        columns = {name: column.float().contiguous() for name, column in columns.items()}
        return cls(index, labels, dataset, split, **columns, confidence=confidence)

    @classmethod
    def read(cls, path: Path) -> "LearnedRows":
        """Read a `.pt` or `.npz` file; nothing in it is executed. Raises UserError when it is missing or damaged."""
        try:
            content = _load(path)
            unknown = sorted(content.keys() - {field.name for field in fields(cls)})
            columns = {f.name: content[f.name] for f in fields(cls) if f.name in content or f.default is MISSING}
            rows = cls(**columns | {"operations": tuple(columns.get("operations", OPERATIONS))})
            problem = f"it has an unknown column {unknown[0]!a}" if unknown else rows._misfit()
        except FileNotFoundError as error:
            raise UserError(f"there is no rows file {path}; train its run, with --fresh if it is finished") from error
        except KeyError as error:
            problem = f"it has no {error}"
        except (ValueError, TypeError, AttributeError, RuntimeError):  # of sparse tensors, of text for a tensor
            problem = "damaged"
        if problem:
            raise UserError(f"{path} is not a rows file that can be used ({problem})")
        return rows

    def _misfit(self) -> str | None:
        """What is not as the module's docstring says, or None."""
        for name, (kind, dimensions) in COLUMNS.items():
            column = getattr(self, name)
            if column is None and name in ("index", "given_label"):
                return f"it has no {name}"
            if column is None:
                continue
            if column.dtype != kind or column.ndim != dimensions or len(column) != len(self.index):
                wanted = "(n,)" if dimensions == 1 else "(n, k)"
                return f"{name} is {column.dtype} of shape {tuple(column.shape)}; it must be {kind} of shape {wanted}"
            if not column.isfinite().all() or column.numel() == 0 or column.min() < 0:
                return f"{name} is empty or has a value that is not finite or below zero"
        if len(self.index.unique()) != len(self.index):
            return "index has an image twice"
        if self.soft_label is not None and (self.soft_label.sum(1) - 1).abs().max() > ROUNDING:
            return "a row of soft_label does not sum to one"
        if self.soft_label is not None and self.given_label.max() >= self.soft_label.shape[1]:
            return "given_label has a class that soft_label has no column for"
        for name in ("weight", "confidence"):
            if (column := getattr(self, name)) is not None and not column.any():
                return f"{name} is zero for every image"
        if self.weight is not None and self.weight.max() > HEAVIEST:
            return f"weight must be from 0 to {HEAVIEST:g}"
        if (self.probability is None) != (self.magnitude is None):
            return "probability and magnitude need each other"
        for column in (self.probability, self.magnitude):
            if column is not None and (column.shape[1] != len(OPERATIONS) or column.max() > 1):
                return f"probability and magnitude must be from 0 to 1, for {len(OPERATIONS)} operations"
        if self.confidence is not None and self.confidence.max() > 1:
            return "confidence must be from 0 to 1"
        if self.operations != tuple(OPERATIONS):
            return f"the operations must be {', '.join(OPERATIONS)}"
        if not all(isinstance(text, str) for text in (self.dataset, self.split)):
            return "dataset and split must be text"
        return None

    @property
    def parts(self) -> list[str]:
        """Names of the parts that are there, those of the tables in `Hyperparameters`."""
        return [part for part, columns in PARTS.items() if getattr(self, columns[0]) is not None]

    def in_order_of(self, index: np.ndarray, given_label: np.ndarray, classes: int, path: Path) -> "LearnedRows":
        """These rows, which were read from `path`, in the order of a predictions file's images `index` (n,).

        Raises UserError when images, given labels or classes are others.
        """
        ours, theirs = self.index.argsort().numpy(), index.argsort()
        pairs = ((self.index, index), (self.given_label, given_label))
        same = all(np.array_equal(mine.numpy()[ours], their[theirs]) for mine, their in pairs)
        if not same or (self.soft_label is not None and self.soft_label.shape[1] != classes):
            raise UserError(
                f"{path} is of other images or labels than the predictions file; train the run again with --fresh"
            )
        order = torch.from_numpy(ours[theirs.argsort()])
        ordered = {name: column[order] for name in COLUMNS if (column := getattr(self, name)) is not None}
        return replace(self, **ordered)

    def weighted_by_confidence(self, learned_weight: bool) -> "LearnedRows":
        """These rows with weights multiplied by the confidence: the learned ones, or the one that all start with.

        The factor is an image's confidence over the highest of its given class. A network is less sure of the right
        labels of a rare class, which would lose most of its weight otherwise.
        """
        highest = torch.zeros(int(self.given_label.max()) + 1).scatter_reduce(
            0, self.given_label, self.confidence, "amax", include_self=True
        )
        factor = self.confidence / highest[self.given_label].clamp(min=TINY)
        return replace(self, weight=factor if not learned_weight else factor * self.weight)

    def tables(self) -> dict[str, Tensor]:
        """What is there as rows (n, k) of the tables in `Hyperparameters`, by name: the inverse of `of`, always finite.

        A weight of zero, a probability of zero or one become the nearest that the tables can hold; a hyper pass does
        not move them from there.
        """
        found = {}
        if self.weight is not None:
            exponent = (self.weight.double() * math.log(2)).clamp(min=TINY)
            found["weight"] = (exponent + (-(-exponent).expm1()).log())[:, None]
        if self.soft_label is not None:
            found["soft_label"] = self.soft_label.clamp(min=TINY).log()
        if self.probability is not None:
            both = torch.cat((self.probability, self.magnitude), 1).double()
            found["augmentation"] = both.clamp(TINY, BELOW_ONE).logit()
        return {name: values.float() for name, values in found.items()}

    def columns(self) -> dict[str, Any]:
        """Everything that is there, by name."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value is not None}

    def as_pt(self) -> bytes:
        """The content of the `.pt` file."""
        content = io.BytesIO()
        torch.save(self.columns() | {"operations": list(self.operations)}, content)
        return content.getvalue()

    def as_npz(self) -> bytes:
        """The content of the `.npz` file."""
        content = io.BytesIO()
        arrays = {name: v.numpy() if isinstance(v, Tensor) else np.array(v) for name, v in self.columns().items()}
        np.savez(content, **arrays)
        return content.getvalue()


def _load(path: Path) -> dict[str, Any]:
    """The columns of a file as they stand there, arrays as tensors."""
    if path.suffix.lower() != ".npz":
        content = dict(load_tensors(path))
        return {name: part.detach() if isinstance(part, Tensor) else part for name, part in content.items()}
    arrays = load_arrays(path)
    texts = {name: arrays.pop(name).tolist() for name in ("dataset", "split", "operations") if name in arrays}
    return texts | {name: torch.from_numpy(_native(array)) for name, array in arrays.items()}


def _native(array: np.ndarray) -> np.ndarray:
    """The array in this machine's order of bytes."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)
