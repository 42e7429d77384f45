"""The names of data sets, which take no library to know."""

from pathlib import Path

from custom_datasets.errors import DataError

BUILT_IN = ("DIGITS", "MNIST", "SVHN", "SVHN_extra", "CIFAR10", "CIFAR100", "ImageNet")


def refuse_unknown(name: str, folder: Path | None = None) -> None:
    """Raise DataError when a data set is neither one of `BUILT_IN` nor own data, which lies in `folder`."""
    if name in BUILT_IN:
        return
    from custom_datasets.own_data import LAYOUTS, looks_like_own_data  # brings torch

    if folder is None or not looks_like_own_data(folder):
        where = "its folder" if folder is None else str(folder)
        raise DataError(
            f"no data set {name}: it is none of {', '.join(BUILT_IN)}, "
            f"and for your own data {where} must hold {LAYOUTS}"
        )
