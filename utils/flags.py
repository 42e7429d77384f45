"""From the fields of an options class to flags of the command line."""

import argparse
import dataclasses
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

MANY, LARGE = 10**6, 1e6  # the largest counts and rates that are taken
# Flags of the published code that never had an effect.
GONE = ("--hyper-beta", "--hyper-gamma")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line on stderr and status 2."""

    def error(self, message: str) -> NoReturn:  # noqa: D102
        print(f"error: {' '.join(message.split())}; --help lists the flags", file=sys.stderr)
        raise SystemExit(2)


def number(kind: type, low: float, high: float, open_low: bool = False) -> Callable[[str], Any]:
    """A parser of numbers in [low, high], or in (low, high] with `open_low`."""

    def parse(text: str) -> Any:
        try:
            if not text.isascii() or "_" in text:
                raise ValueError
            value = kind(text) + kind(0)  # minus zero becomes zero
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not {'a whole' if kind is int else 'a'} number") from None
        if not ((low < value or not open_low) and low <= value <= high):
            raise argparse.ArgumentTypeError(
                f"{text} is out of range; it must be {'above' if open_low else 'at least'} {low} and at most {high}"
            )
        return value

    return parse


def folder(text: str) -> Path:
    """The path of a folder."""
    if not text:
        raise argparse.ArgumentTypeError("the folder's name is empty")
    return Path(text)


def file_of(*suffixes: str) -> Callable[[str], Path]:
    """A parser of the path of a file with one of the suffixes."""

    def parse(text: str) -> Path:
        if Path(text).suffix not in suffixes:
            raise argparse.ArgumentTypeError(f"'{text}' must end in {' or '.join(suffixes)}")
        return Path(text)

    return parse


def plain_name(text: str) -> str:
    """A name that is a single folder."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}", text):
        raise argparse.ArgumentTypeError(f"'{text}' must be a plain name such as run0")
    return text


def rows_source(text: str) -> str:
    """Where learned rows are: a path to a rows file, whose name can be part of another, or the name of a run."""
    if text in ("device", "host"):
        raise argparse.ArgumentTypeError(f"'{text}' is where rows are kept; that flag is --rows-on {text}")
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", Path(text).stem if is_rows_file(text) else text):
        raise argparse.ArgumentTypeError(
            f"'{text}' must be a rows file with a plain name, such as rows.pt or rows.npz, or a run's name"
        )
    return text


def is_rows_file(source: str) -> bool:
    """Whether a source of learned rows is a file's path, not a run's name."""
    return Path(source).suffix.lower() in (".pt", ".npz")


def epoch_list(text: str) -> str:
    """Epochs separated by commas."""
    if not re.fullmatch(r"[0-9]+(,[0-9]+)*", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of epochs such as 150,175,195")
    return text


def pattern(text: str) -> re.Pattern[str]:
    """A regular expression."""
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a regular expression: {error}") from None


class Gone(argparse.Action):
    """A flag of the published code that never had an effect."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:  # noqa: D102
        parser.error(f"{self.option_strings[0]} is gone: it never had an effect; leave it out")


def flag(default: Any, help: str, *names: str, identity: bool = True, **arguments: Any) -> Any:
    """A field with its flag: default, help, short names, argparse's arguments.

    `identity` says whether the option shapes a run's result, so that runs with different values are different runs.
    """
    return dataclasses.field(
        default=default, metadata={"help": help, "names": names, "identity": identity, **arguments}
    )


def fits(field: dataclasses.Field, value: Any) -> bool:
    """Whether a value, such as one read from a file, is one that the field's flag could have given."""
    if value is None or field.type is bool:
        return isinstance(value, bool) if field.type is bool else field.default is None
    if "choices" in field.metadata:
        return value in field.metadata["choices"]
    try:
        parsed = field.metadata.get("type", str)(str(value))
    except argparse.ArgumentTypeError:
        return False
    return type(parsed) is type(value) and parsed == value


def as_flag(name: str) -> str:
    """The flag of an option."""
    return f"--{name.replace('_', '-')}"


def flag_fields(options: type) -> list[dataclasses.Field]:
    """The fields of an options class that are flags."""
    return [field for field in dataclasses.fields(options) if "help" in field.metadata]


def add_flags(parser: argparse.ArgumentParser | argparse._ArgumentGroup, fields: Iterable[dataclasses.Field]) -> None:
    """Give the parser, or a group of it, one flag per field of an options class."""
    for field in fields:
        arguments = {name: value for name, value in field.metadata.items() if name not in ("names", "identity")}
        if field.type in (bool, "bool"):
            arguments["action"] = "store_true"
        elif field.default is not None and field.default is not dataclasses.MISSING:
            arguments["help"] += " (default: %(default)s)"
        names = (*field.metadata["names"], as_flag(field.name))
        parser.add_argument(*names, dest=field.name, default=field.default, **arguments)


def make_parser(description: str, epilog: str | None = None) -> Parser:
    """A parser without flags but for those that are gone."""
    parser = Parser(description=description, epilog=epilog, allow_abbrev=False)
    for name in GONE:
        parser.add_argument(name, action=Gone, nargs="?", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser
