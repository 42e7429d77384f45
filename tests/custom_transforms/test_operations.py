"""Every operation against PIL, over its whole range, on grey and colour images."""

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.pil_policy import PIL_OPERATIONS, cutout
from custom_transforms.geometry import KINDS
from custom_transforms.operations import NAMES, OPERATIONS, Steps, apply_steps

COLOUR = [name for name in PIL_OPERATIONS if not OPERATIONS[name].geometric]
CHANNELS = pytest.mark.parametrize("channels", [1, 3])
SIZES = pytest.mark.parametrize("size", [(32, 32), (21, 34), (2, 5), (224, 200)])


def random_images(channels, size, count=48, seed=0):
    """Noise, smooth pictures and narrow ranges of levels (B, C, H, W), and one image in a single level."""
    random = torch.Generator().manual_seed(seed)
    noise = torch.rand(count, channels, *size, generator=random)
    smooth = torch.rand(count, channels, 4, 4, generator=random)
    smooth = torch.nn.functional.interpolate(smooth, size, mode="bilinear")
    low, high = torch.rand(2, count, channels, 1, 1, generator=random).sort(0).values
    images = torch.where(torch.arange(count)[:, None, None, None] % 3 == 0, noise, smooth)
    images[count // 2 :] = (low + (high - low) * images)[count // 2 :]
    images[-1] = 0.3
    return (images * 255.99).byte()


def values_over_the_range(name, count=48):
    """The whole range, both ends included."""
    operation = OPERATIONS[name]
    return torch.linspace(operation.low, operation.high, count)


def operate(name, images, values, centres=None):
    """A single operation on all images, as a batch goes through its steps."""
    operation = torch.full((1, len(images)), NAMES.index(name))
    centre = torch.zeros(1, len(images), 2) if centres is None else centres[None]
    return apply_steps(images, Steps(operation, values[None], centre))


def to_pil(image):
    return Image.fromarray(image[0].numpy() if len(image) == 1 else image.permute(1, 2, 0).contiguous().numpy())


def from_pil(image):
    array = torch.from_numpy(np.array(image))
    return array[None] if array.ndim == 2 else array.permute(2, 0, 1)


def by_pil(name, images, values):
    done = [PIL_OPERATIONS[name](to_pil(image), value.item()) for image, value in zip(images, values, strict=True)]
    return torch.stack([from_pil(image) for image in done])


@CHANNELS
@SIZES
@pytest.mark.parametrize("name", COLOUR)
def test_operations_on_values_are_pils(name, size, channels):
    images, values = random_images(channels, size), values_over_the_range(name)
    difference = operate(name, images, values).int() - by_pil(name, images, values).int()
    assert (difference == 0).all()


@CHANNELS
@SIZES
@pytest.mark.parametrize("name", KINDS)
def test_geometric_operations_are_pils_away_from_rounding_edges(name, size, channels):
    images, values = random_images(channels, size), values_over_the_range(name)
    differs = (operate(name, images, values) != by_pil(name, images, values)).any(1)
    distances = torch.stack([distance_to_edge(name, value.item(), *size) for value in values])
    assert not differs[distances > 0.01].any()
    assert (distances > 0.01).float().mean() > 0.9
    assert differs.float().mean() < 1e-3


def distance_to_edge(name, value, height, width):
    """How far the source of each pixel (H, W) is from where the nearest pixel changes, in pixels."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    x, y = x.double(), y.double()
    angle = np.deg2rad(value)
    u, v = {
        "Rotate": lambda: turn(x, y, angle, height, width),
        "ShearX": lambda: (x + value * y, y),
        "ShearY": lambda: (x, y + value * x),
        "TranslateX": lambda: (x + value * width, y),
        "TranslateY": lambda: (x, y + value * height),
    }[name]()
    return torch.minimum((u - u.round()).abs(), (v - v.round()).abs())


def turn(x, y, angle, height, width):
    x, y = x - width / 2, y - height / 2
    return x * np.cos(angle) - y * np.sin(angle) + width / 2, x * np.sin(angle) + y * np.cos(angle) + height / 2


@CHANNELS
@SIZES
def test_cutout_is_pils_rectangle(size, channels):
    images, shares = random_images(channels, size), values_over_the_range("Cutout")
    centres = torch.rand(len(images), 2, generator=torch.Generator().manual_seed(1))
    expected = [
        from_pil(cutout(to_pil(image), share.item(), tuple(centre.tolist())))
        for image, share, centre in zip(images, shares, centres, strict=True)
    ]
    done = operate("Cutout", images, shares, centres)
    assert torch.equal(done, torch.stack(expected))
    assert torch.equal(done[0], images[0])


def test_color_leaves_grey_images_alone():
    images = random_images(1, (8, 8))
    assert torch.equal(operate("Color", images, torch.full((48,), 1.9)), images)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_does_not_depend_on_its_batch(name):
    images, values = random_images(3, (16, 16), count=6), values_over_the_range(name, 6)
    centres = torch.rand(6, 2, generator=torch.Generator().manual_seed(2))
    together = operate(name, images, values, centres)
    alone = [operate(name, images[i : i + 1], values[i : i + 1], centres[i : i + 1]) for i in range(6)]
    assert together.dtype == torch.uint8
    assert torch.equal(together, torch.cat(alone))


def random_steps(count, steps=3):
    """Any of the operations at about a third of its range."""
    random = torch.Generator().manual_seed(0)
    operation = torch.randint(len(NAMES), (steps, count), generator=random)
    value = torch.stack([values_over_the_range(name, 9) for name in NAMES])[operation, 3]
    return Steps(operation, value, torch.rand(steps, count, 2, generator=random))


def test_steps_run_each_images_operations_in_their_order():
    images, steps = random_images(3, (16, 16), 64), random_steps(64)
    untouched, expected = images.clone(), images.clone()
    for operation, value, centre in zip(*steps, strict=True):
        for i, name in enumerate(NAMES[place] for place in operation):
            expected[i] = operate(name, expected[i : i + 1], value[i : i + 1], centre[i : i + 1])[0]
    assert torch.equal(apply_steps(images, steps), expected)
    assert torch.equal(images, untouched)


def test_normalised_images_are_refused():
    with pytest.raises(TypeError, match="uint8 images"):
        apply_steps(torch.rand(4, 3, 8, 8), random_steps(4))


@pytest.mark.cuda
def test_a_gpu_does_what_the_cpu_does():
    images, steps = random_images(3, (32, 32), 512), random_steps(512)
    there = apply_steps(images.cuda(), steps).cpu()
    # Sines and cosines may differ in their last bit, and then a few nearest pixels do.
    assert (there == apply_steps(images, steps)).float().mean() > 0.999
