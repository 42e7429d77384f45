"""The exception that a user's mistake ends in."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """A wrong flag, file or folder; the message says what to do."""


def exit_status(main: Callable[[], None], mistakes: tuple[type[Exception], ...]) -> int:
    """Run a script's body: 0, or 2 with one line on stderr when it raises one of the `mistakes`."""
    try:
        main()
    except mistakes as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0
