#!/usr/bin/env python3
"""Run the reference commands with two checkouts of this project, and compare all files that they write, bit for bit.

    python3 scripts/compare-checkouts.py BEFORE [AFTER]

BEFORE and AFTER are folders, such as `git worktree add ../before COMMIT` makes; AFTER is by default this checkout. A
table shows for every command how many values are equal, and the lines below it list the differences. The exit status
is 1 if there are any. Clock, commit and versions of libraries are not compared; values that only AFTER stores are
listed, and allowed. With --resume AFTER must also read BEFORE's finished runs, stopped runs, results and rows files.
"""

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from checkouts import Checkout, FailedError, make_own_data
from comparison import (
    REQUIRED,
    REQUIRED_ROWS,
    Comparison,
    Unreadable,
    Values,
    compare,
    failed,
    read_bytes,
    read_folder,
    remarks,
    table,
)


@dataclass(frozen=True)
class Command:
    """A training to compare.

    dataset: DIGITS, or one of `make_own_data`.
    rows: whether its images have rows.
    stops: with --resume, the numbers of the lines `STOP` at which BEFORE is stopped, each time in a new run.
    learned: flags of a run of BEFORE whose rows file becomes learned.npz; only with --resume.
    """

    name: str
    flags: str
    dataset: str = "DIGITS"
    rows: bool = True
    stops: tuple[int, ...] = ()
    learned: str | None = None

    @property
    def place(self) -> str:
        """Name of its folder."""
        return re.sub(r"\W+", "-", self.name).strip("-")


SHORT = "--no-cuda -r run0 -ir 10 -nr 0.1 --epochs 12 --hyper-start 3"
STOP = "epoch 6/12 "
OWN_DATA = "own data"  # folder of the data sets other than DIGITS
BOTH = "--aug-model SEP --los-model BOTH"
OWN = f"--no-cuda -r run0 --epochs 2 --hyper-start 1 --recipe DIGITS {BOTH} --hyper-opt FIS"
COMMANDS = (
    Command("NONE", SHORT, rows=False),
    Command("RAND", f"{SHORT} --aug-model RAND", rows=False),
    Command("SHA HES", f"{SHORT} --aug-model SHA --hyper-opt HES"),
    Command("SEP/WGHT HES", f"{SHORT} --aug-model SEP --los-model WGHT --hyper-opt HES"),
    Command("SEP/SOFT FIS", f"{SHORT} --aug-model SEP --los-model SOFT --hyper-opt FIS"),
    Command("SEP/BOTH FIS", f"{SHORT} {BOTH} --hyper-opt FIS", stops=(1,)),
    Command("SEP/BOTH HES warp original", f"{SHORT} {BOTH} --hyper-opt HES --warp original"),
    Command("SEP/BOTH FIS refit", f"{SHORT} {BOTH} --hyper-opt FIS --refit --valid-images 50", stops=(1, 2)),
    Command("SHA untrained on both", f"{SHORT} --aug-model SHA --train-on both"),
    Command("own pictures", f"{OWN} --dataset pictures", "pictures"),
    Command("own arrays", f"{OWN} --dataset arrays", "arrays"),
    Command("rows of BEFORE", f"{SHORT} {BOTH} --rows learned.npz", learned=f"{SHORT} {BOTH} --hyper-opt FIS"),
)
# Tables of finished runs, which both must print in the same way.
TABLES = ("--all", "--all --format csv")
# Published commands whose resolved options are compared: the script that prints them, and a part of the command.
PUBLISHED_NAME = "published"
PUBLISHED = {"table-svhn.sh": "-nr 0.1 -ir 100 ", "table-cifar10.sh": "-nr 0.1 -ir 10 "}
RUN = "-r run0 --gpu 0"  # in each training command, and in no command that shows results


@dataclass(frozen=True)
class Work:
    """The two checkouts, a folder for their files, and whether AFTER must read BEFORE's files."""

    before: Checkout
    after: Checkout
    folder: Path
    resume: bool

    @property
    def checkouts(self) -> tuple[Checkout, Checkout]:
        """BEFORE and AFTER."""
        return self.before, self.after


