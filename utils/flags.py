"""Makes the flags of the command line from the fields of an options class."""

import argparse
import dataclasses
import hashlib
import math
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from utils.flag_words import is_switch, with_values

MANY, LARGE = 10**6, 1e6  # the largest counts and rates that are accepted
# Flags of the published code that never had any effect.
GONE = ("--hyper-beta", "--hyper-gamma")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line on stderr and exit status 2, and that takes no abbreviation for a flag."""

    only_help_all: Sequence[str] = ()  # lines below its help that only --help-all shows

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        """What argparse takes a flag for that it does not have: here only `-r` with its value attached.

        Even with `allow_abbrev=False` it takes `-s` for `-sr`, and `-hyper-opt` for `-h`.
        """
        found: list[Any] = super()._get_option_tuples(option_string)
        return [taken for taken in found if option_string.startswith(taken[1]) and taken[0].nargs != 0]

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

    words = "whole number" if kind is int else "number"
    parse.__name__ = f"{words} in {'(' if open_low else '['}{_short(low)}, {_short(high)}]"
    return parse


def _short(number: float) -> str:
    """A number in few characters, exact."""
    short = f"{number:g}".replace("e+0", "e").replace("e-0", "e-")
    return short if float(short) == number else str(number)


def count_or_share(text: str) -> str:
    """A number of images, such as 100, or a share of them, such as 50%; both above zero."""
    if text.endswith("%"):
        return f"{number(float, 0, 100, open_low=True)(text[:-1]):g}%"
    return str(number(int, 1, MANY)(text))


def count_of(amount: str, whole: int) -> int:
    """The number that `count_or_share` has read, a share of `whole` rounded to the nearest, halves up."""
    if amount.endswith("%"):
        return math.floor(whole * Fraction(amount[:-1]) / 100 + Fraction(1, 2))
    return int(amount)


def folder(text: str) -> Path:
    """The path of a folder."""
    if not text:
        raise argparse.ArgumentTypeError("the folder's name is empty")
    return Path(text)


def place(text: str) -> str:
    """The name or the path of a folder, of letters that can be printed."""
    if not text or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!a} is no name of a folder that can be printed")
    return text


def file_of(*suffixes: str) -> Callable[[str], Path]:
    """A parser of the path of a file with one of the suffixes."""

    def parse(text: str) -> Path:
        if Path(text).suffix not in suffixes:
            raise argparse.ArgumentTypeError(f"'{text}' must end in {' or '.join(suffixes)}")
        return Path(text)

    parse.__name__ = f"file ({', '.join(suffixes)})"
    return parse


def plain_name(text: str) -> str:
    """A name of a single folder, without a path."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}", text):
        raise argparse.ArgumentTypeError(f"'{text}' must be a plain name such as run0")
    return text


def rows_source(text: str) -> str:
    """Where learned rows come from: the path of a rows file, with a plain name, or the name of a run."""
    if text in ("device", "host"):
        raise argparse.ArgumentTypeError(f"'{text}' is where rows are kept; that flag is --rows-on {text}")
    if not re.fullmatch(r"[A-Za-z0-9_.,%-]+", Path(text).stem if is_rows_file(text) else text):
        raise argparse.ArgumentTypeError(
            f"'{text}' must be a rows file with a plain name, such as rows.pt or rows.npz, or a run's name"
        )
    return text


def is_rows_file(source: str) -> bool:
    """Whether a source of learned rows is the path of a file, not the name of a run."""
    return Path(source).suffix.lower() in (".pt", ".npz")


def network_source(text: str) -> str:
    """Where a network comes from: the path of a checkpoint last_NAME.pt, the name of a run, or a run folder."""
    name = Path(text).name if text.endswith(".pt") else f"last_{text}.pt"
    if not re.fullmatch(r"last_[A-Za-z0-9_.,%-]+\.pt", name):
        raise argparse.ArgumentTypeError(
            f"'{text}' must be a run's name, a run folder such as run0, or a checkpoint last_NAME.pt"
        )
    return text


def with_dashes(text: str) -> str:
    """A list in a run's name, with dashes in place of its commas."""
    return text.replace(",", "-")


