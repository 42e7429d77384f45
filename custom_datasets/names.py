"""The names of data sets; this module imports no library."""

from pathlib import Path

from custom_datasets.own.parts import LAYOUTS, looks_like_own_data
from utils.errors import UserError
from utils.recipes import RECIPES

BUILT_IN = tuple(RECIPES)


def refuse_unknown(name: str, folder: Path | None = None) -> None:
    """Raise UserError when a data set is neither one of `BUILT_IN` nor own data, which lies in `folder`."""
    if name in BUILT_IN or (folder is not None and looks_like_own_data(folder)):
        return
    known, where = ", ".join(BUILT_IN), folder or "its folder"
    raise UserError(f"no data set {name}: it is none of {known}, and for your own data {where} must hold {LAYOUTS}")
