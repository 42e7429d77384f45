"""What drawing leaves."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Drawn:
    """The files of the figures; a line for what is left out; a line per damaged file."""

    paths: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
