"""ImageNet in its real layout, with few classes and images, from the archives that torchvision unpacks."""

import hashlib
import io
import tarfile

import numpy as np
import pytest
import scipy.io
import torch
from PIL import Image
from torchvision.datasets import ImageNet
from torchvision.datasets.imagenet import ARCHIVE_META

from custom_datasets import DataError, load_dataset

CPU = torch.device("cpu")
SYNSETS = {"n03": "cat, house cat", "n01": "dog", "n02": "fish"}  # not in the order of the names, as in the real one
TRAIN_IMAGES, VAL_IMAGES = 14, 18
FIELDS = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children"]


def jpeg(random):
    content = io.BytesIO()
    height, width = random.integers(20, 60, size=2)
    Image.fromarray(random.integers(256, size=(height, width, 3), dtype=np.uint8)).save(content, "JPEG")
    return content.getvalue()


def tar(files, mode="w"):
    """An archive (bytes) of files, name -> bytes."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def devkit():
    rows = [(number, name, words, "", 0) for number, (name, words) in enumerate(SYNSETS.items(), 1)]
    rows.append((len(rows) + 1, "n00", "animal", "", 3))  # an inner node of the hierarchy
    meta = io.BytesIO()
    scipy.io.savemat(meta, {"synsets": np.array(rows, dtype=[(field, object) for field in FIELDS])})
    truth = "".join(f"{1 + place % 3}\n" for place in range(VAL_IMAGES))
    data = {"meta.mat": meta.getvalue(), "ILSVRC2012_validation_ground_truth.txt": truth.encode()}
    return tar({f"ILSVRC2012_devkit_t12/data/{name}": content for name, content in data.items()}, "w:gz")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    classes = {
        f"{name}.tar": tar({f"{name}_{place}.JPEG": jpeg(random) for place in range(TRAIN_IMAGES)}) for name in SYNSETS
    }
    val = {f"ILSVRC2012_val_{place:08d}.JPEG": jpeg(random) for place in range(VAL_IMAGES)}
    for part, content in {"train": tar(classes), "val": tar(val), "devkit": devkit()}.items():
        name = ARCHIVE_META[part][0]
        (tmp_path / name).write_bytes(content)
        monkeypatch.setitem(ARCHIVE_META, part, (name, hashlib.md5(content).hexdigest()))
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
    with pytest.raises(DataError, match=rf"archive {path.name}.*put .*{path.name}.* there") as caught:
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
    with pytest.raises(DataError, match=message) as caught:
        load_dataset("ImageNet", folder, CPU)
    assert str(folder) in str(caught.value)
