"""Folders of pictures as users have them: what is read of each, and what is said; or the one line that refuses it."""

import os
import re
from functools import partial

import numpy as np
import pytest
import torch
from own_inputs import (
    TRAIN,
    VALID,
    base,
    below,
    cut,
    deep_classes,
    duplicates,
    flat,
    in_table,
    link,
    made,
    nested,
    of,
    of_mixed_sizes,
    picture,
    png_of,
    remove,
    save,
    symlink_farm,
    turned,
    with_more,
    without_parts,
    write,
)
from PIL import Image

from custom_datasets.sources import load_dataset
from utils.errors import UserError

CPU = torch.device("cpu")
ALL = (TRAIN + VALID) * 3
LONG = tuple(f"{letter} " + "a very long name, as catalogues have them " * 5 for letter in "abc")
SCALED = r"pictures of \d+ sizes, .* are scaled to 32 x 32, their centres kept: .*--image-size sets another side"
OF_TABLE = [rf"the classes of the pictures in .*{part} are those of its metadata\.csv" for part in ("train", "valid")]
OF_LABELS = [pattern.replace("metadata", "labels") for pattern in OF_TABLE]

# How it is made; images of the training table, classes, shape; and patterns of the notes.
READS = {
    "plain": (base, ALL, 3, (3, 16, 16), []),
    "mixed sizes": (of_mixed_sizes, ALL, 3, (3, 32, 32), [SCALED]),
    "Mac's folder": (with_more(write("train/__MACOSX/discs/._0.png", b"\0\5\x16\7")), ALL, 3, (3, 16, 16), []),
    "Jupyter's folder as a class": (
        with_more(save("train/.ipynb_checkpoints/0-checkpoint.png", picture())),
        *(ALL, 3, (3, 16, 16), [r"1 picture that is hidden or left by a system .*0-checkpoint\.png"]),
    ),
    "Jupyter's folder inside": (
        with_more(*(save(f"train/discs/.ipynb_checkpoints/{n}.png", picture()) for n in range(5))),
        *(ALL, 3, (3, 16, 16), [r"5 pictures that are hidden or left"]),
    ),
    "Jupyter's folder, empty": (
        with_more(lambda root: (root / "train/.ipynb_checkpoints").mkdir()),
        *(ALL, 3, (3, 16, 16), []),
    ),
    "Windows' files": (
        with_more(*map(write, ("train/Thumbs.db", "train/discs/Thumbs.db", "train/discs/desktop.ini")), suffix="PNG"),
        *(ALL, 3, (3, 16, 16), []),
    ),
    "turned squares": (partial(turned, width=16, height=16), ALL, 3, (3, 16, 16), []),
    "turned oblongs": (partial(turned, width=16, height=24), ALL, 3, (3, 24, 16), []),
    "modes": (
        with_more(
            save("train/discs/cmyk.jpg", picture().convert("CMYK")),
            save("train/discs/rgba.png", picture().convert("RGBA")),
            save("train/discs/palette.png", picture().convert("P"), transparency=bytes(range(256))),
            save("train/discs/one.png", picture().convert("1")),
            save("train/discs/la.png", picture().convert("LA")),
        ),
        *(ALL + 5, 3, (3, 16, 16), []),
    ),
    "grey": (of(change=lambda image, place: image.convert("L")), ALL, 3, (1, 16, 16), []),
    "grey, and one in colour": (
        with_more(save("train/discs/0.png", picture()), change=lambda image, place: image.convert("L")),
        *(ALL, 3, (3, 16, 16), []),
    ),
    "a camera's photograph": (
        with_more(
            save("train/discs/0.jpg", picture(1), "MPO", save_all=True, append_images=[picture(2)]), suffix="jpg"
        ),
        *(ALL, 3, (3, 16, 16), []),
    ),
    "GIF, HEIC and JFIF": (
        with_more(
            save("train/discs/anim.gif", picture(1), save_all=True, append_images=[picture(2)]),
            write("train/discs/a.HEIC", b"\0\0\0\x18ftypheic"),
            save("train/discs/download.jfif", picture(1), "JPEG"),
        ),
        *(
            ALL + 1,
            3,
            (3, 16, 16),
            [r"1 picture \.gif, 1 picture \.heic, .*; pictures are read in the classes' folders"],
        ),
    ),
    "other names of parts": (
        of(parts=("Train", "val", "test")),
        *(ALL, 3, (3, 16, 16), ["Train is read as the part train", "val is read as the part valid"]),
    ),
    "names of all letters": (of(classes=("café", "日本語 クラス", "Ünïcödé – Strich")), ALL, 3, (3, 16, 16), []),
    "long names": (of(classes=LONG), ALL, 3, (3, 16, 16), []),
    "numbers as names": (of(classes=tuple(map(str, range(12)))), 4 * ALL, 12, (3, 16, 16), []),
    "a class of one image": (
        with_more(*(remove(f"train/discs/{n}.png") for n in range(1, TRAIN))),
        *(ALL - TRAIN + 1, 3, (3, 16, 16), []),
    ),
    "valid lacks a class": (with_more(remove("valid/discs")), ALL - VALID, 3, (3, 16, 16), []),
    "nested": (nested, ALL, 3, (3, 16, 16), []),
    "links": (symlink_farm, ALL, 3, (3, 16, 16), [r"not read in .*, beside the parts: 1 folder \(store\)"]),
    "copies": (duplicates, ALL + 2, 3, (3, 16, 16), []),
    "progressive JPEG": (
        with_more(save("train/discs/0.jpg", picture(1, 64, 64), progressive=True)),
        *(ALL + 1, 3, (3, 32, 32), [SCALED]),
    ),
    "a panorama": (with_more(save("train/discs/0.png", picture(1, 1000, 1))), ALL, 3, (3, 32, 32), [SCALED]),
    "a single pixel": (
        with_more(save("train/discs/0.png", picture(1, 1, 1))),
        *(ALL, 3, (3, 32, 32), [SCALED, "1 picture shows nothing"]),
    ),
    "a huge picture beside thumbnails": (
        with_more(save("train/discs/0.jpg", Image.linear_gradient("L").resize((4000, 3000)).convert("RGB"))),
        *(ALL + 1, 3, (3, 32, 32), [r"16 x 16 to 4000 x 3000, are scaled to 32"]),
    ),
    "prepared pictures of one size": (of(size=(200, 100)), ALL, 3, (3, 100, 200), []),
    "photographs of one size": (
        of(size=(300, 200)),
        *(ALL, 3, (3, 64, 64), ["pictures of 300 x 200 are scaled to 64 x 64"]),
    ),
    "a name with a newline": (with_more(save("train/discs/a\nb.png", picture())), ALL + 1, 3, (3, 16, 16), []),
    "a name that is no text": (
        with_more(save("train/discs/" + os.fsdecode(b"\xff\xfe.png"), picture())),
        *(ALL + 1, 3, (3, 16, 16), []),
    ),
    "flat with a table": (flat, ALL, 3, (3, 16, 16), OF_TABLE),
    "a table of the same files in other words": (
        partial(flat, table="labels.csv", header="Class;Image ID", row="{label};{stem}", encoding="utf-8-sig"),
        *(ALL, 3, (3, 16, 16), OF_LABELS),
    ),
    "a table with the part's name": (
        partial(flat, table="any.csv", header="id\tpath\ttarget", row="7\t{part}/{file}\t{label}"),
        *(ALL, 3, (3, 16, 16), [pattern.replace("metadata", "any") for pattern in OF_TABLE]),
    ),
    "a table beside a folder": (partial(flat, holder="images"), ALL, 3, (3, 16, 16), OF_TABLE),
    "a picture that the table lacks": (
        made(flat, in_table("train", "003.png,checks\n", "")),
        *(
            ALL - 1,
            3,
            (3, 16, 16),
            [OF_TABLE[0], r"1 picture \.png, such as 003.png; pictures are read if the table names", OF_TABLE[1]],
        ),
    ),
}

