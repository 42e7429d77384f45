"""Tables of hyperparameters, a row per training image, and their optimiser."""

from typing import Any

import torch
from torch import Tensor

from utils.errors import UserError
from utils.share import ALL, Share


class RowTable:
    """Values (R, k) with an RMSprop state: R = number of training images, or 1 when all images share the row.

    A step changes only the rows of its batch, so its cost does not depend on R. It equals the dense
    `torch.optim.RMSprop` on the whole table, with gradient zero for rows outside of the batch: such a row keeps its
    value, while its running square decays by alpha at every step. The missed decays of a row are applied at its next
    visit; *without* them this would be another optimiser.

    The table stays on the device of `start`. If that is the host, because the GPU is too small, a batch's rows are
    copied to the GPU through pinned memory, and their gradients back. (The table itself is not pinned: the CPU gathers
    from it, so locking all of its pages would gain nothing.)

    Args:
        start: first values (R, k), which the table changes in place.
        shared: whether all images share one row.

    """

    rate_flag, takes_rate = "--hyper-lr", True
    alpha = 0.99  # decay of the running square, per step
    epsilon = 1e-8

    def __init__(self, start: Tensor, shared: bool = False):
        self.shared, self.per_image = shared, not shared
        self.values = start
        self.square = torch.zeros_like(start)
        self.visited = torch.zeros(len(start), dtype=torch.int64, device=start.device)  # step of the last visit
        self.step = 0

    def leaves(self, index: Tensor, share: Share = ALL) -> Tensor:
        """Rows of the images `index` (B,), on its device: (B, k), or (1, k) to broadcast if all share one."""
        rows = self.values[self._rows(index)]
        if rows.device == index.device:
            return rows
        return rows.pin_memory().to(index.device, non_blocking=True)

    def shown(self, index: Tensor) -> Tensor:
        """The same as `leaves`, which draws nothing."""
        return self.leaves(index)

    def fill(self, index: Tensor, values: Tensor) -> None:
        """Replace the values of the images `index` (n,) by `values` (n, k), of any float type and on any device.

        Raises UserError when all images share the row and the values are not the same for all.
        """
        values = values.to(self.values.dtype)
        if self.shared and (values != values[0]).any():
            raise UserError("the learned rows differ from image to image, while all share one; take --aug-model SEP")
        self.values[self._rows(index)] = values[: 1 if self.shared else None].to(self.values.device)

    def host_rows(self, index: Tensor) -> Tensor:
        """A copy on the host of the rows of any number of images `index` (n,): (n, k), or (1, k) if all share one."""
        # Selected on the host, since a second copy of a large table may not fit on the device.
        return self.values.cpu()[self._rows(index).cpu()]

    def move(self, index: Tensor, gradient: Tensor, learning_rate: float, share: Share = ALL) -> None:
        """Take one RMSprop step with the gradient of what `leaves(index)` returned; no index may occur twice.

        Of a row that all images share, each process has its part of the gradient.
        """
        (gradient,) = share.group.total([gradient])
        self.step += 1
        rows, gradient = self._rows(index), gradient.to(self.values.device)
        decays = (self.step - self.visited[rows]).to(gradient.dtype)
        square = self.square[rows] * self.alpha ** decays[:, None] + (1 - self.alpha) * gradient.square()
        self.square[rows] = square
        self.visited[rows] = self.step
        self.values[rows] -= learning_rate * gradient / (square.sqrt() + self.epsilon)

    def measures(self, index: Tensor) -> dict[str, float]:
        """None: the rows file and the log have them."""
        return {}

    def parameters(self) -> list[Tensor]:
        """None: an estimator moves the rows, in `move`."""
        return []

    def state(self) -> dict[str, Any]:
        """The table's state besides its values, for `load`."""
        return {"square": self.square, "visited": self.visited, "step": self.step}

    def load(self, values: Tensor, state: dict[str, Any]) -> None:
        """Restore the values (R, k) and the state of a table of the same shape."""
        self.values.copy_(values)
        self.square.copy_(state["square"])
        self.visited.copy_(state["visited"])
        self.step = state["step"]

    @property
    def nbytes(self) -> int:
        """Bytes of the values and of the optimiser's state."""
        return self.values.nbytes + self.square.nbytes + self.visited.nbytes

    def _rows(self, index: Tensor) -> Tensor:
        return (torch.zeros_like(index[:1]) if self.shared else index).to(self.values.device)
