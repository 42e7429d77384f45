"""The names that `--model` accepts; this module does not import torch."""

import re
from typing import Any

from utils.errors import UserError

LINEAR = "linear"  # of features, the only network for these
ENCODERS = ("smallnet", "lenet", "resnet18thin", "resnet18small", "resnet18", LINEAR)
WIDE_RESNETS = ("wresnet", "wrn")  # with CELU and with ReLU
WIDE_RESNET = re.compile(rf"({'|'.join(WIDE_RESNETS)})([0-9]{{1,4}})_([0-9]{{1,3}})")
TORCHVISION = "torchvision"
OF_TORCHVISION = re.compile(rf"{TORCHVISION}:([a-z0-9_]{{1,50}})")


def parse_model(name: str) -> tuple[str, dict[str, Any]]:
    """The kind of encoder in a name of `--model`: of `ENCODERS`, `WIDE_RESNETS`, or `TORCHVISION`; and its arguments.

    Raises UserError when there is no such model; whether torchvision has a network is not known here.
    """
    if name in ENCODERS:
        return name, {}
    if found := OF_TORCHVISION.fullmatch(name):
        return TORCHVISION, {"network": found[1]}
    wide = WIDE_RESNET.fullmatch(name)
    if wide is None:
        known = f"{', '.join(ENCODERS)}, torchvision:NAME, wresnetD_K and wrnD_K, e.g. wresnet28_10"
        raise UserError(f"no model '{name}'; there are {known}")
    kind, depth, width = wide[1], int(wide[2]), int(wide[3])
    if depth % 6 != 4 or not 10 <= depth <= 1000 or not 1 <= width <= 100:
        raise UserError(f"no model '{name}': {kind}D_K needs D = 10, 16, 22, 28, ... up to 1000 and K from 1 to 100")
    return kind, {"depth": depth, "width": width}
