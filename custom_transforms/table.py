"""The table of policies by the name that `--aug-model` has for them."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from custom_transforms.copies import RandomCopy, fixed_copies
from custom_transforms.copy_amounts import COPY_NAMES
from custom_transforms.names import split_numbers
from custom_transforms.negative import Jigsaw, QuarterTurn, flip_vertically
from custom_transforms.policies import RandPolicy, auto_augment, fixed_values, published_policy, rand_augment, severe
from custom_transforms.view import Place, Random
from utils.errors import UserError


class Choice(NamedTuple):
    """What a policy depends on.

    rand: number and magnitude of operations, as N,M. published: the data set whose policy is taken, of policies that
    were searched on one. auto_augment: the name of AutoAugment's table. height, width: of the pictures, in pixels.
    amount: of fixed copies, as `--amount` has it.
    """

    rand: str
    published: str
    auto_augment: str
    height: int
    width: int
    amount: str = ""


class Sides(NamedTuple):
    """What a policy needs of height and width, and the words for it."""

    fit: Callable[[int, int], bool]
    words: str


class Policy(NamedTuple):
    """A policy's place in the view, and how it is made."""

    place: Place
    make: Callable[[Choice], Random]
    sides: Sides | None = None


def random_copy(name: str, choice: Choice) -> RandomCopy:
    """The policy that draws from an image and its fixed copies. Raises UserError for too large an amount."""
    return RandomCopy(fixed_copies(name, choice.amount, choice.height, choice.width))


EVEN = Sides(lambda height, width: height % 2 == width % 2 == 0, "pictures of even height and width")
SQUARE = Sides(lambda height, width: height == width, "square pictures")

POLICIES = {
    "RAND": Policy(Place.BEFORE_CROP, lambda choice: RandPolicy(*split_numbers(choice.rand))),
    "RA": Policy(Place.BEFORE_CROP, lambda choice: rand_augment(*split_numbers(choice.rand))),
    "AA": Policy(Place.BEFORE_CROP, lambda choice: auto_augment(choice.auto_augment, choice.height, choice.width)),
    "AUTO": Policy(Place.BEFORE_CROP, lambda choice: published_policy("AUTO", choice.published)),
    "DADA": Policy(Place.BEFORE_CROP, lambda choice: published_policy("DADA", choice.published)),
    "JIGSAW": Policy(Place.AFTER_ERASING, lambda choice: Jigsaw(), EVEN),
    "QUARTER": Policy(Place.BEFORE_CROP, lambda choice: QuarterTurn(), SQUARE),
    "VERTICAL": Policy(Place.AFTER_FLIP, lambda choice: flip_vertically),
    "BLUR": Policy(Place.BEFORE_CROP, lambda choice: RandPolicy(1, 30, ("Blur",))),
    "SOBEL": Policy(Place.BEFORE_CROP, lambda choice: fixed_values(1, {"Sobel": 0.0})),
    "SEVERE": Policy(Place.BEFORE_CROP, lambda choice: severe(*split_numbers(choice.rand))),
    **{name: Policy(Place.BEFORE_CROP, partial(random_copy, name)) for name in COPY_NAMES},
}


def make_policy(name: str, choice: Choice) -> dict[Place, Random]:
    """A policy at its place in the view, for a name in `POLICIES`.

    Raises UserError for pictures that it cannot be applied to, and for a policy that was never published.
    """
    policy = POLICIES[name]
    if policy.sides and not policy.sides.fit(choice.height, choice.width):
        found = f"{choice.width} x {choice.height} pixels"
        raise UserError(f"--aug-model {name} needs {policy.sides.words}, and these have {found}; take another one")
    return {policy.place: policy.make(choice)}
