"""A group of processes on torch.distributed: NCCL between GPUs, gloo between hosts."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from utils.errors import LeaderError, LostProcessError
from utils.group import Group, Value

# Of the messages of gloo, NCCL and torch's store when the process at the other end has ended, which have no type of
# their own.
LOST = ("by peer", "Broken pipe", "remote process exited", "remote error", "Socket", "socket", "recv failed")
PATIENCE = timedelta(days=7)  # one process may wait for another run, or read the data, while the others wait for it


class Launched(Group):
    """The processes that torchrun has started. Every method is for all of them to call, in the same order.

    Raises LostProcessError when one of them has ended.
    """

    def __init__(self, store: dist.Store, rank: int, size: int):
        self._store, self.rank, self.size = store, rank, size

    def total(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The sums of tensors over all processes."""
        if not tensors:
            return []
        message = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
        with losing_processes():
            dist.all_reduce(message)
        parts = message.split([tensor.numel() for tensor in tensors])
        return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]

    def gather(self, own: Tensor) -> list[Tensor]:
        """The tensors of all processes."""
        own = own.detach().contiguous()
        found = [torch.empty_like(own) for _ in range(self.size)]
        with losing_processes():
            dist.all_gather(found, own)
        return found

    def collect(self, own: Tensor) -> list[Tensor] | None:
        """The tensors of all processes for the leader."""
        own = own.detach().cpu().contiguous()
        found = [torch.empty_like(own) for _ in range(self.size)] if self.leads else None
        with losing_processes():
            dist.gather(own, found)
        return found

    def largest(self, number: int) -> int:
        """The largest number of any process."""
        found = torch.tensor(number)
        with losing_processes():
            dist.all_reduce(found, dist.ReduceOp.MAX)
        return int(found)

    def agree(self, find: Callable[[], Value]) -> Value:
        """What `find` returns to the leader."""
        found: list[Any] = [find() if self.leads else None]
        with losing_processes():
            dist.broadcast_object_list(found, device=torch.device("cpu"))
        value: Value = found[0]
        return value

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """A block that the leader runs before the others, which end if it fails."""
        if not self.leads:
            if self.largest(0):
                raise LeaderError("the process that writes the files has failed")
            yield
            return
        failed = 1
        try:
            yield
            failed = 0
        finally:
            self.largest(failed)

    def fails_first(self, command: int) -> bool:
        """Whether this process fails first; if torchrun has ended, which counts, the leader does."""
        try:
            return self._store.add(f"failures of command {command}", 1) == 1
        except RuntimeError:
            return self.leads


def launched() -> Launched:
    """The group of the processes that torchrun has started."""
    # Numbers on the host travel beside those on GPUs, without waiting for these.
    backends = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with losing_processes():
        store, rank, size = next(rendezvous("env://"))
        # What processes of an earlier attempt have left there must not be taken for this one's.
        store = dist.PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT')}", store)
        dist.init_process_group(backends, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    return Launched(store, rank, size)


@contextmanager
def losing_processes() -> Iterator[None]:
    """Turn the error of a message to or from a process that has ended into a LostProcessError."""
    try:
        yield
    except RuntimeError as error:  # torch's own are among these
        if not any(sign in str(error) for sign in LOST):
            raise
        raise LostProcessError("another process of this run has ended") from error
