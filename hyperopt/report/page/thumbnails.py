"""Thumbnails of training images, as text for a page."""

import base64
import io
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from custom_datasets.table import Dataset

SIDE = 64  # pixels; larger images are scaled down to it
EXACT = 16  # images up to this side keep every pixel's value
QUALITY, EFFORT = 50, 2  # of WebP: 0..100, and 0 (fast) to 6 (small)
BATCH = 500


def thumbnails(data: Dataset, index: np.ndarray) -> Iterator[str]:
    """WebP files, in base64, of the training images at the places `index` (n,), one after the other.

    Raises UserError when an image file cannot be read.
    """
    order: list[Tensor] = list(torch.from_numpy(index).to(data.train.labels.device).split(BATCH))
    for images in data.train.fetch(order, None, workers=0):
        for image in images.cpu().numpy():
            yield thumbnail(image)


def thumbnail(image: np.ndarray) -> str:
    """A WebP file, in base64, of an image uint8 (C, H, W), which is grey unless it has three channels."""
    colours = image.transpose(1, 2, 0) if len(image) == 3 else image[0]
    picture = Image.fromarray(np.ascontiguousarray(colours))
    picture.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=QUALITY, method=EFFORT, lossless=max(picture.size) <= EXACT)
    return base64.b64encode(file.getvalue()).decode()
