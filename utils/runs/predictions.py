"""The predictions of a run's network for its test and training images: a file for figures and audits.

`predictions_{name of the setting}.npz` loads with `numpy.load(path)`. m: test images, s: test images with features
(all, or `FEATURED` of a larger test set, evenly spread), n: training images, C: classes, F: features.

    test_label                   int64 (m,)      true classes
    test_predicted               int64 (m,)      most probable class
    feature_index                int64 (s,)      places among the test images
    features                     float32 (s, F)  the encoder's features of these
    train_index                  int64 (n,)      places in the data set's training table, ascending
    train_given                  int64 (n,)      given labels, which the network is trained on
    train_true                   int64 (n,)      true labels of the data set
    train_predicted              int64 (n,)      most probable class of the image without augmentation
    train_given_probability      float32 (n,)    probability of the given label
    train_predicted_probability  float32 (n,)    probability of the most probable class; absent from older files
    train_probabilities          float32 (n, C)  of all classes; absent from older files, and of tables of more than
                                                 `STORED` numbers, with a line for each of all N training images
    train_confidence             float32 (n,)    probability of the given label, averaged over the train passes
    train_other_confidence       float32 (n,)    the same for the most probable other label; absent from older files
    train_forgetting             int64 (n,)      how often the prediction went from the given label to another one
                                                 between two train passes; the largest number of passes of any image
                                                 for a label that was never predicted; absent from older files,
                                                 and from runs that train no network
    table                        text            fingerprint of the training table's images, labels and file names

All but the two confidences and the forgetting come from the network of the last epoch. (An image that no train pass has
had in a batch, which can happen after very few epochs, has the last network's probabilities in place of the averages,
and 1 in place of the count if this network predicts another label, else 0.)
"""

import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from utils.arrays import load_arrays
from utils.errors import UserError
from utils.files import replace_file
from utils.passes import Batch, Network, Outputs, View, split_probability

FEATURED = 2000
STORED = 5 * 10**6  # probabilities, which take 20 MB
CAME_LATER = {  # older files lack them
    "train_other_confidence",
    "train_forgetting",
    "train_predicted_probability",
    "train_probabilities",
}
TABLES = ("features", "train_probabilities")  # of two dimensions


@dataclass(frozen=True)
class Predictions:
    """The arrays of the module's docstring."""

    test_label: np.ndarray
    test_predicted: np.ndarray
    feature_index: np.ndarray
    features: np.ndarray
    train_index: np.ndarray
    train_given: np.ndarray
    train_true: np.ndarray
    train_predicted: np.ndarray
    train_given_probability: np.ndarray
    train_confidence: np.ndarray
    table: np.ndarray
    train_other_confidence: np.ndarray | None = None
    train_forgetting: np.ndarray | None = None
    train_predicted_probability: np.ndarray | None = None
    train_probabilities: np.ndarray | None = None

    def write(self, path: Path) -> None:
        """Write the file."""
        content = io.BytesIO()
        np.savez(content, **{name: array for name, array in asdict(self).items() if array is not None})
        replace_file(path, content.getbuffer())

    @classmethod
    def read(cls, path: Path, classes: int) -> "Predictions":
        """Read the file of a run with so many classes; nothing in it is unpickled.

        Raises UserError when it is missing or damaged.
        """
        names = [field.name for field in fields(cls)]
        try:
            content = load_arrays(path)
            names = [name for name in names if name in content or name not in CAME_LATER]
            arrays = {name: content[name] for name in names}
            problem = _misfit(arrays, classes)
        except KeyError as error:
            problem = f"it has no {error}"
        except FileNotFoundError:
            problem = "it is not there"
        except (OSError, ValueError, TypeError) as error:
            problem = str(error)
        if problem:
            raise UserError(f"{path} cannot be read ({problem}); train the run again with --fresh")
        return cls(**arrays)


