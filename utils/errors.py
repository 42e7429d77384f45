"""The exceptions for a user's mistakes, and the exit status of a script."""

import io
import os
import sys
from collections.abc import Callable
from signal import Signals

MISTAKE, INTERRUPTED = 2, 130


class UserError(Exception):
    """A wrong flag, file, folder or data set, or a run that cannot go on; the message says what to do."""


class DivergenceError(UserError):
    """A loss or a gradient that is not a number."""


class Interrupted(BaseException):
    """A signal has stopped a run; `hint` says how it goes on. Like KeyboardInterrupt it is not an error."""

    def __init__(self, signal: Signals):
        self.signal, self.hint = signal, ""


def first_line(error: Exception) -> str:
    """The first line of an exception's message, or its type if it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def exit_status(main: Callable[[], None]) -> int:
    """Run a script's body and return its exit status: 0, 2 after a mistake, 128 + the signal's number after a signal.

    Mistakes of the user are UserError and OSError; each is printed to stderr in one line.
    """
    _prepare_streams()
    try:
        main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _report("interrupted", INTERRUPTED)
    except Interrupted as stop:
        return _report(f"stopped by {stop.signal.name} {stop.hint}", 128 + stop.signal)
    except BrokenPipeError:
        _abandon_output()
        return _report("the reader of the output has stopped; write it to a file instead", MISTAKE)
    except OSError as error:
        _abandon_output()
        problem = f"{error.filename or 'the output or a file'}: {error.strerror or error}"
        return _report(f"{problem}; check the path, its permissions and the space on the disk", MISTAKE)
    except UserError as error:
        return _report(str(error), MISTAKE)
    return 0


def _prepare_streams() -> None:
    """Print every line at once, and replace letters that the terminal lacks; a closed stream drops the lines."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  for the rest of the process
        elif isinstance(stream, io.TextIOWrapper):
            # Class names may have letters that a terminal lacks.
            stream.reconfigure(errors="backslashreplace", line_buffering=True)


def _abandon_output() -> None:
    """Drop the output that cannot be written: a second try at the end of the process would change its status."""
    try:
        sys.stdout.flush()
    except OSError:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _report(message: str, status: int) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return status