def short_source(text: str) -> str:
    """A source of rows or of a network in a run's name: short, and the same in all run folders."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def epoch_list(text: str) -> str:
    """Epochs separated by commas."""
    if not re.fullmatch(r"[0-9]+(,[0-9]+)*", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of epochs such as 150,175,195")
    return text


def class_list(text: str) -> str:
    """Different numbers of classes, two or more, separated by commas."""
    if not re.fullmatch(r"[0-9]{1,6}(,[0-9]{1,6})*", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers of classes such as 3,8")
    classes = [int(number) for number in text.split(",")]
    if len(classes) < 2:
        raise argparse.ArgumentTypeError(f"'{text}' is a single class; give two or more, such as 3,8")
    if twice := [label for label in classes if classes.count(label) > 1]:
        raise argparse.ArgumentTypeError(f"'{text}' has class {twice[0]} twice")
    return ",".join(map(str, classes))


def pattern(text: str) -> re.Pattern[str]:
    """A regular expression."""
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a regular expression: {error}") from None


class Gone(argparse.Action):
    """A flag of the published code that never had any effect."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:  # noqa: D102
        parser.error(f"{self.option_strings[0]} is gone: it never had an effect; leave it out")


def flag(
    default: Any,
    help: str,
    *names: str,
    identity: bool = True,
    group: str | None = None,
    rare: bool = False,
    positional: bool = False,
    in_name: Callable[[Any], Any] = lambda value: value,
    **arguments: Any,
) -> Any:
    """A field of an options class, with its flag: default, help, short names, argparse's arguments.

    `identity`: whether the option affects a run's result, so that runs with different values are different runs.
    `group`: the heading in --help above this flag and the flags after it. `rare`: whether only --help-all shows it.
    `positional`: whether the value is given without a flag. `in_name`: how a run's name has the value.
    """
    about: dict[str, Any] = {"help": help, "names": names, "identity": identity, "group": group, "in_name": in_name}
    about |= {"rare": rare, "positional": positional}
    return dataclasses.field(default=default, metadata=about | arguments)


def fits(field: dataclasses.Field, value: Any) -> bool:
    """Whether the field's flag accepts a value that was, for example, read from a file."""
    if value is None or is_switch(field):
        return isinstance(value, bool) if is_switch(field) else field.default is None
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


OF_FLAG = ("names", "identity", "group", "rare", "positional", "in_name")  # metadata that argparse does not know
RARE: WeakKeyDictionary[argparse.Action, str] = WeakKeyDictionary()  # the help of flags that only --help-all shows


class HelpAll(argparse.Action):
    """Shows the help with the rare flags, and with what else only it says."""

    def __call__(self, parser: Any, *_: Any) -> None:  # noqa: D102
        parser.epilog = "\n".join((parser.epilog or "", *parser.only_help_all))
        for action in parser._actions:
            action.help = RARE.get(action, action.help)
        parser.print_help()
        parser.exit()


Flags = argparse.ArgumentParser | argparse._ArgumentGroup  # where flags can be added


def add_flags(parser: Flags, fields: Iterable[dataclasses.Field]) -> None:
    """Add a flag for each field of an options class to the parser, or to a group of it, under the fields' headings."""
    place = parser
    for field in fields:
        arguments = {name: value for name, value in field.metadata.items() if name not in OF_FLAG}
        if field.metadata["group"]:
            place = parser.add_argument_group(field.metadata["group"])
        if is_switch(field):
            arguments["action"] = "store_true"
        else:
            arguments["metavar"] = metavar(arguments.get("type", str))
            arguments["help"] = with_values(field)
        if field.metadata["positional"]:
            place.add_argument(field.name, default=field.default, **arguments)
            continue
        names = (*field.metadata["names"], as_flag(field.name))
        added = place.add_argument(*names, dest=field.name, default=field.default, **arguments)
        if field.metadata["rare"]:
            RARE[added] = arguments["help"]
            added.help = argparse.SUPPRESS


def metavar(kind: Callable[[str], Any]) -> str:
    """The placeholder of a flag's value in --help."""
    return "PATH" if kind is folder else "X"


def make_parser(description: str, epilog: str | None = None, only_help_all: Sequence[str] = ()) -> Parser:
    """A parser that has only the flags that are gone. Lines below its help: all, and those of --help-all alone."""
    parser = Parser(
        description=description,
        epilog=epilog,
        usage="%(prog)s [flags]",
        allow_abbrev=False,
        formatter_class=_Formatter,
    )
    parser.only_help_all = only_help_all
    parser.add_argument("--help-all", action=HelpAll, nargs=0, help="show also the flags that are rarely used")
    for name in GONE:
        parser.add_argument(name, action=Gone, nargs="?", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of descriptions, and shows a flag's value once, after all its names."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=24, width=shutil.get_terminal_size().columns - 2)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        return f"{', '.join(action.option_strings)} {action.metavar or ''}".strip()
