"""Quarter turns, vertical flip and jigsaw, against PIL and their definitions."""

from itertools import permutations

import pytest
import torch
from PIL import Image, ImageOps
from scipy import stats
from test_operations import from_pil, random_images, to_pil

from custom_transforms.negative import Jigsaw, QuarterTurn, flip_vertically

UNLIKELY = 1e-4  # the smallest p-value that passes; the seeds are fixed
CHANNELS = pytest.mark.parametrize("channels", [1, 3])
TURNS = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def blank(count):
    return torch.zeros(()).expand(count, 1, 2, 2)


@CHANNELS
def test_quarter_turns_are_pils(channels):
    images, turn = random_images(channels, (13, 13)), QuarterTurn()
    turns = turn.draw(images, seeded()).tolist()
    expected = [from_pil(to_pil(image).transpose(TURNS[n])) for image, n in zip(images, turns, strict=True)]
    assert torch.equal(turn(images, seeded()), torch.stack(expected))


def test_every_quarter_turn_is_drawn_equally_often():
    counts = torch.bincount(QuarterTurn().draw(blank(100_000), seeded()))
    assert counts[0] == 0
    assert stats.chisquare(counts[1:]).pvalue > UNLIKELY


@CHANNELS
def test_vertical_flip_is_pils_and_draws_nothing(channels):
    images, generator = random_images(channels, (6, 9)), seeded()
    expected = torch.stack([from_pil(ImageOps.flip(to_pil(image))) for image in images])
    assert torch.equal(flip_vertically(images, generator), expected)
    assert torch.equal(generator.get_state(), seeded().get_state())


def quarters(image):
    """The four quarters of an image (C, H, W), row by row."""
    height, width = (side // 2 for side in image.shape[1:])
    rows = image[:, :height], image[:, height:]
    return [part for row in rows for part in (row[..., :width], row[..., width:])]


@CHANNELS
def test_jigsaw_keeps_the_quarters_and_never_their_places(channels):
    images, jigsaw = torch.rand(500, channels, 6, 10, generator=seeded()), Jigsaw()
    orders, done = jigsaw.draw(images, seeded()).tolist(), jigsaw(images, seeded())
    assert done.shape == images.shape
    for image, order, changed in zip(images, orders, done, strict=True):
        given, found = quarters(image), quarters(changed)
        assert not torch.equal(image, changed)
        assert sorted(order) == [0, 1, 2, 3]
        assert all(torch.equal(found[place], given[origin]) for place, origin in enumerate(order))


def test_jigsaw_draws_the_other_23_orders_equally_often():
    orders = Jigsaw().draw(blank(100_000), seeded())
    codes = (orders * torch.tensor([64, 16, 4, 1])).sum(1)
    places = [sum(part * 4 ** (3 - place) for place, part in enumerate(order)) for order in permutations(range(4))]
    counts = torch.bincount(codes, minlength=256)[places]
    assert counts.sum() == 100_000
    assert counts[0] == 0
    assert stats.chisquare(counts[1:]).pvalue > UNLIKELY
