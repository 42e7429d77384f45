"""Colours of the command line."""

import argparse
import re

NAMED = {"white": "ffffff", "black": "000000"}


def colour(text: str) -> str:
    """The name of a colour, as it can stand in a file name: white, black, or six hexadecimal digits."""
    digits = re.fullmatch(r"#?([0-9a-f]{6})", text.lower())
    numbers = re.fullmatch(r"([0-9]{1,3}),([0-9]{1,3}),([0-9]{1,3})", text)
    if text in NAMED:
        value = NAMED[text]
    elif digits:
        value = digits[1]
    elif numbers and max(map(int, numbers.groups())) <= 255:
        value = bytes(map(int, numbers.groups())).hex()
    else:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no colour; take white, black, three numbers from 0 to 255 such as 255,128,0, or #ff8000"
        )
    return next((name for name, one in NAMED.items() if one == value), value)


def rgb(name: str) -> tuple[int, int, int]:
    """Red, green and blue (0 to 255) of a colour, from the name that `colour` returns."""
    red, green, blue = bytes.fromhex(NAMED.get(name, name))
    return red, green, blue