def run_folder(cwd: Path, command: Command) -> Path:
    """The folder of a training's files."""
    return cwd / "local_data" / command.dataset / "run0"


def compare_command(work: Work, command: Command) -> Iterator[tuple[str, Comparison]]:
    """Train with both checkouts; with --resume, let AFTER go on with BEFORE's files."""
    places = {name: work.folder / command.place / name for name in ("before", "after", "finished")}
    line = f"implicit-augment.py {command.flags}"
    for checkout, name in zip(work.checkouts, ("before", "after"), strict=True):
        prepare(work, command, places[name])
        checkout.run(line, places[name])
    before = read_folder(run_folder(places["before"], command))
    required = REQUIRED + (REQUIRED_ROWS if command.rows else ())
    yield command.name, compare(before, read_folder(run_folder(places["after"], command)), required)
    if not work.resume or command.learned:
        return
    shutil.copytree(places["before"], places["finished"])
    yield f"{command.name}: finished", recognised(work, line, places["finished"])
    for number in command.stops:
        cwd = work.folder / command.place / f"stopped {number}"
        prepare(work, command, cwd)
        work.before.stop(line, cwd, STOP, number)
        first = re.search(r"^epoch (\d+)/", work.after.run(line, cwd), re.MULTILINE)
        if first and int(first[1]) > 1:
            found = compare(before, read_folder(run_folder(cwd, command)), required)
        else:
            found = failed("checkpoint of BEFORE", "AFTER does not go on from it")
        yield f"{command.name}: stopped, {number}", found


def prepare(work: Work, command: Command, cwd: Path) -> None:
    """Make the working folder of a training, with the data and the rows file that it needs."""
    (cwd / "local_data").mkdir(parents=True)
    if command.dataset != "DIGITS":
        shutil.copytree(work.folder / OWN_DATA / command.dataset, cwd / "local_data" / command.dataset)
    if command.learned:
        source = work.folder / command.place / "learned"
        if not source.exists():
            source.mkdir()
            work.before.run(f"implicit-augment.py {command.learned}", source)
        (rows,) = run_folder(source, command).glob("rows_*.npz")
        shutil.copy(rows, cwd / "learned.npz")


def recognised(work: Work, line: str, cwd: Path) -> Comparison:
    """Whether AFTER reports that a run of BEFORE is finished, and does not change it."""
    before = read_bytes(cwd)
    lines = work.after.run(line, cwd).splitlines()
    found = compare(before, read_bytes(cwd), required=("*/result_*", "*/last_*"))
    found.added.clear()  # a new file is in the list of names
    if not lines or not all(one.startswith("finished already") for one in lines):
        found.add_difference("stdout", f"not 'finished already': {lines[:1]}")
    return found


def compare_tables(work: Work, commands: list[Command]) -> Iterator[tuple[str, Comparison]]:
    """Compare the tables that both print of all runs of BEFORE."""
    cwd = work.folder / "tables"
    for command in commands:
        trained = run_folder(work.folder / command.place / "before", command)
        if trained.is_dir():
            shutil.copytree(trained, run_folder(cwd, command), dirs_exist_ok=True)
    for dataset in dict.fromkeys(command.dataset for command in commands):
        lines = [f"get-results.py --dataset {dataset} {flags}" for flags in TABLES]
        before, after = ({line: printed(one.run(line, cwd)) for line in lines} for one in work.checkouts)
        yield f"table of {dataset}", compare(before, after)


def printed(text: str) -> list[str] | Unreadable:
    """The lines that a script prints."""
    return text.splitlines() or Unreadable("prints nothing")


def compare_published(work: Work) -> Iterator[tuple[str, Comparison]]:
    """Compare the resolved options of the published commands, and of those that show their results."""
    cwd = work.folder / "published"
    cwd.mkdir()
    for script, chosen in PUBLISHED.items():
        before, after = (resolved(checkout, script, chosen, cwd) for checkout in work.checkouts)
        required = ("implicit-augment.py*/result", "get-results.py*/row")
        yield f"{PUBLISHED_NAME}: {script}", compare(before, after, required, may_go=True)


