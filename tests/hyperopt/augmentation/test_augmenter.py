import argparse

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms.functional import InterpolationMode, affine

from custom_transforms.normalise import Normalise
from hyperopt.augmentation.augmenter import NoiseAugmenter, SpatialTransformer, affine_matrices, transform
from hyperopt.augmentation.augmenter_names import AFFINE, KINDS, RANGES, Form, form_of, parse_ranges, ranges_text

CPU = torch.device("cpu")
NORMALISE = Normalise((0.5, 0.4, 0.3), (0.2, 0.25, 0.3), CPU)
GREY = Normalise((0.3,), (0.3,), CPU)


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def images(channels=3, size=12, dtype=torch.float32, count=4):
    pixels = torch.rand(count, channels, size, size, generator=random(1), dtype=dtype)
    return (NORMALISE if channels == 3 else GREY).of_pixels(pixels)


def moved(pictures, form, **parameters):
    """Pictures under the same parameters for all."""
    values = torch.tensor([[parameters.get(name, 0.0) for name in form.parameters]], dtype=pictures.dtype)
    normalise = NORMALISE if form.channels == 3 else GREY
    return transform(pictures, values.expand(len(pictures), -1), form, normalise, random(2))


@pytest.mark.parametrize("classes", [0, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_identity_start_changes_nothing(kind, classes):
    form = form_of(kind, None, "identity", 3, classes)
    network = NoiseAugmenter(form, CPU)
    values = network.start(random(), identity=True)
    parameters = network.parameters(values, torch.rand(4, network.draws, generator=random(3)), torch.arange(4))
    pictures = images()
    changed = transform(pictures, parameters, form, NORMALISE, random(2))
    assert parameters.shape == (4, len(KINDS[kind]))
    assert (changed - pictures).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("kind", "weights"), [("affine", 828), ("affine-colour", 2220), ("rotation", 6 * 6 + 6 + 6 * 60 + 60 + 61)]
)
def test_networks_are_as_small_as_published(kind, weights):
    network = NoiseAugmenter(form_of(kind, None, "identity", 3), CPU)
    assert len(network.start(random(), identity=False)) == weights


@pytest.mark.parametrize("kind", ["affine", "affine-colour"])
def test_network_is_three_linear_layers_of_noise_with_dropout(kind):
    form = form_of(kind, "rotate=30", "identity", 3)
    network = NoiseAugmenter(form, CPU)
    values, uniform = network.start(random(), identity=False), torch.rand(50, network.draws, generator=random(3))
    first, second, last = layers = [nn.Linear(n, m) for n, m in zip(*sizes(network), strict=True)]
    weights = network.split(values)
    for name, layer in zip(("first", "second", "last"), layers, strict=True):
        layer.load_state_dict({part: weights[f"{name}.{part}"] for part in ("weight", "bias")})
    noise, *chances = uniform.split(network._hidden[:1] + network._hidden, 1)
    hidden = first(2 * noise - 1).relu() * (chances[0] >= 0.2) / 0.8
    raw = last(second(hidden).relu() * (chances[1] >= 0.2) / 0.8)
    ranges = torch.tensor(
        [parse_ranges("rotate=30")[name.removesuffix("_x").removesuffix("_y")] for name in KINDS[kind]]
    )
    torch.testing.assert_close(network.parameters(values, uniform, torch.zeros(50).long()), ranges * raw.tanh())
    # Weights are between the limits with which torch starts such layers, and fill them.
    for layer in layers:
        limit = layer.in_features**-0.5
        assert 0.8 * limit < layer.weight.abs().max() <= limit


def sizes(network):
    first, second = network._hidden
    return (network.noise, first, second), (first, second, len(network.form.parameters))


def test_label_changes_the_parameters_of_its_images():
    network = NoiseAugmenter(form_of("affine", None, "identity", 1, 3), CPU)
    values, uniform = network.start(random(), identity=False), torch.rand(1, network.draws, generator=random(3))
    found = network.parameters(values, uniform.expand(4, -1), torch.tensor([0, 1, 2, 1]))
    assert torch.equal(found[1], found[3])
    assert (found[0] - found[1]).abs().max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_and_warp_are_bounded_for_any_weights(kind):
    form = form_of(kind, "rotate=90,scale=1.5,hue=0.5", "identity", 3)
    network = NoiseAugmenter(form, CPU)
    values = 1e3 * torch.randn(len(network.start(random(), identity=False)), generator=random(4))
    parameters = network.parameters(
        values, torch.rand(200, network.draws, generator=random(3)), torch.zeros(200).long()
    )
    limits = parse_ranges("rotate=90,scale=1.5,hue=0.5")
    for name, column in zip(form.parameters, parameters.unbind(1), strict=True):
        assert column.abs().max() <= limits[name.removesuffix("_x").removesuffix("_y")] * (1 + 1e-6)
    changed = transform(images(count=200), parameters, form, NORMALISE, random(2))
    assert changed.isfinite().all()
    matrices = affine_matrices(dict(zip(form.parameters, parameters.unbind(1), strict=True)), 12, 12)
    determinant = torch.linalg.det(matrices[:, :, :2].double())
    assert determinant.min() >= torch.e**-3 * 0.999
    assert determinant.max() <= torch.e**3 * 1.001


def reference(pictures, **how):
    """torchvision's affine on an odd number of pixels, whose centre is that of the middle one."""
    usual = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}
    return affine(pictures, **usual | how, interpolation=InterpolationMode.BILINEAR, fill=0.0)


