"""The processes that train one run together: `torchrun --nproc-per-node N`.

All of them hold the same network and, of every batch, a share of the images (`utils.share`). They exchange sums and
rows of tensors; one of them, the leader, writes the files and prints. Without torchrun a run is a group of one process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Value = TypeVar("Value")


class Group:
    """A single process, which needs no other one.

    rank: of this process, from 0. size: number of processes.
    """

    rank, size = 0, 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def total(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The sums of tensors over all processes, without a graph; all of one type, sent as one message."""
        return [tensor.detach() for tensor in tensors]

    def gather(self, own: Tensor) -> list[Tensor]:
        """The tensors of all processes, of one shape, in the order of their ranks."""
        return [own]

    def collect(self, own: Tensor) -> list[Tensor] | None:
        """The same for the leader alone, on the host; None for the others."""
        return [own.cpu()]

    def largest(self, number: int) -> int:
        """The largest number of any process; the host waits for all processes, not for their devices."""
        return number

    def agree(self, find: Callable[[], Value]) -> Value:
        """What `find` returns to the leader, for all."""
        return find()

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """A block that the leader runs before the others, which find the files that it has written."""
        yield

    def fails_first(self, command: int) -> bool:
        """Whether this process is the first one in which its n-th command fails, so that its message is printed."""
        return True


ALONE = Group()


def is_launched() -> bool:
    """Whether torchrun has started this process as one of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", 1)) > 1


def local_rank() -> int:
    """The number of this process on its machine, from 0."""
    return int(os.environ["LOCAL_RANK"]) if is_launched() else 0
