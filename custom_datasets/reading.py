"""Reading files: any error becomes a message to the user that names the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from utils.errors import UserError, first_line


@contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Turn any error inside into a UserError that names the file."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if error.errno is None:  # raised by a decoder
            raise _damaged(path, error) from error
        raise UserError(f"{path} cannot be read ({error.strerror}); mend that, or remove it") from error
    except Exception as error:  # decoders can raise anything for damaged bytes
        raise _damaged(path, error) from error


def _damaged(path: Path | str, error: Exception) -> UserError:
    if "allow_pickle" in str(error):  # numpy's advice is to execute what is in the file
        return UserError(
            f"{path} is damaged, or holds Python objects, which are not unpickled; of an array of text, save "
            "array.astype(str)"
        )
    return UserError(f"{path} is damaged or not what its name says ({first_line(error)}); replace it")
