"""The figures of an epoch, as they are logged, tabulated and stored."""

import dataclasses
import json

from utils.passes import Evaluation

SHOWN = 3  # the most further columns of the metrics file that a line of the log shows


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One epoch's figures. Losses are in nats; the seconds are those of hyper pass, train pass and evaluation.

    learning_rate, hyper_learning_rate: of the last step, the latter 0 where no table moves.
    speeds: of the passes, as text. memory: the most used so far, in GiB; 0 where it is not measured. measures: further
    columns of the metrics file.
    """

    epoch: int
    train_loss: float
    test: Evaluation
    valid: Evaluation
    learning_rate: float
    hyper_learning_rate: float
    seconds: dict[str, float]
    speeds: dict[str, str]
    memory: float
    measures: dict[str, float] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, stored: str) -> "Epoch":
        """The epoch from a line that `stored` has made. Raises ValueError for anything else."""
        try:
            values = json.loads(stored)
            epoch = cls(**values | {name: Evaluation(**values[name]) for name in ("test", "valid")})
            epoch.line(epochs=0)  # fails for anything but numbers
            epoch.metrics()
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError("not the figures of an epoch") from error
        return epoch

    def stored(self) -> str:
        """The epoch as a line of JSON, with floats to the last bit."""
        return json.dumps(dataclasses.asdict(self))

    def metrics(self) -> dict[str, float | int]:
        """The epoch as a line of the metrics file, by column."""
        return {
            "epoch": self.epoch,
            "train_loss": self.train_loss,
            "test_loss": self.test.loss,
            "test_accuracy": self.test.accuracy,
            "valid_loss": self.valid.loss,
            "valid_accuracy": self.valid.accuracy,
            "learning_rate": self.learning_rate,
            "hyper_learning_rate": self.hyper_learning_rate,
            **{f"{name}_seconds": round(seconds, 4) for name, seconds in self.seconds.items()},
            **self.measures,
        }

    def line(self, epochs: int) -> str:
        """The epoch as a line of the log."""
        few = self.measures if len(self.measures) <= SHOWN else {}
        further = "".join(f"  {name.replace('_', ' ')} {value:.4g}" for name, value in few.items())
        passes = "  ".join(f"{name} {self.seconds[name]:.2f} s ({speed})" for name, speed in self.speeds.items())
        return (
            f"epoch {self.epoch}/{epochs}  train loss {self.train_loss:.4f}  test loss {self.test.loss:.4f}  "
            f"test {self.test.accuracy:.2f} %  valid {self.valid.accuracy:.2f} %{further}  "
            f"lr {self.learning_rate:.2e}  {passes}" + (f"  memory {self.memory:.1f} GiB" if self.memory else "")
        )


def how_to_go_on(done: int) -> str:
    """At which epoch a run stops that ends now, with so many recorded ones, and what the same command does next."""
    if done:
        return f"after epoch {done}: the same command, without --fresh, goes on from there"
    return "within the first epoch: the same command starts over"
