"""Small files in the layouts of the real data sets.

Those of public ones come with a monkeypatch: it lets torchvision expect the checksums of what was written.
"""

import dataclasses
import hashlib
import io
import pickle
import tarfile

import numpy as np
import scipy.io
from PIL import Image
from sklearn import datasets
from torchvision.datasets import CIFAR10, CIFAR100, SVHN
from torchvision.datasets.imagenet import ARCHIVE_META

from custom_datasets import bach
from custom_datasets.names import BUILT_IN
from utils.recipes import RECIPES

CIFAR = {"CIFAR10": (CIFAR10, "labels", 10), "CIFAR100": (CIFAR100, "fine_labels", 100)}
SYNSETS = {"n03": "cat, house cat", "n01": "dog", "n02": "fish"}  # not in the order of the names, as in the real one
TRAIN_IMAGES, VAL_IMAGES = 14, 18  # of ImageNet: per class, in all
FIELDS = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children"]


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_svhn(monkeypatch, folder, **counts):
    """`counts`: images per split."""
    for seed, (split, count) in enumerate(counts.items()):
        write_mat(folder / f"{split}_32x32.mat", count, seed)
    expect_svhn(monkeypatch, folder)


def write_mat(path, count, seed, **changed):
    random = np.random.default_rng(seed)
    content = {
        "X": random.integers(256, size=(32, 32, 3, count), dtype=np.uint8),
        "y": (np.arange(count, dtype=np.uint8) % 10 + 1)[:, None],
    }
    scipy.io.savemat(path, content | changed)


def expect_svhn(monkeypatch, folder):
    files = {split: (url, name) for split, (url, name, _) in SVHN.split_list.items() if (folder / name).exists()}
    sums = {split: [url, name, md5(folder / name)] for split, (url, name) in files.items()}
    monkeypatch.setattr(SVHN, "split_list", sums)


def write_cifar(monkeypatch, folder, name, count):
    """`count`: images per file."""
    kind, _, classes = CIFAR[name]
    base = folder / kind.base_folder
    base.mkdir()
    for file, _ in kind.train_list + kind.test_list:
        write_batch(folder, name, file, count)
    (base / kind.meta["filename"]).write_bytes(pickle.dumps({kind.meta["key"]: [f"c{i}" for i in range(classes)]}))
    expect_cifar(monkeypatch, folder, name)


def write_batch(folder, name, file, count, **changed):
    """One of CIFAR's pickles; `changed` are its data or labels."""
    kind, label_key, classes = CIFAR[name]
    data = np.random.default_rng([*file.encode()]).integers(256, size=(count, 3072), dtype=np.uint8)
    content = {"data": data, "labels": [place % classes for place in range(count)]} | changed
    content[label_key] = content.pop("labels")
    (folder / kind.base_folder / file).write_bytes(pickle.dumps(content))


def expect_cifar(monkeypatch, folder, name):
    kind = CIFAR[name][0]
    base = folder / kind.base_folder
    for files in ("train_list", "test_list"):
        monkeypatch.setattr(kind, files, [[file, md5(base / file)] for file, _ in getattr(kind, files)])
    monkeypatch.setattr(kind, "meta", kind.meta | {"md5": md5(base / kind.meta["filename"])})


def write_imagenet(monkeypatch, folder):
    """The three archives, of which torchvision makes folders and meta.bin."""
    random = np.random.default_rng(0)
    classes = {
        f"{name}.tar": tar({f"{name}_{place}.JPEG": jpeg(random) for place in range(TRAIN_IMAGES)}) for name in SYNSETS
    }
    val = {f"ILSVRC2012_val_{place:08d}.JPEG": jpeg(random) for place in range(VAL_IMAGES)}
    for part, content in {"train": tar(classes), "val": tar(val), "devkit": devkit()}.items():
        path = folder / ARCHIVE_META[part][0]
        path.write_bytes(content)
        monkeypatch.setitem(ARCHIVE_META, part, (path.name, md5(path)))


def write_tiny_imagenet(folder, train=7, val=6):
    """The unpacked archive. `train`: pictures per class, `val`: in all; a picture of each part is grey."""
    random = np.random.default_rng(0)
    root = folder / "tiny-imagenet-200"
    for place, name in enumerate(SYNSETS):
        images = root / "train" / name / "images"
        images.mkdir(parents=True)
        for number in range(train):
            (images / f"{name}_{number}.JPEG").write_bytes(jpeg(random, 64, 64, grey=number == place == 0))
        (images.parent / f"{name}_boxes.txt").write_text(
            "".join(f"{name}_{n}.JPEG\t0\t0\t9\t9\n" for n in range(train))
        )
    images = root / "val" / "images"
    images.mkdir(parents=True)
    lines = []
    for place in range(val):
        (images / f"val_{place}.JPEG").write_bytes(jpeg(random, 64, 64, grey=place == 1))
        lines.append(f"val_{place}.JPEG\t{[*SYNSETS][place % len(SYNSETS)]}\t0\t32\t44\t62\n")
    (root / "val" / "val_annotations.txt").write_text("".join(lines))
    (root / "wnids.txt").write_text("".join(f"{name}\n" for name in SYNSETS))
    words = SYNSETS | {"n00": "animal"}
    (root / "words.txt").write_text("".join(f"{name}\t{text}\n" for name, text in words.items()))
    (root / "test" / "images").mkdir(parents=True)
    (root / "test" / "images" / "test_0.JPEG").write_bytes(jpeg(random, 64, 64))


