"""The parts of a row: what each part is, how it starts, and its columns in a rows file.

A part is stored as *leaves*, numbers without bounds that a gradient moves, and written in *columns*, in units that mean
something. Checkpoints, rows file, TensorBoard and `Rows` loop over `PARTS`. AutoDO (arXiv 2103.05863) section 3.
N: training images, n: some of them, R: rows (N, or 1 when all images share one), C: classes, K: operations.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hyperopt.augmentation.amounts import probabilities_and_magnitudes, start_rows
from hyperopt.augmentation.warp import RANGES
from hyperopt.rows.letters import LETTERS

START_SMOOTHING = 0.05  # of soft labels
TINY = torch.finfo(torch.float32).tiny
BELOW_ONE = 1 - torch.finfo(torch.float32).eps / 4
ROUNDING = 1e-3  # largest difference of a soft label's sum from one
HEAVIEST = 1e6  # largest weight in a file


class Column(NamedTuple):
    """The type and the number of dimensions of a column of the rows file; all have n rows."""

    kind: torch.dtype = torch.float32
    dimensions: int = 1


class Part:
    """A part of the row of every training image.

    letter: its key in `PARTS`. columns: of the rows file, by name. published: the key of its leaves in the published
    checkpoints.
    """

    letter: str
    columns: dict[str, Column]
    published = "reweight_state_dict"

    @property
    def name(self) -> str:
        """The part's name in checkpoints."""
        return LETTERS[self.letter]

    def start(self, given: Tensor, classes: int, shared: bool, dtype: torch.dtype = torch.float32) -> Tensor:
        """Leaves (R, k) at their start, for given labels (N,), on their device; only augmentations can be `shared`."""
        raise NotImplementedError

    def to_columns(self, leaves: Tensor) -> dict[str, Tensor]:
        """Columns (n rows) by name, from leaves (n or 1, k)."""
        raise NotImplementedError

    def to_leaves(self, columns: dict[str, Tensor]) -> Tensor:
        """Leaves (n, k), always finite, from all columns of the part: the inverse of `to_columns`.

        They may be more precise than the columns. A value at the end of a column's range becomes the nearest one that
        leaves in float32 can represent; a hyper pass does not move it from there.
        """
        raise NotImplementedError

    def misfit(self, columns: dict[str, Tensor], given: Tensor) -> str | None:
        """What is wrong with columns from a file, for images with given labels (n,); None if nothing is."""
        return None

    def describe(self, leaves: Tensor, given: Tensor) -> dict[str, Tensor]:
        """The figures of the log for leaves (n or 1, k) of images with given labels (n,), by tag."""
        raise NotImplementedError


class Weight(Part):
    """W: the factor of an image's loss."""

    letter, columns = "W", {"weight": Column()}

    def start(self, given: Tensor, classes: int, shared: bool, dtype: torch.dtype = torch.float32) -> Tensor:
        """Zeros (N, 1), which are weights of one."""
        return torch.zeros(len(given), 1, dtype=dtype, device=given.device)

    def to_columns(self, leaves: Tensor) -> dict[str, Tensor]:
        """The weights (n,), positive."""
        return {"weight": weight_of(leaves)}

    def to_leaves(self, columns: dict[str, Tensor]) -> Tensor:
        """Leaves (n, 1)."""
        exponent = (columns["weight"].double() * math.log(2)).clamp(min=TINY)
        return (exponent + (-(-exponent).expm1()).log())[:, None]

    def misfit(self, columns: dict[str, Tensor], given: Tensor) -> str | None:
        """Weights must not be zero for all, nor too large."""
        if not columns["weight"].any():
            return "weight is zero for every image"
        return f"weight must be from 0 to {HEAVIEST:g}" if columns["weight"].max() > HEAVIEST else None

    def describe(self, leaves: Tensor, given: Tensor) -> dict[str, Tensor]:
        """The weights."""
        return {"Weight": weight_of(leaves)}


