"""small NORB's files, written here in their published layout."""

import gzip
import struct

import numpy as np
import pytest
import torch

from custom_datasets import norb
from custom_datasets.names import BUILT_IN
from custom_datasets.norb import PARTS
from custom_datasets.sources import load_dataset
from utils.errors import UserError

BYTES, INTEGERS = 0x1E3D4C55, 0x1E3D4C54
COUNTS = (5, 3)  # training and test pairs


def array(values, magic=None, sizes=None):
    """The content of a file; fewer than three sizes are filled up with ones."""
    sizes = values.shape if sizes is None else sizes
    magic = magic or (BYTES if values.dtype == np.uint8 else INTEGERS)
    header = (magic, len(sizes), *sizes, *[1] * (3 - len(sizes)))
    return struct.pack(f"<{len(header)}i", *header) + values.tobytes()


def pairs(count):
    return np.random.default_rng(count).integers(256, size=(count, 2, 96, 96), dtype=np.uint8)


def labels(count):
    return np.random.default_rng(count).integers(5, size=count).astype("<i4")


def files(counts=COUNTS):
    content = {}
    for part, count in zip(PARTS, counts, strict=True):
        content |= {f"smallnorb-{part}-dat.mat": array(pairs(count)), f"smallnorb-{part}-cat.mat": array(labels(count))}
    return content


@pytest.fixture
def write(tmp_path):
    """write(content): the files, by name; None leaves one out."""

    def write(content):
        for name, data in content.items():
            if data is not None:
                (tmp_path / name).write_bytes(data)
        return tmp_path

    return write


def load(folder):
    return load_dataset("smallNORB", folder, torch.device("cpu"))


TRAIN, TRAIN_LABELS, TEST, TEST_LABELS = files((1, 1))


@pytest.mark.parametrize("packed", [False, True])
def test_left_images_and_labels_are_read(write, packed, monkeypatch):
    monkeypatch.setattr(norb, "PIECE", 2)  # pairs are read in several pieces
    content = files()
    if packed:
        content = {f"{name}.gz": gzip.compress(data, 1) for name, data in content.items()}
    data = load(write(content))
    for table, count in zip((data.train, data.test), COUNTS, strict=True):
        np.testing.assert_array_equal(table.images, pairs(count)[:, :1])
        np.testing.assert_array_equal(table.labels, labels(count))
    assert (data.classes, data.class_names[0], data.class_names[4], data.channels) == (5, "animal", "car", 1)


def test_files_have_the_published_names():
    assert TRAIN == "smallnorb-5x46789x9x18x6x2x96x96-training-dat.mat"
    assert TEST_LABELS == "smallnorb-5x01235x9x18x6x2x96x96-testing-cat.mat"
    assert BUILT_IN["smallNORB"].validation == 24300 // 5


def test_missing_files_are_named_with_their_source(write):
    folder = write(files((3, 3)) | {TRAIN: None, TEST_LABELS: None})
    with pytest.raises(UserError, match=rf"lacks {TRAIN}, {TEST_LABELS}: put them there, .* from https://cs.nyu.edu/"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    {
        "short": (TRAIN, array(pairs(3))[:-1], "it is shorter than its header says"),
        "long": (TEST, array(pairs(3)) + b"0", "it is longer than its header says"),
        "empty": (TRAIN_LABELS, b"", "it is shorter than its header says"),
        "labels as images": (TRAIN, array(labels(3)), "its magic number is not that of uint8 values"),
        "images as labels": (TEST_LABELS, array(pairs(3)), "its magic number is not that of int32 values"),
        "other byte order": (TRAIN, b"\x1e\x3d\x4c\x55" * 9, "magic number"),
        "one camera": (TRAIN, array(pairs(3)[:, :1]), "it has 3 x 1 x 96 x 96 values, not N x 2 x 96 x 96"),
        "cluttered": (TEST, array(np.zeros((3, 2, 108, 108), np.uint8)), "it has 3 x 2 x 108 x 108 values"),
        "labels of two dimensions": (TEST_LABELS, array(labels(4).reshape(2, 2)), "it has 2 x 2 values, not N"),
        "no images": (TEST, array(pairs(0)), "it has 0 x 2 x 96 x 96 values"),
        "many dimensions": (TEST, array(pairs(1), sizes=(1,) * 9), "it has 9 dimensions"),
        "negative number": (TRAIN_LABELS, array(labels(3), sizes=(-3,)), "it has -3 values, not N"),
    }.values(),
)
def test_damaged_and_other_files_are_refused(write, name, content, reason):
    folder = write(files((3, 3)) | {name: content})
    with pytest.raises(UserError) as error:
        load(folder)
    assert str(error.value).startswith(f"{folder / name} is damaged or not what its name says (")
    assert reason in str(error.value)
    assert str(error.value).endswith("; replace it")


def test_packed_file_that_breaks_off_is_refused(write):
    content = files((3, 3))
    folder = write({f"{name}.gz": gzip.compress(data, 1) for name, data in content.items()})
    path = folder / f"{TRAIN}.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=f"{TRAIN}.gz is damaged .*; replace it"):
        load(folder)


@pytest.mark.parametrize(
    ("given", "reason"), [(labels(4), "holds 3 images with 4 labels"), (np.array([0, 5, 1], "<i4"), "from 0 to 5")]
)
def test_labels_that_do_not_fit_are_refused(write, given, reason):
    with pytest.raises(UserError, match=reason):
        load(write(files((3, 3)) | {TRAIN_LABELS: array(given)}))
