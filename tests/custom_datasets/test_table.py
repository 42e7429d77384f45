"""Tables: where their images are, and the statistics of their pixels."""

import numpy as np
import pytest
import torch

from custom_datasets import sources
from custom_datasets.sources import load_dataset
from custom_datasets.table import ImageTable, channel_statistics

CPU = torch.device("cpu")


def test_statistics_are_numpys():
    images = torch.randint(256, (2500, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = channel_statistics(images)
    pixels = images.numpy().astype(np.float64) / 255
    assert mean == pytest.approx(pixels.mean((0, 2, 3)))
    assert std == pytest.approx(pixels.std((0, 2, 3)))


def test_deviation_of_an_even_channel_can_be_divided_by():
    assert channel_statistics(torch.full((5, 1, 2, 2), 51, dtype=torch.uint8)) == ((0.2,), (pytest.approx(1 / 255),))


def test_images_that_are_too_large_stay_on_the_host(tmp_path, monkeypatch, capsys):
    fits = load_dataset("DIGITS", tmp_path, CPU)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sources, "free_memory", lambda device: 1.9 * fits.memory)
    data = load_dataset("DIGITS", tmp_path, CPU)
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "stay in the host's memory" in message
    assert torch.equal(data.train.images, fits.train.images)


def test_batches_of_a_table_on_the_host_are_moved(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda images: images)  # which needs a GPU
    images = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1)
    table = ImageTable(images, torch.arange(10)).to(torch.device("meta"), images=CPU)
    assert (table.images.device.type, table.labels.device.type) == ("cpu", "meta")
    moved = list(table.fetch([torch.tensor([7, 2]), torch.tensor([5])], None, 0))
    assert [(len(batch), batch.device.type) for batch in moved] == [(2, "meta"), (1, "meta")]


@pytest.mark.cuda
def test_a_table_on_the_host_gives_the_batches_of_one_on_the_device():
    gpu = torch.device("cuda")
    images = torch.randint(256, (50, 3, 4, 4), dtype=torch.uint8)
    table = ImageTable(images, torch.arange(50))
    order = list(torch.randperm(50, device=gpu).split(8))
    host, device = (table.to(gpu, place).fetch(order, None, 0) for place in (CPU, gpu))
    for moved, there in zip(host, device, strict=True):
        assert moved.device.type == "cuda"
        assert torch.equal(moved, there)


def test_content_tells_every_pixel():
    images = torch.randint(256, (5, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    before = ImageTable(images.clone(), torch.zeros(5)).content
    assert ImageTable(images.permute(0, 3, 2, 1).contiguous().permute(0, 3, 2, 1), torch.zeros(5)).content == before
    images[4, 2, 3, 3] ^= 1
    assert ImageTable(images, torch.zeros(5)).content != before