def write_bach(monkeypatch, folder, pictures=10, folds=True):
    """The unpacked archive with `pictures` per class, of 48 x 64 pixels, in patches of 16 x 16; with the list of folds.

    Of those of a class, the last two are test pictures.
    """
    for name, value in {"HEIGHT": 48, "WIDTH": 64, "PATCH": 16}.items():
        monkeypatch.setattr(bach, name, value)
    monkeypatch.setitem(BUILT_IN, "BACH", BUILT_IN["BACH"]._replace(validation=8 * 12))
    random, lists = np.random.default_rng(0), {"fulltrain": [], "test": []}
    for label, name in enumerate(bach.CLASSES):
        photos = folder / bach.ARCHIVE / "Photos" / name
        photos.mkdir(parents=True)
        (photos / "Thumbs.db").write_bytes(b"")
        for number in range(pictures):
            path = photos / f"{name[0].lower()}{number:03}.tif"
            pixels = random.integers(256, size=(48, 64, 3), dtype=np.uint8)
            pixels[..., 0] = 60 * label + pixels[..., 0] // 8  # so that there is something to learn
            Image.fromarray(pixels).save(path)
            part = "test" if number >= pictures - 2 else "fulltrain"
            lists[part].append(path.relative_to(folder).as_posix())
    (folder / bach.ARCHIVE / "Photos" / "microscopy_ground_truth.csv").write_text("")
    fold = folder / bach.ARCHIVE / "Iciar_folds" / "fold_4"
    if folds:
        fold.mkdir(parents=True)
        for part, names in lists.items():
            (fold / f"{part}_f_4.csv").write_text("".join(f"{name}\n" for name in names))


def jpeg(random, height=None, width=None, grey=False):
    """A picture of these sides, or of random ones."""
    content = io.BytesIO()
    if height is None:
        height, width = random.integers(20, 60, size=2)
    if grey:
        Image.fromarray(random.integers(256, size=(height, width), dtype=np.uint8)).save(content, "JPEG")
        return content.getvalue()
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


def write_trainable(monkeypatch, folder, name):
    """A public data set that takes a second to train on: few images, and a recipe for them."""
    folder.mkdir(parents=True)
    if name == "SVHN":
        write_svhn(monkeypatch, folder, train=150, test=30)
        validation, small = 50, {"model": "wresnet10_1", "batch_size": 32}
    elif name == "ImageNet":
        write_imagenet(monkeypatch, folder)
        # Pictures of 224 x 224: all but this network take ten times as long.
        validation, small = 12, {"model": "lenet", "batch_size": 10, "hyper_batch_size": 10}
    elif name == "TinyImageNet":
        write_tiny_imagenet(folder, train=14)
        validation, small = 12, {"model": "wresnet10_1", "batch_size": 10, "hyper_batch_size": 10}
    elif name == "BACH":
        write_bach(monkeypatch, folder)
        validation, small = 8 * 12, {"model": "wresnet10_1", "hyper_batch_size": 64}
    else:
        classes = CIFAR[name][2]
        write_cifar(monkeypatch, folder, name, count=3 * classes)
        validation, small = 2 * classes, {"model": "wresnet10_1", "batch_size": 32}
    monkeypatch.setitem(BUILT_IN, name, BUILT_IN[name]._replace(validation=validation))
    monkeypatch.setitem(RECIPES, name, dataclasses.replace(RECIPES[name], **small, hyper_start=0))


def write_folders(folder, parts):
    """Own data as folders of images. `parts`: train, test, valid -> places of digits."""
    images, labels = digits()
    for part, places in parts.items():
        for place in places:
            path = folder / part / str(labels[place])
            path.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[place]).save(path / f"{place}.png")


def write_arrays(folder, parts):
    """Own data as .npz files, `parts` as above."""
    images, labels = digits()
    folder.mkdir(parents=True, exist_ok=True)
    for part, places in parts.items():
        np.savez(folder / f"{part}.npz", images=images[places], labels=labels[places])


def digits():
    bunch = datasets.load_digits()
    return (bunch.images * 15.9375).astype(np.uint8), bunch.target
