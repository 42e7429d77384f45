"""BACH in its real layout, with few and small pictures."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from real_layouts import write_bach

from custom_datasets import bach
from custom_datasets.distortion import Split
from custom_datasets.loaders import Loaders, room_for
from custom_datasets.sources import load_dataset
from utils.errors import UserError

CPU = torch.device("cpu")
PATCHES = 12


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_bach(monkeypatch, tmp_path)
    return tmp_path


def pixels(path):
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)


def test_patches_make_up_their_picture_and_have_its_label(folder):
    data = load_dataset("BACH", folder, CPU)
    assert (data.classes, data.class_names, data.notes) == (4, ["Normal", "Benign", "InSitu", "Invasive"], ())
    assert data.train.images.shape == (32 * PATCHES, 3, 16, 16)
    for image, label, name in zip(data.train.images, data.train.labels, data.train_files, strict=True):
        file, _, corner = name.partition(":")
        top, left = map(int, corner.split(","))
        assert torch.equal(image, pixels(folder / file)[:, top : top + 16, left : left + 16])
        assert file.split("/")[2] == bach.CLASSES[label]
    assert len(set(data.train_files)) == 32 * PATCHES


def test_whole_pictures_of_the_fold_are_tested(folder):
    data = load_dataset("BACH", folder, CPU)
    assert data.test.images.shape == (8, 3, 48, 64)
    listed = (folder / "ICIAR2018_BACH_Challenge/Iciar_folds/fold_4/test_f_4.csv").read_text().split()
    for image, label, file in zip(data.test.images, data.test.labels, listed, strict=True):
        assert torch.equal(image, pixels(folder / file))
        assert file.split("/")[2] == bach.CLASSES[label]
    assert not {name.partition(":")[0] for name in data.train_files} & set(listed)


@pytest.mark.parametrize("folds", [True, False])
def test_no_picture_has_patches_on_both_sides_of_the_validation_split(tmp_path, monkeypatch, folds):
    write_bach(monkeypatch, tmp_path, folds=folds)
    data = load_dataset("BACH", tmp_path, CPU)
    assert data.valid_given == 8 * PATCHES
    files = [name.partition(":")[0] for name in data.train_files]
    trained, valid = set(files[: -data.valid_given]), set(files[-data.valid_given :])
    assert not trained & valid
    assert (len(trained), len(valid)) == (24, 8)
    assert data.train.labels[-data.valid_given :].bincount().tolist() == [2 * PATCHES] * 4
    again = load_dataset("BACH", tmp_path, CPU)
    assert again.train_files == data.train_files
    assert again.test.content == data.test.content


def test_without_folds_a_fifth_of_each_class_is_tested_and_a_note_says_so(tmp_path, monkeypatch):
    write_bach(monkeypatch, tmp_path, folds=False)
    data = load_dataset("BACH", tmp_path, CPU)
    assert data.test.labels.bincount().tolist() == [2] * 4
    (note,) = data.notes
    assert "Iciar_folds/fold_4: a fifth of the pictures of each class are test pictures" in note


def test_batches_of_an_evaluation_are_smaller_for_whole_pictures(folder, monkeypatch):
    assert [room_for((3, side, side)) for side in (8, 224, 512)] == [500, 500, 95]
    assert room_for((3, 1536, 2048)) == 7
    assert room_for((3, 10000, 10000)) == 1
    data = load_dataset("BACH", folder, CPU)
    split = Split(np.arange(300, 384), np.arange(300), data.train.labels.numpy())
    loaders = Loaders(data, split, torch.Generator(), torch.Generator(), overfit=False)
    (batch,) = loaders.test()
    assert (batch.images.shape, batch.given.tolist()) == ((8, 3, 48, 64), data.test.labels.tolist())
    monkeypatch.setattr("custom_datasets.loaders.LARGE", 6)  # 5 pictures of 48 x 64 have as many pixels as 500 of these
    assert [len(batch.index) for batch in loaders.test()] == [5, 3]
    assert [len(batch.index) for batch in loaders.valid()] == [70, 14]
    assert len(list(loaders.trained())) == 5
    usual = Loaders(replace(data, tested_whole=False), split, torch.Generator(), torch.Generator(), overfit=False)
    assert [len(batch.index) for batch in usual.valid()] == [84]


def other_size(root):
    Image.new("RGB", (64, 40)).save(root / "Photos/InSitu/i003.tif")


def sixteen_bits(root):
    Image.fromarray(np.full((48, 64), 3000, np.uint16)).save(root / "Photos/InSitu/i003.tif")


def cut(root):
    path = root / "Photos/InSitu/i003.tif"
    path.write_bytes(path.read_bytes()[:1000])


def lose_class(root):
    (root / "Photos/InSitu").rename(root / "InSitu")


def lose_picture(root):
    (root / "Photos/InSitu/i003.tif").unlink()


def rename_picture(root):
    (root / "Photos/InSitu/i003.tif").rename(root / "Photos/InSitu/j003.tif")


FOLD = "Iciar_folds/fold_4"


def listed(part, name):
    """One picture more."""

    def damage(root):
        with (root / FOLD / f"{part}_f_4.csv").open("a") as file:
            file.write(f"ICIAR2018_BACH_Challenge/Photos/{name}\n")

    return damage


def unlisted(part, name):
    """Without the pictures whose paths have this name."""

    def damage(root):
        path = root / FOLD / f"{part}_f_4.csv"
        path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if name not in line))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (other_size, r"InSitu/i003\.tif has 64 x 40 pixels, not 64 x 48"),
        (sixteen_bits, r"InSitu/i003\.tif has pixels of kind I;16, not of 8 bits"),
        (cut, r"InSitu/i003\.tif is damaged"),
        (lose_class, r"Photos/InSitu has 0 pictures, others have 10: unpack ICIAR2018_BACH_Challenge\.zip in"),
        (lose_picture, r"Photos/InSitu has 9 pictures, others have 10: unpack"),
        (rename_picture, r"fulltrain_f_4\.csv names '.*i003\.tif', which is not in .*; unpack"),
        (lambda root: (root / FOLD / "test_f_4.csv").unlink(), r"test_f_4\.csv cannot be read"),
        (lambda root: (root / FOLD / "test_f_4.csv").write_text(""), r"test_f_4\.csv names no picture of Normal"),
        (lambda root: (root / FOLD / "test_f_4.csv").write_bytes(b"\xff\xfe"), r"test_f_4\.csv is damaged"),
        (listed("test", "InSitu/i003.tif"), r"test_f_4\.csv names i003\.tif, which fulltrain_f_4\.csv has, too"),
        (listed("test", "InSitu/i009.tif"), r"test_f_4\.csv names i009\.tif twice"),
        (listed("fulltrain", "./InSitu/i001.tif"), r"fulltrain_f_4\.csv names i001\.tif twice"),
        (listed("test", "InSitu/I009.TIF"), r"test_f_4\.csv names '.*/I009\.TIF', which is not in"),
        (unlisted("test", "Benign"), r"test_f_4\.csv names no picture of Benign"),
        (unlisted("fulltrain", "Invasive"), r"fulltrain_f_4\.csv names no picture of Invasive"),
    ],
)
def test_missing_or_damaged_file_is_named(folder, damage, message):
    damage(folder / "ICIAR2018_BACH_Challenge")
    with pytest.raises(UserError, match=message):
        load_dataset("BACH", folder, CPU)


def test_lists_without_some_pictures_are_noted(folder):
    unlisted("fulltrain", "b003")(folder / "ICIAR2018_BACH_Challenge")
    data = load_dataset("BACH", folder, CPU)
    (note,) = data.notes
    assert note.endswith("fold_4 lists 39 of the 40 pictures; the others are neither trained on nor tested")
    assert (len(data.train), len(data.test)) == (31 * PATCHES, 8)


def test_list_saved_by_a_spreadsheet_is_the_same(folder):
    usual = load_dataset("BACH", folder, CPU)
    path = folder / "ICIAR2018_BACH_Challenge" / FOLD / "test_f_4.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b",1\r\n"))
    assert load_dataset("BACH", folder, CPU).test.content == usual.test.content


def test_too_few_pictures_are_an_error(tmp_path, monkeypatch):
    write_bach(monkeypatch, tmp_path, pictures=3, folds=False)
    with pytest.raises(UserError, match="12 pictures here, too few to hold out 2"):
        load_dataset("BACH", tmp_path, CPU)


def test_folder_without_the_archive_says_what_to_put_there(tmp_path):
    with pytest.raises(UserError, match=r"Photos/Normal has 0 pictures: unpack ICIAR2018_BACH_Challenge\.zip in"):
        load_dataset("BACH", tmp_path, CPU)
