"""Pictures that cannot be read: all of them are named at once, or they are left out."""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

import torch

from custom_datasets.own.folder import FolderPart
from custom_datasets.own.names import counted
from custom_datasets.own.parts import JOINED
from custom_datasets.table import ImageTable
from utils.errors import UserError

DAMAGED = "is damaged or not what its name says ("
SHOWN = 10  # pictures that are named


def refuse_damaged(failed: Mapping[Path, UserError], pictures: int, folder: Path) -> None:
    """Raise UserError when there are pictures that cannot be read, with the error of each, among so many."""
    if not failed:
        return
    without = "" if len(failed) == pictures else ", or leave {} out with --skip-damaged"
    if len(failed) == 1:
        (error,) = failed.values()
        raise UserError(f"{error}{without.format('it')}")
    advice = {str(error).rpartition("; ")[2] for error in failed.values()}
    mend = advice.pop().replace(" it", " them") if len(advice) == 1 else "mend or remove them"
    raise UserError(
        f"{len(failed)} of {counted(pictures, 'picture')} in {folder} cannot be read: {_listed(failed, folder)}; "
        f"{mend}{without.format('them')}"
    )


def note_damaged(failed: Mapping[Path, UserError], pictures: int, folder: Path) -> list[str]:
    """A line on the pictures that are left out; none without such."""
    if not failed:
        return []
    verb = "is" if len(failed) == 1 else "are"
    return [
        f"{len(failed)} of {counted(pictures, 'picture')} {verb} left out (--skip-damaged): {_listed(failed, folder)}"
    ]


def without_failed(
    parts: Mapping[str, FolderPart], tables: Mapping[str, ImageTable]
) -> tuple[dict[str, FolderPart], ImageTable, dict[str, ImageTable]]:
    """The parts, the training table and the tables of the parts without the pictures that could not be read.

    Raises UserError as `refuse_lost`.
    """
    kept, held = dict[str, FolderPart](), dict[str, ImageTable]()
    for name, part in parts.items():
        kept[name], places = part.without(part.failed)
        held[name] = tables[name].select(torch.from_numpy(places), torch.from_numpy(kept[name].labels))
    refuse_lost(kept)
    joined = [held[name] for name in JOINED if name in held]
    table = ImageTable(torch.cat([one.images for one in joined]), torch.cat([one.labels for one in joined]))
    pieces = zip((name for name in JOINED if name in held), table.images.split(list(map(len, joined))), strict=True)
    return kept, table, held | {name: ImageTable(images, held[name].labels) for name, images in pieces}


def refuse_lost(parts: Mapping[str, FolderPart]) -> None:
    """Raise UserError when no picture of a part, or no training picture of a class, is left."""
    train = parts["train"]
    lost = [part.path for part in parts.values() if not len(part)]
    lost += [train.path / train.names[label] for label in set(range(len(train.names))) - set(train.labels.tolist())]
    if lost:
        raise UserError(f"{min(lost)} has no picture that can be read; mend or add some")


def _listed(failed: Mapping[Path, UserError], folder: Path) -> str:
    """The first pictures, ascending, with what is wrong with them, and the number of others."""
    named = [(path.relative_to(folder).as_posix(), _cause(path, failed[path])) for path in sorted(failed)[:SHOWN]]
    groups = [(", ".join(name for name, _ in group), cause) for cause, group in groupby(named, lambda pair: pair[1])]
    more = f"; and {len(failed) - SHOWN} more" if len(failed) > SHOWN else ""
    return "; ".join(f"{names} ({cause})" for names, cause in groups) + more


def _cause(path: Path, error: UserError) -> str:
    """What is wrong with a picture: the message without the name before it and the advice after it."""
    cause = str(error).removeprefix(f"{path} ").rpartition("; ")[0]
    return cause.removeprefix(DAMAGED).removesuffix(")") if cause.startswith(DAMAGED) else cause
