"""What is read of a user's folders: names of parts, what systems leave, what cannot be read, copies, memory."""

import os
import shutil
import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image

from custom_datasets.own.parts import lacks_test, looks_like_own_data
from custom_datasets.sources import load_dataset
from utils.errors import UserError

CPU = torch.device("cpu")
CLASSES = ("ant", "bee")


def write_folders(folder, parts=("train", "valid", "test"), images=3):
    random = np.random.default_rng(0)
    for part in parts:
        for name in CLASSES:
            (folder / part / name).mkdir(parents=True)
            for place in range(images):
                pixels = random.integers(256, size=(4, 5, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{place}.png")


def write_arrays(folder, parts, images=6, seed=0):
    random = np.random.default_rng(seed)
    for part in parts:
        content = random.integers(256, size=(images, 4, 5), dtype=np.uint8)
        np.savez(folder / f"{part}.npz", images=content, labels=np.arange(images) % 2)


def load(folder):
    return load_dataset("insects", folder, CPU)


@pytest.mark.parametrize(
    "names", [("Train", "VAL", "Testing"), ("training", "validation", "TEST"), ("TRAIN", "Dev", "test")]
)
@pytest.mark.parametrize("arrays", [False, True])
def test_other_names_of_parts_are_read_and_noted(tmp_path, names, arrays):
    usual, other = tmp_path / "usual", tmp_path / "other"
    usual.mkdir()
    (write_arrays if arrays else write_folders)(usual, ("train", "valid", "test"))
    shutil.copytree(usual, other)
    suffix = ".npz" if arrays else ""
    changed = [pair for pair in zip(("train", "valid", "test"), names, strict=True) if pair[0] != pair[1]]
    for part, name in changed:
        (other / f"{part}{suffix}").rename(other / f"{name}{suffix}")
    expected, found = load(usual), load(other)
    assert looks_like_own_data(other)
    assert not lacks_test(other)
    assert torch.equal(expected.train.images, found.train.images)
    assert torch.equal(expected.test.images, found.test.images)
    assert (found.valid_given, expected.notes) == (6, ())
    assert found.notes == tuple(f"{other / name}{suffix} is read as the part {part}" for part, name in changed)
    if not arrays:
        assert [(other / file).exists() for file in found.train_files] == [True] * 12


@pytest.mark.parametrize("other", ["val", "Valid", "validation", "dev"])
def test_two_parts_of_one_kind_are_refused(tmp_path, other):
    write_folders(tmp_path, ("train", "valid", "test", other))
    names = " and ".join(sorted(("valid", other)))
    with pytest.raises(UserError, match=f"has {names}, which are both its valid part; keep one of them"):
        load(tmp_path)


JUNK = (
    "__MACOSX/ant/._0.png",
    ".ipynb_checkpoints/0-checkpoint.png",
    "ant/.ipynb_checkpoints/0-checkpoint.png",
    "ant/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg",
    "#recycle/0.png",
    "$RECYCLE.BIN/desktop.ini",
    "System Volume Information/IndexerVolumeGuid",
    "lost+found/0.png",
    "ant/Thumbs.db",
    "Thumbs.db",
    "ant/desktop.ini",
    ".DS_Store",
    "ant/.DS_Store",
    "ant/._0.png",
    "ant/.hidden.png",
)
NO_PICTURES = [path for path in JUNK if not path.endswith((".png", ".jpg")) or "/._" in path]


@pytest.mark.parametrize("part", ["train", "valid", "test"])
@pytest.mark.parametrize("junk", JUNK)
def test_what_systems_leave_is_neither_class_nor_picture(tmp_path, part, junk):
    write_folders(tmp_path)
    clean = load(tmp_path)
    path = tmp_path / part / junk
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(tmp_path / "train/ant/0.png", path)
    found = load(tmp_path)
    assert torch.equal(found.train.images, clean.train.images)
    assert torch.equal(found.test.images, clean.test.images)
    assert (found.class_names, found.duplicates) == (list(CLASSES), ())
    told = f"not read in {tmp_path / part}: 1 picture that is hidden or left by a system or a tool, such as {junk}"
    assert found.notes == (() if junk in NO_PICTURES else (told,))


def test_folder_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    write_folders(tmp_path)
    scan, closed = os.scandir, str(tmp_path / "train" / "bee")

    def refusing(path):
        if str(path) == closed:
            raise PermissionError(13, "Permission denied", closed)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(UserError, match=r"train.bee cannot be read \(Permission denied\)"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("train/cow", "train.cow is a link that leads nowhere"),
        ("train/ant/more", "train.ant.more is a link that leads nowhere"),
        ("valid/bee/9.png", r"valid.bee.9\.png cannot be read \(No such file"),
        ("test", "test is a link that leads nowhere"),
    ],
)
def test_link_that_leads_nowhere_is_an_error(tmp_path, link, message):
    write_folders(tmp_path, ("train", "valid") if link == "test" else ("train", "valid", "test"))
    (tmp_path / link).symlink_to("nowhere")
    with pytest.raises(UserError, match=message):
        load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="systems without named pipes")
