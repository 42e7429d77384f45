"""The amounts of fixed copies on the command line; this module imports no library.

As published by Efficient Augmentation (ICLR 2019, arXiv 1810.05222), which translates, turns or crops its pictures by
fixed amounts.
"""

import argparse
import re
from typing import NamedTuple

COPY_NAMES = ("TRANSLATE", "ROTATE", "CROP")
MOST_ANGLES = 99


class Amounts(NamedTuple):
    """The usual amount of each kind of copies, as `--amount` has it."""

    translate: str
    rotate: str
    crop: str


CIFAR = Amounts("3", "5,4", "2")
# By recipe. Those of MNIST, CIFAR10 and small NORB are published; the others follow from the pictures' size.
USUAL = {
    "DIGITS": Amounts("1", "30,15", "1"),
    "MNIST": Amounts("2", "30,15", "1,2,3,4,5,6"),
    "SVHN": CIFAR,
    "SVHN_extra": CIFAR,
    "CIFAR10": CIFAR,
    "CIFAR100": CIFAR,
    "ImageNet": Amounts("21", "5,4", "14"),
    "TinyImageNet": Amounts("6", "5,4", "4"),
    "smallNORB": Amounts("6", "5,4", "2"),
    "BACH": Amounts("48", "5,4", "32"),
    "small": CIFAR,
    "own-tiny": Amounts("1", "30,15", "1"),
    **dict.fromkeys(("own-handful", "own-few", "own-some", "own-many"), Amounts("6", "5,4", "4")),
    "own-large": Amounts("21", "5,4", "14"),
    "features": CIFAR,  # without any effect: features have no copies
}
# What `--amount` means, in words.
MEANING = {
    "TRANSLATE": "pixels, such as 2",
    "ROTATE": f"degrees,number such as 30,15: below 180, and 2 to {MOST_ANGLES} angles from - degrees to + degrees",
    "CROP": "pixels cut off each side, one number for each copy, ascending, such as 1,2,3",
}


def usual_amount(name: str, recipe: str) -> str | None:
    """The usual amount of copies with a recipe; None for a name that is none of `COPY_NAMES`."""
    return getattr(USUAL[recipe], name.lower()) if name in COPY_NAMES else None


def amount_numbers(text: str) -> str:
    """Numbers separated by commas."""
    number = r"[0-9]{1,4}(\.[0-9]{1,6})?"
    if not re.fullmatch(rf"{number}(,{number})*", text):
        raise argparse.ArgumentTypeError(f"'{text}' must be numbers separated by commas, such as 2 or 30,15")
    return ",".join(f"{number:g}" for number in split_amount(text))


def split_amount(text: str) -> tuple[float, ...]:
    """The numbers in an amount; whole ones are int."""
    return tuple(int(number) if number.isdecimal() else float(number) for number in text.split(","))


def is_amount_of(name: str, text: str) -> bool:
    """Whether an amount is one of these copies: see `MEANING`."""
    numbers = split_amount(text)
    if name == "ROTATE":
        return len(numbers) == 2 and 0 < numbers[0] < 180 and numbers[1] in range(2, MOST_ANGLES + 1)
    whole = all(isinstance(number, int) and number > 0 for number in numbers)
    return whole and (len(numbers) == 1 if name == "TRANSLATE" else list(numbers) == sorted(set(numbers)))
