"""Tables of hyperparameters, a row per training image, and their optimiser."""

import torch
from torch import Tensor


class RowTable:
    """Values (R, k) with an RMSprop state: R = number of training images, or 1 when all images share the row.

    A step touches the rows of its batch only, so its cost does not depend on R. It equals the dense
    `torch.optim.RMSprop` on the whole table, where rows outside of the batch have gradient zero: such a row keeps its
    value while its running square decays by alpha at every step, and the decays that a row missed are made up for at
    its next visit. Updating only the visited rows *without* that would be another optimiser.
    """

    alpha = 0.99  # decay of the running square, per step
    epsilon = 1e-8

    def __init__(self, start: Tensor, shared: bool = False):
        self.shared = shared
        self.values = start.clone()
        self.square = torch.zeros_like(start)
        self.visited = torch.zeros(len(start), dtype=torch.int64, device=start.device)  # step of the last visit
        self.step = 0

    def gather(self, index: Tensor) -> Tensor:
        """Rows (B, k) of the images `index` (B,); (1, k), to be broadcast, when all images share one."""
        return self.values[self._rows(index)]

    def update(self, index: Tensor, gradient: Tensor, learning_rate: float) -> None:
        """One RMSprop step with the gradient of what `gather(index)` returned; no index may occur twice."""
        self.step += 1
        rows = self._rows(index)
        decays = (self.step - self.visited[rows]).to(gradient.dtype)
        square = self.square[rows] * self.alpha ** decays[:, None] + (1 - self.alpha) * gradient.square()
        self.square[rows] = square
        self.visited[rows] = self.step
        self.values[rows] -= learning_rate * gradient / (square.sqrt() + self.epsilon)

    def _rows(self, index: Tensor) -> Tensor:
        return torch.zeros_like(index[:1]) if self.shared else index
