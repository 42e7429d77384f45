"""Streamed images: their two views, and batches that depend on nothing but seeds."""

import gc
import multiprocessing
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from custom_datasets.distortion import Split
from custom_datasets.loaders import Loaders
from custom_datasets.stream import StreamedImages
from custom_datasets.table import Dataset
from utils.errors import UserError

CPU = torch.device("cpu")
COUNT = 12
GIVEN = (torch.arange(COUNT) + 1) % 3  # every label is wrong


def slope(width, height):
    """A picture whose red grows with x and whose green grows with y, both from 0 to 255."""
    red, green = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack((red, green, 0 * red), -1).round().astype(np.uint8))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    paths = [str(folder / f"{place}.png") for place in range(COUNT)]
    for place, path in enumerate(paths):
        slope(60 + 5 * place, 90 - 3 * place).save(path)
    return paths


@pytest.fixture
def source(files):
    return StreamedImages(files, torch.arange(COUNT) % 3)


@pytest.fixture
def make_loaders(source):
    split = Split(np.arange(8, COUNT), np.arange(8), GIVEN.numpy())

    def make(workers=0, overfit=False):
        orders = (torch.Generator().manual_seed(seed) for seed in (1, 2))
        return Loaders(Dataset(source, source, 3), split, *orders, overfit, workers)

    return make


def fetch(source, order, crops, workers=0):
    return torch.cat(list(source.fetch([torch.tensor(index) for index in order], crops, workers)))


def equal_batches(first, second):
    pairs = zip(first, second, strict=True)
    return all(torch.equal(a, b) for batches in pairs for a, b in zip(*batches, strict=True))


