"""SVHN, CIFAR and damaged MNIST in their real layouts, with few images.

The checksums that torchvision expects are set to theirs.
"""

import io
import struct
import tarfile

import numpy as np
import pytest
import torch
from real_layouts import CIFAR, expect_cifar, expect_svhn, md5, write_batch, write_cifar, write_mat, write_svhn
from torchvision.datasets import SVHN

from custom_datasets.sources import load_dataset
from utils.errors import UserError

pytestmark = pytest.mark.usefixtures("no_network")
CPU = torch.device("cpu")


@pytest.fixture
def svhn(tmp_path, monkeypatch):
    write_svhn(monkeypatch, tmp_path, train=30, test=12, extra=25)
    return tmp_path


@pytest.mark.parametrize(("name", "splits"), [("SVHN", ["train"]), ("SVHN_extra", ["train", "extra"])])
def test_svhn_is_torchvisions(svhn, name, splits):
    data = load_dataset(name, svhn, CPU)
    for table, parts in ((data.train, splits), (data.test, ["test"])):
        theirs = [pair for part in parts for pair in SVHN(str(svhn), part)]
        assert table.images.shape == (len(theirs), 3, 32, 32)
        for image, label, (picture, target) in zip(table.images, table.labels.tolist(), theirs, strict=True):
            assert np.array_equal(image.permute(1, 2, 0), np.asarray(picture))
            assert label == target
    assert data.train.labels[9] == 0  # the file has class 10 there
    assert (data.classes, data.valid_given) == (10, 0)


def test_missing_svhn_files_are_named(tmp_path):
    with pytest.raises(
        UserError, match=r"train_32x32\.mat, which cannot be downloaded.*test_32x32\.mat there"
    ) as caught:
        load_dataset("SVHN", tmp_path, CPU)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("checked", [True, False])
def test_cut_svhn_file_is_named(svhn, monkeypatch, checked):
    path = svhn / "test_32x32.mat"
    path.write_bytes(path.read_bytes()[:2000])
    if not checked:
        expect_svhn(monkeypatch, svhn)
    with pytest.raises(UserError, match=r"test_32x32\.mat: damaged"):
        load_dataset("SVHN", svhn, CPU)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y": np.full((12, 1), 11)}, "labels from 11 to 11"),
        ({"y": np.ones((11, 1))}, "12 images with 11 labels"),
        ({"X": np.zeros((32, 32, 3, 12))}, "float64 images"),
        ({"X": np.zeros((32, 32, 3), np.uint8)}, "damaged"),
        ({"y": np.array(["a"] * 12)}, "damaged"),
    ],
)
def test_unfit_svhn_content_is_an_error(svhn, monkeypatch, changed, message):
    write_mat(svhn / "test_32x32.mat", 12, 0, **changed)
    expect_svhn(monkeypatch, svhn)
    with pytest.raises(UserError, match=message) as caught:
        load_dataset("SVHN", svhn, CPU)
    assert "test_32x32.mat" in str(caught.value)


@pytest.fixture(params=CIFAR)
def cifar(request, tmp_path, monkeypatch):
    """A small CIFAR: its name, folder and class."""
    write_cifar(monkeypatch, tmp_path, request.param, count=8)
    return request.param, tmp_path, CIFAR[request.param][0]


def test_cifar_is_torchvisions(cifar):
    name, folder, kind = cifar
    data = load_dataset(name, folder, CPU)
    for table, train in ((data.train, True), (data.test, False)):
        theirs = list(kind(str(folder), train))
        assert table.images.shape == (len(theirs), 3, 32, 32)
        for image, label, (picture, target) in zip(table.images, table.labels.tolist(), theirs, strict=True):
            assert np.array_equal(image.permute(1, 2, 0), np.asarray(picture))
            assert label == target
    assert data.class_names == [f"c{i}" for i in range(data.classes)]


def test_cifar_archive_is_unpacked(cifar, monkeypatch):
    name, folder, kind = cifar
    whole = load_dataset(name, folder, CPU)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(folder / kind.base_folder, kind.base_folder)
    (folder / kind.filename).write_bytes(content.getvalue())
    monkeypatch.setattr(kind, "tgz_md5", md5(folder / kind.filename))
    for path in (folder / kind.base_folder).iterdir():
        path.unlink()
    assert torch.equal(load_dataset(name, folder, CPU).train.images, whole.train.images)


def test_missing_cifar_archive_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot be downloaded.*put cifar-100-python\.tar\.gz there") as caught:
        load_dataset("CIFAR100", tmp_path, CPU)
    assert str(tmp_path) in str(caught.value)


def test_cut_cifar_file_is_named(cifar):
    name, folder, kind = cifar
    file = kind.test_list[0][0]
    path = folder / kind.base_folder / file
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match=rf"{kind.base_folder}.{file}: damaged"):
        load_dataset(name, folder, CPU)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": [100] * 8}, "labels from 100 to 100"),
        ({"labels": [-1] * 8}, "labels from -1 to -1"),
        ({"labels": [0.5] * 8}, "float64 labels"),
        ({"labels": [0]}, "8 images with 1 labels"),
        ({"data": np.zeros((8, 3072))}, "float64 images"),
        ({"data": np.zeros((8, 7), np.uint8)}, "damaged"),
    ],
)
def test_unfit_cifar_content_is_an_error(cifar, monkeypatch, changed, message):
    name, folder, kind = cifar
    write_batch(folder, name, kind.test_list[0][0], 8, **changed)
    expect_cifar(monkeypatch, folder, name)
    with pytest.raises(UserError, match=message) as caught:
        load_dataset(name, folder, CPU)
    assert str(folder / kind.base_folder / kind.test_list[0][0]) in str(caught.value)


def write_mnist(folder, label):
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        for kind, array in (("images", np.zeros((4, 28, 28), np.uint8)), ("labels", np.full(4, label, np.uint8))):
            header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            (raw / f"{part}-{kind}-idx{array.ndim}-ubyte").write_bytes(header + array.tobytes())
    return raw


@pytest.mark.parametrize("keep", [0, 3, 6, 100])
@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"])
def test_only_the_damaged_mnist_file_is_named(tmp_path, file, keep):
    path = write_mnist(tmp_path, 7) / file
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=rf"^{path}: damaged"):
        load_dataset("MNIST", tmp_path, CPU)


def test_mnist_label_out_of_range_is_an_error(tmp_path):
    write_mnist(tmp_path, 10)
    with pytest.raises(UserError, match="labels from 10 to 10, not from 0 to 9"):
        load_dataset("MNIST", tmp_path, CPU)
