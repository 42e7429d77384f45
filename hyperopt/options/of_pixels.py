"""What needs the pixels of pictures, and is refused for features of these."""

from typing import Any

from custom_transforms.names import AS_IT_IS
from hyperopt.options.data_options import DataOptions
from hyperopt.options.run_options import RunOptions
from hyperopt.options.setting import Setting
from utils.errors import UserError
from utils.flags import as_flag

# Options that change or show pictures, and their values without effect.
WITHOUT_EFFECT: dict[str, Any] = {
    "aug_model": "NONE",
    "cutout": 0,
    "standard": "none",
    "view_valid": AS_IT_IS,
    "warp": Setting.warp,
    "background": DataOptions.background,
    "plot_debug": False,
    "compile": False,
}


def refuse_pixels(options: RunOptions, what: str) -> None:
    """Raise UserError for an option of a run that needs pixels; `what` says why there are none."""
    if options.estimator_class.needs_pixels:
        raise UserError(f"--hyper-opt {options.hyper_opt} is for pictures, and {what}; take FIS, HES or CON")
    for name, usual in WITHOUT_EFFECT.items():
        value = getattr(options, name)
        if value == usual:
            continue
        given = as_flag(name) if value is True else f"{as_flag(name)} {value}"
        if value == getattr(options.defaults, name, None):
            raise UserError(
                f"{given} of --recipe {options.recipe} is for pictures, and {what}; add {as_flag(name)} {usual}"
            )
        raise UserError(f"{given} is for pictures, and {what}; leave it out")
