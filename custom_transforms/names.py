"""The names and numbers of augmentation on the command line; this module imports no library."""

import argparse
import re

from custom_transforms.copy_amounts import COPY_NAMES

POLICY_NAMES = (
    "RAND",
    "RA",
    "AA",
    "AUTO",
    "DADA",
    "JIGSAW",
    "QUARTER",
    "VERTICAL",
    "BLUR",
    "SOBEL",
    "SEVERE",
    *COPY_NAMES,
)
# The policies that --rand is for, each with its highest magnitude.
MAGNITUDES = {"RAND": 30, "RA": 30, "SEVERE": 10}
STANDARD_NAMES = ("resized", "crop", "affine", "flip", "vertical", "erasing")
NO_STANDARD = "none"
AS_IT_IS = "none"
PLANTED_NAMES = (AS_IT_IS, "rotation", "translation", "zoomin", "zoomout")


def rand_numbers(text: str) -> str:
    """Number and magnitude of random operations, N,M."""
    if not re.fullmatch(r"[0-9]{1,2},[0-9]{1,2}(\.[0-9]{1,6})?", text) or text.startswith(("0,", "00,")):
        raise argparse.ArgumentTypeError(f"'{text}' must be N,M such as 2,28: 1 to 99 operations, magnitude 0 to 30")
    n, m = split_numbers(text)
    if m > max(MAGNITUDES.values()):
        raise argparse.ArgumentTypeError(f"'{text}' has a magnitude above {max(MAGNITUDES.values())}")
    return f"{n},{m:g}"


def split_numbers(text: str) -> tuple[int, float]:
    """The numbers in N,M."""
    n, m = text.split(",")
    return int(n), float(m)


def standard_names(text: str) -> str:
    """Names of the standard augmentation, separated by commas, in the order of `STANDARD_NAMES`."""
    names = split_names(text)
    if len(set(names)) != len(names) or set(names) - set(STANDARD_NAMES):
        raise argparse.ArgumentTypeError(
            f"'{text}' must be some of {', '.join(STANDARD_NAMES)}, each once and separated by commas, or {NO_STANDARD}"
        )
    return ",".join(name for name in STANDARD_NAMES if name in names) or NO_STANDARD


def split_names(text: str) -> list[str]:
    """The names in a list of standard augmentation."""
    return [] if text == NO_STANDARD else text.split(",")
