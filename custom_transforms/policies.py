"""Policies: random operations, drawn anew for each image.

A policy is called with images uint8 (B, C, H, W), on any device, and a CPU generator, and returns new images of the
same shape, type and place. B: images of a batch, n: operations per image, S: sub-policies of a published table.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from custom_transforms.operations import NAMES, OPERATIONS, Steps, apply_steps
from custom_transforms.published import read_table

MAX_MAGNITUDE = 30
IDENTITY = NAMES.index("Identity")
PARTNER_OPERATIONS = ("Identity", "AutoContrast", "Equalize", "Invert", "Color", "Sharpness")
RAND_OPERATIONS = (*PARTNER_OPERATIONS, "Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")

SubPolicy = Sequence[tuple[str, float, float]]  # (operation, probability, level in 0..1), one after the other


class RandPolicy:
    """RandAugment (arXiv 1909.13719) as AutoDO has it: n operations, each drawn uniformly and with its own value.

    value = low + U(0, 1) m / 30 (high - low), with a random sign and a low of 0 for geometric operations.
    Args: n operations per image, magnitude m in 0..30, the names to draw from. With the names that are not geometric
    (`PARTNER_OPERATIONS`) it is the partner of the learned augmentation.
    """

    def __init__(self, n: int, m: float, names: Sequence[str] = RAND_OPERATIONS):
        chosen = [OPERATIONS[name] for name in names]
        lows = [0.0 if operation.geometric else operation.low for operation in chosen]
        ranges = [operation.high - low for operation, low in zip(chosen, lows, strict=True)]
        self._n = n
        self._operations = torch.tensor([NAMES.index(name) for name in names])
        self._lows = torch.tensor(lows)
        self._ranges = m / MAX_MAGNITUDE * torch.tensor(ranges)
        self._signed = torch.tensor([operation.geometric for operation in chosen])

    def draw(self, batch: int, generator: torch.Generator) -> Steps:
        """Steps for a batch of that many images."""
        shape = (self._n, batch)
        choice = torch.randint(len(self._operations), shape, generator=generator)
        amount = torch.rand(shape, generator=generator)
        value = self._lows[choice] + amount * self._ranges[choice]
        return _steps(self._operations[choice], value, self._signed[choice], generator)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images after their n operations; shapes as in the module's docstring."""
        return apply_steps(images, self.draw(len(images), generator))


class SubPolicies:
    """Policies in the form of Fast AutoAugment (arXiv 1905.00397): one sub-policy per image, drawn from a table.

    A sub-policy's operations come one after the other, each with its probability and the
    value = low + level (high - low), with a random sign for geometric operations.
    """

    def __init__(self, table: Sequence[SubPolicy]):
        names, probabilities, levels = zip(*(entry for sub_policy in table for entry in sub_policy), strict=True)

        def columns(numbers: list) -> Tensor:
            """The table's numbers, one per entry, as (n, S)."""
            return torch.tensor(numbers).view(len(table), -1).T.contiguous()

        self._operations = columns([NAMES.index(name) for name in names])
        self._probabilities = columns(list(probabilities))
        self._values = columns([_value_at(level, name) for name, level in zip(names, levels, strict=True)])
        self._signed = columns([OPERATIONS[name].geometric for name in names])

    def draw(self, batch: int, generator: torch.Generator) -> Steps:
        """Steps for a batch of that many images; an operation that is not applied is an Identity."""
        n, count = self._operations.shape
        choice = torch.randint(count, (batch,), generator=generator)
        applied = torch.rand((n, batch), generator=generator) < self._probabilities[:, choice]
        operation = torch.where(applied, self._operations[:, choice], IDENTITY)
        return _steps(operation, self._values[:, choice], self._signed[:, choice], generator)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images after their sub-policy; shapes as in the module's docstring."""
        return apply_steps(images, self.draw(len(images), generator))


def _steps(operation: Tensor, value: Tensor, signed: Tensor, generator: torch.Generator) -> Steps:
    """Steps with random signs and centres, which every policy draws in the same way; all arguments (n, B)."""
    sign_and_centre = torch.rand((*value.shape, 3), generator=generator)
    negative = signed & (sign_and_centre[..., 0] < 0.5)
    return Steps(operation, torch.where(negative, -value, value), sign_and_centre[..., 1:])


def _value_at(level: float, name: str) -> float:
    operation = OPERATIONS[name]
    return operation.low + level * (operation.high - operation.low)


def published_policy(method: str, dataset: str) -> SubPolicies:
    """The policy of a method, "AUTO" or "DADA", for a data set.

    Raises UserError where none was published.
    """
    return SubPolicies(read_table(method, dataset))
