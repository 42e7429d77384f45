"""The published methods by the names of `--method`: presets of flags. A flag that is given beats its preset."""

from typing import Any, NamedTuple


class Method(NamedTuple):
    """The presets of a method, by option, and its paper."""

    presets: dict[str, Any]
    source: str


METHODS = {
    "AutoDO": Method(
        {"aug_model": "SEP", "los_model": "BOTH", "hyper_opt": "HES"}, "Gudovskiy et al., CVPR 2021, arXiv 2103.05863"
    ),
}
