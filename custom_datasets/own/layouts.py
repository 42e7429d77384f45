"""What a folder that is no own data may be instead: the folder above it or below it, or classes without parts."""

import os
from pathlib import Path

from custom_datasets.own.names import describe_named, is_junk, is_read
from custom_datasets.own.parts import looks_like_own_data, part_name


def explain(folder: Path) -> str | None:
    """What is in a folder without a training part, and what to do about it; None if nothing is recognised."""
    if not folder.is_dir():
        return None
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and not is_junk(path.name))
    if below := [path.name for path in folders if looks_like_own_data(path)]:
        which = "it" if len(below) == 1 else "one of them"
        return f"{folder} is one level too high: there are data in its {describe_named('folder', below)}; give {which}"
    if part_name(folder) and looks_like_own_data(folder.parent):
        return f"{folder} is a part of the data in {folder.parent}; give that folder"
    if classes := [path.name for path in folders if _has_pictures(path)]:
        held = f"has {describe_named('folder', classes)} of pictures"
    elif _has_pictures(folder):
        held = "has pictures"
    else:
        return None
    return (
        f"{folder} {held}, but no train/: move them into {folder / 'train'}, and some whose labels are surely right "
        f"into {folder / 'valid'} in the same way"
    )


def _has_pictures(folder: Path) -> bool:
    """Whether a picture that is read lies in a folder itself."""
    try:
        with os.scandir(folder) as entries:
            return any(is_read(entry.name) and not is_junk(entry.name) for entry in entries)
    except OSError:
        return False
