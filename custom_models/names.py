"""The names that `--model` accepts; this module does not import torch."""

import re

from utils.errors import UserError

LINEAR = "linear"  # of features, the only network for these
ENCODERS = ("smallnet", "lenet", "resnet18thin", "resnet18small", "resnet18", LINEAR)
WIDE_RESNETS = ("wresnet", "wrn")  # with CELU and with ReLU
WIDE_RESNET = re.compile(rf"({'|'.join(WIDE_RESNETS)})([0-9]{{1,4}})_([0-9]{{1,3}})")


def parse_model(name: str) -> tuple[str, dict[str, int]]:
    """The kind of encoder in a name of `--model`, one of `ENCODERS` or `WIDE_RESNETS`, and the sizes in the name.

    Raises UserError when there is no such model.
    """
    if name in ENCODERS:
        return name, {}
    wide = WIDE_RESNET.fullmatch(name)
    if wide is None:
        raise UserError(f"no model '{name}'; there are {', '.join(ENCODERS)}, wresnetD_K and wrnD_K, e.g. wresnet28_10")
    kind, depth, width = wide[1], int(wide[2]), int(wide[3])
    if depth % 6 != 4 or not 10 <= depth <= 1000 or not 1 <= width <= 100:
        raise UserError(f"no model '{name}': {kind}D_K needs D = 10, 16, 22, 28, ... up to 1000 and K from 1 to 100")
    return kind, {"depth": depth, "width": width}
