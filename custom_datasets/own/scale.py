"""Pictures of any size as squares: the view that evaluation has of them, and the side if it is not given."""

from collections.abc import Sequence

from PIL import Image

SIDES = (32, 64, 96, 128, 224)
# Pictures that all have one size stay as they are up to this side: they have been prepared. Photographs are larger.
PREPARED = 256
# Up to so many pictures, the largest side that is chosen: few pictures teach a network little about details, and those
# of many are read and trained on in reasonable time.
LARGEST = ((2_000, 64), (20_000, 96))
OF_MANY = 128


def evaluation_size(height: int, width: int, side: int) -> tuple[int, int]:
    """(h, w) of a picture of height x width pixels that is scaled so that its shorter side is `side`.

    The longer side is rounded down, as torchvision's `Resize(side)` does.
    """
    return (side, side * width // height) if height <= width else (side * height // width, side)


def scale_picture(picture: Image.Image, side: int) -> Image.Image:
    """The evaluation view, side x side: the shorter side becomes `side` and the centre is kept.

    As torchvision's `Resize(side)` (bilinear, with antialias) and `CenterCrop(side)`, up to rounding; only the pixels
    that are kept are computed, so that a long narrow picture takes no more time or memory than another one.
    """
    height, width = evaluation_size(picture.height, picture.width, side)
    across, down = picture.width / width, picture.height / height
    left, top = round((width - side) / 2) * across, round((height - side) / 2) * down
    right, bottom = min(left + side * across, picture.width), min(top + side * down, picture.height)
    return picture.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, right, bottom))


def choose_side(sizes: Sequence[tuple[int, int]], images: int) -> tuple[int | None, str]:
    """The side for a data set of so many pictures of these sizes (H, W), and the reason in words.

    None if they stay as they are: they have one size that is not a photograph's. Otherwise the largest of `SIDES` that
    three in four pictures have, and that suits their number. It depends on the data alone, never on the machine.
    """
    if len(set(sizes)) == 1 and max(sizes[0]) <= PREPARED:
        height, width = sizes[0]
        return None, f"all pictures are {width} x {height}"
    shorter = sorted(min(size) for size in sizes)
    quartile = shorter[(len(shorter) - 1) // 4]
    by_number = next((side for most, side in LARGEST if images <= most), OF_MANY)
    fitting = [side for side in SIDES if side <= min(quartile, by_number)]
    reason = f"three in four have a shorter side of {quartile} or more, and {images:,} pictures suit {by_number}"
    return fitting[-1] if fitting else SIDES[0], reason
