"""What a training image's row holds, and what it does to the image, its weight and its label.

A row has up to three parts: the learned augmentation (A), the loss weight (W) and the soft label (S); AutoDO (arXiv
2103.05863) section 3. Every estimator fills the same rows.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from hyperopt.augmentation import draw_amounts, probabilities_and_magnitudes, start_rows
from hyperopt.losses import LOSSES
from hyperopt.rows import RowTable
from hyperopt.warp import OPERATIONS
from hyperopt.warps import Warp
from utils.row_options import LEARNED_AUG_MODELS, LOSS_LETTERS

START_SMOOTHING = 0.05
DESCRIBED_AT_ONCE = 16384


def start_soft_labels(labels: Tensor, classes: int) -> Tensor:
    """Soft-label logits (N, C) whose softmax smooths `labels` (N,) by 0.05: d (onehot - 1/2)."""
    distance = math.log(1 - classes + classes / START_SMOOTHING)
    # Filled in place: the table can be as large as the memory allows.
    start = torch.full((len(labels), classes), -distance / 2, device=labels.device)
    return start.scatter_(1, labels[:, None], distance / 2)


def weight_of(logits: Tensor) -> Tensor:
    """Loss weights (B,) from their logits (B, 1): softplus, scaled to be one at the start (logit zero)."""
    return F.softplus(logits[:, 0]) / math.log(2)


class Hyperparameters:
    """The rows of a training set: tables of shape (N or 1, k), absent where nothing is learned.

    Args:
        labels: the given, possibly noisy labels of *all* N training images, (N,) int64, on the rows' device.
        classes: C.
        augmentation: a name of `--aug-model`.
        loss: a name of `--los-model`.
        warp: what moves images, `hyperopt.warps`.
        training_loss: a name of `hyperopt.losses.LOSSES`; cross-entropy is that without soft labels.
        home: where the tables are kept (default: where the labels are).

    """

    def __init__(
        self,
        labels: Tensor,
        classes: int,
        augmentation: str,
        loss: str,
        warp: Warp,
        training_loss: str,
        home: torch.device | None = None,
    ):
        self.labels = labels
        self.tables: dict[str, RowTable] = {}
        home = home or labels.device
        if augmentation in LEARNED_AUG_MODELS:
            shared = augmentation == "SHA"
            self.tables["augmentation"] = RowTable(start_rows(1 if shared else len(labels), home), shared)
        if "W" in LOSS_LETTERS[loss]:
            self.tables["weight"] = RowTable(torch.zeros(len(labels), 1, device=home))
        self.loss = LOSSES[training_loss]
        if "S" in LOSS_LETTERS[loss]:
            self.tables["soft_label"] = RowTable(start_soft_labels(labels.to(home), classes))
        self._warp = warp

    def start_from(self, index: Tensor, values: dict[str, Tensor]) -> None:
        """Give the rows of the images `index` (n,) other values than the usual ones: (n, k) per table, by name.

        Raises UserError where images would share a row with different values.
        """
        for name, rows in values.items():
            self.tables[name].fill(index, rows)

    def gather(self, index: Tensor) -> dict[str, Tensor]:
        """The batch's rows, a (B or 1, k) tensor per table, for the images `index` (B,)."""
        return {name: table.gather(index) for name, table in self.tables.items()}

    def augment(self, images: Tensor, rows: dict[str, Tensor], generator: torch.Generator) -> Tensor:
        """Learned augmentation of normalised training images (B, C, H, W) under their rows."""
        if "augmentation" not in rows:
            return self._warp.still(images)
        return self._warp(images, draw_amounts(rows["augmentation"], len(images), generator))

    @property
    def views_validation_anew(self) -> bool:
        """Whether the hyper pass sees validation images otherwise than an evaluation does."""
        return self._warp.moves_still

    def view_validation(self, images: Tensor) -> Tensor:
        """Normalised validation images (B, C, H, W) as the hyper pass sees them: the learned part is off."""
        return self._warp.still(images)

    def target(self, index: Tensor, rows: dict[str, Tensor]) -> Tensor:
        """What the loss compares with: soft-label logits (B, C), or the given labels (B,) int64."""
        return rows["soft_label"] if "soft_label" in rows else self.labels[index]

    def weight(self, index: Tensor, rows: dict[str, Tensor]) -> Tensor:
        """Loss weights (B,); one where none are learned."""
        return weight_of(rows["weight"]) if "weight" in rows else torch.ones(len(index), device=index.device)

    def training_loss(self, logits: Tensor, index: Tensor, rows: dict[str, Tensor]) -> Tensor:
        """Mean weighted loss of a batch (scalar, nats) at logits (B, C)."""
        return (self.weight(index, rows) * self.loss.value(logits, self.target(index, rows))).mean()

    def update(self, index: Tensor, gradients: dict[str, Tensor], learning_rate: float) -> None:
        """One RMSprop step on the rows of the images `index` (B,)."""
        for name, table in self.tables.items():
            table.update(index, gradients[name], learning_rate)

    def values(self) -> dict[str, Tensor]:
        """The tables, (N or 1, k) each, by name."""
        return {name: table.values for name, table in self.tables.items()}

    def describe(self, index: Tensor) -> dict[str, Tensor]:
        """What the rows of the images `index` (n,) have come to, by name: weights, probabilities, magnitudes."""
        # In parts: all images' soft labels at once can be more than the memory has room for.
        parts = [self._describe(part) for part in index.split(DESCRIBED_AT_ONCE)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _describe(self, index: Tensor) -> dict[str, Tensor]:
        rows = self.gather(index)
        described = {}
        if "weight" in rows:
            described["Weight"] = weight_of(rows["weight"])
        if "soft_label" in rows:
            given = self.labels[index][:, None]
            described["Soft label of the given class"] = rows["soft_label"].softmax(1).gather(1, given)
        if "augmentation" in rows:
            parts = zip(("Probability", "Magnitude"), probabilities_and_magnitudes(rows["augmentation"]), strict=True)
            described |= {f"{name}/{op}": part[:, k] for name, part in parts for k, op in enumerate(OPERATIONS)}
        return described
