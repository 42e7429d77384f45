"""The rows of a training set, and their effect on image, loss weight and label.

A row has up to three parts that are stored by holders; AutoDO (arXiv 2103.05863) section 3. A fourth one, the rank,
decides whether an image is augmented at all. All estimators fill the same rows.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from hyperopt.augmentation.warps import Effect, RandomAmounts, Warp
from hyperopt.head.losses import Loss
from hyperopt.rows.augmenter import ImageHolder, NoiseHolder
from hyperopt.rows.letters import RANK
from hyperopt.rows.order import COLUMN, Order
from hyperopt.rows.parts import PARTS, Part, weight_of
from hyperopt.rows.sharded import ShardedTable
from hyperopt.rows.table import RowTable
from utils.group import ALONE, Group
from utils.share import ALL, Share

DESCRIBED_AT_ONCE = 16384
Leaves = dict[str, Tensor]  # by the letter of the part: (B or 1, k)


class Holder(Protocol):
    """Stores a part: a table with a row per image or a shared one, or anything else that maps an index to leaves."""

    rate_flag: str  # the flag of its learning rate
    takes_rate: bool  # whether that is the one which `move` is given
    per_image: bool  # whether images have values of their own, so that the gradients of a whole batch move these

    @property
    def values(self) -> Tensor:
        """What it learns."""

    def leaves(self, index: Tensor, share: Share = ALL) -> Tensor:
        """Leaves of the images `index` (B,), on its device: (B, k), or (1, k) to broadcast if all share them.

        The images are this process's share of a batch, whose other processes ask for theirs at the same time.
        """

    def shown(self, index: Tensor) -> Tensor:
        """The same for pictures and figures: nothing is drawn that a training would draw later."""

    def move(self, index: Tensor, gradient: Tensor, learning_rate: float, share: Share = ALL) -> None:
        """Take one step with the gradient of what `leaves(index)` returned; no index may occur twice.

        The step is that of the whole batch, whose images and gradients are given if images have values of their own;
        otherwise every process has those of its share.
        """

    def fill(self, index: Tensor, values: Tensor) -> None:
        """Replace the leaves of the images `index` (n,) by `values` (n, k)."""

    def host_rows(self, index: Tensor) -> Tensor:
        """A copy on the host of the leaves of any number of images `index` (n,): (n, k), or (1, k)."""

    def measures(self, index: Tensor) -> dict[str, float]:
        """Figures of an epoch for the metrics file, by column, of the images `index` (n,).

        Raises DivergenceError when the values have diverged.
        """

    def parameters(self) -> list[Tensor]:
        """Values that the classifier's own optimiser moves, down the training loss."""

    def state(self) -> dict[str, Any]:
        """Its state besides the values, for `load`."""

    def load(self, values: Tensor, state: dict[str, Any]) -> None:
        """Restore values and state."""

    @property
    def nbytes(self) -> int:
        """Bytes of values and state."""


