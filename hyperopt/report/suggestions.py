"""What the labels that look wrong could be instead."""

import numpy as np

from custom_datasets.given import LEFT_OUT

# At least so probable must a suggested class be; chosen on runs of DIGITS (docs/audit.md).
CONFIDENT = 0.5


def suggest(
    suspects: np.ndarray,
    given: np.ndarray,
    predicted: tuple[np.ndarray, np.ndarray | None],
    learned: tuple[np.ndarray | None, np.ndarray | None],
) -> np.ndarray:
    """The suggested labels int64 (n,): the given one, another class, or `LEFT_OUT`.

    A given label that is not among the `suspects`, a mask (n,), is kept. For the others, the class that the last
    epoch's network predicts is suggested, if it is another one and `CONFIDENT`; else the learned label, on the same
    conditions; else the image should be left out. `predicted` and `learned` are classes (n,) and their probabilities
    (n,); None where the run has none.
    """
    found = np.where(suspects, LEFT_OUT, given)
    for classes, probability in (learned, predicted):
        if classes is not None and probability is not None:
            sure = suspects & (classes != given) & (probability >= CONFIDENT)
            found = np.where(sure, classes, found)
    return found.astype(np.int64)
