"""Pictures of any size as squares: the view that evaluation has of them."""

from PIL import Image


def evaluation_size(height: int, width: int, side: int) -> tuple[int, int]:
    """(h, w) of a picture of height x width pixels that is scaled so that its shorter side is `side`."""
    return (side, side * width // height) if height <= width else (side * height // width, side)


def scale_picture(picture: Image.Image, side: int) -> Image.Image:
    """The evaluation view, side x side: the shorter side becomes `side` and the centre is kept."""
    height, width = evaluation_size(picture.height, picture.width, side)
    across, down = picture.width / width, picture.height / height
    left, top = round((width - side) / 2) * across, round((height - side) / 2) * down
    right, bottom = min(left + side * across, picture.width), min(top + side * down, picture.height)
    return picture.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
