"""Reads a picture as a viewer shows it: turned by its EXIF orientation, with transparent parts over a background."""

import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageFile

from custom_datasets.own.scale import scale_picture
from custom_datasets.reading import reading
from utils.errors import UserError

Colour = tuple[int, int, int]  # red, green, blue, 0 to 255 each
WHITE = 255, 255, 255
GREY_MODES = ("1", "L")
ALPHA_MODES = ("RGBA", "RGBa", "LA", "La", "PA")
COLOUR_MODES = (*ALPHA_MODES, "RGB", "RGBX", "P", "CMYK", "YCbCr", "HSV", "LAB")
# EXIF's orientations except 1, which is upright.
TURNS: dict[int | None, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# PNG stores its transparent colour in the bits of the file; Pillow spreads pixels of few bits over 0 to 255.
SPREAD: dict[str | None, int] = {"L;2": 85, "L;4": 17}

SIXTEEN_BITS = re.compile(";16[BLN]")  # per channel, with the order of the bytes; "BGR;16" has 16 bits for all channels


def has_colour(path: Path, background: Colour) -> bool:
    """Whether the picture in a file needs three channels, by its header.

    Raises UserError when it cannot be read, is not of 8 bits, or is one of several pictures, as in animations.
    """
    with _opened(path) as image:
        refuse_depth(path, image)
        # A camera's MPO file is a photograph; the pictures after the first one are previews or other views.
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":
            raise UserError(f"{path} holds {frames} pictures, as animations and scans do; keep one of them")
        over_colour = is_transparent(image) and len(set(background)) > 1
        return image.mode not in GREY_MODES or over_colour


def read_picture(path: Path, colour: bool, background: Colour, side: int | None = None) -> np.ndarray:
    """The picture in a file as uint8 (3, H, W), or (1, H, W) without `colour`; of several, the first one.

    With a `side` it is scaled and cropped to side x side pixels, as `scale_picture` does.

    Raises UserError when it is damaged or not of 8 bits.
    """
    with _opened(path) as image:
        refuse_depth(path, image)
        spread_transparency(image)
        image.load()
        turn = TURNS.get(orientation(image))
        flat = over_background(image, background) if is_transparent(image) else image
        flat = flat.convert("RGB" if colour else "L")
        upright = flat if turn is None else flat.transpose(turn)
        pixels = np.asarray(scale_picture(upright, side) if side else upright)
        return pixels.transpose(2, 0, 1) if colour else pixels[None]


def refuse_depth(path: Path, image: ImageFile.ImageFile) -> None:
    """Raise UserError when the picture, which is not loaded yet, is not of 8 bits."""
    if image.mode not in GREY_MODES + COLOUR_MODES:
        raise UserError(f"{path} has pixels of kind {image.mode}, not of 8 bits; convert it")
    if SIXTEEN_BITS.search(stored_kind(image) or ""):  # Pillow would keep only the upper byte
        raise UserError(f"{path} has pixels of kind {stored_kind(image)}, not of 8 bits; convert it")


def is_transparent(image: Image.Image) -> bool:
    """Whether a picture has an alpha channel or transparent colours."""
    palette_has_alpha = image.palette is not None and image.palette.mode.endswith("A")
    return image.mode in ALPHA_MODES or "transparency" in image.info or palette_has_alpha


def over_background(image: Image.Image, background: Colour) -> Image.Image:
    """A picture laid over a colour: RGBA, opaque."""
    if image.mode == "La":  # converts only to this mode
        image = image.convert("LA")
    canvas = Image.new("RGBA", image.size, (*background, 255))
    canvas.alpha_composite(image.convert("RGBA"))
    return canvas


def stored_kind(image: ImageFile.ImageFile) -> str | None:
    """The storage mode of a picture that is not loaded yet, such as "RGB;16B"; None if its format does not state it."""
    stored = image.tile[0].args if image.tile else None
    return stored[0] if isinstance(stored, tuple) else stored


def spread_transparency(image: ImageFile.ImageFile) -> None:
    """Convert the transparent colour of a picture that is not loaded yet to the values that Pillow will load."""
    value = image.info.get("transparency")
    factor = SPREAD.get(stored_kind(image))
    if factor and value is not None:
        image.info["transparency"] = (
            int(value * factor) if isinstance(value, int) else tuple(int(part * factor) for part in value)
        )


def orientation(image: Image.Image) -> int | None:
    """The EXIF orientation of a loaded picture; None, as in viewers, if it is missing or cannot be read."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged bytes can raise anything
        return None


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile.ImageFile]:
    """Open the file; any error inside becomes a UserError that names it."""
    with reading(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about very large pictures and damaged metadata
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise UserError(f"{path} is not a file; remove it")
        with Image.open(path) as image:
            yield image
