"""Policies: random operations, drawn anew for each image.

A policy is called with images uint8 (B, C, H, W), on any device, and a CPU generator, and returns new images of the
same shape, type and place. B: images of a batch, n: operations per image, S: sub-policies of a published table.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from custom_transforms.operations import NAMES, OPERATIONS, Steps, apply_steps
from custom_transforms.published import read_table
from utils.draws import integers, uniform

MAX_MAGNITUDE = 30
IDENTITY = NAMES.index("Identity")
PARTNER_OPERATIONS = ("Identity", "AutoContrast", "Equalize", "Invert", "Color", "Sharpness")
RAND_OPERATIONS = (*PARTNER_OPERATIONS, "Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")
RA_OPERATIONS = (*RAND_OPERATIONS, "Solarize", "Posterize", "Brightness")
AUTO_AUGMENT_LEVELS = 10


class RandomOperations:
    """Each image gets n operations, each drawn uniformly from some, and a value of its own for each.

    value = low + U(0, 1) reach, with a random sign for geometric operations.
    Args: n; the names to draw from, with low and reach of each.
    """

    def __init__(self, n: int, names: Sequence[str], lows: Tensor, reaches: Tensor):
        self._n, self._lows, self._reaches = n, lows, reaches
        self._operations = torch.tensor([NAMES.index(name) for name in names])
        self._signed = torch.tensor([OPERATIONS[name].geometric for name in names])

    def draw(self, batch: int, generator: torch.Generator) -> Steps:
        """Steps for a batch of that many images."""
        shape = (self._n, batch)
        choice = integers(0, len(self._operations), shape, generator, images=1)
        amount = uniform(shape, generator, images=1)
        value = self._lows[choice] + amount * self._reaches[choice]
        opposite = torch.where(self._signed[choice], -value, value)
        return _steps(self._operations[choice], value, opposite, generator)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images after their n operations; shapes as in the module's docstring."""
        return apply_steps(images, self.draw(len(images), generator))


class RandPolicy(RandomOperations):
    """RandAugment (arXiv 1909.13719) as AutoDO has it: values up to a magnitude.

    value = low + U(0, 1) m / 30 (high - low), with a random sign and a low of 0 for geometric operations.
    Args: n operations per image, magnitude m in 0..30, the names to draw from. With the names that are not geometric
    (`PARTNER_OPERATIONS`) it is the partner of the learned augmentation.
    """

    def __init__(self, n: int, m: float, names: Sequence[str] = RAND_OPERATIONS):
        lows = [_low(name) for name in names]
        ranges = [OPERATIONS[name].high - low for name, low in zip(names, lows, strict=True)]
        super().__init__(n, names, torch.tensor(lows), m / MAX_MAGNITUDE * torch.tensor(ranges))


def fixed_values(n: int, values: Mapping[str, float]) -> RandomOperations:
    """Operations with fixed values, by name, of which each image gets n; geometric ones get a random sign."""
    table = torch.tensor(list(values.values()))
    return RandomOperations(n, list(values), table, torch.zeros_like(table))


def rand_augment(n: int, m: float) -> RandomOperations:
    """RandAugment as ReSmooth (arXiv 2205.12606) has it: 14 operations, all at magnitude m in 0..30.

    value = low + m / 30 (high - low), with a random sign and a low of 0 for geometric operations.
    """
    return fixed_values(
        n, {name: _low(name) + m / MAX_MAGNITUDE * (OPERATIONS[name].high - _low(name)) for name in RA_OPERATIONS}
    )


def severe(n: int, m: float) -> RandomOperations:
    """ReSmooth's severe operations at magnitude m in 0..10: shears of up to 2, moves by up to the whole picture.

    And a Cutout of up to the picture's area.
    """
    share = m / 10
    moves = {"ShearX": 2 * share, "ShearY": 2 * share, "TranslateX": share, "TranslateY": share}
    return fixed_values(n, moves | {"Cutout": math.sqrt(share)})