DEEP = np.zeros((16, 16), np.uint16)
SKIP = "--skip-damaged"
REFUSES = {
    "a web page and an empty file": (
        with_more(write("train/discs/0.jpg", b"<html>404</html>"), write("train/checks/1.jpg"), suffix="jpg"),
        rf"2 of 18 pictures in .* cannot be read: train/checks/1\.jpg \(it is empty\); train/discs/0\.jpg \(it is "
        rf"a web page or other text\); replace them, or leave them out with {SKIP}",
    ),
    "cut JPEG": (
        with_more(cut("train/discs/0.jpg", "train/discs/2.jpg", "valid/discs/0.jpg"), suffix="jpg"),
        r"3 of 18 pictures .*: train/discs/0\.jpg \(image file is truncated .*train/discs/2\.jpg .*valid/discs/0\.jpg "
        rf".*; replace them, or leave them out with {SKIP}",
    ),
    "headers and pixels at once": (
        with_more(cut("train/discs/0.jpg"), write("train/checks/0.jpg", b"GIF"), suffix="jpg"),
        r"2 of 18 .*: train/checks/0\.jpg \(no picture is in it\); train/discs/0\.jpg \(image file is truncated",
    ),
    "one damaged picture": (
        with_more(write("train/discs/0.png", b"no")),
        rf"train/discs/0\.png is damaged or not what its name says \(no picture is in it\); replace it, or leave it "
        rf"out with {SKIP}\Z",
    ),
    "16 bits": (
        of(change=lambda image, place: Image.fromarray(DEEP)),
        r"18 of 18 .*: train/checks/0\.png, .*train/stripes/1\.png \(has pixels of kind I;16, not of 8 bits\); and 8 "
        r"more; convert them\Z",
    ),
    "pages": (
        with_more(save("train/discs/scan.tif", picture(1), save_all=True, append_images=[picture(2)])),
        r"scan\.tif holds 2 pictures, as animations and scans do; keep one of them, or leave it out",
    ),
    "a decompression bomb": (
        with_more(write("train/discs/bomb.png", png_of(30000, 30000))),
        r"bomb\.png has more pixels than a photograph \(Image size \(900000000 pixels\).*; make it smaller, or leave",
    ),
    "a picture without pixels": (
        with_more(write("train/discs/0.png", png_of(16, 16))),
        r"train/discs/0\.png is damaged",
    ),
    "a class without a picture in valid": (
        with_more(*(remove(f"valid/discs/{n}.png") for n in range(VALID))),
        r"valid/discs holds no image that is read; there must be one, or no such folder",
    ),
    "one class": (of(classes=("discs",)), "train holds labels of fewer than two classes"),
    "no valid part": (with_more(remove("valid")), "has neither test/ nor test.npz"),
    "a link in a circle": (
        with_more(link("train/discs/round", ".")),
        "round is a link to a folder whose images are read",
    ),
    "a class whose name cannot be shown": (of(classes=("a\nb", "c")), r"a\\nb' is a class whose name cannot be shown"),
    "one level too high": (below, r"one level too high: there are data in its 1 folder \(photos\); give it"),
    "classes without parts": (
        without_parts,
        r"has 3 folders \(checks, discs, stripes\) of pictures, but no train/: move",
    ),
    "classes one level too deep": (
        deep_classes,
        r"train has one folder, images, with 3 folders \(checks, discs, stripes\) in it: .*move them up into .*train",
    ),
    "flat without a table": (
        made(flat, remove("train/metadata.csv")),
        r"train holds no folder of a class: 12 pictures \.png; .*or add a table labels\.csv with file_name and label",
    ),
    "two tables": (
        made(flat, write("train/labels.csv")),
        r"train has the tables labels\.csv and metadata\.csv; keep the one",
    ),
    "a table of other columns": (
        made(flat, in_table("train", "file_name,label", "a,b")),
        r"train/metadata\.csv has the columns a, b; it needs a header with file_name and label",
    ),
    "a table without a row": (
        made(flat, write("train/metadata.csv", b"file_name,label\n")),
        r"train/metadata\.csv has no row",
    ),
    "a table that is no text": (made(flat, write("train/metadata.csv", b"\xff\xfe\0")), r"metadata\.csv is damaged"),
    "a row without a label": (
        made(flat, in_table("train", "003.png,checks", "003.png,")),
        r"metadata\.csv, line 5: there is no file or no label; complete or remove the line",
    ),
    "a row twice": (
        made(flat, in_table("train", "003.png,checks", "002.png,discs")),
        r"metadata\.csv, line 5: 002\.png is there a second time",
    ),
    "a row of no file": (
        made(flat, in_table("train", "003.png,", "nowhere.png,")),
        r"metadata\.csv names 1 picture \(nowhere\.png\) of which there is no file",
    ),
    "a name of two files": (
        made(flat, in_table("train", "003.png,", "003,"), save("train/003.jpg", picture())),
        r"metadata\.csv, line 5: 003 can be any of 2 pictures",
    ),
    "another class in valid's table": (
        made(flat, in_table("valid", "checks", "dots")),
        r"dots is a class that the training set lacks",
    ),
}


def load(root, **how):
    return load_dataset("photos", root, CPU, **how)


@pytest.mark.parametrize("name", READS)
def test_reads(tmp_path, name):
    make, images, classes, shape, notes = READS[name]
    make(tmp_path)
    data = load(tmp_path)
    assert (len(data.train), data.classes, data.train.shape) == (images, classes, shape)
    assert data.train.images.shape[1:] == data.test.images.shape[1:] == shape
    assert len(data.notes) == len(notes), data.notes
    for note, pattern in zip(data.notes, notes, strict=True):
        assert re.search(pattern, note), note
    assert data.image_size == (shape[1] if "scaled" in " ".join(data.notes) else None)
    assert all((tmp_path / file).is_file() for file in data.train_files)


@pytest.mark.parametrize("name", REFUSES)
def test_refuses_in_one_line(tmp_path, name):
    make, message = REFUSES[name]
    make(tmp_path)
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
