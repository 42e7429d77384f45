"""The exception that a user's mistake ends in, and how a script ends."""

import sys
from collections.abc import Callable

MISTAKE, INTERRUPTED = 2, 130


class UserError(Exception):
    """A wrong flag, file or folder, or a run that cannot go on; the message says what to do."""


def exit_status(main: Callable[[], None], mistakes: tuple[type[Exception], ...]) -> int:
    """Run a script's body: 0, or one line on stderr and 2 after a mistake, 130 after an interrupt.

    `mistakes` are the exceptions of a user's making; OSError always is.
    """
    try:
        main()
    except KeyboardInterrupt:
        return _report("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _report("whoever read the output has stopped; write it to a file instead", MISTAKE)
    except OSError as error:
        problem = f"{error.filename or 'a file'}: {error.strerror or error}"
        return _report(f"{problem}; check the path, its permissions and the space on the disk", MISTAKE)
    except mistakes as error:
        return _report(str(error), MISTAKE)
    return 0


def _report(message: str, status: int) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return status
