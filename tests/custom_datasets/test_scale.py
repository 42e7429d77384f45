"""Pictures of any size as squares, against torchvision's Resize and CenterCrop."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from custom_datasets.own.picture import read_picture
from custom_datasets.own.scale import choose_side, evaluation_size, scale_picture
from custom_datasets.sources import load_dataset
from utils.errors import UserError

WHITE = (255, 255, 255)
SIZES = [(16, 16), (37, 90), (90, 37), (50, 50), (33, 32), (200, 31), (5, 7), (1, 300), (301, 2)]


def noise(height, width, mode="RGB"):
    pixels = np.random.default_rng([height, width]).integers(256, size=(height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def torchvisions(picture, side):
    return np.asarray(transforms.CenterCrop(side)(transforms.Resize(side)(picture)))


@pytest.mark.parametrize("side", [16, 31, 32])
@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_evaluation_view_is_torchvisions(height, width, side, mode):
    picture = noise(height, width, mode)
    resized = transforms.Resize(side)(picture)
    assert evaluation_size(height, width, side) == (resized.height, resized.width)
    found, expected = np.asarray(scale_picture(picture, side)), torchvisions(picture, side)
    assert found.shape == expected.shape
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1  # rounding


def test_a_square_of_the_side_stays_as_it_is():
    picture = noise(24, 24)
    assert np.array_equal(scale_picture(picture, 24), picture)


def test_a_long_picture_takes_no_more_memory():
    assert scale_picture(Image.new("L", (10_000_000, 1)), 224).size == (224, 224)


def test_orientation_and_background_come_first(tmp_path):
    picture = noise(40, 60, "RGBA")
    picture.putalpha(noise(40, 60, "L"))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "photo.png", exif=exif)
    whole = Image.fromarray(read_picture(tmp_path / "photo.png", True, WHITE).transpose(1, 2, 0))
    assert whole.size == (40, 60)
    found = read_picture(tmp_path / "photo.png", True, WHITE, side=20)
    assert np.array_equal(found.transpose(1, 2, 0), scale_picture(whole, 20))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("side", [16, 40])
def test_large_jpeg_is_scaled_as_if_it_were_decoded_whole(tmp_path, progressive, side):
    picture = Image.fromarray(np.asarray(noise(60, 80).resize((800, 600), Image.Resampling.BICUBIC)))
    picture.save(tmp_path / "photo.jpg", quality=90, progressive=progressive)
    found = read_picture(tmp_path / "photo.jpg", True, WHITE, side).transpose(1, 2, 0)
    difference = np.abs(found.astype(int) - torchvisions(Image.open(tmp_path / "photo.jpg"), side))
    assert difference.mean() < 0.3
    assert difference.max() <= 3


@pytest.mark.parametrize("size", [(28, 28), (64, 64), (256, 256), (96, 200)])
def test_prepared_pictures_stay_as_they_are(size):
    assert choose_side([size] * 10, 10)[0] is None


@pytest.mark.parametrize(
    ("shorter", "images", "side"),
    [
        (20, 100, 32),  # the smallest
        (50, 100, 32),
        (64, 100, 64),
        (500, 100, 64),  # few pictures
        (500, 2001, 96),
        (500, 20001, 128),
        (100, 20001, 96),
        (300, 100, 64),
    ],
)
def test_side_suits_sizes_and_number(shorter, images, side):
    found, reason = choose_side([(shorter, shorter + 200 + place % 2) for place in range(100)], images)
    assert found == side
    assert f"shorter side of {shorter} or more" in reason


def test_three_in_four_pictures_are_not_enlarged():
    assert choose_side([(40, 500)] * 24 + [(80, 500)] * 76, 100)[0] == 64
    assert choose_side([(40, 500)] * 26 + [(80, 500)] * 74, 100)[0] == 32


def write(folder, size=lambda place: (20 + place, 30)):
    for part in ("train", "valid"):
        for label, name in enumerate(("a", "b")):
            (folder / part / name).mkdir(parents=True)
            for place in range(3):
                height, width = size(place + 3 * label)
                noise(height, width).save(folder / part / name / f"{place}.png")


def load(folder, **how):
    return load_dataset("photos", folder, torch.device("cpu"), **how)


@pytest.mark.parametrize("image_size", [None, 8, 48])
def test_tables_have_the_scaled_pictures(tmp_path, image_size):
    write(tmp_path)
    data = load(tmp_path, image_size=image_size)
    side = image_size or 32
    assert (data.image_size, data.train.shape, data.test.shape) == (side, (3, side, side), (3, side, side))
    for image, file in zip(data.train.images, data.train_files, strict=True):
        expected = scale_picture(Image.open(tmp_path / file), side)
        assert np.array_equal(image.permute(1, 2, 0), expected)
    notes = [] if image_size else [note for note in data.notes if "scaled to 32 x 32" in note]
    assert list(data.notes) == notes


def test_pictures_of_one_size_are_scaled_on_demand(tmp_path):
    write(tmp_path, lambda place: (12, 18))
    assert (load(tmp_path).train.shape, load(tmp_path, image_size=16).train.shape) == ((3, 12, 18), (3, 16, 16))


def test_pictures_that_were_read_as_they_are_cannot_have_other_sizes(tmp_path):
    write(tmp_path)
    with pytest.raises(UserError, match=r"10 of 12 .*is 30 x 21 pixels, but others are 30 x 20\).*add --image-size"):
        load(tmp_path, image_size=0)