class Entry(NamedTuple):
    """An operation of a sub-policy: its probability, its value and the value that replaces it in one case of two."""

    name: str
    probability: float
    value: float
    opposite: float


class SubPolicies:
    """Policies in the form of AutoAugment (arXiv 1805.09501): one sub-policy per image, drawn from a table.

    A sub-policy's operations come one after the other, each with its probability.
    """

    def __init__(self, table: Sequence[Sequence[Entry]]):
        names, *numbers = zip(*(entry for sub_policy in table for entry in sub_policy), strict=True)

        def columns(numbers: Sequence) -> Tensor:
            """The table's numbers, one per entry, as (n, S)."""
            return torch.tensor(numbers).view(len(table), -1).T.contiguous()

        self._operations = columns([NAMES.index(name) for name in names])
        self._probabilities, self._values, self._opposites = map(columns, numbers)

    def draw(self, batch: int, generator: torch.Generator) -> Steps:
        """Steps for a batch of that many images; an operation that is not applied is an Identity."""
        n, count = self._operations.shape
        choice = integers(0, count, [batch], generator)
        applied = uniform((n, batch), generator, images=1) < self._probabilities[:, choice]
        operation = torch.where(applied, self._operations[:, choice], IDENTITY)
        return _steps(operation, self._values[:, choice], self._opposites[:, choice], generator)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images after their sub-policy; shapes as in the module's docstring."""
        return apply_steps(images, self.draw(len(images), generator))


def with_levels(table: Sequence[Sequence[tuple[str, float, float]]]) -> SubPolicies:
    """Sub-policies in the form of Fast AutoAugment (arXiv 1905.00397): (operation, probability, level in 0..1).

    value = low + level (high - low), with a random sign for geometric operations.
    """

    def entry(name: str, probability: float, level: float) -> Entry:
        operation = OPERATIONS[name]
        value = operation.low + level * (operation.high - operation.low)
        return Entry(name, probability, value, -value if operation.geometric else value)

    return SubPolicies([[entry(*numbers) for numbers in sub_policy] for sub_policy in table])


def published_policy(method: str, dataset: str) -> SubPolicies:
    """The policy of a method, "AUTO" or "DADA", for a data set.

    Raises UserError where none was published.
    """
    return with_levels(read_table(method, dataset))


def auto_augment(name: str, height: int, width: int) -> SubPolicies:
    """AutoAugment's policy of that name in torchvision, for pictures of that size, in pixels.

    Both signs of a value are equally likely; factors are as far below 1 as above.
    """
    theirs = AutoAugment(AutoAugmentPolicy[name])
    ranges = theirs._augmentation_space(AUTO_AUGMENT_LEVELS, (height, width))
    sides = {"TranslateX": width, "TranslateY": height}

    def entry(name: str, probability: float, level: int | None) -> Entry:
        amounts, signed = ranges[name]
        amount = 0.0 if level is None else amounts[level].item()
        if name in sides:  # whole pixels
            amount = int(amount) / sides[name]
        usual = 1 if signed and not OPERATIONS[name].geometric else 0
        return Entry(name, probability, usual + amount, usual - amount if signed else amount)

    return SubPolicies([[entry(*numbers) for numbers in sub_policy] for sub_policy in theirs.policies])


def _steps(operation: Tensor, value: Tensor, opposite: Tensor, generator: torch.Generator) -> Steps:
    """Steps with the value or its opposite and with centres, which every policy draws in the same way.

    All arguments (n, B).
    """
    sign_and_centre = uniform((*value.shape, 3), generator, images=1)
    negative = sign_and_centre[..., 0] < 0.5
    return Steps(operation, torch.where(negative, opposite, value), sign_and_centre[..., 1:])


def _low(name: str) -> float:
    """The lowest value of an operation, apart from its sign."""
    return 0.0 if OPERATIONS[name].geometric else OPERATIONS[name].low
