"""The processes that train one run together: `torchrun --nproc-per-node N`.

All of them hold the same network and, of every batch, a share of the images (`utils.share`). They exchange sums and
rows of tensors; one of them, the leader, writes the files and prints. Without torchrun a run is a group of one process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from itertools import count
from typing import TYPE_CHECKING, NoReturn, TypeVar

from utils.errors import Interrupted, Unspoken, UserError

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


_launched: list[Group] = []  # the group of this process, once it has been formed
_commands = count(1)  # of this process


def processes() -> Group:
    """The group of this process, which is formed once and lasts. Raises LostProcessError when a process has ended."""
    if not is_launched():
        return ALONE
    if not _launched:
        from utils.launched import launched

        _launched.append(launched())
    return _launched[0]


@contextmanager
def one_voice() -> Iterator[None]:
    """A command in which, of several processes, only the leader prints, and only the first one that fails says why.

    All may fail in the same way, or because another one has. An error of the program is printed by every process.
    """
    if not is_launched():
        yield
        return
    group, number = processes(), next(_commands)
    try:
        with ExitStack() as stack:
            if not group.leads:
                nowhere = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(redirect_stdout(nowhere))
                stack.enter_context(redirect_stderr(nowhere))
            yield
    except (UserError, OSError, Interrupted, KeyboardInterrupt) as error:
        if group.fails_first(number):
            raise
        raise Unspoken(error) from error
    except Exception:
        group.fails_first(number)  # so that the others, which lose this process, do not advise to go on
        raise


def leave(status: int) -> NoReturn:
    """End the process with an exit status.

    One of several ends at once: an interpreter that takes itself apart while torch still has threads for messages can
    abort.
    """
    if is_launched():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
    raise SystemExit(status)
