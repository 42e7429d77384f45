"""Files of given labels, against the labels that were written, and every way in which they cannot fit."""

import json
import zipfile

import numpy as np
import pytest
import torch

from custom_datasets.distortion import Split
from custom_datasets.given import LEFT_OUT, NOT_NAMED, OTHER_CLASS, GivenLabels
from custom_datasets.label_source import LabelSource
from custom_datasets.label_table import read_given
from custom_datasets.names import Subset
from custom_datasets.subset import choose
from custom_datasets.table import Dataset, ImageTable
from utils.errors import UserError

OWN = np.array([0, 1, 2, 0, 1, 2, 0, 1])  # the last two are clean images
GIVEN = [2, 1, 2, 0, 0, 1]
NAMES = ["ant", "bee", "cow"]
FILES = [f"train/{place}.png" for place in range(6)] + ["valid/0.png", "valid/1.png"]


def data_of(names=NAMES, files=FILES):
    images = torch.zeros(8, 1, 2, 2, dtype=torch.uint8)
    table = ImageTable(images, torch.from_numpy(OWN))
    return Dataset(table, table, 3, valid_given=2, class_names=names, train_files=files)


def read(path, key=None, data=None):
    return read_given(LabelSource(path, key), data or data_of())


def table(path, lines, header=None, separator=","):
    lines = ([header] if header else []) + lines
    path.write_text("\n".join(separator.join(map(str, line)) for line in lines) + "\n")
    return path


BY_FILE = [[FILES[place], NAMES[label]] for place, label in enumerate(GIVEN)]
BY_INDEX = list(enumerate(GIVEN))
TABLES = {
    "names by file": (BY_FILE, ["file", "label"]),
    "names by file, without a header": (BY_FILE, None),
    "numbers by index": (BY_INDEX, ["index", "label"]),
    "numbers by index, without a header": (BY_INDEX, None),
    "in another order": (BY_INDEX[::-1], ["Index", "Label"]),
    "labels alone": ([[label] for label in GIVEN], None),
    "labels alone, with a header": ([[NAMES[label]] for label in GIVEN], ["label"]),
    "numbers as pandas writes them": ([[place, float(label)] for place, label in BY_INDEX], ["index", "label"]),
    "an empty column of files, and others": ([["", "x", p, k] for p, k in BY_INDEX], ["file", "by", "index", "label"]),
}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_text_are_read(tmp_path, kind, separator):
    lines, header = TABLES[kind]
    given = read(table(tmp_path / "a.csv", lines, header, separator))
    assert given.labels.tolist() == [*GIVEN, NOT_NAMED, NOT_NAMED]
    assert (given.mends, given.notes) == (False, ())


ARRAYS = {
    "uint8": np.uint8(GIVEN),
    "big endian": np.array(GIVEN, ">i4"),
    "a column": np.array(GIVEN)[:, None],
    "whole floats": np.float32(GIVEN),
    "one-hot": np.eye(3, dtype=bool)[GIVEN],
    "names": np.array(NAMES)[GIVEN],
    "bytes": np.array(NAMES).astype("S")[GIVEN],
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_are_read(tmp_path, kind):
    array = ARRAYS[kind]
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "one.npz", array)
    np.savez(tmp_path / "two.npz", worst=array, best=np.zeros(6, int))
    found = [read(tmp_path / name, key) for name, key in (("a.npy", None), ("one.npz", None), ("two.npz", "worst"))]
    assert [given.labels.tolist()[:6] for given in found] == [GIVEN] * 3
    assert len({given.fingerprint for given in found}) == 1
    assert len(found[0].notes) == (kind in ("whole floats", "one-hot"))


def test_torch_files_of_tensors_and_arrays_are_read(tmp_path):
    labels = {"clean_label": OWN[:6], "worse_label": np.uint8(GIVEN), "random_label1": torch.tensor(GIVEN), "by": "me"}
    torch.save(labels, tmp_path / "a.pt")
    torch.save(labels, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    torch.save(torch.tensor(GIVEN), tmp_path / "tensor.pt")
    for name, key in (
        ("a.pt", "worse_label"),
        ("old.pt", "worse_label"),
        ("a.pt", "random_label1"),
        ("tensor.pt", None),
    ):
        assert read(tmp_path / name, key).labels.tolist()[:6] == GIVEN
    with pytest.raises(UserError, match=r"3 arrays: it holds clean_label int64 \(6,\), worse_label uint8 \(6,\)"):
        read(tmp_path / "a.pt")
    with pytest.raises(UserError, match=r"no array worst: it holds clean_label .*; name one, such as .*a\.pt:clean"):
        read(tmp_path / "a.pt", "worst")


def test_torch_files_under_numpy_ones_names_are_read(tmp_path):
    """As files are that numpy 1 has written: with numpy.core in place of numpy._core."""
    torch.save({"worse_label": np.int64(GIVEN)}, tmp_path / "new.pt")
    with zipfile.ZipFile(tmp_path / "new.pt") as new, zipfile.ZipFile(tmp_path / "old.pt", "w") as old:
        for item in new.infolist():
            old.writestr(item.filename, new.read(item).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert read(tmp_path / "old.pt", "worse_label").labels.tolist()[:6] == GIVEN


class Hostile:
    def __reduce__(self):
        return open, ("executed", "w")


def test_nothing_in_a_file_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"a": torch.tensor(GIVEN), "b": Hostile()}, tmp_path / "a.pt")
    np.save(tmp_path / "a.npy", np.array([Hostile()] * 6, object))
    for name in ("a.pt", "a.npy"):
        with pytest.raises(UserError, match=name):
            read(tmp_path / name)
    assert not (tmp_path / "executed").exists()


