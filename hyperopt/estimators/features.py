"""Features of a run's images and of their copies by a frozen network, kept beside the run that trained it.

n: training images, m: test images, v: clean validation images, k: copies of an image, F: features.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from custom_models.frozen import FrozenClassifier
from hyperopt.estimators.plan import CopyViews
from utils.errors import UserError
from utils.passes import Batch, Batches, View
from utils.stored import find_stored


@dataclass(frozen=True)
class Features:
    """Features of a network, in its precision but for bfloat16, which is float32 here, on the host.

    train: (n, F), in ascending order of the places in the table. train_copies: (k, n, F). test, valid: (m, F), (v, F).
    test_copies: (k, m, F). mean, deviation: (F,), of the training images', with which features are standardised.
    """

    train: Tensor
    train_copies: Tensor
    test: Tensor
    test_copies: Tensor
    valid: Tensor
    mean: Tensor
    deviation: Tensor

    def raw(self) -> "Features":
        """The same features, which standardising leaves as they are."""
        return replace(self, mean=torch.zeros_like(self.mean), deviation=torch.ones_like(self.deviation))

    def standardised(self, features: Tensor) -> np.ndarray:
        """Features (..., F) with the mean and deviation of the training images, float64.

        One that is the same for all these becomes zero, for other images too: it says nothing.
        """
        scale = torch.where(self.deviation > 0, 1 / self.deviation.double(), 0.0)
        return ((features - self.mean.double()) * scale).numpy()


def find_features(path: Path, mark: str, compute: Callable[[], Features]) -> Features:
    """The features in the file at `path`, which is written if it has none with the fingerprint `mark`.

    A note says that a damaged file is replaced, or that a file cannot be written.
    """
    return Features(**find_stored(path, mark, lambda: vars(compute())))


@torch.inference_mode()
def compute_features(
    network: FrozenClassifier,
    train: Batches,
    test: Batches,
    valid: Batches,
    views: tuple[View, View],
    copies: CopyViews,
) -> Features:
    """The features of all images, and of the copies of training and test images.

    Args:
        network: in evaluation mode.
        train, test, valid: batches of stored images.
        views: of training images, and of test and validation images.
        copies: of training and of test images.

    Raises UserError when a feature is not a number.

    """
    own_view, clean_view = views
    trained, train_copies = _with_copies(network, train, own_view, copies.training)
    tested, test_copies = _with_copies(network, test, clean_view, copies.evaluation)
    if not all(part.isfinite().all() for part in (trained, train_copies, tested, test_copies)):
        raise UserError(
            "the network's features are not all numbers: its training has diverged; train it again with --fresh and a "
            "lower --lr"
        )
    validated = torch.cat([network.features(clean_view(batch.images)).cpu() for batch in valid])
    statistics = torch.std_mean(trained.double(), 0, correction=0)
    deviation, mean = (column.to(trained.dtype) for column in statistics)
    return Features(trained, train_copies, tested, test_copies, validated, mean, deviation)


def _with_copies(
    network: FrozenClassifier, batches: Iterable[Batch], view: View, copies: Callable[[Tensor], Iterable[Tensor]]
) -> tuple[Tensor, Tensor]:
    """Features (n, F) of the images of all batches and (k, n, F) of their copies, on the host."""
    own, others = [], []
    for batch in batches:
        own.append(network.features(view(batch.images)).cpu())
        others.append(torch.stack([network.features(copy).cpu() for copy in copies(batch.images)]))
    return torch.cat(own), torch.cat(others, 1)
