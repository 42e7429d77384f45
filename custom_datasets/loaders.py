"""The batches of a run: their images and their order."""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from custom_datasets.distortion import Split
from custom_datasets.table import Dataset, Images
from utils.group import ALONE, Group
from utils.passes import Batch
from utils.share import Share

EVALUATION_BATCH = 500
LARGE = 224  # side of the pictures of which so many fit; whole pictures and their patches may be larger


@dataclass(frozen=True)
class Batches:
    """Batches of stored images, one per entry of `order`; `labels` (N,) are those of the source's images.

    `crops` and `workers` as in `Images.fetch`. A process of a group reads its share of every batch.
    """

    source: Images
    labels: Tensor
    order: Sequence[Tensor]
    crops: int | None
    workers: int
    group: Group = ALONE

    @property
    def images(self) -> int:
        """Number of images in all batches, whichever process reads them."""
        return sum(map(len, self.order))

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        shares = [Share(self.group, len(index)) for index in self.order]
        own = [share.cut(index) for share, index in zip(shares, self.order, strict=True)]
        stored = self.source.fetch(own, self.crops, self.workers)
        for share, index, images in zip(shares, own, stored, strict=True):
            yield Batch(images, self.labels[index], index, share)


class Loaders:
    """All batches of a run on a distorted data set.

    Training images come with their given labels, clean ones with their own. `index` is the image's place in its table;
    for training images it addresses the row. If images are streamed, the train and the hyper pass see random crops,
    clean images only if `clean` is asked for these, and all other batches the central crop.

    Args:
        data: on the run's device.
        split: the distorted training set.
        train_order, hyper_order: CPU generators of the orders of the train and the hyper pass. Their state also fixes
            the crops of a pass, so that a pass with a restored state is exactly the same.
        overfit: the ablation that shows the test set to the hyper pass instead of the validation set.
        workers: number of processes that read streamed images; it affects the speed, never the batches.
        group: of the processes that train the run. All draw the same orders.

    """

    def __init__(
        self,
        data: Dataset,
        split: Split,
        train_order: torch.Generator,
        hyper_order: torch.Generator,
        overfit: bool,
        workers: int = 0,
        group: Group = ALONE,
    ):
        device = data.train.labels.device
        self._data, self._workers, self._group = data, workers, group
        self._train_order, self._hyper_order, self._overfit = train_order, hyper_order, overfit
        self.orders = {"train order": train_order, "hyper order": hyper_order}
        self.given = torch.from_numpy(split.targets).to(device)
        self.train_index = torch.from_numpy(split.train).to(device)
        self.valid_index = torch.from_numpy(split.valid).to(device)
        self.test_index = torch.arange(len(data.test_labels), device=device)

    def unshared(self) -> "Loaders":
        """The same batches, of which this process reads all images."""
        found = copy(self)
        found._group = ALONE
        return found

    def train(self, size: int) -> Batches:
        """The training set for a train pass, in full batches."""
        crops = peek(self._train_order)
        return self._given(full_batches(self.train_index, size, self._train_order), crops)

    def hyper(self, size: int) -> Batches:
        """The training set for a hyper pass, every image once."""
        crops = peek(self._hyper_order)
        return self._given(even_batches(self.train_index, size, self._hyper_order), crops)

    def clean(self, size: int, cropped: bool = True) -> Batches:
        """Clean images for hypergradients, in enough batches for all training images.

        cropped: whether they are random crops if they are streamed, as training images are; test images never are.
        """
        crops = peek(self._hyper_order) if cropped and not self._overfit else None
        source, index = (self._data.test, self.test_index) if self._overfit else (self._data.train, self.valid_index)
        # All orders are drawn at once: workers read ahead, and draws ahead would depend on their number.
        order = list(islice(endless_batches(index, size, self._hyper_order), ceil_div(len(self.train_index), size)))
        return self._clean(source, order, crops)

    def clean_class_weight(self, classes: int) -> Tensor:
        """Weights (C,), float64, that make the classes of the clean images equal in a mean; 0 for one without any."""
        labels = self._data.test_labels if self._overfit else self._data.train.labels[self.valid_index]
        one = torch.ones_like(labels, dtype=torch.float64)
        counts = torch.zeros(classes, dtype=one.dtype, device=labels.device).index_add(0, labels, one)
        return torch.where(counts > 0, 1 / counts.clamp(min=1), 0.0)

    def all_clean(self) -> Batches:
        """Every clean image once, as in evaluation and without any draw, for a hyper pass against all of them."""
        return self.test() if self._overfit else self.valid()

    def trained(self) -> Batches:
        """The training set as in evaluation, every image once, in ascending order."""
        return self._given(self._evaluated(self._data.train, self.train_index.sort().values), None)

    def valid(self) -> Batches:
        """The validation set for evaluation."""
        return self._clean(self._data.train, self._evaluated(self._data.train, self.valid_index), None)

    def test(self) -> Batches:
        """The test images that are evaluated."""
        return self._clean(self._data.test, self._evaluated(self._data.test, self.test_index), None)

    def _evaluated(self, source: Images, index: Tensor) -> Sequence[Tensor]:
        return index.split(room_for(source.shape) if self._data.tested_whole else EVALUATION_BATCH)

    def _given(self, order: Sequence[Tensor], crops: int | None) -> Batches:
        return Batches(self._data.train, self.given, order, crops, self._workers, self._group)

    def _clean(self, source: Images, order: Sequence[Tensor], crops: int | None) -> Batches:
        return Batches(source, source.labels, order, crops, self._workers, self._group)


def room_for(shape: tuple[int, int, int]) -> int:
    """How many images of `shape` (C, H, W) take the memory of an evaluation's batch of `LARGE` x `LARGE` pixels."""
    _, height, width = shape
    return min(EVALUATION_BATCH, max(1, EVALUATION_BATCH * LARGE**2 // (height * width)))


def peek(generator: torch.Generator) -> int:
    """The number from 0 to 2^63 - 2 that a CPU generator would draw next; the generator's state stays the same."""
    return int(torch.randint(2**63 - 1, (1,), generator=generator.clone_state()))


def ceil_div(count: int, size: int) -> int:
    """Number of batches of at most `size` images for `count` images."""
    return -(-count // size)


def shuffled(indices: Tensor, generator: torch.Generator) -> Tensor:
    """A random permutation of `indices` (n,), drawn on the CPU so that it is the same on every device."""
    return indices[torch.randperm(len(indices), generator=generator).to(indices.device)]


def full_batches(indices: Tensor, size: int, generator: torch.Generator) -> list[Tensor]:
    """Shuffled batches of exactly `size` indices; the last incomplete one is dropped, as published."""
    count = len(indices) // size
    return list(shuffled(indices, generator)[: count * size].split(size))


def even_batches(indices: Tensor, size: int, generator: torch.Generator) -> list[Tensor]:
    """Shuffled batches of at most `size` indices and of equal length (to within one), every index once.

    A row's gradient is proportional to 1 / batch length. In a short last batch, rows would get one gradient far larger
    than their usual ones. It would stay in RMSprop's running square and slow these rows for hundreds of steps.
    """
    return list(shuffled(indices, generator).tensor_split(ceil_div(len(indices), size)))


def endless_batches(indices: Tensor, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Shuffled batches of `size` indices (of all, if there are fewer), in a new order for every round."""
    while True:
        yield from full_batches(indices, min(size, len(indices)), generator)
