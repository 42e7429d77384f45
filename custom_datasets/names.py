"""The built-in data sets and what is known of each without its files; this module imports no library."""

from pathlib import Path
from typing import NamedTuple

from custom_datasets.own.layouts import explain
from custom_datasets.own.parts import LAYOUTS, looks_like_own_data
from utils.errors import UserError


class BuiltIn(NamedTuple):
    """Images of the clean validation set that is split off; mean and deviation per channel, of pixels in 0..1."""

    validation: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Subset(NamedTuple):
    """A part of a data set: some of its classes, by number, and of these the first training images; None for all."""

    classes: tuple[int, ...] | None = None
    first_images: int | None = None

    @property
    def words(self) -> list[str]:
        """What is chosen, in words, as in a setting's name."""
        classes = "-".join(map(str, self.classes)) if self.classes else None
        parts = {"classes": classes, "first images": self.first_images}
        return [f"{name} {value}" for name, value in parts.items() if value]

    @property
    def suffix(self) -> str:
        """Its part of file names; empty for a whole data set."""
        return "".join(f"_{word.replace(' ', '_')}" for word in self.words)


WHOLE = Subset()
OWN_VALIDATION = 5  # own data without a validation set give one of so many training images to it

SVHN = (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)

BUILT_IN = {
    "DIGITS": BuiltIn(314, (0.3053,), (0.3764,)),
    "MNIST": BuiltIn(10000, (0.1307,), (0.3081,)),
    "SVHN": BuiltIn(23257, *SVHN),
    "SVHN_extra": BuiltIn(104388, *SVHN),
    "CIFAR10": BuiltIn(10000, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "CIFAR100": BuiltIn(10000, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "ImageNet": BuiltIn(256233, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "TinyImageNet": BuiltIn(20000, (0.5,) * 3, (0.5,) * 3),  # as published by DABO, and that of BACH, too
    # A fifth is held out. Mean and deviation are approximate: they were not computed from the files.
    "smallNORB": BuiltIn(4860, (0.7523,), (0.1737,)),
    "BACH": BuiltIn(768, (0.0,) * 3, (1.0,) * 3),
}


def refuse_unknown(name: str, folder: Path | None = None) -> None:
    """Raise UserError when a data set is neither one of `BUILT_IN` nor own data, which lies in `folder`."""
    if name in BUILT_IN or (folder is not None and looks_like_own_data(folder)):
        return
    if folder is not None and (found := explain(folder)):
        raise UserError(f"no data set {name}: {found}")
    known, where = ", ".join(BUILT_IN), folder or "its folder"
    if folder is not None and not folder.exists():
        raise UserError(f"no data set {name}: it is none of {known}, and there is no folder {folder} of your own data")
    raise UserError(f"no data set {name}: it is none of {known}, and for your own data {where} must hold {LAYOUTS}")
