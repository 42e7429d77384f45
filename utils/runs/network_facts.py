"""What a checkpoint says about its network, so that the network can be used without the data set."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

NETWORK = "network"  # the key of a checkpoint
IMAGES, FEATURES = "images", "features"  # kinds of data, and of what a network takes


@dataclass(frozen=True)
class NetworkFacts:
    """The network's name and its input.

    channels, height, width: of the images that it was evaluated on; D features are (D, 1, 1). image_size: the side to
    which pictures of any size were scaled; None where all had this size. mean, std: per channel, of pixels in 0..1; of
    features in their units. classes: C. class_names: of the classes; None where they have only numbers. background:
    colour under transparent pictures. kind: `IMAGES` or `FEATURES`.
    """

    model: str
    channels: int
    height: int
    width: int
    image_size: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_names: tuple[str, ...] | None
    classes: int
    background: str
    kind: str = IMAGES

    def stored(self) -> dict[str, Any]:
        """The entry of a checkpoint: plain values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def of(cls, stored: Any) -> "NetworkFacts":
        """The facts that `stored` has returned. Raises ValueError when the entry is damaged."""
        if not isinstance(stored, Mapping) or not stored.keys() >= cls.__dataclass_fields__.keys():
            raise ValueError("its entry on the network is incomplete")
        entries = ((name, stored[name]) for name in cls.__dataclass_fields__)
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in entries}
        facts = cls(**values)
        sizes = facts.channels, facts.height, facts.width, facts.classes
        lengths = len(facts.mean), len(facts.std), *([] if facts.class_names is None else [len(facts.class_names)])
        expected = facts.channels, facts.channels, *([] if facts.class_names is None else [facts.classes])
        if any(type(size) is not int or size < 1 for size in sizes) or lengths != expected:
            raise ValueError("its entry on the network is damaged")
        return facts

    @property
    def names(self) -> Sequence[str]:
        """The names of the classes, or their numbers as text."""
        return self.class_names or [str(number) for number in range(self.classes)]
