"""Own pictures that would take too much memory: streamed, with the views of those in memory."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from custom_datasets.own import streamed
from custom_datasets.own.picture import read_picture
from custom_datasets.sources import load_dataset
from custom_datasets.stream import StreamedImages, image_seed
from utils.errors import UserError
from utils.memory import host_memory

CPU = torch.device("cpu")
SIDE = 16


def write(folder, mode="RGB", suffix="png"):
    random = np.random.default_rng(0)
    for part, count in (("train", 4), ("valid", 2), ("test", 3)):
        for name in ("a", "b"):
            (folder / part / name).mkdir(parents=True)
            for place in range(count):
                pixels = random.integers(256, size=(20 + place, 30, 3), dtype=np.uint8)
                Image.fromarray(pixels).convert(mode).save(folder / part / name / f"{place}.{suffix}")


def load(folder, **how):
    return load_dataset("photos", folder, CPU, image_size=SIDE, **how)


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(streamed, "host_memory", lambda: 2**10)


def fetch(source, crops=None, workers=0):
    return torch.cat(list(source.fetch(torch.arange(len(source)).split(3), crops, workers)))


@pytest.mark.parametrize("mode", ["RGB", "L", "LA"])
def test_evaluation_shows_what_the_table_would_hold(tmp_path, mode, monkeypatch):
    write(tmp_path, mode)
    table = load(tmp_path)
    monkeypatch.setattr(streamed, "host_memory", lambda: 2 * table.memory - 1)
    data = load(tmp_path)
    assert isinstance(data.train, StreamedImages)
    assert (data.memory, data.train.shape, data.image_size) == (0, table.train.shape, SIDE)
    for ours, theirs in ((data.train, table.train), (data.test, table.test)):
        assert torch.equal(fetch(ours), theirs.images)
        assert torch.equal(ours.labels, theirs.labels)
    same = "classes", "class_names", "train_files", "valid_given", "tested_on_valid"
    assert all(getattr(data, name) == getattr(table, name) for name in same)
    (note,) = data.notes
    assert "--workers read them anew in every epoch" in note
    monkeypatch.setattr(streamed, "host_memory", lambda: 2 * table.memory)
    assert load(tmp_path).memory == table.memory


def test_training_shows_torchvisions_random_resized_crop(tmp_path, little_memory):
    write(tmp_path)
    train = load(tmp_path).train
    for place, (image, file) in enumerate(zip(fetch(train, crops=5), train.files, strict=True)):
        picture = Image.fromarray(read_picture(Path(file), True, (255,) * 3).transpose(1, 2, 0))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(image_seed(5, place))
            expected = transforms.RandomResizedCrop(SIDE)(picture)
        assert np.array_equal(image.permute(1, 2, 0), expected)


def test_workers_and_subsets_do_not_change_images(tmp_path, little_memory):
    write(tmp_path)
    train = load(tmp_path).train
    assert torch.equal(fetch(train, 3, workers=1), fetch(train, 3))
    some = train.select(torch.tensor([5, 2]), torch.tensor([1, 0]))
    assert torch.equal(fetch(some), fetch(train)[[5, 2]])


def test_damage(tmp_path, little_memory):
    """What shows in the header is found at the start; the rest when the picture is read."""
    write(tmp_path, suffix="jpg")
    (tmp_path / "train/a/0.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"train/a/0\.jpg is damaged .*--skip-damaged"):
        load(tmp_path)
    (tmp_path / "train/a/1.jpg").write_bytes((tmp_path / "train/a/1.jpg").read_bytes()[:-60])
    data = load(tmp_path, skip_damaged=True)
    assert (len(data.train), data.damaged) == (11, 1)
    with pytest.raises(UserError, match=r"train/a/1\.jpg is damaged"):
        fetch(data.train)


def test_memory_is_known():
    assert 2**28 < host_memory() <= 2**50
