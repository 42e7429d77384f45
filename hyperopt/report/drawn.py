"""The result of drawing figures."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Drawn:
    """The files of the figures, a line for each thing that is left out, and a line for each damaged file."""

    paths: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
