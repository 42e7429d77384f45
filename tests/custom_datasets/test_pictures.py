"""Pictures of every kind as people see them, against Pillow's own turning and blending."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from custom_datasets.own.picture import has_colour, read_picture
from custom_datasets.sources import load_dataset
from utils.errors import UserError

CPU = torch.device("cpu")
WHITE, GREEN, GREY = (255, 255, 255), (10, 200, 30), (90, 90, 90)
RANDOM = np.random.default_rng(3)


def noise(*shape):
    return RANDOM.integers(256, size=shape, dtype=np.uint8)


def seen(path, background=WHITE):
    """What a viewer shows: turned by Pillow, laid over the background by Pillow. (H, W, 3)"""
    with Image.open(path) as image:
        turned = ImageOps.exif_transpose(image).convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", turned.size, (*background, 255)), turned))[..., :3]


def read(path, background=WHITE):
    assert has_colour(path, background)
    return read_picture(path, True, background).transpose(1, 2, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "mpo"])
def test_orientation_is_applied_whatever_carries_it(tmp_path, orientation, suffix):
    path = tmp_path / f"photo.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = Image.fromarray(noise(6, 10, 3))
    more = {"save_all": True, "append_images": [photo]} if suffix == "mpo" else {}
    photo.save(path, exif=exif, **({"lossless": True} if suffix == "webp" else {}), **more)
    found = read(path)
    assert found.shape == ((10, 6, 3) if orientation > 4 else (6, 10, 3))
    assert np.array_equal(found, seen(path))


def test_orientation_that_cannot_be_read_turns_nothing(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(noise(6, 10, 3)).save(path, exif=b"Exif\0\0MM\0nonsense")
    assert np.array_equal(read(path), np.asarray(Image.open(path)))


def palette(**transparency):
    image = Image.fromarray(noise(5, 5, 3)).quantize(8)
    content = io.BytesIO()
    image.save(content, "PNG", **transparency)
    return content.getvalue()


def saved(image, format="PNG", **arguments):
    content = io.BytesIO()
    image.save(content, format, **arguments)
    return content.getvalue()


COLOURED = {
    "RGBA": saved(Image.fromarray(noise(5, 5, 4))),
    "RGBA WebP": saved(Image.fromarray(noise(5, 5, 4)), "WEBP", lossless=True),
    "RGBA TIFF": saved(Image.fromarray(noise(5, 5, 4)), "TIFF"),
    "LA": saved(Image.fromarray(noise(5, 5, 2), "LA")),
    "P, one colour": palette(transparency=2),
    "P, every colour": palette(transparency=bytes(range(0, 256, 32))),
    "RGB, one colour": saved(Image.new("RGB", (5, 5), (1, 2, 3)), transparency=(1, 2, 3)),
}


@pytest.mark.parametrize("background", [WHITE, GREEN, (0, 0, 0)])
@pytest.mark.parametrize("name", COLOURED)
def test_transparency_is_laid_over_the_background(tmp_path, name, background):
    path = tmp_path / "picture.png"
    path.write_bytes(COLOURED[name])
    assert np.array_equal(read(path, background), seen(path, background))
    with Image.open(path) as image:
        assert not np.array_equal(read(path, background), np.asarray(image.convert("RGBA"))[..., :3])


def png(width, height, depth, rows, transparent):
    """A grey PNG of so many bits, with one transparent value."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"tRNS", struct.pack(">H", transparent)) + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


@pytest.mark.parametrize(("depth", "row"), [(1, 0b01010101), (2, 0b00011011), (4, 0x07), (8, 7)])
def test_transparent_grey_of_few_bits(tmp_path, depth, row):
    """The second value from the left is transparent; over grey it stays grey, over a colour it takes three channels."""
    bytes_of_row = bytes([row]) if depth < 8 else bytes([0, row])
    count = len(bytes_of_row) * 8 // depth
    values = [
        int(bits, 2)
        for bits in (f"{int.from_bytes(bytes_of_row):0{count * depth}b}"[i * depth :][:depth] for i in range(count))
    ]
    path = tmp_path / "grey.png"
    path.write_bytes(png(count, 1, depth, b"\0" + bytes_of_row, values[1]))
    expected = [90 if value == values[1] else value * 255 // (2**depth - 1) for value in values]
    assert not has_colour(path, GREY)
    assert read_picture(path, False, GREY)[0, 0].tolist() == expected
    assert read(path, GREEN)[0, 1].tolist() == list(GREEN)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_opaque_pictures_keep_their_pixels(tmp_path, mode):
    """As without an alpha channel, bit for bit."""
    pixels = noise(40, 40, len(mode))
    pixels[..., -1] = 255
    path = tmp_path / "opaque.png"
    Image.fromarray(pixels, mode).save(path)
    assert np.array_equal(read(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "P"])
def test_plain_colours_are_pillows(tmp_path, mode):
    path = tmp_path / "plain.tif"
    Image.fromarray(noise(5, 7, 3)).convert(mode).save(path)
    assert np.array_equal(read(path), np.asarray(Image.open(path).convert("RGB")))


def test_several_pages_are_refused_and_a_camera_s_photograph_is_not(tmp_path):
    first, second = (Image.fromarray(noise(5, 5, 3)) for _ in range(2))
    for name, kind in (("scan.tif", "TIFF"), ("photo.jpg", "MPO")):
        first.save(tmp_path / name, kind, save_all=True, append_images=[second])
    with pytest.raises(UserError, match=r"scan\.tif holds 2 pictures, .*; keep one of them"):
        has_colour(tmp_path / "scan.tif", WHITE)
    assert np.array_equal(read(tmp_path / "photo.jpg"), np.asarray(Image.open(tmp_path / "photo.jpg")))


def test_background_reaches_the_data(tmp_path):
    for part in ("train", "valid"):
        for name, alpha in (("in", 255), ("out", 0)):
            (tmp_path / part / name).mkdir(parents=True)
            Image.new("RGBA", (2, 3), (1, 2, 3, alpha)).save(tmp_path / part / name / "0.png")
    data = load_dataset("mine", tmp_path, CPU, background=GREEN)
    assert data.train.images[:, :, 0, 0].tolist() == [[1, 2, 3], list(GREEN)] * 2
    assert "4 pictures show nothing: a single value everywhere, such as train/in/0.png" in data.notes


@pytest.mark.parametrize(("kind", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_colour_of_sixteen_bits_is_refused_as_grey_is(tmp_path, kind, channels):
    """Pillow, whose modes do not tell, reads the upper bytes alone. It writes no such PNG: this one is put together."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\0" + bytes(range(2 * channels * 8)) for _ in range(8))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, kind, 0, 0, 0))
    path = tmp_path / "deep.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    assert Image.open(path).size == (8, 8)
    with pytest.raises(UserError, match=r"deep.png has pixels of kind .*16.*, not of 8 bits; convert it"):
        has_colour(path, WHITE)


def test_bitmap_of_sixteen_bits_for_all_channels_is_read(tmp_path):
    """Red of five, green of six and blue of five bits are 8 bits to Pillow, as before."""
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    header = struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, 16, 3, 32, 0, 0, 0, 0)
    path = tmp_path / "red.bmp"
    path.write_bytes(b"BM" + struct.pack("<IHHI", 98, 0, 0, 66) + header + masks + struct.pack("<H", 0xF800) * 16)
    assert has_colour(path, WHITE)
    assert (read_picture(path, True, WHITE) == np.array([255, 0, 0])[:, None, None]).all()
