"""ImageNet in its real layout, with few classes and images, from the archives that torchvision unpacks."""

import pytest
import torch
from real_layouts import TRAIN_IMAGES, VAL_IMAGES, write_imagenet
from torchvision.datasets import ImageNet
from torchvision.datasets.imagenet import ARCHIVE_META

from custom_datasets.sources import load_dataset
from utils.errors import UserError

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_imagenet(monkeypatch, tmp_path)
    return tmp_path


def test_archives_are_read_as_torchvision_reads_them(folder):
    data = load_dataset("ImageNet", folder, CPU)
    for source, split in ((data.train, "train"), (data.test, "val")):
        theirs = ImageNet(str(folder), split)
        assert source.labels.tolist() == theirs.targets
        assert source.files == [path for path, _ in theirs.imgs]
    assert (data.classes, len(data.train), len(data.test)) == (3, 3 * TRAIN_IMAGES, VAL_IMAGES)
    assert data.class_names == ["dog", "fish", "cat, house cat"]
    assert data.train_files[0] == "train/n01/n01_0.JPEG"
    (images,) = data.train.fetch([torch.tensor([4, 30])], None, 0)
    assert (images.shape, images.dtype) == ((2, 3, 224, 224), torch.uint8)


def test_unpacked_folders_need_no_archives(folder):
    load_dataset("ImageNet", folder, CPU)
    for name, _ in ARCHIVE_META.values():
        (folder / name).unlink()
    assert len(load_dataset("ImageNet", folder, CPU).train) == 3 * TRAIN_IMAGES


@pytest.mark.parametrize("part", ["train", "val", "devkit"])
@pytest.mark.parametrize("cut", [True, False])
def test_missing_or_cut_archive_is_named(folder, part, cut):
    path = folder / ARCHIVE_META[part][0]
    content = path.read_bytes()
    path.unlink()
    if cut:
        path.write_bytes(content[:-100])
    with pytest.raises(UserError, match=rf"archive {path.name}.*put .*{path.name}.* there") as caught:
        load_dataset("ImageNet", folder, CPU)
    assert str(folder) in str(caught.value)


def damage_meta(folder):
    (folder / "meta.bin").write_bytes(b"no pickle")


def leave_an_archive(folder):
    (folder / "train" / "n03.tar").write_bytes(b"")


def empty_a_class(folder):
    for path in (folder / "train" / "n02").iterdir():
        path.unlink()


def lose_a_class(folder):
    (folder / "val" / "n02").rename(folder / "n02")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_meta, r"meta\.bin is damaged; delete it"),
        (leave_an_archive, r"train was not unpacked to its end \(n03\.tar is left\)"),
        (empty_a_class, r"no valid file for the classes n02"),
        (lose_a_class, r"do not hold the same classes"),
    ],
)
def test_damaged_folders_are_an_error(folder, damage, message):
    load_dataset("ImageNet", folder, CPU)
    damage(folder)
    with pytest.raises(UserError, match=message) as caught:
        load_dataset("ImageNet", folder, CPU)
    assert str(folder) in str(caught.value)
