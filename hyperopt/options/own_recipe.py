"""The recipe of own data, where the user names none: chosen from the kind, size and number of their images.

There are a few coarse levels, so that some pictures more or fewer do not change the settings.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from custom_datasets.names import refuse_unknown
from utils.recipes import RECIPES

if TYPE_CHECKING:  # imports Pillow, which built-in data do not need
    from custom_datasets.own.peek import Peek

TINY, LARGE = 12, 128  # pixels of the shorter side: up to the first, above the second
HANDFUL, FEW, SOME = 200, 2_000, 20_000  # training images, up to each
CHANNELS = {1: "grey ", 3: "colour "}


def recipe_for(dataset: str, folder: Path, image_size: int | None = None) -> tuple[str, str]:
    """The name of the recipe for the own data `dataset` in `folder`, and the reason for the user.

    With an `image_size`, pictures are scaled to that side. Raises UserError when they are not there, and as `peek`.
    """
    from custom_datasets.own.peek import peek

    refuse_unknown(dataset, folder)
    seen = peek(folder)
    if image_size and seen.kind == "pictures":
        seen = replace(seen, side=image_size)
    name = level_of(seen)
    recipe = RECIPES[name]
    return name, (
        f"settings {name} for {describe(seen)}: {recipe.model}, {recipe.epochs} epochs, batches of "
        f"{recipe.batch_size}, --hyper-start {recipe.hyper_start}; --recipe or another flag overrides"
    )


def level_of(seen: "Peek") -> str:
    """The name of the recipe for such data."""
    if seen.kind == "features":
        return "features"
    if seen.images > SOME:
        return "own-many"
    if seen.side <= TINY:
        return "own-tiny"
    if seen.side > LARGE:
        return "own-large"
    if seen.images > FEW:
        return "own-some"
    return "own-few" if seen.images > HANDFUL else "own-handful"


def describe(seen: "Peek") -> str:
    """The data in words: how many images of what kind and size, in how many classes."""
    classes = f"of {seen.classes} classes"
    if seen.kind == "features":
        return f"{seen.images:,} rows of {seen.channels} features {classes}"
    return f"{seen.images:,} {CHANNELS.get(seen.channels, '')}images of about {seen.side} pixels {classes}"
