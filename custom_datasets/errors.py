"""The one exception of this package, and what turns the failures of others into it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataError(ValueError):
    """Data, a split file or a request that does not fit; the message says what to do."""


def first_line(error: Exception) -> str:
    """What an exception says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside is a DataError that names the file."""
    try:
        yield
    except DataError:
        raise
    except OSError as error:
        if error.errno is None:  # a decoder's
            raise _damaged(path, error) from error
        raise DataError(f"{path} cannot be read ({error.strerror}); mend that, or take it away") from error
    except Exception as error:  # decoders raise whatever the damaged bytes lead to
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is damaged or not what its name says ({first_line(error)}); replace it")
