"""Writing files that a reader never sees half of."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file beside `path`, then move it there in one step."""
    beside = path.with_name(path.name + ".part")
    write(beside)
    os.replace(beside, path)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, indented."""
    replace_file(path, lambda beside: beside.write_text(json.dumps(content, indent=2) + "\n"))
