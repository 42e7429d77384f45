"""What own data hold, from the names in their files: pictures, or features of pictures. Imports no library."""

from collections.abc import Collection
from pathlib import Path

from custom_datasets.own.array_names import names_of_arrays
from custom_datasets.own.parts import part_name
from utils.errors import UserError

IMAGES_ARRAY, FEATURES_ARRAY, LABELS_ARRAY = "images", "features", "labels"
FLOATS = ("float16", "float32", "float64")  # types of features


def holds_features(folder: Path) -> bool:
    """Whether the training part in `folder` is an .npz file with features and without images.

    False when there is none or when it is damaged, which a reader reports.
    """
    if not folder.is_dir():
        return False
    arrays = [names_of_arrays(path) for path in folder.iterdir() if part_name(path) == "train" and path.suffix]
    return any(FEATURES_ARRAY in names and IMAGES_ARRAY not in names for names in arrays)


def refuse_lacking(path: Path, names: Collection[str]) -> None:
    """Raise UserError when a file of features, which has arrays of these names, lacks one."""
    if missing := [name for name in (FEATURES_ARRAY, LABELS_ARRAY) if name not in names]:
        instead = f"; it holds {IMAGES_ARRAY}" if IMAGES_ARRAY in names else ""
        raise UserError(f"{path} has no array {' and no array '.join(missing)}{instead}; add it")
