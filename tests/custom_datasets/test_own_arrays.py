"""Arrays as people store them: read bit for bit as they were meant, or refused with the line that mends them."""

import numpy as np
import pytest
import torch

from custom_datasets.own import array_images
from custom_datasets.sources import load_dataset
from utils.errors import UserError

CPU = torch.device("cpu")
RANDOM = np.random.default_rng(0)
NAMES = np.array(["ant", "bee", "cow"])
PARTS = {"train": 15, "val": 9, "test": 6}
LABELS = {part: np.arange(count) % 3 for part, count in PARTS.items()}
IMAGES = {part: RANDOM.integers(256, size=(count, 5, 4, 3), dtype=np.uint8) for part, count in PARTS.items()}
for _images in IMAGES.values():
    _images[0, 0, 0], _images[0, 0, 1] = 0, 255  # the whole range in every part


def same(array):
    return array


def write(folder, images=same, labels=same, names=("images", "labels"), **more):
    for part in PARTS:
        content = {names[0]: images(IMAGES[part]), names[1]: labels(LABELS[part])}
        np.savez(folder / f"{part}.npz", **content | (more if part == "train" else {}))


def load(folder):
    return load_dataset("mine", folder, CPU)


def expected(part):
    return torch.from_numpy(IMAGES[part]).permute(0, 3, 1, 2)


def check(data):
    assert torch.equal(data.train.images, torch.cat([expected("train"), expected("val")]))
    assert torch.equal(data.test.images, expected("test"))
    assert data.train.labels.tolist() == [*LABELS["train"], *LABELS["val"]]
    assert data.test.labels.tolist() == LABELS["test"].tolist()
    assert (data.classes, data.valid_given) == (3, 9)


READ = {
    "plain": ({}, None),
    "fortran": ({"images": np.asfortranarray}, None),
    "column": ({"labels": lambda a: a[:, None].astype(np.uint8)}, None),
    "big endian": ({"labels": lambda a: a.astype(">i4")}, None),
    "text": ({"labels": lambda a: NAMES[a]}, None),
    "bytes": ({"labels": lambda a: NAMES.astype("S")[a]}, None),
    "whole floats": ({"labels": lambda a: a.astype(float)}, "are float64, and whole numbers"),
    "one-hot": ({"labels": lambda a: np.eye(3)[a]}, "are one-hot rows of 3 classes"),
    "from one": ({"labels": lambda a: a + 1}, "begin at 1: they are read as the classes 0 to 2"),
    "channels first": ({"images": lambda a: a.transpose(0, 3, 1, 2)}, "channels of .* come first"),
    "channels first, fortran": ({"images": lambda a: np.asfortranarray(a.transpose(0, 3, 1, 2))}, "come first"),
    "float in 0..1": ({"images": lambda a: (a / 255).astype(np.float32)}, r"float32 in 0\.\.1"),
    "half in 0..255": ({"images": lambda a: a.astype(">f2")}, r"in 0\.\.255"),
    "int64": ({"images": lambda a: a.astype(np.int64)}, r"int64 in 0\.\.255"),
    "Keras' names": ({"names": ("x", "y")}, None),
    "singular names": ({"names": ("image", "label")}, None),
}


@pytest.mark.parametrize("piece", [2**20, 50])  # bytes
@pytest.mark.parametrize("kind", READ)
def test_arrays_of_other_kinds_are_read_as_meant(tmp_path, monkeypatch, kind, piece):
    changes, note = READ[kind]
    monkeypatch.setattr(array_images, "PIECE", piece)
    write(tmp_path, **changes)
    data = load(tmp_path)
    check(data)
    assert data.class_names == (NAMES.tolist() if kind in ("text", "bytes") else None)
    notes = [line for line in data.notes if "is read as the part" not in line]
    if note is None:
        assert notes == []
    else:
        with pytest.raises(AssertionError, match=note):  # a note of each part; of the first number, one
            raise AssertionError(notes[0])
        assert len(notes) == (1 if kind == "from one" else 3)


def test_truth_values_are_black_and_white(tmp_path):
    write(tmp_path, images=lambda a: a[..., 0] > 100, labels=lambda a: a > 0)
    data = load(tmp_path)
    assert torch.equal(data.test.images, (expected("test")[:, :1] > 100) * torch.tensor(255, dtype=torch.uint8))
    assert data.test.labels.tolist() == (LABELS["test"] > 0).astype(int).tolist()


def test_class_names_are_read(tmp_path):
    write(tmp_path, class_names=NAMES[::-1])
    assert load(tmp_path).class_names == ["cow", "bee", "ant"]
    write(tmp_path, class_names=NAMES[::-1], labels=lambda a: NAMES[::-1][a])
    check(load(tmp_path))


def one_file(folder, name="insectmnist.npz", parts=PARTS, name_of="{part}_{kind}", kinds=("images", "labels"), **more):
    content = {name_of.format(part=part, kind=kinds[0]): IMAGES[part] for part in parts}
    content |= {name_of.format(part=part, kind=kinds[1]): LABELS[part][:, None] for part in parts}
    np.savez(folder / name, **content | more)


