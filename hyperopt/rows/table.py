"""Tables of hyperparameters, a row per training image, and their optimiser."""

from typing import Any

import torch
from torch import Tensor

from utils.errors import UserError


class RowTable:
    """Values (R, k) with an RMSprop state: R = number of training images, or 1 when all images share the row.

    A step touches the rows of its batch only, so its cost does not depend on R. It equals the dense
    `torch.optim.RMSprop` on the whole table, where rows outside of the batch have gradient zero: such a row keeps its
    value while its running square decays by alpha at every step, and the decays that a row missed are made up for at
    its next visit. Updating only the visited rows *without* that would be another optimiser.

    The table stays where `start` is. When that is the host, for want of room on the GPU, a batch's rows travel to the
    GPU through pinned memory and their gradients back. (The table itself is not pinned: the processor gathers from it,
    and locking all of its pages would gain nothing.)

    Args:
        start: first values (R, k); the table takes them over.
        shared: whether all images share one row.

    """

    alpha = 0.99  # decay of the running square, per step
    epsilon = 1e-8

    def __init__(self, start: Tensor, shared: bool = False):
        self.shared = shared
        self.values = start
        self.square = torch.zeros_like(start)
        self.visited = torch.zeros(len(start), dtype=torch.int64, device=start.device)  # step of the last visit
        self.step = 0

    def leaves(self, index: Tensor) -> Tensor:
        """Rows of the images `index` (B,), on its device: (B, k), or (1, k) to be broadcast when all share one."""
        rows = self.values[self._rows(index)]
        if rows.device == index.device:
            return rows
        return rows.pin_memory().to(index.device, non_blocking=True)

    def fill(self, index: Tensor, values: Tensor) -> None:
        """Replace the values of the images `index` (n,) by `values` (n, k), wherever these are.

        Raises UserError when all images share the row and the values are not alike.
        """
        if self.shared and (values != values[0]).any():
            raise UserError("the learned rows differ from image to image, while all share one; take --aug-model SEP")
        self.values[self._rows(index)] = values[: 1 if self.shared else None].to(self.values.device)

    def host_rows(self, index: Tensor) -> Tensor:
        """Copy on the host of the rows of any number of images `index` (n,): (n, k), or (1, k) when all share one."""
        # Chosen there: a second copy of a large table may be more than the device has room for.
        return self.values.cpu()[self._rows(index).cpu()]

    def move(self, index: Tensor, gradient: Tensor, learning_rate: float) -> None:
        """One RMSprop step with the gradient of what `leaves(index)` returned; no index may occur twice."""
        self.step += 1
        rows, gradient = self._rows(index), gradient.to(self.values.device)
        decays = (self.step - self.visited[rows]).to(gradient.dtype)
        square = self.square[rows] * self.alpha ** decays[:, None] + (1 - self.alpha) * gradient.square()
        self.square[rows] = square
        self.visited[rows] = self.step
        self.values[rows] -= learning_rate * gradient / (square.sqrt() + self.epsilon)

    def state(self) -> dict[str, Any]:
        """What the table has beside its values, as `load` takes it."""
        return {"square": self.square, "visited": self.visited, "step": self.step}

    def load(self, values: Tensor, state: dict[str, Any]) -> None:
        """Go on from the values (R, k) and the state of a table of the same shape."""
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
