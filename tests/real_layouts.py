"""Small files in the layouts of the real data sets."""

import hashlib

import numpy as np
import scipy.io
from torchvision.datasets import SVHN


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def expect_svhn(monkeypatch, folder):
    """Let torchvision expect the checksums of the files that are in the folder."""
    files = {split: (url, name) for split, (url, name, _) in SVHN.split_list.items() if (folder / name).exists()}
    sums = {split: [url, name, md5(folder / name)] for split, (url, name) in files.items()}
    monkeypatch.setattr(SVHN, "split_list", sums)


def write_mat(path, count, seed, **changed):
    random = np.random.default_rng(seed)
    content = {
        "X": random.integers(256, size=(32, 32, 3, count), dtype=np.uint8),
        "y": (np.arange(count, dtype=np.uint8) % 10 + 1)[:, None],
    }
    scipy.io.savemat(path, content | changed)