def test_one_file_of_all_parts_is_read(tmp_path):
    one_file(tmp_path)
    data = load(tmp_path)
    check(data)
    assert data.notes == (f"{tmp_path}/insectmnist.npz is read as the parts train, valid, test",)
    one_file(tmp_path, class_names=NAMES)
    assert load(tmp_path).class_names == NAMES.tolist()
    one_file(tmp_path, "insectmnist.npz", ("train", "test"), "{kind}_{part}", ("x", "y"))  # as Keras has it
    data = load(tmp_path)
    assert torch.equal(data.train.images, expected("train"))
    assert (data.valid_given, data.tested_on_valid) == (0, False)
    one_file(tmp_path, "other.npz")
    with pytest.raises(UserError, match=r"has insectmnist\.npz and other\.npz, which are a data set each"):
        load(tmp_path)
    write(tmp_path)  # files of the parts come first
    check(load(tmp_path))


def test_one_file_with_training_images_alone_is_an_error(tmp_path):
    one_file(tmp_path, parts=("train",))
    with pytest.raises(UserError, match=r"insectmnist\.npz has training images alone; add .* test_images"):
        load(tmp_path)


REFUSED = {
    "RGBA": ({"images": lambda a: np.concatenate([a, a[..., :1]], 3)}, r"opacity, write images = images\[\.\.\., :3\]"),
    "moved": ({"images": lambda a: a.transpose(1, 2, 3, 0)}, r"write images = images\.transpose\(3, 0, 1, 2\)"),
    "flat": ({"images": lambda a: a.reshape(len(a), -1)}, r"images = images\.reshape\(-1, H, W\)"),
    "standardised": ({"images": lambda a: a / 100 - 1}, r"from -1 to 1\.55; .*write images = \(images - low\)"),
    "not a number": ({"images": lambda a: np.where(a > 250, np.nan, a / 255)}, r"write images = numpy\.nan_to_num"),
    "large": ({"images": lambda a: a.astype(np.uint16) * 257}, r"uint16 images .* from 0 to 65535"),
    "objects": ({"images": lambda a: a.astype(object)}, r"object images .*write images = numpy\.stack\(images\)"),
    "structured": ({"images": lambda a: a.view([("r", "u1")])}, r"write images = images\['r'\]"),
    "complex": ({"images": lambda a: a * 1j}, "complex128 images"),
    "no images": ({"images": lambda a: a[:0]}, r"0 images: images is of shape \(0, 5, 4, 3\)"),
    "no pixels": ({"images": lambda a: a[:, :0]}, "0 images: images is of shape"),
    "one label less": ({"labels": lambda a: a[:-1]}, r"with \d+ labels; mend it: it holds images uint8"),
    "labels that are objects": ({"labels": lambda a: NAMES[a].astype(object)}, r"numpy\.array\(labels\.tolist\(\)\)"),
    "labels that are structured": ({"labels": lambda a: np.rec.array(a).view([("y", int)])}, r"labels\['y'\]"),
    "labels without a value": ({"labels": lambda a: np.where(a == 1, np.nan, a)}, "label 1 is nan"),
    "several labels": ({"labels": lambda a: np.ones((len(a), 3), int)}, r"write labels = labels\.argmax\(1\)"),
    "a gap": ({"labels": lambda a: a * 2}, "count the classes from 0 without a gap"),
    "no name": (
        {"names": ("arr_0", "arr_1")},
        r"it holds arr_0 uint8 \(\d+, 5, 4, 3\), arr_1 .*images=\.\.\., labels=",
    ),
    "features": ({"names": ("features", "labels")}, r"holds uint8 features .*; of pictures, name the array images"),
    "few names": ({"class_names": NAMES[:2]}, "labels up to 2, and class_names has 2 names"),
    "many names": ({"class_names": np.append(NAMES, "dog")}, "names the class dog, which has no image"),
    "twice a name": ({"class_names": NAMES[[0, 1, 1]]}, "are not different names"),
    "numbers as names": ({"class_names": np.arange(3)}, "are not different names"),
    "unknown text": ({"class_names": NAMES[:2], "labels": lambda a: NAMES[a]}, r"label 'cow', .*classes ant, bee"),
    "names that cannot be shown": ({"labels": lambda a: np.array(["a", "b\n", "c"])[a]}, "whose name cannot be shown"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_names_the_file_what_is_there_and_how_to_mend_it(tmp_path, kind):
    changes, message = REFUSED[kind]
    write(tmp_path, **changes)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path)
    assert str(tmp_path / "train.npz") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_parts_must_have_the_same_names(tmp_path):
    write(tmp_path, labels=lambda a: NAMES[a])
    np.savez(tmp_path / "val.npz", images=IMAGES["val"], labels=np.array(["ape"] * 9))
    with pytest.raises(UserError, match=r"val\.npz holds the label 'ape', which is none of the classes ant, bee, cow"):
        load(tmp_path)
    np.savez(tmp_path / "val.npz", images=IMAGES["val"], labels=LABELS["val"], class_names=NAMES[::-1])
    with pytest.raises(UserError, match=r"val\.npz has other class_names than the training part"):
        load(tmp_path)
