import os

import numpy as np
import pytest
import torch
from damages import Hostile

from custom_datasets.distortion import Distortion, Split, make_split
from custom_datasets.split_file import find_split, read_split, split_file_name, write_split
from utils.errors import UserError

LABELS = np.repeat(np.arange(10), 100)
DISTORTION = Distortion(200, 10, 1.0, 0.1)


@pytest.fixture
def split():
    return make_split(LABELS, 10, DISTORTION, seed=0)


def read(path, distortion=DISTORTION, labels=LABELS):
    return read_split(path, labels, 10, distortion)


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(vars(a).values(), vars(b).values(), strict=True))


def test_names_are_the_published_ones():
    assert split_file_name(Distortion(1, 100, 0.1, 0.1)) == "data_ir_100_sr_0.1_nr_0.1.pt"
    assert split_file_name(Distortion(1, 1, 1.0, 0.0)) == "data_ir_1_sr_1.0_nr_0.0.pt"


def test_written_and_read_is_the_same(split, tmp_path):
    write_split(tmp_path / "split.pt", split)
    assert equal(read(tmp_path / "split.pt"), split)
    assert os.listdir(tmp_path) == ["split.pt"]


def test_file_of_the_published_code_is_read(split, tmp_path):
    """Its lists hold numpy integers, which a protected load refuses unless their types are allowed."""
    content = ([np.int64(i) for i in split.valid], split.train.tolist(), torch.from_numpy(split.targets))
    torch.save(content, tmp_path / "split.pt")
    with pytest.raises(Exception, match="weights_only"):
        torch.load(tmp_path / "split.pt", weights_only=True)
    assert equal(read(tmp_path / "split.pt"), split)


def test_made_once_then_found(tmp_path):
    first = find_split(tmp_path / "run3", LABELS, 10, DISTORTION, seed=3)
    assert equal(first, find_split(tmp_path / "run3", LABELS, 10, DISTORTION, seed=4))
    assert equal(first, make_split(LABELS, 10, DISTORTION, seed=3))


def change(split, **parts):
    return Split(**(vars(split) | parts))


MISFITS = {
    "targets for": lambda s: change(s, targets=s.targets[:-1]),
    "not classes": lambda s: change(s, targets=s.targets + 1),
    "training indices": lambda s: change(s, train=np.append(s.train[1:], 1000)),
    "validation indices": lambda s: change(s, valid=np.append(s.valid[1:], s.valid[-1])),
    "199 validation images": lambda s: change(s, valid=s.valid[1:]),
    "overlap": lambda s: change(s, train=np.append(s.train[1:], s.valid[0])),
    "rare classes": lambda s: change(s, train=s.train[:-1]),
    "frequent classes": lambda s: change(s, train=s.train[200:]),
    "wrong labels": lambda s: change(s, targets=LABELS.copy()),
    "outside of the training": lambda s: change(s, targets=np.where(np.isin(range(1000), s.valid), 0, s.targets)),
}


@pytest.mark.parametrize("message", MISFITS)
def test_split_that_does_not_fit_is_refused_and_left_alone(split, tmp_path, message):
    path = tmp_path / "split.pt"
    write_split(path, MISFITS[message](split))
    before = path.read_bytes()
    with pytest.raises(UserError, match=rf"split.pt does not fit.*{message}"):
        read(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "flags", [(200, 100, 1.0, 0.1), (200, 1, 1.0, 0.1), (200, 10, 0.5, 0.1), (200, 10, 1.0, 0.4), (100, 10, 1.0, 0.1)]
)
def test_split_of_other_flags_is_refused(split, tmp_path, flags):
    write_split(tmp_path / "split.pt", split)
    with pytest.raises(UserError, match="does not fit"):
        read(tmp_path / "split.pt", Distortion(*flags))


def test_split_of_another_data_set_is_refused(split, tmp_path):
    write_split(tmp_path / "split.pt", split)
    with pytest.raises(UserError, match="does not fit"):
        read(tmp_path / "split.pt", labels=LABELS[::-1].copy())


@pytest.mark.parametrize("seed", range(20))
def test_every_split_that_is_made_fits(tmp_path, seed):
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(10), random.integers(30, 90, 10)))
    distortion = Distortion(50, int(random.integers(1, 30)), float(random.uniform(0.3, 1)), float(random.uniform(0, 1)))
    made = make_split(labels, 10, distortion, seed)
    write_split(tmp_path / "split.pt", made)
    assert equal(read_split(tmp_path / "split.pt", labels, 10, distortion), made)


@pytest.mark.parametrize(
    "content", [Hostile(), ([Hostile()], [1], torch.zeros(3)), (1, 2), {"a": 1}, ([0.5], [1], torch.zeros(3)), "text"]
)
def test_foreign_content_is_refused_and_not_executed(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    torch.save(content, "split.pt")
    with pytest.raises(UserError, match=r"split\.pt"):
        read(tmp_path / "split.pt")
    assert os.listdir() == ["split.pt"]


@pytest.mark.parametrize("keep", [0, 10, 700])
def test_truncated_file_is_refused(split, tmp_path, keep):
    write_split(tmp_path / "split.pt", split)
    (tmp_path / "split.pt").write_bytes((tmp_path / "split.pt").read_bytes()[:keep])
    with pytest.raises(UserError, match=r"split\.pt"):
        read(tmp_path / "split.pt")
