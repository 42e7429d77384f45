"""The parts of own data: their paths and names, and what lies beside them."""

import os
from dataclasses import dataclass
from pathlib import Path

from custom_datasets.own.array_names import parts_within
from custom_datasets.own.names import describe_files, describe_named, first_of, is_junk
from utils.errors import UserError
from utils.runs.files import SPLIT_LOCK, run_number

LAYOUTS = (
    "train/ and test/, valid/ (clean images) or both, each with a folder of images per class, or train.npz, test.npz "
    "and valid.npz with the uint8 array 'images' (N x H x W or N x H x W x C) or the floats 'features' (N x D), "
    "and the whole numbers 'labels' (N)"
)
# The names of each part: first its own, then those that other tools use; in lower case.
NAMES = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing"),
}
JOINED = ("train", "valid")  # the parts of the training table
PART_OF = {name: part for part, names in NAMES.items() for name in names}


@dataclass(frozen=True)
class Parts:
    """The parts of own data: paths by name, all of one layout; notes on their names and on files that are not read."""

    paths: dict[str, Path]
    notes: tuple[str, ...]


def part_name(path: Path) -> str | None:
    """The part that lies at `path`, by its name; None when it is something else."""
    if path.suffix.lower() == ".npz":
        return PART_OF.get(path.stem.lower())
    return PART_OF.get(path.name.lower())


def holds_arrays(path: Path) -> bool:
    """Whether the part at `path` is an .npz file, or in one of all parts; otherwise it is a folder of pictures."""
    return bool(path.suffix) or path.parent.is_file()


def looks_like_own_data(folder: Path) -> bool:
    """Whether a training part lies in `folder`."""
    return folder.is_dir() and (any(part_name(path) == "train" for path in folder.iterdir()) or bool(_whole(folder)))


def lacks_test(folder: Path) -> bool:
    """Whether own data in `folder` has no test set, so that the validation set takes its place."""
    parts = {part_name(path) for path in folder.iterdir()}
    if "train" not in parts:
        parts |= {PART_OF[word] for words in _whole(folder).values() for word in words}
    return "test" not in parts


def _whole(folder: Path) -> dict[Path, list[str]]:
    """The .npz files in `folder` that hold a training part beside others, and their parts by name."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() == ".npz" and not is_junk(path.name)]
    found = {path: parts_within(path, PART_OF) for path in paths if part_name(path) is None}
    return {path: words for path, words in found.items() if "train" in words}


def _parts_of_whole(folder: Path, files: dict[Path, list[str]]) -> Parts:
    """The parts in the only file of all parts; each has the path of the file and its name in it."""
    if len(files) > 1:
        names = " and ".join(path.name for path in files)
        raise UserError(f"{folder} has {names}, which are a data set each; keep one of them")
    ((path, words),) = files.items()
    beside = [other for other in sorted(folder.iterdir()) if other != path and not is_junk(other.name)]
    if words == ["train"]:
        raise UserError(f"{path} has training images alone; add test or val images, such as the array test_images")
    paths = {PART_OF[word]: path / word for word in words}
    return Parts(paths, (f"{path} is read as the parts {', '.join(paths)}", *_describe_beside(folder, beside)))


def find_parts(folder: Path) -> Parts:
    """The parts in `folder`: train, and test, valid or both.

    Raises UserError when one is missing, there twice, a link to nowhere, or of another layout than the others.
    """
    found: dict[str, list[Path]] = {part: [] for part in NAMES}
    beside = []
    for path in sorted(folder.iterdir()):
        if part := part_name(path):
            found[part].append(path)
        elif not is_junk(path.name):
            beside.append(path)
    if not found["train"] and (files := _whole(folder)):
        return _parts_of_whole(folder, files)
    if not found["train"]:
        raise UserError(f"{folder} has neither train/ nor train.npz; it must hold {LAYOUTS}")
    if not (found["test"] or found["valid"]):
        raise UserError(
            f"{folder} has neither test/ nor test.npz, nor a valid part for its place; it must hold {LAYOUTS}"
        )
    _refuse_mixture(folder, [path for candidates in found.values() for path in candidates])
    for part, candidates in found.items():
        if len(candidates) > 1:
            names = " and ".join(path.name for path in candidates)
            raise UserError(f"{folder} has {names}, which are both its {part} part; keep one of them")
    paths = {part: candidates[0] for part, candidates in found.items() if candidates}
    notes = [
        f"{path} is read as the part {part}" for part, path in paths.items() if path.name not in (part, f"{part}.npz")
    ]
    return Parts(paths, (*notes, *_describe_beside(folder, beside)))


def _refuse_mixture(folder: Path, paths: list[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} is a link that leads nowhere; mend or remove it")
        if not path.suffix and not path.is_dir():
            raise UserError(f"{path} is no folder; {folder} must hold {LAYOUTS}")
    if len({path.suffix.lower() for path in paths}) > 1:
        raise UserError(f"{folder} mixes the layouts ({', '.join(path.name for path in paths)}); keep one: {LAYOUTS}")


def _describe_beside(folder: Path, paths: list[Path]) -> list[str]:
    """A line on what lies beside the parts and is not a file of this program."""
    folders = [path.name for path in paths if path.is_dir() and not is_run_folder(path)]
    files = [path for path in paths if not path.is_dir()]
    listed = [describe_files(files)] if files else []
    listed += [describe_named("folder", folders)] if folders else []
    if not listed:
        return []
    such_as = f", such as {first_of(files).name}" if files else ""
    return [f"not read in {folder}, beside the parts: {', '.join(listed)}{such_as}"]


def is_run_folder(path: Path) -> bool:
    """Whether trainings write into a folder, by its name or by the first files that they write there."""
    usual = run_number(path.name) is not None
    return usual or os.path.lexists(path / SPLIT_LOCK) or any(path.glob("*data_ir_*_sr_*_nr_*.pt"))
