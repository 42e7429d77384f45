"""What the training script says about data that is damaged or does not fit: one line that names the file."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from real_layouts import expect_cifar, expect_svhn, write_arrays, write_batch, write_folders, write_mat, write_trainable
from torchvision.datasets.imagenet import ARCHIVE_META

from custom_datasets.sources import load_dataset

pytestmark = pytest.mark.usefixtures("no_network")
PARTS = {"train": range(60), "test": range(60, 80)}


def cut(file):
    def damage(folder):
        path = folder / file
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


def cut_unpacked(file):
    def damage(folder):
        load_dataset("ImageNet", folder, torch.device("cpu"))
        cut(file)(folder)

    return damage


def change_arrays(**changes):
    """A damage to test.npz; every change maps an array to what it becomes."""

    def damage(folder):
        with np.load(folder / "test.npz") as content:
            changed = {name: changes.get(name, np.copy)(array) for name, array in content.items()}
        np.savez(folder / "test.npz", **changed)

    return damage


BATCH = "cifar-10-batches-py/test_batch"
ARCHIVES = {part: name for part, (name, _) in ARCHIVE_META.items()}
COSINE = ("--lr-schedule", "cosine")  # steps would be noted
TINY = "tiny-imagenet-200/train/n02/images/n02_3.JPEG"
TISSUE = "ICIAR2018_BACH_Challenge/Photos/InSitu/i003.tif"
STREAMED = ("train/n01/n01_3.JPEG", "val/n02/ILSVRC2012_val_00000002.JPEG")
# What is wrong: the data set or layout, how the file gets so, the file, further flags.
CASES = {
    "cut .mat": ("SVHN", cut("train_32x32.mat"), "train_32x32.mat"),
    "labels of .mat": (
        "SVHN",
        lambda folder: write_mat(folder / "test_32x32.mat", 30, 0, y=np.full((30, 1), 11)),
        "test_32x32.mat",
    ),
    "cut pickle": ("CIFAR10", cut(BATCH), BATCH),
    "labels of pickle": (
        "CIFAR10",
        lambda folder: write_batch(folder, "CIFAR10", "test_batch", 30, labels=[10] * 30),
        BATCH,
    ),
    "cut training image": ("ImageNet", cut_unpacked(STREAMED[0]), STREAMED[0], "--workers", 0),
    "cut training image, workers": ("ImageNet", cut_unpacked(STREAMED[0]), STREAMED[0], "--workers", 2),
    "cut test image, workers": ("ImageNet", cut_unpacked(STREAMED[1]), STREAMED[1], "--workers", 2),
    "cut training JPEG": ("TinyImageNet", cut(TINY), TINY, *COSINE),
    "cut microscope picture": ("BACH", cut(TISSUE), TISSUE, *COSINE),
    **{f"cut {part}": ("ImageNet", cut(name), name) for part, name in ARCHIVES.items()},
    "empty class": (write_folders, lambda folder: (folder / "train" / "x").mkdir(), "train/x"),
    "text": (write_folders, lambda folder: (folder / "train/0/0.png").write_text("no picture"), "train/0/0.png"),
    "cut image": (write_folders, cut("train/3/3.png"), "train/3/3.png"),
    "new class": (write_folders, lambda folder: shutil.copytree(folder / "test/4", folder / "test/x"), "test/x"),
    "cut .npz": (write_arrays, cut("train.npz"), "train.npz"),
    "labels too large": (write_arrays, change_arrays(labels=lambda labels: labels + 5), "test.npz"),
    "labels below zero": (write_arrays, change_arrays(labels=lambda labels: labels - 1), "test.npz"),
    "differing counts": (write_arrays, change_arrays(labels=lambda labels: labels[1:]), "test.npz"),
}


# The checksums of these are made to fit, so that their content is looked at.
FORGED = {"labels of .mat": expect_svhn, "labels of pickle": partial(expect_cifar, name="CIFAR10")}


@pytest.mark.parametrize("case", CASES)
def test_one_line_names_the_file(monkeypatch, train, case):
    source, damage, file, *flags = CASES[case]
    name = source if isinstance(source, str) else "mine"
    folder = Path("local_data") / name
    if name == "mine":
        source(folder, PARTS)
        flags = ["--recipe", "DIGITS"]
    else:
        write_trainable(monkeypatch, folder, name)
    damage(folder)
    if case in FORGED:
        FORGED[case](monkeypatch, folder)
    status, _, err = train("--dataset", name, *flags)
    assert status == 2
    assert len(err.splitlines()) == 1
    named = f"no whole ImageNet in {folder} (The archive {file} " if file in ARCHIVES.values() else folder / file
    assert err.startswith(f"error: {named}")
