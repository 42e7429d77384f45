"""What a process has in place of a record of its run, when another process writes this."""

from contextlib import AbstractContextManager
from typing import Any

from utils.errors import DivergenceError
from utils.runs.epochs import how_to_go_on


class Onlooker(AbstractContextManager):
    """Counts the epochs, as `utils.runs.record.Record` does, and writes nothing.

    Args:
        done: number of epochs that the run has behind it.

    """

    def __init__(self, done: int):
        self.done = done

    def __exit__(self, *_: object) -> None: ...

    def add(self, *_: object) -> None:
        """Count an epoch that has just ended."""
        self.done += 1

    def how_to_go_on(self) -> str:
        """At which epoch a run stops that ends now, and what the same command does next."""
        return how_to_go_on(self.done)

    def diverged(self, error: DivergenceError) -> DivergenceError:
        """The error with its epoch."""
        return DivergenceError(f"diverged in epoch {self.done + 1}: {error}")

    def accuracies(self) -> dict[str, float]:
        """None."""
        return {}

    def finish(self, data: dict[str, Any]) -> dict[str, Any]:
        """The entries of a result about the data set."""
        return data
