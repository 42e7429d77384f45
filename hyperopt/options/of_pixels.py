"""What needs the pixels of pictures, and is refused where a head is trained on features of these."""

from typing import Any

from custom_transforms.names import AS_IT_IS
from hyperopt.options.data_options import DataOptions
from hyperopt.options.run_options import RunOptions
from hyperopt.options.setting import Setting
from utils.errors import UserError
from utils.flags import as_flag

# Options that change or show what a network sees of pictures, and their values without effect.
OF_VIEWS: dict[str, Any] = {
    "aug_model": "NONE",
    "cutout": 0,
    "standard": "none",
    "view_valid": AS_IT_IS,
    "warp": Setting.warp,
    "plot_debug": False,
    "compile": False,
}
# The same of how pictures are read from files.
OF_FILES: dict[str, Any] = {name: getattr(DataOptions, name) for name in ("background", "image_size", "skip_damaged")}


def refuse_views(options: RunOptions, what: str, without_effect: dict[str, Any] = OF_VIEWS) -> None:
    """Raise UserError for an option of a run that is for pictures; `what` says why there are none."""
    if options.estimator_class.needs_pixels:
        raise UserError(f"--hyper-opt {options.hyper_opt} is for pictures, and {what}; take FIS, HES or CON")
    for name, usual in without_effect.items():
        value = getattr(options, name)
        if value == usual:
            continue
        given = as_flag(name) if value is True else f"{as_flag(name)} {value}"
        if value == getattr(options.defaults, name, None):
            raise UserError(
                f"{given} of --recipe {options.recipe} is for pictures, and {what}; add {as_flag(name)} {usual}"
            )
        raise UserError(f"{given} is for pictures, and {what}; leave it out")
