"""The exceptions for a user's mistakes, and the exit status of a script."""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from signal import Signals

MISTAKE, INTERRUPTED = 2, 130
ROOM = "make room on the disk, or write elsewhere"
RIGHTS = "name a folder in which you may write (--runs for run folders), or change the permissions"
OPEN = "too many files are open: close other programs, or raise the limit with ulimit -n"
# What to do about an error of the operating system, by its number.
ADVICE = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), RIGHTS),
    errno.EROFS: "its disk is read-only: name a folder elsewhere (--runs for run folders)",
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), ROOM),
    errno.ENOENT: "check the path, and that the folder is there",
    errno.ENOTDIR: "a part of the path is a file where a folder is needed; check the path",
    errno.EISDIR: "a folder is there where a file is needed; move it away, or name another file",
    errno.EEXIST: "a file is there where a folder is needed; move it away, or name another folder",
    errno.ENAMETOOLONG: "shorten the name, or take a folder with a shorter path",
    errno.ELOOP: "a link leads back to itself; mend or remove it",
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), OPEN),
    **dict.fromkeys((errno.EIO, errno.ESTALE), "the disk or the network drive fails; try again when it is back"),
    errno.ENOMEM: "the memory is full; end other programs",
    **dict.fromkeys((errno.ENOLCK, errno.EDEADLK), "the disk gives no file locks; name a folder on another (--runs)"),
}
CHECK = "check the path, its permissions and the space on the disk"
INSTALL = (
    "activate the environment that has the packages (source .venv/bin/activate), or pip install -r requirements.txt"
)
UTF_8 = "take a UTF-8 locale (export LC_ALL=C.UTF-8), or rename the file"


class UserError(Exception):
    """A wrong flag, file, folder or data set, or a run that cannot go on; the message says what to do."""


class DivergenceError(UserError):
    """A loss or a gradient that is not a number."""


class LostProcessError(UserError):
    """Another process of the run has ended, so that this one cannot go on."""


class LeaderError(LostProcessError):
    """The process that writes the files has failed while this one waited for it; it says why itself."""


class Interrupted(BaseException):
    """A signal has stopped a run; `hint` says how it goes on. Like KeyboardInterrupt it is not an error."""

    def __init__(self, signal: Signals):
        self.signal, self.hint = signal, ""


class Unspoken(BaseException):
    """An error of this process whose message is not printed, since another process of the run has printed why."""

    def __init__(self, error: BaseException):
        interrupted = INTERRUPTED if isinstance(error, KeyboardInterrupt) else MISTAKE
        self.status = 128 + error.signal if isinstance(error, Interrupted) else interrupted


def first_line(error: Exception) -> str:
    """The first line of an exception's message, or its type if it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def exit_status(main: Callable[[], None]) -> int:
    """Run a script's body and return its exit status: 0, 2 after a mistake, 128 + the signal's number after a signal.

    Mistakes of the user are UserError, OSError, a package that is not installed and letters that the locale lacks; each
    is printed to stderr in one line. The streams are put back as they were.
    """
    with _prepared_streams():
        try:
            main()
            sys.stdout.flush()
        except Unspoken as unspoken:
            return unspoken.status
        except KeyboardInterrupt:
            return _report("interrupted", INTERRUPTED)
        except Interrupted as stop:
            return _report(f"stopped by {stop.signal.name} {stop.hint}", 128 + stop.signal)
        except BrokenPipeError:
            _abandon_output()
            return _report("the reader of the output has stopped; write it to a file instead", MISTAKE)
        except OSError as error:
            _abandon_output()
            problem = f"{error.filename2 or error.filename or 'the output or a file'}: {error.strerror or error}"
            return _report(f"{problem}; {ADVICE.get(error.errno or 0, CHECK)}", MISTAKE)
        except UnicodeEncodeError as error:
            text = ascii(error.object[error.start : error.end])
            return _report(f"the locale's encoding {error.encoding} has no {text}; {UTF_8}", MISTAKE)
        except ModuleNotFoundError as error:
            return _report(_missing(error), MISTAKE)
        except UserError as error:
            return _report(str(error), MISTAKE)
        return 0


@contextmanager
def imports() -> Iterator[None]:
    """Around the imports of a script: a package that is not installed ends it with status 2 and one line on stderr."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SystemExit(_report(_missing(error), MISTAKE)) from None


def _missing(error: ModuleNotFoundError) -> str:
    """What to do about a package that is not installed. Raises the error again if it is a module of the project."""
    name = (error.name or "").partition(".")[0]
    if (Path(__file__).parent.parent / name).is_dir():
        raise error
    return f"{sys.executable} has no {name}; {INSTALL}"


@contextmanager
def _prepared_streams() -> Iterator[None]:
    """Print every line at once, and replace letters that the terminal lacks; a closed stream drops the lines."""
    with ExitStack() as stack:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is None:
                setattr(sys, name, stack.enter_context(open(os.devnull, "w")))
                stack.callback(setattr, sys, name, None)
            elif isinstance(stream, io.TextIOWrapper):
                stack.callback(_put_back, stream, stream.errors, stream.line_buffering)
                # Class names may have letters that a terminal lacks.
                stream.reconfigure(errors="backslashreplace", line_buffering=True)
        yield


def _put_back(stream: io.TextIOWrapper, errors: str | None, line_buffering: bool) -> None:
    with suppress(OSError, ValueError):  # output that cannot be written, a stream that has been closed
        stream.reconfigure(errors=errors, line_buffering=line_buffering)


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