@pytest.mark.parametrize(
    ("parameters", "how"),
    [
        ({"rotate": 30.0}, {"angle": -30.0}),  # torchvision turns clockwise
        ({"translate_x": 2 / 13}, {"translate": [2, 0]}),
        ({"translate_y": -3 / 13}, {"translate": [0, -3]}),
        ({"scale_x": 0.4, "scale_y": 0.4}, {"scale": float(torch.e**0.4)}),
        ({"shear": 0.5}, {"shear": [-float(torch.rad2deg(torch.tensor(0.5).atan())), 0.0]}),
        ({"rotate": 20.0, "translate_x": 1 / 13, "scale_x": -0.3, "scale_y": -0.3},
         {"angle": -20.0, "translate": [1, 0], "scale": float(torch.e**-0.3)}),
    ],
)  # fmt: skip
def test_signs_and_units_are_as_documented(parameters, how):
    # A frame of zeros, since torchvision weighs what is half outside twice.
    pictures, form = F.pad(images(1, 11, torch.float64), [1] * 4), form_of("affine", None, "identity", 1)
    expected = reference(pictures, **how)
    assert (expected - pictures).abs().max() > 0.1
    torch.testing.assert_close(moved(pictures, form, **parameters), expected, rtol=0, atol=1e-5)


def test_one_axis_is_stretched_by_the_exponential():
    """A column of pixels at x gets to x e^s; twice as wide here."""
    pictures, form = images(1, 12, torch.float64), form_of("scale", None, "identity", 1)
    found = moved(pictures, form, scale_x=torch.tensor(2.0).log().item())
    columns = F.interpolate(pictures, scale_factor=(1, 2), mode="bilinear")[..., 6:18]
    torch.testing.assert_close(found[..., 1:-1], columns[..., 1:-1], rtol=0, atol=1e-6)


def test_outside_of_the_picture_is_the_mean_colour():
    pictures, form = images(3), form_of("translation", None, "identity", 3)
    found = moved(pictures, form, translate_x=0.5)
    assert torch.equal(found[..., :5], torch.zeros_like(found[..., :5]))


def test_published_affine_network_adds_to_the_identity_without_bounds():
    form = form_of("affine", None, "published", 1)
    network = NoiseAugmenter(form, CPU)
    values = network.start(random(), identity=False)
    assert network.parameters(100 * values, torch.rand(9, network.draws), torch.zeros(9).long()).abs().max() > 100
    pictures = images(1, 12, torch.float64)
    residual = torch.tensor([[0.1, -0.2, 0.3, 0.15, -0.05, -0.4]], dtype=torch.float64).expand(4, -1)
    grid = F.affine_grid(torch.eye(2, 3).double() + residual.view(4, 2, 3), [4, 1, 12, 12], align_corners=False)
    expected = F.grid_sample(pictures, grid, padding_mode="zeros", align_corners=False)
    torch.testing.assert_close(transform(pictures, residual, form, GREY, random(2)), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_warp_and_colour(kind):
    form = form_of(kind, None, "identity", 3)
    # A smooth picture, so that a difference stays between two kinks of the bilinear surface.
    pixels = 0.3 + 0.4 * F.interpolate(torch.rand(2, 3, 2, 2, generator=random(1)).double(), 5, mode="bilinear")
    parameters = (0.05 * torch.rand(2, len(form.parameters), generator=random(5)) + 0.02).double().requires_grad_()
    pictures = NORMALISE.of_pixels(pixels).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda *both: transform(*both, form, NORMALISE, random(2)), (pictures, parameters), eps=1e-7, atol=1e-5
    )


def test_colours_change_in_an_order_that_is_drawn_anew_for_each_batch():
    form, pictures = form_of("affine-colour", None, "identity", 3), images()
    values = torch.tensor([[0.0] * 6 + [0.6, -0.5, 0.7, 0.2]]).expand(4, -1)
    results = [transform(pictures, values, form, NORMALISE, random(seed)) for seed in (1, 1, 2, 3)]
    assert torch.equal(results[0], results[1])
    assert any((results[0] - other).abs().max() > 1e-3 for other in results[2:])


@pytest.mark.parametrize("size", [8, 13, 32])
def test_spatial_transformer_takes_any_size_and_starts_at_the_identity(size):
    form = form_of("stn", None, "identity", 3)
    network, pictures = SpatialTransformer(form, CPU), images(3, size)
    values, uniform = network.start(random(), identity=True), torch.rand(4, 16, generator=random(3))
    parameters = network.parameters(values, pictures, uniform)
    assert parameters.shape == (4, len(AFFINE))
    assert (transform(pictures, parameters, form, NORMALISE, random(2)) - pictures).abs().max() < 1e-5
    anew = network.parameters(network.start(random(), identity=False), pictures, uniform)
    assert anew.std(0).min() > 0  # each image has its own


def test_ranges_are_read_in_any_order_and_written_in_one():
    assert ranges_text("translate=0.20,rotate=30") == "rotate=30,translate=0.2"
    assert ranges_text("rotate=60") is None
    assert ranges_text("rotate=60.0,hue=0") == "hue=0"
    assert parse_ranges("rotate=30,translate=0.2") == {name: r.usual for name, r in RANGES.items()} | {
        "rotate": 30,
        "translate": 0.2,
    }
    assert parse_ranges(None) == {name: usual for name, (usual, _, _) in RANGES.items()}
    assert form_of("scale", "scale=0.1,rotate=5", "identity", 1) == Form("scale", {"scale": 0.1}, 1)


@pytest.mark.parametrize(
    "text",
    ["", "rotate", "rotate=", "rotate=x", "rotate=nan", "rotate=-1", "rotate=181", "turn=3", "rotate=1,rotate=2",
     "rotate=1,", "rotate=1;scale=1", "scale=1_0", "hue=0.6", "rotate=1=2"],
)  # fmt: skip
def test_malformed_ranges_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        ranges_text(text)
