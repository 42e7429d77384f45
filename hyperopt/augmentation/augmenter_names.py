"""Kinds of augmenters and the ranges of their parameters, for flags that are read without torch."""

import argparse
from typing import NamedTuple


class Range(NamedTuple):
    """The usual and the largest range of a parameter, and its unit."""

    usual: float
    largest: float
    unit: str


# A parameter is between minus and plus its range. The usual ranges hold what the published augmenters can reach.
RANGES = {
    "rotate": Range(60, 180, "degrees"),
    "shear": Range(0.5, 2, "shear factor"),
    "scale": Range(0.7, 2, "logarithm of a factor"),
    "translate": Range(0.5, 1, "share of the side"),
    "brightness": Range(0.8, 1, "factor less one"),
    "contrast": Range(0.8, 1, "factor less one"),
    "saturation": Range(0.8, 1, "factor less one"),
    "hue": Range(0.2, 0.5, "share of the colour circle"),
}
SCALE, TRANSLATE = ("scale_x", "scale_y"), ("translate_x", "translate_y")
AFFINE = ("rotate", "shear", *SCALE, *TRANSLATE)
COLOUR = ("brightness", "contrast", "saturation", "hue")
# The parameters of each kind, in order.
KINDS = {
    "affine": AFFINE,
    "translation": TRANSLATE,
    "scale": SCALE,
    "rotation": ("rotate",),
    "affine-colour": (*AFFINE, *COLOUR),
}
STARTS = ("identity", "published")
# What the published affine augmenter adds to the identity: entries of the matrix from destination to source. No bounds.
RESIDUAL = ("theta_11", "theta_12", "theta_13", "theta_21", "theta_22", "theta_23")


class Form(NamedTuple):
    """What an augmenter's weights mean.

    kind: one of `KINDS`, or `stn`. ranges: of its parameters, by name; empty for the published, unbounded affine one.
    channels: of the images. classes: whose labels the augmenter knows, 0 if none.
    """

    kind: str
    ranges: dict[str, float]
    channels: int
    classes: int = 0

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters, in order."""
        return KINDS.get(self.kind, AFFINE) if self.ranges else RESIDUAL


def form_of(kind: str, ranges: str | None, start: str, channels: int, classes: int = 0) -> Form:
    """The form from the values of flags; `ranges` as `ranges_text` has returned them."""
    if (kind, start) == ("affine", "published"):
        return Form(kind, {}, channels, classes)
    found, own = parse_ranges(ranges), ranges_of(kind)
    return Form(kind, {name: value for name, value in found.items() if name in own}, channels, classes)


def ranges_of(kind: str) -> set[str]:
    """The names of the ranges that a kind of augmenter has."""
    return {range_of(name) for name in KINDS.get(kind, AFFINE)}


def has_ranges(form: Form) -> bool:
    """Whether a form is of a kind that there is, and has its ranges; the affine kind may have none."""
    known = form.kind in (*KINDS, "stn")
    return known and (form.ranges.keys() == ranges_of(form.kind) or (form.kind == "affine" and form.ranges == {}))


def range_of(parameter: str) -> str:
    """The range that a parameter has, by its key in `RANGES`; the two axes share one."""
    return parameter.removesuffix("_x").removesuffix("_y")


def unit_of(parameter: str) -> str:
    """The unit of a parameter."""
    return "entry of the matrix, less the identity's" if parameter in RESIDUAL else RANGES[range_of(parameter)].unit


def ranges_text(text: str) -> str | None:
    """Ranges as `rotate=30,translate=0.2`: the unusual ones, in the order of `RANGES`; None if there are none.

    Raises argparse.ArgumentTypeError for another text.
    """
    found: dict[str, float] = {}
    for entry in text.split(","):
        name, _, value = entry.partition("=")
        if name not in RANGES or name in found:
            raise argparse.ArgumentTypeError(
                f"'{entry}' must be NAME=RANGE, each name once, as in rotate=30,translate=0.2; names: "
                f"{', '.join(RANGES)}"
            )
        found[name] = _number(name, value)
    unusual = [
        f"{name}={found[name]:g}" for name in RANGES if found.get(name, RANGES[name].usual) != RANGES[name].usual
    ]
    return ",".join(unusual) or None


def _number(name: str, text: str) -> float:
    _, largest, unit = RANGES[name]
    try:
        value = float(f"{float(text):g}")  # as it will be written
    except ValueError:
        value = -1
    if not (text.isascii() and "_" not in text and 0 <= value <= largest):
        raise argparse.ArgumentTypeError(f"'{text}' must be a number from 0 to {largest:g} ({unit}) for {name}")
    return abs(value)


def parse_ranges(text: str | None) -> dict[str, float]:
    """All ranges by name, from a text that `ranges_text` has returned."""
    given = dict(entry.split("=") for entry in text.split(",")) if text else {}
    return {name: float(given.get(name, usual)) for name, (usual, _, _) in RANGES.items()}
