"""Ctrl-C and other signals to end a process make a run end between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

from utils.errors import Interrupted
from utils.group import ALONE, Group
from utils.passes import Batch, Batches

# Among others from a closed terminal and from schedulers that announce the end of a job; Windows lacks some.
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1") if hasattr(signal, name)]


class Interruption(AbstractContextManager):
    """A context in which the first signal waits for the end of the step; a second one does not wait.

    Several processes of a run stop at the same step, as soon as one of them has a signal.
    Ignored signals (as under nohup) stay ignored. In a thread other than the main one it does nothing.
    """

    def __init__(self) -> None:
        self._received: signal.Signals | None = None

    def __enter__(self) -> "Interruption":
        in_charge = threading.current_thread() is threading.main_thread()
        handled = [number for number in SIGNALS if in_charge and signal.getsignal(number) not in (signal.SIG_IGN, None)]
        self._before = {number: signal.signal(number, self._receive) for number in handled}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self._received:
            raise KeyboardInterrupt
        self._received = signal.Signals(number)

    def check(self, group: Group = ALONE) -> None:
        """Raise Interrupted when a signal has come to a process of the group, all of which must call this."""
        if received := group.largest(self._received or 0):
            raise Interrupted(signal.Signals(received))

    @contextmanager
    def before_errors(self) -> Iterator[None]:
        """Raise Interrupted in place of an error after a signal, which the processes that read images get as well."""
        try:
            yield
        except RuntimeError:
            self.check()
            raise

    def watch(self, batches: Batches) -> Batches:
        """The same batches; a signal takes effect before each one and after the last one."""
        return _Watched(batches, self)


class _Watched:
    def __init__(self, batches: Batches, interruption: Interruption):
        self._batches, self._interruption, self.group = batches, interruption, batches.group

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._batches:
            self._interruption.check(self.group)
            yield batch
        self._interruption.check(self.group)