def test_view_of_evaluation_is_the_centre_of_the_resized_picture(source, files):
    seen = fetch(source, [[0, 11], [5]], None)
    for place, image in zip([0, 11, 5], seen, strict=True):
        picture = Image.open(files[place])
        width, height = (int(256 * side / min(picture.size)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        left, top = round((width - 224) / 2), round((height - 224) / 2)
        expected = np.asarray(picture.crop((left, top, left + 224, top + 224)))
        assert np.array_equal(image.permute(1, 2, 0), expected)


def test_crops_have_the_published_sizes_and_half_of_them_are_flipped(tmp_path):
    side = 150
    slope(side, side).save(tmp_path / "slope.png")
    source = StreamedImages([str(tmp_path / "slope.png")], torch.zeros(1, dtype=torch.int64))
    crops = torch.cat([fetch(source, [[0]], seed) for seed in range(200)]).double()
    across, down = crops[:, 0].mean(1), crops[:, 1].mean(2)  # (200, 224) red along x, green along y
    width, height = ((line[:, -1] - line[:, 0]) / 255 for line in (across, down))
    assert 0.4 < (width < 0).double().mean() < 0.6
    assert (height > 0).all()
    area, aspect = width.abs() * height, width.abs() / height
    assert area.min() > 0.07
    assert area.max() < 1.01
    assert area.min() < 0.15 < 0.9 < area.max()
    assert 0.72 < aspect.min() < 0.8
    assert 1.25 < aspect.max() < 1.38


def test_a_crop_depends_on_its_pass_and_place_alone(source):
    whole = fetch(source, [list(range(COUNT))], 7)
    order = [[3, 1], [11], [0, 5, 9]]
    assert torch.equal(fetch(source, order, 7), whole[[3, 1, 11, 0, 5, 9]])
    other = fetch(source, [list(range(COUNT))], 8)
    assert all(not torch.equal(a, b) for a, b in zip(whole, other, strict=True))


def test_fetching_leaves_the_global_generator_alone(source):
    state = torch.get_rng_state()
    fetch(source, [[0, 1]], 7)
    assert torch.equal(torch.get_rng_state(), state)


def test_workers_do_not_change_the_batches(make_loaders):
    alone, helped = make_loaders(), make_loaders(workers=2)
    for name in ("train", "hyper", "clean", "train", "hyper", "clean"):
        assert equal_batches(getattr(alone, name)(3), getattr(helped, name)(3))
    assert equal_batches(alone.valid(), helped.valid())


def test_a_pass_that_is_left_early_does_not_change_the_next(make_loaders):
    """As the hyper pass leaves the clean images."""
    alone, helped = make_loaders(), make_loaders(workers=1)
    for loaders in (alone, helped):
        next(iter(loaders.clean(2)))
    assert equal_batches(alone.hyper(3), helped.hyper(3))


def test_restored_generators_repeat_a_pass(source):
    order = torch.Generator().manual_seed(5)
    split = Split(np.arange(8, COUNT), np.arange(8), GIVEN.numpy())
    loaders = Loaders(Dataset(source, source, 3), split, order, order, False)
    state = order.get_state()
    first, next_pass = list(loaders.train(4)), list(loaders.train(4))
    order.set_state(state)
    assert equal_batches(first, loaders.train(4))
    assert not equal_batches(first, next_pass)


def test_loaders_show_the_training_and_the_evaluation_view(make_loaders, source):
    loaders = make_loaders()
    central = fetch(source, [list(range(COUNT))], None)

    def content(batches, labels):
        images, found, index = (torch.cat(part) for part in zip(*batches, strict=True))
        assert torch.equal(found, labels[index])
        return index.sort().values.tolist(), (images == central[index]).flatten(1).all(1)

    for batches, places, labels in (
        (loaders.train(4), range(8), GIVEN),
        (loaders.hyper(3), range(8), GIVEN),
        (loaders.clean(4), [8, 8, 9, 9, 10, 10, 11, 11], source.labels),
    ):
        index, is_central = content(batches, labels)
        assert index == list(places)
        assert not is_central.any()
    assert content(make_loaders(overfit=True).clean(4), source.labels)[1].all()
    assert content(make_loaders().clean(4, cropped=False), source.labels)[1].all()
    for batches, places, labels in (
        (loaders.trained(), range(8), GIVEN),
        (loaders.valid(), range(8, COUNT), source.labels),
        (loaders.test(), range(COUNT), source.labels),
    ):
        index, is_central = content(batches, labels)
        assert index == list(places)
        assert is_central.all()


def test_crops_of_clean_images_do_not_change_which_they_are(make_loaders):
    cropped, central = make_loaders(), make_loaders()
    pairs = zip(cropped.clean(3), central.clean(3, cropped=False), strict=True)
    assert all(torch.equal(a.index, b.index) for a, b in pairs)
    assert equal_batches(cropped.hyper(3), central.hyper(3))


def test_more_workers_than_cores_are_taken_without_a_word(source, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0}, raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(fetch(source, [[0]], None, workers=2)) == 1


def test_workers_end_with_a_pass_that_fails(files):
    source = StreamedImages([*files, "nowhere.png"], torch.zeros(COUNT + 1, dtype=torch.int64))
    gc.disable()
    try:
        fetch(source, [[COUNT], *([place] for place in range(COUNT))], None, workers=2)
    except UserError:
        pass
    finally:
        gc.enable()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [0, 1])
def test_damaged_image_is_named_in_one_line(source, tmp_path, workers):
    path = tmp_path / "torn.jpg"
    slope(80, 80).save(path)
    path.write_bytes(path.read_bytes()[:-300])
    torn = StreamedImages([source.files[0], str(path)], torch.zeros(2, dtype=torch.int64))
    with pytest.raises(UserError, match=r"^[^\n]*torn\.jpg is damaged[^\n]*\Z"):
        fetch(torn, [[0], [0, 1]], 3, workers)


def test_labels_are_there_without_reading_images():
    source = StreamedImages(["nowhere.jpg"] * 3, torch.tensor([2, 0, 1]))
    assert (len(source), source.memory) == (3, 0)
    assert source.to(CPU, CPU).labels.tolist() == [2, 0, 1]


def test_content_is_of_the_names_wherever_the_folder_lies(tmp_path):
    labels = torch.zeros(2, dtype=torch.int64)
    here, there, swapped = (
        StreamedImages([str(tmp_path / folder / name) for name in names], labels).content
        for folder, names in (("a", ("n1/x.png", "n2/y.png")), ("b", ("n1/x.png", "n2/y.png")), ("a", ("n1/y", "n2/x")))
    )
    assert here == there != swapped
