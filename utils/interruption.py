"""Ctrl-C and SIGTERM end a run between two steps."""

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import FrameType

from utils.errors import Interrupted
from utils.passes import Batch, Batches

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption(AbstractContextManager):
    """While it is entered, the first signal waits for the end of the step; a second one does not wait."""

    def __init__(self) -> None:
        self._received: signal.Signals | None = None

    def __enter__(self) -> "Interruption":
        self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self._received:
            raise KeyboardInterrupt
        self._received = signal.Signals(number)

    def check(self) -> None:
        """Raise Interrupted when a signal has come."""
        if self._received:
            raise Interrupted(self._received)

    def watch(self, batches: Batches) -> Batches:
        """The same batches; before each one, and after the last, the end of the step is where a signal takes effect."""
        return _Watched(batches, self)


class _Watched:
    def __init__(self, batches: Batches, interruption: Interruption):
        self._batches, self._interruption = batches, interruption

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Batch]:
        try:
            for batch in self._batches:
                self._interruption.check()
                yield batch
        except RuntimeError:
            self._interruption.check()  # the signal went to loading workers as well, which died of it
            raise
        self._interruption.check()