class SoftLabel(Part):
    """S: the class probabilities with which the loss compares the network's."""

    letter, columns = "S", {"soft_label": Column(dimensions=2)}

    def start(self, given: Tensor, classes: int, shared: bool, dtype: torch.dtype = torch.float32) -> Tensor:
        """Logits (N, C) of the smoothed given labels."""
        return start_soft_labels(given, classes, dtype)

    def to_columns(self, leaves: Tensor) -> dict[str, Tensor]:
        """Probabilities (n, C), whose rows sum to one."""
        return {"soft_label": leaves.softmax(1)}

    def to_leaves(self, columns: dict[str, Tensor]) -> Tensor:
        """Leaves (n, C)."""
        return columns["soft_label"].clamp(min=TINY).log()

    def misfit(self, columns: dict[str, Tensor], given: Tensor) -> str | None:
        """Rows must sum to one and have a column for every given label."""
        if (columns["soft_label"].sum(1) - 1).abs().max() > ROUNDING:
            return "a row of soft_label does not sum to one"
        if given.max() >= columns["soft_label"].shape[1]:
            return "given_label has a class that soft_label has no column for"
        return None

    def describe(self, leaves: Tensor, given: Tensor) -> dict[str, Tensor]:
        """The given labels' probabilities."""
        return {"Soft label of the given class": leaves.softmax(1).gather(1, given[:, None])}


class Augmentation(Part):
    """A: a probability and a magnitude per operation of the learned augmentation."""

    letter, columns = "A", {"probability": Column(dimensions=2), "magnitude": Column(dimensions=2)}
    published = "augment_state_dict"

    def start(self, given: Tensor, classes: int, shared: bool, dtype: torch.dtype = torch.float32) -> Tensor:
        """Logits (R, 2 K)."""
        return start_rows(1 if shared else len(given), given.device, dtype)

    def to_columns(self, leaves: Tensor) -> dict[str, Tensor]:
        """Probabilities and magnitudes (n, K) in 0..1, the latter in units of the operations' nominal ranges."""
        return dict(zip(self.columns, probabilities_and_magnitudes(leaves), strict=True))

    def to_leaves(self, columns: dict[str, Tensor]) -> Tensor:
        """Leaves (n, 2 K)."""
        both = torch.cat([columns[name] for name in self.columns], 1).double()
        return both.clamp(TINY, BELOW_ONE).logit()

    def misfit(self, columns: dict[str, Tensor], given: Tensor) -> str | None:
        """Both columns must exist, in 0..1, for all operations."""
        if columns.keys() != self.columns.keys():
            return "probability and magnitude need each other"
        if any(column.shape[1] != len(RANGES) or column.max() > 1 for column in columns.values()):
            return f"probability and magnitude must be from 0 to 1, for {len(RANGES)} operations"
        return None

    def describe(self, leaves: Tensor, given: Tensor) -> dict[str, Tensor]:
        """Probabilities and magnitudes of each operation."""
        both = zip(("Probability", "Magnitude"), probabilities_and_magnitudes(leaves), strict=True)
        return {f"{name}/{op}": part[:, k] for name, part in both for k, op in enumerate(RANGES)}


PARTS: dict[str, Part] = {part.letter: part for part in (Weight(), SoftLabel(), Augmentation())}


def start_soft_labels(labels: Tensor, classes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Soft-label logits (N, C) whose softmax smooths `labels` (N,) by 0.05: d (onehot - 1/2)."""
    distance = math.log(1 - classes + classes / START_SMOOTHING)
    # Filled in place: the table can take most of the memory.
    start = torch.full((len(labels), classes), -distance / 2, dtype=dtype, device=labels.device)
    return start.scatter_(1, labels[:, None], distance / 2)


def weight_of(logits: Tensor) -> Tensor:
    """Loss weights (B,) from their logits (B, 1): softplus, scaled to be one at the start (logit zero)."""
    return F.softplus(logits[:, 0]) / math.log(2)
