"""A table of hyperparameters whose rows are spread over the processes of a run: `--rows-on sharded`.

Of n processes, process r owns the rows r, r + n, r + 2 n, ... A batch's rows travel from their owners to the processes
that have the images, and their gradients back.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hyperopt.rows.table import RowTable
from utils.group import Group
from utils.share import ALL, Share


class ShardedTable:
    """The values (N, k) of a `RowTable`, of which every process holds an equal part; all methods are for all to call.

    Args:
        given: the given labels of all N training images, (N,) int64, on the device of the table.
        start: makes the first values (n, k) of images with given labels (n,).
        group: of the processes.

    """

    rate_flag, takes_rate, per_image = RowTable.rate_flag, RowTable.takes_rate, True

    def __init__(self, given: Tensor, start: Callable[[Tensor], Tensor], group: Group):
        self._group, self._images = group, len(given)
        rows = torch.arange(-(-len(given) // group.size) + 1, device=given.device) * group.size + group.rank
        # The last row is nobody's: a step moves it in place of those that other processes own, so that no process needs
        # to read from its device which rows of a batch it has. A part that is one row shorter has a second one.
        self._own = RowTable(start(given[rows.clamp(max=len(given) - 1)]))

    @property
    def values(self) -> Tensor:
        """All values (N, k) on the leader's host; no rows elsewhere."""
        return self._whole(self._own.values)

    def leaves(self, index: Tensor, share: Share = ALL) -> Tensor:
        """Rows (B, k) of the images `index` (B,), which are this process's share of a batch.

        Without a share, all processes ask for the rows of the same images.
        """
        index = share.join(index)
        mine = index % self._group.size == self._group.rank
        rows = torch.where(mine[:, None], self._own.leaves(self._places(index)), 0)
        (rows,) = self._group.total([rows])
        return share.cut(rows)

    def shown(self, index: Tensor) -> Tensor:
        """The same as `leaves`."""
        return self.leaves(index)

    def fill(self, index: Tensor, values: Tensor) -> None:
        """Replace the values of the images `index` (n,) by `values` (n, k), which all processes give."""
        index = index.to(self._own.values.device)
        mine = index % self._group.size == self._group.rank
        self._own.fill(index[mine] // self._group.size, values.to(index.device)[mine])

    def host_rows(self, index: Tensor) -> Tensor:
        """A copy of the rows of the images `index` (n,) on the leader's host; a row of zeros elsewhere."""
        values = self.values
        return values[index.cpu()] if self._group.leads else values.new_zeros((1, *values.shape[1:]))

    def move(self, index: Tensor, gradient: Tensor, learning_rate: float, share: Share = ALL) -> None:
        """Take one RMSprop step with the gradient of the whole batch's `leaves`; every owner moves its rows."""
        self._own.move(self._places(index), gradient, learning_rate)

    def measures(self, index: Tensor) -> dict[str, float]:
        """None, as of a whole table."""
        return {}

    def parameters(self) -> list[Tensor]:
        """None: an estimator moves the rows."""
        return []

    def state(self) -> dict[str, Any]:
        """The state of the whole table besides its values, on the leader's host."""
        state = self._own.state()
        return state | {name: self._whole(state[name]) for name in ("square", "visited")}

    def load(self, values: Tensor, state: dict[str, Any]) -> None:
        """Restore values (N, k) and state of a whole table."""
        mine = self._own.state() | {"values": self._own.values}
        for name, whole in {"values": values, "square": state["square"], "visited": state["visited"]}.items():
            part = whole[self._group.rank :: self._group.size]
            mine[name][: len(part)].copy_(part)
        self._own.step = state["step"]

    @property
    def nbytes(self) -> int:
        """Bytes of the whole table's values and state, which a checkpoint has."""
        return self._own.nbytes * self._group.size

    def _places(self, index: Tensor) -> Tensor:
        """Places (B,) in the own part of the images `index` (B,): the last one for what others own."""
        mine = index % self._group.size == self._group.rank
        return torch.where(mine, index // self._group.size, len(self._own.values) - 1)

    def _whole(self, own: Tensor) -> Tensor:
        """The parts of all processes in the order of the images, on the leader's host; no rows elsewhere."""
        parts = self._group.collect(own)
        if parts is None:
            return own.new_empty((0, *own.shape[1:]), device="cpu")
        whole = own.new_empty((self._images, *own.shape[1:]), device="cpu")
        for rank, part in enumerate(parts):
            places = whole[rank :: self._group.size]
            places.copy_(part[: len(places)])
        return whole
