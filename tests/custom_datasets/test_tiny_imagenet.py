"""Tiny-ImageNet in its real layout, with few classes and images."""

import re

import numpy as np
import pytest
import torch
from PIL import Image
from real_layouts import SYNSETS, write_tiny_imagenet

from custom_datasets.sources import load_dataset
from utils.errors import UserError

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path):
    write_tiny_imagenet(tmp_path)
    return tmp_path


def pixels(path):
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)


def test_archive_is_read_as_pil_reads_it(folder):
    data, root = load_dataset("TinyImageNet", folder, CPU), folder / "tiny-imagenet-200"
    names = sorted(SYNSETS)
    assert (data.classes, data.class_names) == (3, [SYNSETS[name] for name in names])
    assert (data.train.images.shape, data.test.images.shape) == ((21, 3, 64, 64), (6, 3, 64, 64))
    for image, label, file in zip(data.train.images, data.train.labels, data.train_files, strict=True):
        assert torch.equal(image, pixels(folder / file))
        assert file.split("/")[:3] == ["tiny-imagenet-200", "train", names[label]]
    assert len(set(data.train_files)) == 21
    for place, (image, label) in enumerate(zip(data.test.images, data.test.labels, strict=True)):
        assert torch.equal(image, pixels(root / f"val/images/val_{place}.JPEG"))
        assert names[label] == [*SYNSETS][place % 3]


def lose(file):
    return lambda root: (root / file).unlink()


def change(file, content):
    return lambda root: (root / file).write_bytes(content)


def added(file, content):
    return lambda root: (root / file).write_bytes((root / file).read_bytes() + content)


def cut_lines(file, count):
    return lambda root: (root / file).write_text("".join((root / file).read_text().splitlines(keepends=True)[:count]))


def differs(name):
    return rf"val_annotations\.txt does not name each picture in .*val/images once, see '{re.escape(name)}"


def cut(file):
    return lambda root: (root / file).write_bytes((root / file).read_bytes()[:300])


def resized(root):
    Image.new("RGB", (32, 64)).save(root / "val/images/val_2.JPEG")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lose("wnids.txt"), r"wnids\.txt is missing.*unpack tiny-imagenet-200\.zip"),
        (lose("words.txt"), r"words\.txt is missing"),
        (lose("val/val_annotations.txt"), r"val_annotations\.txt is missing"),
        (lose("val/images/val_3.JPEG"), differs("val_3.JPEG")),
        (change("val/images/val_6.JPEG", b""), differs("val_6.JPEG")),
        (cut_lines("val/val_annotations.txt", 4), differs("val_4.JPEG")),
        (added("val/val_annotations.txt", b"val_2.JPEG\tn01\n"), differs("val_2.JPEG")),
        (added("val/val_annotations.txt", b"../../train/n01/images/n01_1.JPEG\tn01\n"), differs("../../train/n01/")),
        (added("val/val_annotations.txt", b"\tn01\n"), differs("")),
        (added("val/val_annotations.txt", b"v" * 5000 + b"\tn01\n"), differs("vvv")),
        (lose("train/n02/images/n02_4.JPEG"), r"train/n02 has 6 pictures, others have 7: unpack"),
        (cut("train/n02/images/n02_4.JPEG"), r"train/n02/images/n02_4\.JPEG is damaged"),
        (cut("val/images/val_0.JPEG"), r"val/images/val_0\.JPEG is damaged"),
        (resized, r"val/images/val_2\.JPEG has 32 x 64 pixels, not 64 x 64"),
        (change("wnids.txt", b"n01\nn02\nn03\nn04\n"), r"train/n04 has 0 pictures, others have 7"),
        (change("wnids.txt", b"n01\nn03\n"), r"wnids\.txt does not name the classes in .*train"),
        (change("wnids.txt", b""), r"wnids\.txt does not name the classes in .*train"),
        (added("wnids.txt", b"n01\n"), r"wnids\.txt does not name the classes in .*train"),
        (change("val/val_annotations.txt", b""), differs("val_0.JPEG")),
        (change("wnids.txt", b"\xff\xfe\xff"), r"wnids\.txt is damaged"),
        (change("val/val_annotations.txt", b"val_0.JPEG\tn09\t0\t0\n"), r"val_annotations\.txt is damaged: a line"),
        (change("val/val_annotations.txt", b"val_0.JPEG"), r"val_annotations\.txt is damaged: a line"),
    ],
)
def test_missing_or_damaged_file_is_named(folder, damage, message):
    damage(folder / "tiny-imagenet-200")
    with pytest.raises(UserError, match=message):
        load_dataset("TinyImageNet", folder, CPU)


def test_blank_lines_and_hidden_folders_do_not_count(folder):
    usual, root = load_dataset("TinyImageNet", folder, CPU), folder / "tiny-imagenet-200"
    added("wnids.txt", b"\n \n")(root)
    (root / "train" / ".cache").mkdir()
    (root / "val" / "images" / "._val_0.JPEG").write_bytes(b"")
    again = load_dataset("TinyImageNet", folder, CPU)
    assert (again.classes, again.train.content, again.test.content) == (3, usual.train.content, usual.test.content)


def test_folder_without_the_archive_says_what_to_put_there(tmp_path):
    with pytest.raises(UserError, match=r"wnids\.txt is missing, .* Tiny-ImageNet: unpack tiny-imagenet-200\.zip"):
        load_dataset("TinyImageNet", tmp_path, CPU)
