"""Pictures that cannot be read, tables of classes, copies: what becomes of own pictures beyond the plain cases."""

import shutil

import numpy as np
import pytest
import torch
from own_inputs import TRAIN, base, cut, duplicates, flat, picture, write
from PIL import Image

from custom_datasets.own import folder
from custom_datasets.sources import load_dataset
from utils.errors import UserError

CPU = torch.device("cpu")


def load(root, **how):
    return load_dataset("photos", root, CPU, **how)


def test_a_part_is_not_taken_for_the_data(tmp_path):
    base(tmp_path)
    with pytest.raises(UserError, match=rf"train is a part of the data in {tmp_path}; give that folder"):
        load(tmp_path / "train")


def test_a_table_gives_what_folders_give(tmp_path):
    base(tmp_path / "folders")
    flat(tmp_path / "flat")
    folders, table = load(tmp_path / "folders"), load(tmp_path / "flat")
    assert torch.equal(folders.train.images, table.train.images)
    assert torch.equal(folders.train.labels, table.train.labels)
    assert torch.equal(folders.test.images, table.test.images)
    assert (folders.class_names, folders.valid_given) == (table.class_names, table.valid_given)
    assert table.train_files[:2] == ["train/000.png", "train/001.png"]


def test_copies_are_found_among_scaled_pictures(tmp_path):
    duplicates(tmp_path)
    found = load(tmp_path, image_size=32).duplicates
    assert found == load(tmp_path).duplicates
    assert len(found) == 2


DAMAGES = (cut("train/discs/0.jpg"), write("train/checks/1.jpg"), cut("valid/stripes/1.jpg"))


@pytest.mark.parametrize("image_size", [None, 24])
def test_damaged_pictures_are_left_out(tmp_path, image_size):
    base(tmp_path / "whole", suffix="jpg")
    shutil.copytree(tmp_path / "whole", tmp_path / "damaged")
    for change in DAMAGES:
        change(tmp_path / "damaged")
    for path in ("train/discs/0.jpg", "train/checks/1.jpg", "valid/stripes/1.jpg"):
        (tmp_path / "whole" / path).unlink()
    expected = load(tmp_path / "whole", image_size=image_size)
    found = load(tmp_path / "damaged", image_size=image_size, skip_damaged=True)
    assert torch.equal(found.train.images, expected.train.images)
    assert torch.equal(found.train.labels, expected.train.labels)
    assert torch.equal(found.test.images, expected.test.images)
    assert (found.train_files, found.valid_given) == (expected.train_files, expected.valid_given)
    assert (found.damaged, expected.damaged, found.image_size) == (3, 0, image_size)
    (note,) = found.notes
    assert note.startswith(
        "3 of 18 pictures are left out (--skip-damaged): train/checks/1.jpg (it is empty); train/discs"
    )


@pytest.mark.parametrize("content", [b"", b"cut"])
def test_a_class_without_a_whole_picture_is_refused(tmp_path, content):
    base(tmp_path, suffix="jpg")
    paths = [f"train/discs/{number}.jpg" for number in range(TRAIN)]
    for path in paths:
        (cut(path) if content else write(path))(tmp_path)
    with pytest.raises(UserError, match="train/discs has no picture that can be read; mend or add some"):
        load(tmp_path, skip_damaged=True)


def test_many_damaged_pictures_are_counted(tmp_path):
    base(tmp_path, suffix="jpg")
    for path in (tmp_path / "train").rglob("*.jpg"):
        path.write_bytes(b"<")
    with pytest.raises(UserError, match="12 of 18 pictures") as caught:
        load(tmp_path)
    assert str(caught.value).count(".jpg") == 10
    assert "and 2 more" in str(caught.value)


def test_files_that_cannot_be_opened_are_named(tmp_path, monkeypatch):
    base(tmp_path)
    real = Image.open

    def refusing(path):
        if "discs" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Image, "open", refusing)
    with pytest.raises(
        UserError, match=r"6 of 18 .*discs/3\.png, .* \(cannot be read \(Permission denied\)\); mend that, or"
    ):
        load(tmp_path)


@pytest.mark.parametrize("change", ["vanishes", "shrinks"])
def test_a_folder_that_changes_while_it_is_read(tmp_path, monkeypatch, change):
    """Between the look at the headers and the reading of the pixels."""
    base(tmp_path)
    path = tmp_path / "train/stripes/0.png"

    def changing(parts, image_size, real=folder.look_at):
        found = real(parts, image_size)
        path.unlink() if change == "vanishes" else picture(1, 8, 8).save(path)
        return found

    monkeypatch.setattr("custom_datasets.own.data.look_at", changing)
    message = {
        "vanishes": r"0\.png cannot be read \(No such file",
        "shrinks": r"0\.png is 8 x 8 pixels, but others are 16",
    }
    with pytest.raises(UserError, match=message[change]):
        load(tmp_path)


def test_arrays_have_one_size(tmp_path):
    for part in ("train", "valid"):
        np.savez(tmp_path / f"{part}.npz", images=np.zeros((6, 4, 4), np.uint8), labels=np.arange(6) % 3)
    for how in ({"image_size": 8}, {"skip_damaged": True}):
        with pytest.raises(UserError, match=r"is for pictures in files, and .* holds arrays; leave it out"):
            load(tmp_path, **how)
