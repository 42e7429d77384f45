"""Clean images that are similar to training images, by the features of a run's last network.

n: training images, m: clean images, F: features.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from custom_datasets.distortion import Distortion, Split
from custom_datasets.split_file import preview_split
from hyperopt.report.review import Review
from hyperopt.runs.set_up import prepare_split
from hyperopt.runs.trained_network import read_network

SHOWN = 3  # clean images of a class beside an image
CLEAN = 5000  # clean images at most that are compared with, spread over the classes
BATCH = 500

Encode = Callable[[np.ndarray], Tensor]  # maps places in the training table (n,) to features (n, F) of length 1


@dataclass(frozen=True)
class Clean:
    """Clean images: their places in the training table and their labels, both int64 (m,)."""

    index: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, review: Review) -> "Clean":
        """The run's clean validation images; the first ones of every class if there are more than `CLEAN`."""

        def find(_: object, labels: np.ndarray, classes: int, distortion: Distortion, seed: int) -> Split:
            return preview_split(review.files.folder, labels, classes, distortion, seed)

        data = review.data
        valid = prepare_split(review.options, data, find).valid
        labels = data.train.labels.cpu().numpy()[valid]
        most = max(SHOWN, CLEAN // data.classes)
        chosen = np.concatenate([np.flatnonzero(labels == label)[:most] for label in range(data.classes)])
        return cls(valid[chosen], labels[chosen])


def encoder(review: Review) -> Encode:
    """The encoder of the run's last epoch, on a GPU if there is one, in the view of evaluation.

    Raises UserError when the run's last checkpoint is missing, damaged or of another network.
    """
    data, device = review.data, torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = read_network(review.files.last, review.options, lambda: data, device=device)

    @torch.inference_mode()
    def encode(index: np.ndarray) -> Tensor:
        order = list(torch.from_numpy(index).split(BATCH))
        batches = tqdm(data.train.fetch(order, None, workers=0), "features", len(order), leave=False, disable=None)
        return torch.cat([F.normalize(network.features(images)).cpu() for images in batches])

    return encode


def nearest(
    encode: Encode, index: np.ndarray, labels: Sequence[np.ndarray], clean: Clean, count: int = SHOWN
) -> list[list[list[int]]]:
    """Places in `clean` of the nearest images of a class by the cosine of their features, the nearest one first.

    An image is not its own neighbour. There are fewer than `count` where a class has fewer clean images.

    Args:
        encode: gives features.
        index: places of the images in the training table, int64 (n,).
        labels: for each list, every image's class, int64 (n,); -1 for none.
        clean: the clean images.
        count: of the nearest ones.

    """
    every = np.unique(np.concatenate((index, clean.index)))  # an image can be both
    features = encode(every)
    own, theirs = (features[np.searchsorted(every, part)] for part in (index, clean.index))
    found: list[list[list[int]]] = []
    for wanted in labels:
        lists: list[list[int]] = [[] for _ in index]
        for label in np.unique(wanted[wanted >= 0]):
            images, members = np.flatnonzero(wanted == label), np.flatnonzero(clean.labels == label)
            cosine = own[images] @ theirs[members].T
            cosine[torch.from_numpy(index[images, None] == clean.index[members])] = -torch.inf
            for image, row in zip(images.tolist(), cosine, strict=True):
                order = row.argsort(descending=True, stable=True)[:count]
                lists[image] = members[order[row[order] > -torch.inf].numpy()].tolist()
        found.append(lists)
    return found
