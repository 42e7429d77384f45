import struct

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from custom_datasets.sources import load_dataset
from utils.errors import UserError

CPU = torch.device("cpu")


def test_digits_are_scikit_learns(tmp_path):
    data = load_dataset("DIGITS", tmp_path, CPU)
    assert (len(data.train), len(data.test), data.classes) == (1257, 540, 10)
    assert data.train.images.dtype == data.test.images.dtype == torch.uint8
    assert data.train.images.shape[1:] == (1, 8, 8)
    # Every image of the source is in exactly one of the two tables, with its label.
    ours = sorted(
        (tuple(image.flatten().tolist()), label)
        for table in (data.train, data.test)
        for image, label in zip(table.images, table.labels.tolist(), strict=True)
    )
    source = load_digits()
    theirs = sorted(
        (tuple(round(v * 255 / 16) for v in image), int(label))
        for image, label in zip(source.data, source.target, strict=True)
    )
    assert ours == theirs


def test_digits_test_set_is_stratified_and_fixed(tmp_path):
    first, again = (load_dataset("DIGITS", tmp_path, CPU).test for _ in range(2))
    assert torch.equal(first.images, again.images)
    share = torch.bincount(first.labels) / torch.bincount(torch.from_numpy(load_digits().target))
    assert (share - 540 / 1797).abs().max() < 0.005


def write_idx(path, array):
    path.write_bytes(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


@pytest.fixture
def mnist(tmp_path):
    """A small MNIST in the real layout, and its arrays."""
    random = np.random.default_rng(0)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    arrays = {}
    for name, count in (("train", 50), ("t10k", 20)):
        arrays[name] = random.integers(256, size=(count, 28, 28), dtype=np.uint8), np.arange(count, dtype=np.uint8) % 10
        write_idx(raw / f"{name}-images-idx3-ubyte", arrays[name][0])
        write_idx(raw / f"{name}-labels-idx1-ubyte", arrays[name][1])
    return tmp_path, arrays


def test_mnist_files_are_read(mnist):
    folder, arrays = mnist
    data = load_dataset("MNIST", folder, CPU)
    for table, name in ((data.train, "train"), (data.test, "t10k")):
        assert np.array_equal(table.images.numpy()[:, 0], arrays[name][0])
        assert np.array_equal(table.labels.numpy(), arrays[name][1])


@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("keep", [0, 3, 40])
def test_damaged_mnist_file_is_an_error(mnist, file, keep):
    folder, _ = mnist
    path = folder / "MNIST" / "raw" / file
    path.write_bytes(path.read_bytes()[:keep] if keep < 40 else path.read_bytes()[:-5])
    with pytest.raises(UserError, match=r"MNIST.raw"):
        load_dataset("MNIST", folder, CPU)


def test_images_without_labels_are_an_error(mnist):
    folder, arrays = mnist
    write_idx(folder / "MNIST" / "raw" / "train-labels-idx1-ubyte", arrays["train"][1][:-1])
    with pytest.raises(UserError, match="50 images with 49 labels"):
        load_dataset("MNIST", folder, CPU)


def test_impossible_download_names_files_and_folder(tmp_path, no_network):
    with pytest.raises(UserError, match=r"cannot be downloaded.*train-images-idx3-ubyte.* there") as caught:
        load_dataset("MNIST", tmp_path, CPU)
    assert str(tmp_path / "MNIST" / "raw") in str(caught.value)


def test_unknown_source_names_the_known_ones(tmp_path):
    with pytest.raises(UserError, match="DIGITS, MNIST"):
        load_dataset("NOPE", tmp_path, CPU)