MENDING = ["file", "given_label", "label"]
MENDS = [[FILES[0], "ant", "bee"], [FILES[4], "bee", ""], [FILES[6], "ant", "cow"]]


def test_table_with_given_labels_mends(tmp_path):
    given = read(table(tmp_path / "a.csv", MENDS, MENDING))
    assert given.labels.tolist() == [1, *[NOT_NAMED] * 3, LEFT_OUT, NOT_NAMED, 2, NOT_NAMED]
    assert given.mends
    split = given.put_into(Split(np.array([6, 7]), np.array([0, 1, 3, 4]), OWN), OWN)
    assert split.train.tolist() == [0, 1, 3]
    assert split.targets.tolist() == [1, *OWN[1:]]
    notes = given.describe(split, OWN)
    assert "mends the labels of 1 of 3 training images (33.3 %); 2 that it does not name keep theirs" in notes[0]
    assert "names 1 of the clean images, which keep their own labels" in notes[1]
    assert "leaves out 1 image by an empty label" in notes[2]


def test_clean_images_keep_the_true_labels_and_the_others_have_the_given_ones(tmp_path):
    np.save(tmp_path / "a.npy", np.array(GIVEN))
    given, before = read(tmp_path / "a.npy"), Split(np.array([6, 7]), np.array([5, 0, 4]), OWN)
    split = given.put_into(before, OWN)
    assert split.targets[split.train].tolist() == [1, 2, 0]
    assert split.targets[split.valid].tolist() == OWN[6:].tolist()
    assert given.summary(split, OWN) == {"fingerprint": given.fingerprint, "mends": False, "images": 3, "differ": 3}
    notes = given.describe(split, OWN)
    assert "gives 3 of 3 training images (100.0 %) another label" in notes[0]
    assert "no more than by chance" in notes[1]


def test_labels_follow_a_subset(tmp_path):
    np.save(tmp_path / "a.npy", np.array(GIVEN))
    data = data_of()
    (data.__dict__)["given"] = read(tmp_path / "a.npy")
    chosen = choose(data, Subset((2, 0)), "mine")  # the images 0, 2, 3, 5 and the clean 6
    assert chosen.places.tolist() == [0, 2, 3, 5, 6]
    assert chosen.given.labels.tolist() == [0, 0, 1, OTHER_CLASS, NOT_NAMED]
    split = chosen.given.put_into(
        Split(np.array([4]), np.arange(4), chosen.train.labels.numpy()), chosen.train.labels.numpy()
    )
    assert (split.train.tolist(), split.targets[:3].tolist()) == ([0, 1, 2], [0, 0, 1])
    assert any("1 image a class that is none of --classes" in note for note in chosen.given.describe(split, OWN))


def test_names_that_are_numbers_are_names_in_a_table_and_numbers_in_an_array(tmp_path):
    data = data_of(names=["1", "10", "2"])
    texts = read(table(tmp_path / "a.csv", [[place, data.class_names[label]] for place, label in BY_INDEX]), data=data)
    np.save(tmp_path / "a.npy", np.array(GIVEN))
    numbers = read(tmp_path / "a.npy", data=data)
    assert texts.labels.tolist() == numbers.labels.tolist()
    assert "read as names of classes" in texts.notes[0]
    assert "numbers of classes, from 0, not their names" in numbers.notes[0]


BAD_TABLES = {
    "": "has no label; fill it",
    "file,label\n": "has a header and no label",
    "file,labels\na,b\n": r"has the columns file, labels; the columns of its first line must be",
    "label,label\n0,1\n": "has the columns label, label",
    "0,1,2\n": "has 3 columns without names",
    "given_label,label\nant,bee\n": "has no column of images",
    "file,label\n,ant\n": "has no column of images that is filled",
    "file,label\ntrain/0.png,ant\ntrain/1.png\n": "line 3 of .* has 1 columns, and the first has 2",
    "file,label\ntrain/9.png,ant\n": r"line 2 of .* names 'train/9.png', .*: they are files such as train/0.png, or pl",
    "index,label\n8,ant\n": "line 2 of .* names '8', which is no training image",
    "index,label\n-1,ant\n": "names '-1', which is no training image",
    "index,label\n0,ant\n\n0,bee\n": "names 0 in the lines 2 and 4; keep one",
    "index,label\n0,ape\n": r"line 2 of .* has the label 'ape', which is none of the classes 0 to 2 \(ant, bee, cow\)",
    "index,label\n0,3\n": "has the label '3'",
    "index,label\n0,1.5\n": "has the label '1.5'",
    "index,label\n0,ant\n1,2\n": r"mixes names of classes \(ant\) and numbers \(2\)",
    "0\n1\n": "has 2 labels for 6 training images .beside 2 clean ones.; it must have one for each",
    "index,given_label,label\n0,bee,ant\n": "line 2 of .* replaces the label 'bee' of 0, which is ant in the data set",
    'index,label\n0,"ant\n': "is damaged",
    "\xff\xfei\0": "is UTF-16; save it as UTF-8",
}


