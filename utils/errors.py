"""The exception that a user's mistake ends in."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """A wrong flag, file or folder; the message says what to do."""


def exit_status(main: Callable[[], None], mistakes: tuple[type[Exception], ...]) -> int:
    """Run a script's body: 0, or 2 with one line on stderr when it raises one of the `mistakes` or an OSError."""
    try:
        main()
    except OSError as error:
        problem = f"{error.filename or 'a file'}: {error.strerror or error}"
        return _report(f"{problem}; check the path, its permissions and the space on the disk")
    except mistakes as error:
        return _report(str(error))
    return 0


def _report(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2
