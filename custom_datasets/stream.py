"""Images that do not fit into memory: worker processes read the files when they are needed."""

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info
from torchvision import transforms
from torchvision.transforms.functional import pil_to_tensor

from custom_datasets.reading import reading
from custom_datasets.table import IMAGES, on_host
from custom_datasets.workers import AHEAD, shared, start
from utils.errors import UserError

SIDE = 224  # of ImageNet's images


@dataclass(frozen=True)
class FileViews:
    """How files become images of one `shape` (C, H, W): read, then a view of the picture, of mode RGB or L."""

    read: Callable[[str], Image.Image]
    evaluation: Callable[[Image.Image], Image.Image]
    training: Callable[[Image.Image], Image.Image]  # draws from torch's global generator, as torchvision's do
    shape: tuple[int, int, int]


def read_rgb(file: str) -> Image.Image:
    """The picture in a file, in colour. Raises UserError when it cannot be read."""
    with reading(file), Image.open(file) as image:
        return image.convert("RGB")


IMAGENET_VIEWS = FileViews(
    read_rgb,
    transforms.Compose([transforms.Resize(256), transforms.CenterCrop(SIDE)]),
    transforms.Compose([transforms.RandomResizedCrop(SIDE), transforms.RandomHorizontalFlip()]),
    (3, SIDE, SIDE),
)


@dataclass(frozen=True)
class StreamedImages:
    """N image files and their labels int64 (N,), on the run's device; a batch is uint8 (B, C, H, W).

    With a crop seed, an image gets the training view, such as a random crop, otherwise the evaluation view. The result
    depends only on the crop seed and the image's place, not on the workers or the batch.
    """

    files: Sequence[str]
    labels: Tensor
    views: FileViews = IMAGENET_VIEWS

    @property
    def kind(self) -> str:  # noqa: D102
        return IMAGES

    @property
    def shape(self) -> tuple[int, int, int]:  # noqa: D102
        return self.views.shape

    @property
    def memory(self) -> int:  # noqa: D102
        return 0

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device, images: torch.device) -> "StreamedImages":  # noqa: D102
        return replace(self, labels=self.labels.to(device))

    @cached_property
    def content(self) -> bytes:  # noqa: D102
        # Names relative to the folder, which may have moved; reading a million files takes minutes on some disks.
        names = ("/".join(Path(file).parts[-2:]) for file in self.files)
        return hashlib.sha256("\n".join(names).encode()).digest()

    def select(self, places: Tensor, labels: Tensor) -> "StreamedImages":  # noqa: D102
        files = [self.files[place] for place in places.tolist()]
        return replace(self, files=files, labels=labels.to(self.labels.device))

    def fetch(self, order: Sequence[Tensor], crops: int | None, workers: int) -> Iterator[Tensor]:  # noqa: D102
        device = self.labels.device
        with warnings.catch_warnings():  # torch's advice on the number of workers, which the user chooses
            warnings.filterwarnings("ignore", "This DataLoader will create")
            loader = DataLoader(
                FileReader(self.files, crops, self.views),
                batch_size=None,
                sampler=[index.tolist() for index in on_host(order)],
                num_workers=workers,
                prefetch_factor=AHEAD if workers else None,
                pin_memory=device.type == "cuda",
                generator=torch.Generator(),  # otherwise it draws from the global one
            )
            batches = start(loader)
        for images in batches:
            if isinstance(images, str):
                raise UserError(images)
            yield images.to(device, non_blocking=True)


@dataclass(frozen=True)
class FileReader(Dataset[Tensor | str]):
    """Runs in a worker: maps the places of a batch to its images, uint8 (B, C, H, W).

    If a file cannot be read, it *returns* the message. An error that a worker raises arrives with a traceback. An
    exception object that is returned keeps the frame of the pass alive, and with it the workers.
    """

    files: Sequence[str]
    crops: int | None
    views: FileViews

    def __getitem__(self, places: Sequence[int]) -> Tensor | str:
        try:
            images = torch.stack([self._read(place) for place in places])
            return shared(images) if get_worker_info() else images
        except UserError as error:
            return str(error)

    def _read(self, place: int) -> Tensor:
        image = self.views.read(self.files[place])
        if self.crops is None:
            return pil_to_tensor(self.views.evaluation(image))
        with torch.random.fork_rng(devices=[]):  # torchvision's crops draw from the global generator
            torch.default_generator.manual_seed(image_seed(self.crops, place))
            return pil_to_tensor(self.views.training(image))


def image_seed(crops: int, place: int) -> int:
    """Seed (32 bits) of the crop of the image at `place` in the pass with the seed `crops`."""
    return int(np.random.SeedSequence((crops, place)).generate_state(1)[0])