def resolved(checkout: Checkout, script: str, chosen: str, cwd: Path) -> Values:
    """The lines that --dry-run prints of the published commands of a script, by command and first word."""
    distorted = [line.partition(f"{RUN} ")[2] for line in checkout.published(script) if chosen in line]
    commands = [f"{start} {flags}" for flags in distorted for start in (f"implicit-augment.py {RUN}", "get-results.py")]
    return {
        f"{command}/{line.split()[0]}": line
        for command in commands
        for line in checkout.run(f"{command} --dry-run", cwd).splitlines()
        if line.strip()
    }


def collect(name: str, comparisons: Iterator[tuple[str, Comparison]]) -> dict[str, Comparison]:
    """All comparisons of a command; one that fails counts as a difference, and is the last."""
    start, found = time.monotonic(), {}
    try:
        for one, comparison in comparisons:
            found[one] = comparison
    except (FailedError, OSError, ValueError) as error:
        found[f"{name}: failed"] = failed(name, str(error))
    print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    return found


def compare_all(work: Work, only: re.Pattern[str], jobs: int) -> dict[str, Comparison]:
    """All comparisons whose name matches the pattern."""
    commands = [one for one in COMMANDS if only.search(one.name) and (work.resume or not one.learned)]
    if any(command.dataset != "DIGITS" for command in commands):
        make_own_data(work.before, work.folder / OWN_DATA)
    tasks = [(command.name, compare_command(work, command)) for command in commands]
    if only.search(PUBLISHED_NAME):
        tasks.append((PUBLISHED_NAME, compare_published(work)))
    with ThreadPoolExecutor(jobs) as pool:
        parts = list(pool.map(lambda task: collect(*task), tasks))
    if work.resume and commands:
        parts.append(collect("tables", compare_tables(work, commands)))
    return {name: comparison for part in parts for name, comparison in part.items()}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line on stderr."""

    def error(self, message: str) -> NoReturn:  # noqa: D102
        self.exit(2, f"error: {message}\n")


def pattern(text: str) -> re.Pattern[str]:
    """A regular expression of the command line."""
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a regular expression: {error}") from error


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="checkout before the change")
    parser.add_argument("after", type=Path, nargs="?", default=Path(__file__).parents[1], help="default: this one")
    parser.add_argument("--python", default=sys.executable, help="interpreter of both (default: this one)")
    parser.add_argument("--only", type=pattern, default="", help="only the commands in whose name this is found")
    parser.add_argument("--folder", type=Path, help="new folder to keep what was trained (default: a temporary one)")
    parser.add_argument("--jobs", type=int, default=1, help="commands that run at once (default: 1)")
    parser.add_argument("--resume", action=argparse.BooleanOptionalAction, default=True, help="let AFTER take over")
    flags = parser.parse_args(arguments)
    for checkout in (flags.before, flags.after):
        if not (checkout / "implicit-augment.py").is_file():
            parser.error(f"{checkout} is no checkout: it has no implicit-augment.py")
    if not shutil.which(flags.python):
        parser.error(f"there is no interpreter {flags.python}; name one with --python")
    if flags.folder and flags.folder.exists():
        parser.error(f"{flags.folder} is there already; name another folder")
    if flags.jobs < 1:
        parser.error("--jobs must be at least 1")
    if not any(flags.only.search(name) for name in (*(command.name for command in COMMANDS), PUBLISHED_NAME)):
        parser.error(f"no command has --only {flags.only.pattern} in its name")
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    flags = parse(arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a run that inherits an ignored one cannot be stopped
    python = os.path.abspath(shutil.which(flags.python))  # not resolved: a virtual environment's is a link
    before, after = Checkout("BEFORE", flags.before.resolve(), python), Checkout("AFTER", flags.after.resolve(), python)
    with ExitStack() as stack:
        folder = flags.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            comparisons = compare_all(Work(before, after, folder.resolve(), flags.resume), flags.only, flags.jobs)
        except FailedError as error:
            print(f"error: nothing was compared: {error}", file=sys.stderr)
            return 1
    print(table(comparisons))
    print("\n".join(("", "Numbers of values that are equal bit for bit; -: there are none.", *remarks(comparisons))))
    return 1 if any(found.differences for found in comparisons.values()) or not comparisons else 0


if __name__ == "__main__":
    raise SystemExit(main())
