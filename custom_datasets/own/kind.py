"""What own data hold, from the names in their files: pictures, or features of pictures. Imports no library."""

from pathlib import Path
from zipfile import BadZipFile, ZipFile

from custom_datasets.own.parts import part_name

IMAGES_ARRAY, FEATURES_ARRAY = "images", "features"


def holds_features(folder: Path) -> bool:
    """Whether the training part in `folder` is an .npz file with features and without images.

    False when there is none or when it is damaged, which a reader reports.
    """
    if not folder.is_dir():
        return False
    arrays = [names_of_arrays(path) for path in folder.iterdir() if part_name(path) == "train" and path.suffix]
    return any(FEATURES_ARRAY in names and IMAGES_ARRAY not in names for names in arrays)


def names_of_arrays(path: Path) -> set[str]:
    """The names of the arrays in an .npz file; none when it cannot be read."""
    try:
        with ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
    except (OSError, BadZipFile):
        return set()