def test_pipe_with_a_picture_s_name_is_an_error(tmp_path, monkeypatch):
    write_folders(tmp_path)
    os.mkfifo(tmp_path / "train/bee/9.png")

    def opened(path, real=Image.open):
        assert not path.is_fifo()  # the reader would wait for ever
        return real(path)

    monkeypatch.setattr(Image, "open", opened)
    with pytest.raises(UserError, match=r"bee.9\.png is not a file; remove it"):
        load(tmp_path)


def test_link_in_a_circle_is_an_error(tmp_path):
    write_folders(tmp_path)
    (tmp_path / "train/ant/round").symlink_to("round")
    with pytest.raises(UserError, match=r"train.ant.round is a link that leads nowhere"):
        load(tmp_path)


def test_class_without_a_picture_that_is_read_names_what_is_there(tmp_path):
    write_folders(tmp_path)
    for path in (tmp_path / "train/bee").iterdir():
        path.rename(path.with_suffix(".heic"))
    with pytest.raises(UserError, match=r"train.bee holds no image that is read \(3 pictures \.heic\)"):
        load(tmp_path)


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".MPO", ".JPG"])
def test_other_names_of_jpeg_are_read(tmp_path, suffix):
    write_folders(tmp_path)
    Image.new("RGB", (5, 4), "red").save(tmp_path / f"train/ant/9{suffix}", "JPEG")
    data = load(tmp_path)
    assert len(data.train) == 13
    assert f"train/ant/9{suffix}" in data.train_files


def test_copies_across_parts_and_labels_are_counted(tmp_path):
    write_folders(tmp_path)
    assert load(tmp_path).duplicates == ()
    for source, target in (
        ("train/ant/0.png", "train/bee/copy.png"),
        ("train/ant/1.png", "valid/ant/copy.png"),
        ("train/bee/1.png", "valid/ant/copy2.png"),
        ("train/bee/2.png", "test/bee/copy.png"),
        ("valid/ant/0.png", "test/ant/copy.png"),
    ):
        shutil.copy(tmp_path / source, tmp_path / target)
    data = load(tmp_path)
    assert data.duplicates == (
        "1 picture in train is there under different labels, such as train/ant/0.png, which is train/bee/copy.png",
        "2 of 8 pictures in valid are in train as well, 1 of them under another label, such as valid/ant/copy2.png, "
        "which is train/bee/1.png",
        "1 of 8 pictures in test is in train as well, such as test/bee/copy.png, which is train/bee/2.png",
    )
    assert data.notes == (
        "1 of 8 pictures in test is in valid as well, such as test/ant/copy.png, which is valid/ant/0.png",
    )


def test_copies_in_arrays_are_counted(tmp_path):
    write_arrays(tmp_path, ["train"])
    write_arrays(tmp_path, ["test"], images=4)  # the same draws
    with np.load(tmp_path / "train.npz") as content:
        images, labels = content["images"], content["labels"]
    images[5] = images[2]
    np.savez(tmp_path / "train.npz", images=images, labels=labels)
    assert load(tmp_path).duplicates == (
        "1 picture in train.npz is there under different labels, such as image 2 of train.npz, which is image 5 of "
        "train.npz",
        "4 of 4 pictures in test.npz are in train.npz as well, 1 of them under another label, such as image 2 of "
        "test.npz, which is image 5 of train.npz",
        "1 picture in train.npz is there more than once, such as image 2 of train.npz, which is image 5 of train.npz: "
        "one copy may be trained on and another serve as clean",
    )


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_are_read_in_whatever_order(tmp_path, order, compressed):
    random = np.random.default_rng(0)
    written = {}
    for part, count in (("train", 700), ("valid", 5), ("test", 6)):
        written[part] = random.integers(256, size=(count, 30, 40, 3), dtype=np.uint8)  # of several pieces
        save = np.savez_compressed if compressed else np.savez
        save(tmp_path / f"{part}.npz", images=np.asarray(written[part], order=order), labels=np.arange(count) % 2)
    data = load(tmp_path)
    joined = np.concatenate([written["train"], written["valid"]]).transpose(0, 3, 1, 2)
    assert np.array_equal(data.train.images, joined)
    assert np.array_equal(data.test.images, written["test"].transpose(0, 3, 1, 2))


@pytest.mark.parametrize("arrays", [False, True])
def test_reading_takes_little_more_memory_than_the_data(tmp_path, arrays):
    """Pillow's own memory is not counted: of it there is one picture at a time."""
    pixels = np.random.default_rng(0).integers(256, size=(70, 200, 200, 3), dtype=np.uint8)
    for part, places in (("train", range(40)), ("valid", range(40, 55)), ("test", range(55, 70))):
        for place in places if not arrays else ():
            path = tmp_path / part / str(place % 2) / f"{place}.bmp"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[place]).save(path)
        if arrays:
            np.savez(tmp_path / f"{part}.npz", images=pixels[list(places)], labels=np.array(places) % 2)
    tracemalloc.start()
    data = load(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.memory == pixels.nbytes
    assert peak < 1.3 * pixels.nbytes
