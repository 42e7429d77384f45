"""Options from a notebook: their values are read and refused as those of a command line are."""

import argparse
import dataclasses
from typing import Any

from hyperopt.options.run_options import RunOptions
from utils.errors import UserError
from utils.flags import as_flag, flag_fields, is_switch


def checked(options: RunOptions) -> RunOptions:
    """The options with values of the types that flags have: a path may be given as a Path, a rate as a whole number.

    Raises UserError for a value that its flag would refuse.
    """
    fields = [field for field in flag_fields(type(options)) if getattr(options, field.name) is not field.default]
    return dataclasses.replace(options, **{field.name: _read(field, getattr(options, field.name)) for field in fields})


def _read(field: dataclasses.Field, value: Any) -> Any:
    choices, flag = field.metadata.get("choices"), as_flag(field.name)
    if is_switch(field):
        if not isinstance(value, bool):
            raise UserError(f"{flag} is {value!r}; it must be True or False")
    elif choices:
        if value not in choices:
            raise UserError(f"{flag} is {value!r}; it must be one of {', '.join(map(str, choices))}")
    else:
        try:
            return field.metadata.get("type", str)(str(value))
        except argparse.ArgumentTypeError as error:
            raise UserError(f"{flag} is {value!r}: {error}") from error
    return value
