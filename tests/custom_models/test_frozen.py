"""The classifier at rest against the classifier in evaluation mode."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

from custom_models.celu import CELU
from custom_models.classifier import build_model
from custom_models.frozen import FrozenClassifier


def trained(name, channels, side, precision=torch.float32):
    """A network whose statistics, weights and biases have moved away from their start."""
    model = build_model(name, channels, 5, seed=0, precision=precision)
    random = torch.Generator().manual_seed(1)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5, generator=random)
            nn.init.normal_(layer.bias, 0, 0.3, generator=random)
    for _ in range(5):
        model(torch.randn(16, channels, side, side, generator=random))
    return model.eval(), torch.randn(40, channels, side, side, generator=random)


NETWORKS = [("smallnet", 1, 8), ("lenet", 1, 12), ("resnet18thin", 1, 12), ("resnet18", 3, 20), ("wresnet16_2", 3, 12)]
NETWORKS += [("resnet18small", 3, 8), ("wrn16_2", 3, 12)]


@pytest.mark.parametrize(("name", "channels", "side"), NETWORKS)
def test_logits_and_gradient_of_the_pixels_are_the_classifiers(name, channels, side):
    """To rounding: the distance from float64 is 1e-6, or of the size that the classifier's own is."""
    model, images = trained(name, channels, side)
    results = []
    for network in (model, FrozenClassifier(model), copy.deepcopy(model).double()):
        pixels = images.to(network.head.weight.dtype, copy=True).requires_grad_()
        logits = network(pixels)
        logits.square().sum().backward()
        results.append((logits.detach().float(), pixels.grad.float()))
    for own, found, exact in zip(*results, strict=True):
        rounding = (own - exact).abs().max()
        assert (found - exact).abs().max() < max(1e-6 * exact.abs().max(), 2 * rounding)


def test_images_and_classifier_are_left_as_they_are():
    model, images = trained("wresnet16_2", 3, 12)
    before, state = images.clone(), {name: value.clone() for name, value in model.state_dict().items()}
    frozen = FrozenClassifier(model.train())
    frozen(images.requires_grad_()).sum().backward()
    assert torch.equal(images, before)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert not any(p.requires_grad for p in frozen.parameters())


@pytest.mark.parametrize("name", ["resnet18thin", "wresnet10_1", "resnet18small", "wrn10_1"])
def test_no_norm_stands_behind_a_convolution(name):
    encoder = FrozenClassifier(build_model(name, 3, 5, seed=0)).encoder
    assert all(layer.inplace for layer in encoder.modules() if isinstance(layer, CELU | nn.ReLU))
    for layers in encoder.modules():
        if isinstance(layers, nn.Sequential):
            kinds = [type(layer) for layer in layers]
            assert (nn.Conv2d, nn.BatchNorm2d) not in pairwise(kinds)


def test_refresh_follows_the_classifier():
    model, images = trained("smallnet", 1, 8)
    other = build_model("smallnet", 1, 5, seed=3)
    frozen = FrozenClassifier(other)
    before = frozen(images)
    frozen.refresh(model)
    assert torch.equal(frozen(images), FrozenClassifier(model)(images))
    torch.testing.assert_close(before, other.eval()(images))


@pytest.mark.parametrize("name", ["smallnet", "wresnet10_1"])
def test_bfloat16_is_the_encoders_alone(name):
    model, images = trained(name, 3, 8, torch.bfloat16)
    frozen = FrozenClassifier(model)
    features = frozen.features(images)
    assert features.dtype == frozen.head.weight.dtype == torch.float32
    convolutions = [layer for layer in frozen.encoder.modules() if isinstance(layer, nn.Conv2d)]
    assert {layer.weight.dtype for layer in convolutions} == {torch.bfloat16}
    with torch.no_grad():
        expected = model.encoder(images)
    assert 0 < (features - expected).abs().max() < 0.05 * expected.abs().max()


def test_bfloat16_has_no_float32_beside_it_in_a_product():
    """The relative places of this network's pixels are a table, no weight."""
    exact, model = (
        build_model("torchvision:swin_v2_t", 3, 5, 0, kind).eval() for kind in (torch.float32, torch.bfloat16)
    )
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, own, found = (network.features(images) for network in (exact, model, FrozenClassifier(model)))
    assert (found - expected).norm() < 2 * (own - expected).norm()


@pytest.mark.parametrize("name", ["smallnet", "wresnet10_1"])
def test_encoder_is_one_graph_for_a_compiler(name):
    model, images = trained(name, 3, 8)
    frozen = FrozenClassifier(model)
    compiled = torch.compile(frozen.encoder, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(images), frozen.encoder(images))