class Rows:
    """The rows of a training set.

    Args:
        given: the given, possibly noisy labels of *all* N training images, (N,) int64, on the run's device.
        holders: of the parts that rows have, by letter.
        training_loss: of an image; cross-entropy without soft labels.
        effect: of the learned augmentation on images.
        parts: by letter, at least those of the holders.
        order: the ranks of the images, if rows have them.
        dtype: of leaves, weights and losses.

    """

    def __init__(
        self,
        given: Tensor,
        holders: dict[str, Holder],
        training_loss: Loss,
        effect: Effect,
        parts: dict[str, Part],
        order: Order | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        self.given, self.holders, self.training_loss, self.order = given, holders, training_loss, order
        self.dtype = dtype
        self._effect, self._parts = effect, parts

    def leaves(self, index: Tensor, share: Share = ALL) -> Leaves:
        """The batch's leaves by part, for the images `index` (B,), which are this process's share of it."""
        return {letter: holder.leaves(index, share) for letter, holder in self.holders.items()}

    def shown(self, index: Tensor) -> Leaves:
        """The same for pictures and figures, which must not change what a training draws."""
        return {letter: holder.shown(index) for letter, holder in self.holders.items()}

    def augment(self, images: Tensor, index: Tensor, leaves: Leaves, draws: torch.Generator) -> Tensor:
        """Learned augmentation of normalised training images (B, C, H, W) under their rows, those of `index` (B,)."""
        if "A" not in leaves:
            return self.still(images)
        return self.only_first(index, self._effect(images, leaves["A"], draws), lambda: self.still(images))

    def only_first(self, index: Tensor, augmented: Tensor, others: Callable[[], Tensor]) -> Tensor:
        """The augmented images (B, C, H, W) of those that the order augments, the other ones of all others.

        Both are made of all images `index` (B,), so that no draw depends on the order. Without one, `others` is not
        called.
        """
        chosen = self.order.chosen(index) if self.order else None
        return augmented if chosen is None else torch.where(chosen[:, None, None, None], augmented, others())

    @property
    def views_validation_anew(self) -> bool:
        """Whether the hyper pass sees validation images in another view than an evaluation."""
        return self._effect.blurs_still

    def still(self, images: Tensor) -> Tensor:
        """Normalised images (B, C, H, W) without learned augmentation; the published warp blurs these as well."""
        return self._effect.still(images)

    def target(self, index: Tensor, leaves: Leaves) -> Tensor:
        """The target of the loss: soft-label logits (B, C), or the given labels (B,) int64."""
        return leaves["S"] if "S" in leaves else self.given[index]

    def weight(self, index: Tensor, leaves: Leaves) -> Tensor:
        """Loss weights (B,); one if rows have none."""
        if "W" in leaves:
            return weight_of(leaves["W"])
        return torch.ones(len(index), dtype=self.dtype, device=index.device)

    def loss(self, logits: Tensor, index: Tensor, leaves: Leaves, share: Share = ALL) -> Tensor:
        """Mean weighted loss of a batch (scalar, nats) at logits (B, C); of a share, its part of the batch's mean."""
        losses = self.weight(index, leaves) * self.training_loss.value(logits, self.target(index, leaves))
        return share.mean(losses)

    def move(self, index: Tensor, gradients: Leaves, learning_rate: float, share: Share = ALL) -> None:
        """Take one step of all holders on the rows of the images `index` (B,), which are a share of a batch."""
        own = [letter for letter in gradients if self.holders[letter].per_image]
        whole, *joined = share.join_all([index, *(gradients[letter] for letter in own)])
        for letter, gradient in zip(own, joined, strict=True):
            self.holders[letter].move(whole, gradient, learning_rate)
        for letter in gradients:  # in the same order in every process
            if letter not in own:
                self.holders[letter].move(index, gradients[letter], learning_rate, share)

    @property
    def takes_rate(self) -> bool:
        """Whether a holder moves at the learning rate that `move` is given."""
        return any(holder.takes_rate for holder in self.holders.values())

    @property
    def rate_flags(self) -> str:
        """The flags of the learning rates of network and holders, for advice."""
        return " or ".join(dict.fromkeys(["--lr", *(holder.rate_flag for holder in self.holders.values())]))

    def fill(self, index: Tensor, columns: dict[str, Tensor], letters: str) -> None:
        """Fill the parts `letters` of the rows of the images `index` (n,) from columns of a rows file.

        Raises UserError when images that share a row have different values.
        """
        if self.order and RANK in letters:
            self.order.fill(index, columns[COLUMN])
        for letter in letters.replace(RANK, ""):
            own = {name: columns[name].to(self.dtype) for name in self._parts[letter].columns}
            self.holders[letter].fill(index, self._parts[letter].to_leaves(own))

    def columns(self, index: Tensor) -> dict[str, Tensor]:
        """The columns of the images `index` (n,) on the host, in float32; a shared row is repeated for each of them."""
        found: dict[str, Tensor] = {}
        for letter, holder in self.holders.items():
            columns = self._parts[letter].to_columns(holder.host_rows(index))
            found |= {name: column.expand(len(index), *column.shape[1:]) for name, column in columns.items()}
        ranks = self.order.columns(index) if self.order else {}
        return {name: column.float().contiguous() for name, column in found.items()} | ranks

    def published(self) -> dict[str, dict[str, Tensor]]:
        """The values of all holders by the keys of the published checkpoints."""
        found: dict[str, dict[str, Tensor]] = {part.published: {} for part in self._parts.values()}
        for letter, holder in self.holders.items():
            found[self._parts[letter].published][self._parts[letter].name] = holder.values
        return found

    def state(self) -> dict[str, Any]:
        """The state of the holders besides their values, and the ranks, by the name of the part."""
        ranks = {COLUMN: self.order.rank} if self.order else {}
        return {self._parts[letter].name: holder.state() for letter, holder in self.holders.items()} | ranks

    def load(self, published: dict[str, dict[str, Tensor]], state: dict[str, Any]) -> None:
        """Restore what `published` and `state` have returned."""
        for letter, holder in self.holders.items():
            part = self._parts[letter]
            holder.load(published[part.published][part.name], state[part.name])
        if self.order:
            self.order.rank.copy_(state[COLUMN])

    def measures(self, index: Tensor) -> dict[str, float]:
        """Figures of an epoch for the metrics file, by column, of the images `index` (n,).

        Raises DivergenceError when a holder has diverged.
        """
        return {name: value for holder in self.holders.values() for name, value in holder.measures(index).items()}

    def parameters(self) -> list[Tensor]:
        """Values that the classifier's own optimiser moves, down the training loss."""
        return [values for holder in self.holders.values() for values in holder.parameters()]

    @property
    def nbytes(self) -> int:
        """Bytes of all holders."""
        return sum(holder.nbytes for holder in self.holders.values())

    def describe(self, index: Tensor) -> dict[str, Tensor]:
        """Figures of the rows of the images `index` (n,), by tag of the log."""
        # In parts, since all images' soft labels at once may not fit into memory.
        described = [self._describe(part) for part in index.split(DESCRIBED_AT_ONCE)]
        return {name: torch.cat([part[name] for part in described]) for name in described[0]}

    def _describe(self, index: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for letter, leaves in self.shown(index).items():
            found |= self._parts[letter].describe(leaves, self.given[index])
        return found


def make_rows(
    given: Tensor,
    classes: int,
    letters: str,
    shared: bool,
    training_loss: Loss,
    warp: Warp,
    home: torch.device,
    augmenter: NoiseHolder | ImageHolder | None = None,
    first: int | None = None,
    owners: Group = ALONE,
    dtype: torch.dtype = torch.float32,
) -> Rows:
    """Rows at their start, with the parts of these letters in tables, but for an augmentation by an augmenter.

    Ranks, which start without an order, are on the run's device.

    Args:
        given: the given labels of all N training images, (N,) int64, on the run's device.
        classes: C.
        letters: of `LETTERS`.
        shared: whether all images share one augmentation.
        training_loss: of an image.
        warp: of the learned augmentation.
        home: device of the tables.
        augmenter: what holds the augmentation, if it is not a table.
        first: number of images that are augmented, the first ones by their rank; None for all.
        owners: the processes over which the rows of a table are spread; by default, each process has all of them.
        dtype: of the rows.

    """
    at_home = given.to(home)
    tables = {
        letter: _make_table(part, at_home, classes, shared and letter == "A", owners, dtype)
        for letter, part in PARTS.items()
        if letter in letters and not (augmenter and letter == augmenter.part.letter)
    }
    order = Order(len(given), first, given.device) if RANK in letters else None
    if augmenter:
        holders: dict[str, Holder] = {**tables, "A": augmenter}
        return Rows(given, holders, training_loss, augmenter, PARTS | {"A": augmenter.part}, order, dtype)
    return Rows(given, dict(tables), training_loss, RandomAmounts(warp), PARTS, order, dtype)


def _make_table(part: Part, given: Tensor, classes: int, shared: bool, owners: Group, dtype: torch.dtype) -> Holder:
    """The table of a part at its start, on the device of the given labels (N,)."""
    if owners.size == 1 or shared:
        return RowTable(part.start(given, classes, shared, dtype), shared)
    return ShardedTable(given, lambda own: part.start(own, classes, shared, dtype), owners)
