"""The quality of the given labels, by what a run's network has said of them, and which of them look wrong.

n: training images, C: classes.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # imports torch, which the flags of an audit do not need
    from utils.runs.predictions import Predictions

# Of the quality, as a share of the accuracy on clean images; chosen on runs that are not reported (docs/audit.md).
THRESHOLD = 0.6


def quality_of(found: "Predictions") -> np.ndarray:
    """The quality (n,) in 0..1 of the given labels, low where they look wrong: p / (p + q).

    p is the network's probability of the given label and q that of the most probable other label, each averaged over
    the train passes. It is p alone in older files, which lack q.
    """
    given = found.train_confidence.astype(np.float64)
    if found.train_other_confidence is None:
        return given
    # At least the smallest normal number, since both can be rounded to zero.
    return given / np.maximum(given + found.train_other_confidence, np.finfo(np.float32).tiny)


def reference_of(accuracy: np.ndarray) -> np.ndarray:
    """What a quality is compared with, per class (C,): the accuracy (C,) on clean images, averaged over the epochs.

    Both are shares; a class without clean images, whose accuracy is NaN, gets the mean of the others.
    """
    return np.where(np.isnan(accuracy), np.nanmean(accuracy), accuracy)


def looks_wrong(quality: np.ndarray, given: np.ndarray, reference: np.ndarray, threshold: float) -> np.ndarray:
    """A mask (n,) of the given labels (n,) whose quality (n,) is below the share `threshold` of their reference (C,).

    After few epochs, and for a class that is hard to recognise, no label can have a high quality.
    """
    return quality < threshold * reference[given]
