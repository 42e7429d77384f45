"""PIL's operations on one image: the reference of the benchmark and of the tests."""

import math
from random import Random

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from custom_transforms.colour import CUTOUT_FILL
from custom_transforms.operations import OPERATIONS
from custom_transforms.policies import RAND_OPERATIONS


def affine(image: Image.Image, *matrix: float) -> Image.Image:
    """Destination-to-source matrix, row by row; nearest sampling, fill 0."""
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST)


def cutout(image: Image.Image, share: float, centre: tuple[float, float]) -> Image.Image:
    """A filled square whose centre is given in shares of width and height."""
    half = share * image.width / 2
    x, y = centre[0] * image.width, centre[1] * image.height
    # ImageDraw takes the first and the last pixel of a side; a pixel's centre is its number plus one half.
    first = math.ceil(x - half - 0.5), math.ceil(y - half - 0.5)
    last = math.floor(x + half - 0.5), math.floor(y + half - 0.5)
    image = image.copy()
    if first[0] <= last[0] and first[1] <= last[1]:
        fill = CUTOUT_FILL if image.mode == "RGB" else CUTOUT_FILL[0]
        ImageDraw.Draw(image).rectangle((*first, *last), fill)
    return image


# The operations of `custom_transforms.operations` as functions of an image and a value; `cutout` needs a place as well,
# and PIL has no Sobel.
PIL_OPERATIONS = {
    "Identity": lambda image, _: image,
    "AutoContrast": lambda image, _: ImageOps.autocontrast(image),
    "Equalize": lambda image, _: ImageOps.equalize(image),
    "Invert": lambda image, _: ImageOps.invert(image),
    "Solarize": ImageOps.solarize,
    "Posterize": lambda image, bits: ImageOps.posterize(image, int(bits)),
    "Contrast": lambda image, factor: ImageEnhance.Contrast(image).enhance(factor),
    "Color": lambda image, factor: ImageEnhance.Color(image).enhance(factor),
    "Brightness": lambda image, factor: ImageEnhance.Brightness(image).enhance(factor),
    "Sharpness": lambda image, factor: ImageEnhance.Sharpness(image).enhance(factor),
    "Blur": lambda image, deviation: image.filter(ImageFilter.GaussianBlur(deviation)),
    "Rotate": lambda image, degrees: image.rotate(degrees),
    "ShearX": lambda image, factor: affine(image, 1, factor, 0, 0, 1, 0),
    "ShearY": lambda image, factor: affine(image, 1, 0, 0, factor, 1, 0),
    "TranslateX": lambda image, share: affine(image, 1, 0, share * image.width, 0, 1, 0),
    "TranslateY": lambda image, share: affine(image, 1, 0, 0, 0, 1, share * image.height),
}


def rand_policy(image: Image.Image, n: int, m: float, random: Random) -> Image.Image:
    """RAND(n, m) on one image."""
    for _ in range(n):
        name = random.choice(RAND_OPERATIONS)
        operation = OPERATIONS[name]
        low = 0 if operation.geometric else operation.low
        value = low + random.random() * m / 30 * (operation.high - low)
        if operation.geometric and random.random() < 0.5:
            value = -value
        image = PIL_OPERATIONS[name](image, value)
    return image
