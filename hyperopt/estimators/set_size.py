"""How many images a set of a determinantal point process can have; this module imports no library.

A set of k of n images takes matrices of n k numbers, and some n k^2 operations of matrix products
(`hyperopt.estimators.point_process`). One of more than half of the images costs as much as the others.
"""

MOST_NUMBERS = 25_000_000  # of a matrix, which has 0.2 GB then


class TooManyImagesError(ValueError):
    """A set would take too long to draw, and too much memory."""


def check_set_size(images: int, k: int) -> None:
    """Raise TooManyImagesError where a set of k of the images is too large."""
    most = MOST_NUMBERS // max(images, 1)
    if min(k, images - k) > most:
        raise TooManyImagesError(f"a set of {k} of {images} images is too large to draw; {most} are the most here")