@pytest.mark.parametrize("content", BAD_TABLES)
def test_tables_that_do_not_fit_are_an_error(tmp_path, content):
    path = tmp_path / "bad.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=BAD_TABLES[content]) as caught:
        read(path)
    assert str(path) in str(caught.value)


BAD_ARRAYS = {
    "few": (np.zeros(5, int), "has 5 labels for 6 training images"),
    "with clean ones": (np.zeros(8, int), "has 8 labels for 6 training images"),
    "from one": (np.array([1, 2, 3] * 2), "labels from 1 to 3; they must be from 0 to 2: subtract 1"),
    "negative": (np.array([-1, 0, 1] * 2), "labels from -1 to 1"),
    "not whole": (np.array([0, 0.5, 1, 2, 0, 1]), "label 1 is 0.5"),
    "not a number": (np.array([0, 1, np.nan, 2, 0, 1]), "label 2 is nan"),
    "soft": (np.full((6, 3), 1 / 3), r"shape \(6, 3\), not one class per image; write labels = labels.argmax\(1\)"),
    "a row": (np.zeros((1, 6), int), "write labels = labels.ravel"),
    "structured": (np.zeros(6, [("id", int), ("y", int)]), r"write labels = labels\['y'\]"),
    "complex": (np.zeros(6, complex), "complex128 labels"),
    "none": (np.zeros(0, int), "has 0 labels"),
    "unknown names": (np.array(["ape"] * 6), "has the label 'ape'"),
}


@pytest.mark.parametrize("kind", BAD_ARRAYS)
def test_arrays_that_do_not_fit_are_an_error(tmp_path, kind):
    array, message = BAD_ARRAYS[kind]
    np.save(tmp_path / "bad.npy", array)
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path / "bad.npy")
    assert str(tmp_path / "bad.npy") in str(caught.value)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.pt", "a.csv"])
@pytest.mark.parametrize("content", [None, b"hello\0", b"PK\x03\x04", b"\x93NUMPY\x01"])
def test_files_that_are_not_what_their_names_say_are_an_error(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name):
        read(tmp_path / name)


def test_python_objects_and_no_arrays_are_an_error(tmp_path):
    np.save(tmp_path / "objects.npy", np.array(["ape", "bee"] * 3, dtype=object), allow_pickle=True)
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "nothing.npz")
    for name in ("objects.npy", "text.npz"):
        with pytest.raises(UserError, match=r"holds Python objects, which are not unpickled; .*array\.astype\(str\)"):
            read(tmp_path / name)
    with pytest.raises(UserError, match=r"nothing\.npz holds no array; give another file"):
        read(tmp_path / "nothing.npz")


def test_labels_for_some_images_alone_must_mend(tmp_path):
    given = read(table(tmp_path / "a.csv", BY_INDEX[:4], ["index", "label"]))
    with pytest.raises(UserError, match=r"no label for 2 of 6 training images; .*given_label, with which it mends"):
        given.put_into(Split(np.array([6, 7]), np.arange(6), OWN), OWN)
    split = given.put_into(Split(np.array([6, 7]), np.arange(4), OWN), OWN)  # the others are not trained on
    assert split.targets[:4].tolist() == GIVEN[:4]


def test_leaving_out_every_image_is_an_error():
    given = GivenLabels.of(np.full(8, LEFT_OUT), True, "a.csv")
    with pytest.raises(UserError, match="leaves out all 3 training images"):
        given.put_into(Split(np.array([6, 7]), np.arange(3), OWN), OWN)


@pytest.mark.parametrize(
    ("text", "path", "key", "short"),
    [
        ("a/worst.npy", "a/worst.npy", None, "worst"),
        ("a/C10.pt:worse_label", "a/C10.pt", "worse_label", "C10-worse_label"),
        ("my labels, new.csv", "my labels, new.csv", None, "my-labels--new"),
        ("a:b.csv", "a:b.csv", None, "a-b"),
        ("é.npz:ü", "é.npz", "ü", "---"),
    ],
)
def test_sources_have_a_file_a_key_and_a_short_name(text, path, key, short):
    source = LabelSource.of(text)
    assert (str(source.path), source.key, source.short, str(source)) == (path, key, short, text)
    assert json.dumps(short).isascii()
