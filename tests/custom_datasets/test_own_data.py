"""A user's own data in both layouts, against torchvision's ImageFolder and the arrays that were written."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

from custom_datasets.distortion import Distortion, make_split
from custom_datasets.sources import find_source, load_dataset
from custom_datasets.split_file import read_split, write_split
from custom_datasets.table import channel_statistics
from utils.errors import UserError

CPU = torch.device("cpu")
COUNTS = {"train": 5, "test": 3, "valid": 2}
CLASSES = ("ant", "bee", "cow")


def write_images(folder, mode="RGB", parts=COUNTS, classes=CLASSES, side=(9, 7)):
    random = np.random.default_rng(0)
    for part in parts:
        for name in classes:
            (folder / part / name).mkdir(parents=True)
            for place in range(COUNTS[part]):
                pixels = random.integers(256, size=(side[1], side[0], 3), dtype=np.uint8)
                Image.fromarray(pixels).convert(mode).save(folder / part / name / f"{place}.png")


def write_arrays(folder, part="train", channels=(), **changed):
    random = np.random.default_rng(len(part))
    count = COUNTS[part] * 3
    images = random.integers(256, size=(count, 6, 3, *channels), dtype=np.uint8)
    content = {"images": images, "labels": (np.arange(count) % 3).astype(np.uint8)} | changed
    np.savez(folder / f"{part}.npz", **{name: array for name, array in content.items() if array is not None})
    return content


def load(folder):
    return load_dataset("insects", folder, CPU)


def test_folders_are_torchvisions(tmp_path):
    write_images(tmp_path, parts=("train", "test"))
    data = load(tmp_path)
    for table, part in ((data.train, "train"), (data.test, "test")):
        theirs = list(ImageFolder(str(tmp_path / part)))
        assert table.images.shape == (len(theirs), 3, 7, 9)
        for image, label, (picture, target) in zip(table.images, table.labels.tolist(), theirs, strict=True):
            assert np.array_equal(image.permute(1, 2, 0), np.asarray(picture))
            assert label == target
    assert (data.classes, data.class_names, data.valid_given) == (3, list(CLASSES), 0)


@pytest.mark.parametrize(("link", "target"), [("train/ant/again", "."), ("train/ant/up", ".."), ("train/dog", "bee")])
def test_link_to_images_that_are_read_already_is_an_error(tmp_path, link, target):
    write_images(tmp_path)
    (tmp_path / link).symlink_to(target)
    with pytest.raises(UserError, match="whose images are read already"):
        load(tmp_path)


def test_link_to_images_elsewhere_is_followed(tmp_path):
    write_images(tmp_path)
    shutil.move(tmp_path / "train/ant", tmp_path / "elsewhere")
    (tmp_path / "train/ant").symlink_to("../elsewhere")
    assert len(load(tmp_path).train) == 3 * (COUNTS["train"] + COUNTS["valid"])


def test_files_that_are_not_read_are_noted(tmp_path):
    write_images(tmp_path)
    assert load(tmp_path).notes == ()
    for name in ("ant/5.gif", "ant/6.HEIC", "ant/7.heic", "5.png", "a.txt", "bee/b.txt", "cow/c.txt", "README"):
        (tmp_path / "train" / name).touch()
    for name in ("valid/bee/list.txt", "valid/.hidden", "wrong.csv", "photo.jpg", "run0/data_ir_1_sr_1.0_nr_0.0.pt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("run12", "run007", "mine", "mine/run0"):
        (tmp_path / name).mkdir()
    (tmp_path / "mine2").mkdir()
    (tmp_path / "mine2" / ".lock_split").touch()  # a run folder of a name of its own
    beside, train, valid = load(tmp_path).notes
    kinds = "1 picture .jpg, 1 file .csv, 2 folders (mine, run007), such as photo.jpg"
    assert beside == f"not read in {tmp_path}, beside the parts: {kinds}"
    kinds = "2 pictures .heic, 1 picture .gif, 1 picture .png, 3 files .txt, 1 file without a suffix, such as 5.png"
    assert train.startswith(f"not read in {tmp_path}/train: {kinds}; pictures are read in the classes' folders")
    assert valid == f"not read in {tmp_path}/valid: 1 file .txt, such as bee/list.txt"


def test_arrays_that_are_not_read_are_noted(tmp_path):
    write_arrays(tmp_path, names=np.array(["ant", "bee", "cow"]), weights=np.ones(3))
    write_arrays(tmp_path, "test")
    assert load(tmp_path).notes == (f"not read in {tmp_path}/train.npz: 2 arrays (names, weights)",)


def test_animated_image_is_an_error(tmp_path):
    write_images(tmp_path)
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "train/ant/moving.webp", save_all=True, append_images=frames[1:])
    with pytest.raises(UserError, match=r"moving.webp holds 2 pictures, .*; keep one of them"):
        load(tmp_path)


def test_validation_set_takes_the_place_of_a_test_set(tmp_path):
    write_images(tmp_path)
    whole = load(tmp_path)
    shutil.rmtree(tmp_path / "test")
    data = load(tmp_path)
    assert (whole.tested_on_valid, data.tested_on_valid) == (False, True)
    assert torch.equal(data.train.images, whole.train.images)
    assert torch.equal(data.test.images, whole.train.images[-whole.valid_given :])


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_images_keep_one_channel(tmp_path, mode):
    write_images(tmp_path, mode)
    data = load(tmp_path)
    assert data.train.images.shape == (21, 1, 7, 9)
    assert np.array_equal(data.train.images[7, 0], Image.open(tmp_path / "train" / "bee" / "2.png").convert("L"))


def test_one_colour_image_makes_three_channels_everywhere(tmp_path):
    write_images(tmp_path, "L", side=(3, 3))
    colour = Image.new("RGB", (3, 3), (10, 20, 30))
    colour.save(tmp_path / "test" / "cow" / "1.png")
    data = load(tmp_path)
    assert data.train.images.shape == (21, 3, 3, 3)
    grey = torch.from_numpy(np.array(Image.open(tmp_path / "train" / "ant" / "0.png")))
    assert torch.equal(data.train.images[0], grey.expand(3, 3, 3))
    assert data.test.images[7].flatten(1).unique(dim=1).flatten().tolist() == [10, 20, 30]


def test_given_validation_images_end_the_training_table_and_files_keep_their_names(tmp_path):
    write_images(tmp_path)
    data = load(tmp_path)
    assert (data.valid_given, len(data.train), len(data.train_files)) == (6, 21, 21)
    for row, file in enumerate(data.train_files):
        assert np.array_equal(data.train.images[row].permute(1, 2, 0), Image.open(tmp_path / file))
        assert file.startswith("train/" if row < 15 else "valid/")
        assert CLASSES[data.train.labels[row]] == file.split("/")[1]


def test_classes_of_other_parts_go_by_name_and_may_be_fewer(tmp_path):
    write_images(tmp_path)
    shutil.rmtree(tmp_path / "test" / "ant")
    assert load(tmp_path).test.labels.tolist() == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(("channels", "expected"), [((), 1), ((1,), 1), ((3,), 3)])
def test_arrays_are_read(tmp_path, channels, expected):
    written = [write_arrays(tmp_path, part, channels) for part in ("train", "valid", "test")]
    data = load(tmp_path)
    images = [content["images"].reshape(-1, 6, 3, expected).transpose(0, 3, 1, 2) for content in written]
    assert np.array_equal(data.train.images, np.concatenate(images[:2]))
    assert np.array_equal(data.test.images, images[2])
    assert np.array_equal(data.train.labels, np.concatenate([written[0]["labels"], written[1]["labels"]]))
    assert data.train.labels.dtype == torch.int64
    assert (data.classes, data.valid_given, data.class_names, data.train_files) == (3, 6, None, None)
    assert len(channel_statistics(data.train.images)[0]) == expected


def empty_class(folder):
    (folder / "train" / "dog").mkdir()


def text_as_image(folder):
    (folder / "train" / "cow" / "2.png").write_text("no picture")


def cut_image(folder):
    path = folder / "test" / "bee" / "0.png"
    path.write_bytes(path.read_bytes()[:-60])


def deep_pixels(folder):
    Image.fromarray(np.zeros((7, 9), np.uint16)).save(folder / "valid" / "bee" / "1.png")


def unknown_class(part):
    return lambda folder: write_images(folder, parts=(part,), classes=("dog",))


def no_classes(folder):
    shutil.rmtree(folder / "valid")
    (folder / "valid").mkdir()


def one_class(folder):
    shutil.rmtree(folder)
    write_images(folder, classes=("ant",))


def neither_test_nor_valid(folder):
    shutil.rmtree(folder / "test")
    shutil.rmtree(folder / "valid")


def two_layouts(folder):
    write_arrays(folder, "valid")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (empty_class, r"train.dog holds no image"),
        (text_as_image, r"train.cow.2\.png is damaged"),
        (cut_image, r"test.bee.0\.png is damaged"),
        (deep_pixels, r"valid.bee.1\.png has pixels of kind I"),
        (unknown_class("test"), r"test.dog is a class that the training set lacks"),
        (unknown_class("valid"), r"valid.dog is a class that the training set lacks"),
        (no_classes, r"valid holds no folder of a class"),
        (one_class, r"train holds labels of fewer than two classes"),
        (neither_test_nor_valid, r"neither test/ nor test\.npz"),
        (two_layouts, r"mixes the layouts \(train, valid, valid\.npz, test\)"),
    ],
)
def test_unfit_folders_are_an_error(tmp_path, damage, message):
    write_images(tmp_path)
    damage(tmp_path)
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path)
    assert str(tmp_path) in str(caught.value)


LABELS = np.arange(15) % 3


@pytest.mark.parametrize("part", ["train", "test", "valid"])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": LABELS.astype(np.float32) / 2}, "float32 labels"),
        ({"labels": LABELS - 1}, "labels from -1 to 1"),
        ({"labels": LABELS * 5}, "labels from 0 to 10"),
        ({"labels": LABELS[:, None] * [1, 1]}, r"labels of shape \("),
        ({"labels": LABELS[:4]}, r"images with 4 labels"),
        ({"labels": LABELS[:0]}, r"labels"),
        ({"labels": np.array(["a", "b", "c"])}, "with 3 labels|and the training part numbers"),
        (
            {"labels": LABELS.astype(object)},
            r"has Python objects in labels, .*; write labels = numpy.array\(labels.tol",
        ),
        ({"labels": None}, "no array labels"),
        ({"images": None, "labels": None}, "no array images and no array labels"),
        ({"images": np.full((15, 6, 3), 300, np.float32)}, "float32 images .* from 300 to 300"),
        ({"images": np.zeros((15, 4, 6, 6), np.uint8)}, r"shape \(\d+, 4, 6, 6\)"),
        ({"images": np.zeros((15, 6), np.uint8)}, r"shape \(\d+, 6\)"),
        ({"images": np.zeros((0, 6, 3), np.uint8)}, "0 images"),
        ({"images": np.full((15, 6, 3), None)}, "object images"),
    ],
)
def test_unfit_arrays_are_an_error(tmp_path, part, changed, message):
    for name in COUNTS:
        write_arrays(tmp_path, name)
    count = 3 * COUNTS[part]
    changed = {k: v[:count] if v is not None and len(v) == 15 else v for k, v in changed.items()}
    write_arrays(tmp_path, part, **changed)
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path)
    assert str(tmp_path / f"{part}.npz") in str(caught.value)


@pytest.mark.parametrize("keep", [0, 10, 200, -30])
def test_cut_arrays_are_an_error(tmp_path, keep):
    for name in COUNTS:
        write_arrays(tmp_path, name)
    path = tmp_path / "test.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"test\.npz is damaged"):
        load(tmp_path)


def test_a_bare_array_is_an_error(tmp_path):
    for name in COUNTS:
        write_arrays(tmp_path, name)
    with (tmp_path / "test.npz").open("wb") as file:
        np.save(file, np.zeros(5))
    with pytest.raises(UserError, match=r"test\.npz is damaged: it is no \.npz file"):
        load(tmp_path)


def test_names_are_looked_up_among_the_known_ones_first(tmp_path):
    write_images(tmp_path, parts=("train", "test"))
    assert len(load_dataset("DIGITS", tmp_path, CPU).test) == 540
    with pytest.raises(UserError, match=r"none of DIGITS, MNIST.*own data.*must hold train/ and test/.*train\.npz"):
        find_source("insects")
    with pytest.raises(UserError, match=r"none of DIGITS, MNIST") as caught:
        find_source("insects", tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)


GIVEN = {"valid_images": 6, "valid_given": True}


def test_given_validation_set_is_the_one_of_the_split(tmp_path):
    labels = np.arange(60) % 3
    split = make_split(labels, 3, Distortion(**GIVEN, imbalance_ratio=1, subsample_ratio=1.0, noise_ratio=0.0), seed=0)
    assert split.valid.tolist() == list(range(54, 60))
    assert sorted(split.train.tolist()) == list(range(54))
    assert np.array_equal(split.targets, labels)


def test_distortion_is_over_the_images_that_were_not_given_for_validation():
    labels = np.arange(60) % 3
    split = make_split(labels, 3, Distortion(**GIVEN, imbalance_ratio=3, subsample_ratio=0.5, noise_ratio=0.5), seed=0)
    frequent, rare = (labels[split.train] < 1.5).sum(), (labels[split.train] >= 1.5).sum()
    assert rare == frequent // 3
    assert split.train.max() < 54
    assert np.array_equal(split.targets[54:], labels[54:])
    assert (split.targets != labels).any()


def test_split_file_with_another_validation_set_does_not_fit(tmp_path):
    labels = np.arange(60) % 3
    drawn = Distortion(6, 1, 1.0, 0.0)
    given = Distortion(6, 1, 1.0, 0.0, valid_given=True)
    write_split(tmp_path / "drawn.pt", make_split(labels, 3, drawn, seed=0))
    write_split(tmp_path / "given.pt", make_split(labels, 3, given, seed=0))
    assert read_split(tmp_path / "given.pt", labels, 3, given).valid.tolist() == list(range(54, 60))
    with pytest.raises(UserError, match=r"not the given ones, the last 6"):
        read_split(tmp_path / "drawn.pt", labels, 3, given)