def _misfit(arrays: dict[str, np.ndarray], classes: int) -> str | None:
    """What is wrong with the arrays; None if nothing is."""
    arrays = dict(arrays)
    if arrays.pop("table").dtype.kind != "U":
        return "table is not text"
    for name, array in arrays.items():
        wanted = np.floating if name in TABLES or name.endswith(("probability", "confidence")) else np.integer
        if array.ndim != (2 if name in TABLES else 1) or not np.issubdtype(array.dtype, wanted):
            return f"{name} is {array.dtype} of shape {array.shape}"
    lengths = {name: len(array) for name, array in arrays.items()}
    for part in ("test_", "train_", "feature"):
        if len({length for name, length in lengths.items() if name.startswith(part)}) != 1:
            return f"the arrays {part}... have different lengths"
        if max(length for name, length in lengths.items() if name.startswith(part)) == 0:
            return f"the arrays {part}... are empty"
    for name, array in arrays.items():
        if np.issubdtype(array.dtype, np.integer) and array.min() < 0:
            return f"{name} has a number below zero"
        if name.endswith(("probability", "probabilities", "confidence")) and not (0 <= array.min() <= array.max() <= 1):
            return f"{name} is not from 0 to 1"
        if name.endswith(("label", "predicted", "given", "true")) and array.max() >= classes:
            return f"{name} has a class that does not exist"
    if "train_probabilities" in arrays and arrays["train_probabilities"].shape[1] != classes:
        return f"train_probabilities are of {arrays['train_probabilities'].shape[1]} classes instead of {classes}"
    if not np.isfinite(arrays["features"]).all():
        return "features has a value that is not finite"
    if arrays["feature_index"].max() >= lengths["test_label"]:
        return "feature_index has images that do not exist"
    return None


@torch.inference_mode()
def predict(
    network: Network,
    test: Outputs,
    train: Iterable[Batch],
    view: View,
    true: Tensor,
    confidence: tuple[Tensor, Tensor],
    forgetting: Tensor,
    table: str,
) -> Predictions:
    """The predictions of a classifier in evaluation mode for its test and training images.

    Args:
        network: the classifier.
        test: its outputs for the test images.
        train: batches of training images, with their given labels.
        view: the view of evaluation.
        true: the true labels of the training table, (N,) int64.
        confidence: in the given and in the most probable other label, (N,) each, averaged over the train passes; NaN
            for images without one.
        forgetting: how often each label has been forgotten, (N,) int64; -1 for images that no train pass has had.
        table: fingerprint of the training table.

    """
    images = len(test.labels)
    chosen = torch.linspace(0, images - 1, min(FEATURED, images)).round().long().to(test.labels.device)
    columns = zip(*(_train_columns(network, batch, view, len(true)) for batch in train), strict=True)
    index, given, predicted, most, *last = map(torch.cat, columns)
    all_classes = last.pop()
    # The last network's for an image that no train pass has had.
    means = (torch.where(mean[index].isfinite(), mean[index], now) for mean, now in zip(confidence, last, strict=True))
    given_confidence, other_confidence = means
    counts, trained = forgetting[index], bool((forgetting[index] >= 0).any())
    forgotten = torch.where(counts < 0, (predicted != given).long(), counts)
    arrays = {
        "test_label": test.labels,
        "test_predicted": test.predicted,
        "feature_index": chosen,
        "features": test.features[chosen],
        "train_index": index,
        "train_given": given,
        "train_true": true[index],
        "train_predicted": predicted,
        "train_given_probability": last[0],
        "train_predicted_probability": most,
        "train_confidence": given_confidence,
        "train_other_confidence": other_confidence,
    } | ({"train_forgetting": forgotten} if trained else {})
    if all_classes.numel():
        arrays["train_probabilities"] = all_classes
    return Predictions(**{name: _stored(array) for name, array in arrays.items()}, table=np.array(table))


def _stored(array: Tensor) -> np.ndarray:
    """As it stands in the file: floats in float32, whatever the run computes in."""
    return (array.float() if array.is_floating_point() else array).cpu().numpy()


def _train_columns(network: Network, batch: Batch, view: View, images: int) -> tuple[Tensor, ...]:
    """The columns of a whole batch; the last one has no column if those of so many images would be too large."""
    found = network.head(network.features(view(batch.images))).softmax(1)
    stored = found[:, : found.shape[1] if images * found.shape[1] <= STORED else 0]
    most = found.max(1)
    own = batch.index, batch.given, most.indices, most.values, *split_probability(found, batch.given), stored
    return tuple(batch.share.join_all(own))
