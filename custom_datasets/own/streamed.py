"""Own pictures that do not fit into memory: they are read again in every epoch."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torchvision import transforms

from custom_datasets.own.folder import FolderPart
from custom_datasets.own.parts import JOINED
from custom_datasets.own.picture import Colour, open_picture, quiet
from custom_datasets.own.scale import scale_picture
from custom_datasets.stream import FileViews, StreamedImages
from utils.memory import host_memory

SHARE = 0.5  # of the machine's memory that scaled pictures may take


def bytes_in_memory(parts: Mapping[str, FolderPart]) -> int:
    """Bytes of all pictures of the parts, scaled."""
    height, width = parts["train"].size
    return sum(map(len, parts.values())) * height * width * (3 if parts["train"].colour else 1)


def is_too_large(parts: Mapping[str, FolderPart]) -> bool:
    """Whether the scaled pictures would take more than their share of the machine's memory."""
    return parts["train"].side is not None and bytes_in_memory(parts) > SHARE * host_memory()


def stream_parts(parts: Mapping[str, FolderPart]) -> tuple[StreamedImages, StreamedImages, list[str]]:
    """Training table and test images of the parts, streamed, with a note for the user."""
    side, colour = parts["train"].size[0], parts["train"].colour
    views = FileViews(
        partial(read_file, colour=colour, background=parts["train"].background),
        partial(scale_picture, side=side),
        transforms.RandomResizedCrop(side),
        (3 if colour else 1, side, side),
    )
    train, test = ([parts[name] for name in names if name in parts] for names in (JOINED, _tested(parts)))
    gigabytes, memory = (number / 2**30 for number in (bytes_in_memory(parts), host_memory()))
    note = (
        f"the pictures take {gigabytes:,.1f} GiB, more than {SHARE:.0%} of this machine's {memory:,.1f} GiB: --workers "
        "read them anew in every epoch, as random resized crops in training and central ones in evaluation; pictures "
        "that are there twice or show nothing are not looked for"
    )
    return _stream(train, views), _stream(test, views), [note]


def _tested(parts: Mapping[str, FolderPart]) -> tuple[str]:
    return ("test",) if "test" in parts else ("valid",)


def _stream(parts: list[FolderPart], views: FileViews) -> StreamedImages:
    files = [str(path) for part in parts for path in part.paths]
    return StreamedImages(files, torch.cat([torch.from_numpy(part.labels).long() for part in parts]), views)


def read_file(file: str, colour: bool, background: Colour) -> Image.Image:
    """The picture in a file, in its own size. Raises UserError when it cannot be read."""
    with quiet():
        return open_picture(Path(file), colour, background)
