"""The processes of a command: forming their group, what they print, and their end."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from itertools import count
from typing import NoReturn

from utils.errors import Interrupted, LeaderError, Unspoken, UserError
from utils.group import ALONE, Group, is_launched

_launched: list[Group] = []  # the group of this process, once it has been formed
_commands = count(1)  # of this process


def processes() -> Group:
    """The group of this process, which is formed once and lasts. Raises LostProcessError when a process has ended."""
    if not is_launched():
        return ALONE
    if not _launched:
        from utils.launched import launched

        _launched.append(launched())
    return _launched[0]


@contextmanager
def one_voice() -> Iterator[None]:
    """A command in which, of several processes, only the leader prints, and only the first one that fails says why.

    All may fail in the same way, or because another one has. An error of the program is printed by every process.
    """
    if not is_launched():
        yield
        return
    group, number = processes(), next(_commands)
    try:
        with ExitStack() as stack:
            if not group.leads:
                nowhere = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(redirect_stdout(nowhere))
                stack.enter_context(redirect_stderr(nowhere))
            yield
    except LeaderError as error:  # before the leader says why, this process may already be here
        raise Unspoken(error) from error
    except (UserError, OSError, Interrupted, KeyboardInterrupt) as error:
        if group.fails_first(number):
            raise
        raise Unspoken(error) from error
    except Exception:
        group.fails_first(number)  # so that the others, which lose this process, do not advise to go on
        raise


def leave(status: int) -> NoReturn:
    """End the process with an exit status.

    One of several ends at once: an interpreter that takes itself apart while torch still has threads for messages can
    abort.
    """
    if is_launched():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
    raise SystemExit(status)
