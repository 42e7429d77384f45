import itertools

import pytest
import torch

from custom_datasets.distortion import Split
from custom_datasets.loaders import Loaders, endless_batches, even_batches, full_batches
from custom_datasets.table import Dataset, ImageTable


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


INDICES = torch.arange(100, 203)


def test_full_batches_drop_the_rest():
    batches = full_batches(INDICES, 25, seeded())
    assert [len(b) for b in batches] == [25] * 4
    assert len(torch.cat(batches).unique()) == 100


@pytest.mark.parametrize(("size", "lengths"), [(25, [21, 21, 21, 20, 20]), (103, [103]), (500, [103])])
def test_even_batches_visit_every_index_once(size, lengths):
    batches = even_batches(INDICES, size, seeded())
    assert [len(b) for b in batches] == lengths
    assert torch.equal(torch.cat(batches).sort().values, INDICES)


def test_endless_batches_start_a_new_order_every_round():
    rounds = torch.stack(list(itertools.islice(endless_batches(INDICES, 103, seeded()), 3)))
    assert not torch.equal(rounds[0], rounds[1])
    assert all(torch.equal(r.sort().values, INDICES) for r in rounds)
    assert len(next(endless_batches(INDICES, 1000, seeded()))) == 103


def test_one_seed_repeats_the_order():
    first, again, other = (full_batches(INDICES, 10, seeded(s)) for s in (0, 0, 1))
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))


@pytest.fixture
def make_loaders():
    images = torch.arange(30, dtype=torch.uint8).view(30, 1, 1, 1)
    train, test = ImageTable(images, torch.arange(30) % 3), ImageTable(images[:7] + 100, torch.arange(7) % 3)
    split = Split(*(torch.tensor(part).numpy() for part in (list(range(20, 30)), list(range(12)), [0] * 30)))

    def make(overfit=False):
        return Loaders(Dataset(train, test, 3), split, torch.Tensor.float, marked, seeded(), seeded(), overfit)

    return make


def marked(images):
    """A training view that can be told from that of evaluation."""
    return images.float() + 0.5


def content(batches):
    """Pixel, label and index of every image."""
    return sorted(
        triple
        for images, labels, index in batches
        for triple in zip(images.flatten().tolist(), labels.tolist(), index.tolist(), strict=True)
    )


def test_each_loader_shows_its_images(make_loaders):
    loaders = make_loaders()
    assert content(loaders.train(4)) == content(loaders.hyper(5)) == [(i + 0.5, i % 3, i) for i in range(12)]
    assert content(loaders.valid()) == [(i, i % 3, i) for i in range(20, 30)]
    assert content(loaders.test()) == [(100 + i, i % 3, i) for i in range(7)]
    assert content(loaders.all_clean()) == content(loaders.valid())
    seen = content(itertools.islice(loaders.clean(5), 2))
    assert seen == [(pixel + 0.5, label, index) for pixel, label, index in content(loaders.valid())]


def test_overfit_shows_the_test_set_to_the_hyper_pass_as_in_evaluation(make_loaders):
    loaders = make_loaders(overfit=True)
    assert content(itertools.islice(loaders.clean(7), 1)) == content(loaders.all_clean()) == content(loaders.test())
