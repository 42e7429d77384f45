"""Folders of pictures as users have them, made small: functions that write them, and changes of what is there."""

import os
import shutil
import struct
import zlib
from functools import partial

import numpy as np
from PIL import Image

CLASSES = ("checks", "discs", "stripes")
TRAIN, VALID = 4, 2  # images of each class


def picture(place=0, width=16, height=16):
    pixels = np.random.default_rng([place, width, height]).integers(256, size=(height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def base(
    root, classes=CLASSES, parts=("train", "valid"), size=(16, 16), suffix="png", change=lambda image, place: image
):
    place = 0
    for part in parts:
        for name in classes:
            (root / part / name).mkdir(parents=True)
            for number in range(TRAIN if part.lower().startswith("train") else VALID):
                place += 1
                change(picture(place, *size), place).save(root / part / name / f"{number}.{suffix}")


def of(**arguments):
    return partial(base, **arguments)


def with_more(*changes, **arguments):
    def make(root):
        base(root, **arguments)
        for change in changes:
            change(root)

    return make


def save(path, image, *arguments, **more):
    def change(root):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        image.save(root / path, *arguments, **more)

    return change


def write(path, content=b""):
    def change(root):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)

    return change


def cut(*paths):
    def change(root):
        for path in paths:
            (root / path).write_bytes((root / path).read_bytes()[:-60])

    return change


def remove(path):
    return lambda root: shutil.rmtree(root / path) if (root / path).is_dir() else (root / path).unlink()


def link(path, target):
    return lambda root: (root / path).symlink_to(target)


def of_mixed_sizes(root):
    base(root)
    for place, path in enumerate(sorted(root.rglob("*.png"))):
        picture(place, 40 + 2 * place, 90 - 2 * place).save(path.with_suffix(".jpg"))
        path.unlink()


def turned(root, width, height):
    """Half of the pictures are stored sideways, with EXIF's orientation."""
    base(root)
    for place, path in enumerate(sorted(root.rglob("*.png"))):
        exif, image = Image.Exif(), picture(place, width, height)
        if place % 2:
            exif[0x0112], image = 6, image.transpose(Image.Transpose.ROTATE_90)
        image.save(path.with_suffix(".jpg"), exif=exif)
        path.unlink()


def nested(root):
    base(root)
    for place, path in enumerate(sorted((root / "train").rglob("*.png"))):
        folder = path.parent / f"camera{place % 2}" / "2024-05"
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / f"{place}.png")


def flat(root, table="metadata.csv", header="file_name,label", row="{file},{label}", holder="", encoding="utf-8"):
    base(root)
    for part in ("train", "valid"):
        lines = [header]
        (root / part / holder).mkdir(exist_ok=True)
        for place, path in enumerate(sorted((root / part).rglob("*.png"))):
            file = f"{place:03}.png"
            lines.append(row.format(file=file, label=path.parent.name, part=part, stem=file[:-4]))
            path.rename(root / part / holder / file)
        for name in CLASSES:
            (root / part / name).rmdir()
        (root / part / table).write_text("\n".join(lines) + "\n", encoding=encoding)


def in_table(part, old, new, table="metadata.csv"):
    def change(root):
        path = root / part / table
        path.write_text(path.read_text().replace(old, new))

    return change


def made(make, *changes):
    def both(root):
        make(root)
        for change in changes:
            change(root)

    return both


def symlink_farm(root):
    base(root / "store")
    for part in ("train", "valid"):
        for name in CLASSES:
            (root / part / name).mkdir(parents=True)
            for file in (root / "store" / part / name).iterdir():
                (root / part / name / file.name).symlink_to(os.path.relpath(file, root / part / name))


def duplicates(root):
    base(root)
    shutil.copy(root / "train/discs/0.png", root / "train/checks/copy.png")
    shutil.copy(root / "train/discs/1.png", root / "valid/discs/copy.png")


def below(root):
    base(root / "photos")


def deep_classes(root):
    base(root)
    (root / "train").rename(root / "images")
    (root / "train").mkdir()
    (root / "images").rename(root / "train/images")


def without_parts(root):
    base(root)
    for path in (root / "train").iterdir():
        path.rename(root / path.name)
    shutil.rmtree(root / "train")
    shutil.rmtree(root / "valid")


def png_of(width, height):
    """A PNG whose header says so; its pixels are missing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
