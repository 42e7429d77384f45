"""A checkout of this project; its scripts run as processes, so that two versions do not mix."""

import os
import shlex
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


class FailedError(Exception):
    """A script did not end as expected."""


@dataclass(frozen=True)
class Checkout:
    """A checkout's folder, its name in messages, and the interpreter of its scripts."""

    name: str
    root: Path
    python: str

    def run(self, command: str, cwd: Path) -> str:
        """Run "SCRIPT FLAGS" in a working folder; return its output. Raises FailedError when its status is not 0."""
        done = subprocess.run(
            self._words(command), cwd=cwd, env=environment(), text=True, capture_output=True, check=False
        )
        if done.returncode:
            raise FailedError(f"{self.name} ends with {done.returncode}: {_last_line(done.stderr)}")
        return done.stdout

    def stop(self, command: str, cwd: Path, start: str, number: int) -> None:
        """Run "SCRIPT FLAGS" and interrupt it at the `number`-th line that starts with `start`.

        Raises FailedError when it does not end as an interrupted run.
        """
        words, pipe, same = self._words(command), subprocess.PIPE, subprocess.STDOUT
        line, seen = "", 0
        with subprocess.Popen(words, cwd=cwd, env=environment(), text=True, stdout=pipe, stderr=same) as process:
            for line in process.stdout or ():
                if line.startswith(start):
                    seen += 1
                    if seen == number:
                        process.send_signal(signal.SIGINT)
        if process.returncode != 128 + signal.SIGINT:
            raise FailedError(f"{self.name} was not stopped but ends with {process.returncode}: {line.strip()}")

    def published(self, script: str) -> list[str]:
        """The commands that a script of published tables prints for run0; none if there is no such script."""
        done = subprocess.run(
            ["bash", str(self.root / "scripts" / script), "--print"],
            env=environment() | {"RUNS": "0", "GPUS": "0", "PYTHON": "python3"},
            text=True,
            capture_output=True,
            check=False,
        )
        return done.stdout.splitlines()

    def _words(self, command: str) -> list[str]:
        script, *flags = shlex.split(command)
        return [self.python, str(self.root / script), *flags]


def make_own_data(checkout: Checkout, folder: Path) -> None:
    """Make the example data set in a new folder: `pictures` as folders, and `arrays`, the same as .npz files."""
    pictures, arrays = folder / "pictures", folder / "arrays"
    arrays.mkdir(parents=True)
    checkout.run("scripts/make-example-data.py pictures", folder)
    for part in ("train", "valid"):
        paths = sorted((pictures / part).glob("*/*.png"))
        images, labels = [np.asarray(Image.open(path)) for path in paths], [int(path.parent.name) for path in paths]
        np.savez(arrays / f"{part}.npz", images=np.stack(images), labels=np.array(labels))


def environment() -> dict[str, str]:
    """The environment: one thread, so that the order of sums is fixed, and no modules from elsewhere."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}


def _last_line(text: str) -> str:
    """The last line of a script's output, which says why it ended."""
    return (text.strip().splitlines() or ["it says nothing"])[-1]
