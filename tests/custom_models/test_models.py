import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet as torchvision_resnet
from torchvision.models import resnet18

from custom_models import classifier, names, resnet, wide_resnet
from custom_models.celu import CELU
from custom_models.classifier import build_model
from utils.errors import UserError


def giga_macs(model, channels, side):
    with FlopCounterMode(display=False) as counter:
        model(torch.randn(1, channels, side, side))
    return counter.get_total_flops() / 2e9


@pytest.mark.parametrize(
    ("name", "channels", "side", "features"),
    [
        ("smallnet", 1, 8, 64),
        ("lenet", 1, 28, 84),
        ("lenet", 3, 32, 84),
        ("lenet", 1, 8, 84),
        ("resnet18thin", 1, 28, 64),
        ("resnet18thin", 3, 32, 64),
        ("wresnet10_2", 3, 32, 128),
        ("wresnet16_1", 1, 28, 64),
        ("resnet18", 3, 64, 512),
        ("resnet18small", 3, 16, 512),
        ("wrn10_2", 3, 32, 128),
    ],
)
def test_shapes(name, channels, side, features):
    model = build_model(name, channels, 7, seed=0)
    images = torch.randn(2, channels, side, side)
    assert model.encoder(images).shape == (2, features)
    assert model(images).shape == (2, 7)
    assert isinstance(model.head, nn.Linear)
    torch.testing.assert_close(model(images), model.head(model.encoder(images)))


def test_names_are_those_of_the_encoders():
    assert {*names.ENCODERS, *names.WIDE_RESNETS, names.TORCHVISION} == classifier.ENCODERS.keys()


def test_published_wide_resnet_by_its_operations():
    """Stride in the second convolution and biases: 5.951 GMAC, where the Wide ResNet paper's own has 5.243."""
    model = build_model("wresnet28_10", 3, 10, seed=0)
    assert giga_macs(model, 3, 32) == pytest.approx(5.951, abs=5e-4)
    assert all(layer.bias is not None for layer in model.modules() if isinstance(layer, nn.Conv2d))


def test_imagenet_resnet_is_torchvisions_but_for_the_activation():
    ours, theirs = build_model("resnet18", 3, 1000, seed=0), resnet18()
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    assert giga_macs(ours, 3, 224) == pytest.approx(giga_macs(theirs, 3, 224))


def test_thin_resnet_by_its_parameters():
    """Stem 1-16, two blocks at 16, 32, 64: nine-tap convolutions, two shortcuts, norms, head."""
    convolutions = 9 * (16 + 4 * 16 * 16 + 16 * 32 + 3 * 32 * 32 + 32 * 64 + 3 * 64 * 64) + 16 * 32 + 32 * 64
    norms = 2 * (5 * 16 + 5 * 32 + 5 * 64)
    expected = convolutions + norms + 64 * 10 + 10
    assert sum(p.numel() for p in build_model("resnet18thin", 1, 10, seed=0).parameters()) == expected


def test_small_resnet_is_torchvisions_with_another_stem():
    """Logits, gradients and statistics in training, from the same weights; and how these start."""
    torch.manual_seed(0)
    ours, theirs = build_model("resnet18small", 3, 10, seed=0), resnet18(num_classes=10)
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    assert [value.shape for value in ours.state_dict().values()] == [v.shape for v in theirs.state_dict().values()]
    assert sum(p.numel() for p in ours.parameters()) == 11_173_962
    for own, their in zip(ours.parameters(), theirs.parameters(), strict=True):
        if own.ndim == 4 and own.shape[2] == 3 and own.shape[1] > 3:
            assert own.std().item() == pytest.approx(their.std().item(), rel=0.02)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    images = torch.randn(4, 3, 16, 16)
    for network in (ours, theirs):
        network.train()(images).square().mean().backward()
    for own, their in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(own.grad, their.grad, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(ours.eval()(images), theirs.eval()(images))


def test_wide_resnet_with_relu_has_the_published_code_and_weights():
    """The same layers with the same weights as the one with CELU, which another test compares with the published."""
    celu, relu = build_model("wresnet16_2", 3, 10, seed=3), build_model("wrn16_2", 3, 10, seed=3)
    assert all(map(torch.equal, celu.state_dict().values(), relu.state_dict().values()))
    kinds = [[nn.ReLU if type(layer) is CELU else type(layer) for layer in net.modules()] for net in (celu, relu)]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize(
    ("name", "activation"),
    [(name, CELU) for name in ("smallnet", "lenet", "resnet18thin", "resnet18", "wresnet10_1")]
    + [(name, nn.ReLU) for name in ("resnet18small", "wrn10_1")],
)
def test_activations_are_all_of_one_kind(name, activation):
    kinds = {type(layer) for layer in build_model(name, 1, 10, seed=0).modules()}
    assert kinds & {CELU, nn.ReLU} == {activation}


def test_convolutions_start_with_the_fan_out_variance():
    for layer in build_model("resnet18", 3, 10, seed=0).modules():
        if isinstance(layer, nn.Conv2d):
            expected = math.sqrt(2 / (layer.kernel_size[0] ** 2 * layer.out_channels))
            assert layer.weight.std().item() == pytest.approx(expected, rel=0.05)


def test_wide_resnet_starts_as_torchs_own_convolutions():
    """Uniform in +-1/sqrt(fan in), weights and biases: a Kolmogorov-Smirnov test of all of them together."""
    scaled = []
    for layer in build_model("wresnet16_4", 3, 10, seed=0).encoder.modules():
        if isinstance(layer, nn.Conv2d):
            bound = 1 / math.sqrt(layer.in_channels * layer.kernel_size[0] ** 2)
            scaled += [(part / bound).detach().flatten() for part in (layer.weight, layer.bias)]
            torch.manual_seed(0)
            torchs = nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel_size)
            assert layer.weight.std().item() == pytest.approx(torchs.weight.std().item(), rel=0.05)
    scaled = torch.cat(scaled).numpy()
    assert np.abs(scaled).max() <= 1
    assert stats.kstest(scaled, stats.uniform(-1, 2).cdf).pvalue > 0.01


def test_first_step_of_a_wide_resnet_is_as_large_as_from_torchs_start():
    """Relative to the weights, the size that counts before a batch norm: over three times that from a fan-out start."""
    images, labels = torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.arange(64) % 10

    def relative_step(start):
        model = build_model("wresnet10_2", 3, 10, seed=0)
        convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
        for layer in convolutions:
            start(layer)
        F.cross_entropy(model(images), labels).backward()
        of_all = [torch.cat([part(layer).flatten() for layer in convolutions]) for part in (gradient, weight)]
        return (of_all[0].norm() / of_all[1].norm()).item()

    def weight(layer):
        return layer.weight.detach()

    def gradient(layer):
        return layer.weight.grad

    ours, torchs = relative_step(lambda layer: None), relative_step(nn.Conv2d.reset_parameters)
    fan_out = relative_step(lambda layer: nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu"))
    assert ours == pytest.approx(torchs, rel=0.15)
    assert ours > 3 * fan_out


def test_seed_fixes_the_weights_and_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    first, again, other = (build_model("smallnet", 1, 10, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(map(torch.equal, first.state_dict().values(), again.state_dict().values()))
    assert not torch.equal(first.head.weight, other.head.weight)


def test_basic_block_is_torchvisions_but_for_the_activation():
    for inputs, outputs, stride in ((8, 8, 1), (8, 16, 2)):
        ours = resnet.BasicBlock(inputs, outputs, stride).eval()
        down = ours.shortcut if stride == 2 else None
        theirs = torchvision_resnet.BasicBlock(inputs, outputs, stride, down).eval()
        theirs.relu = CELU()
        parts = (theirs.conv1, theirs.bn1, CELU(), theirs.conv2, theirs.bn2)
        for mine, part in zip(ours.body, parts, strict=True):
            part.load_state_dict(mine.state_dict())
        images = torch.randn(2, inputs, 10, 10)
        torch.testing.assert_close(ours(images), theirs(images))


@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(8, 8, 1), (8, 16, 1), (8, 16, 2)])
def test_wide_block_by_its_definition(inputs, outputs, stride):
    block = wide_resnet.WideBlock(inputs, outputs, stride).eval()
    norm1, _, conv1, norm2, _, conv2 = block.body
    images = torch.randn(2, inputs, 10, 10)
    x = F.conv2d(F.celu(norm1(images)), conv1.weight, conv1.bias, padding=1)
    x = F.conv2d(F.celu(norm2(x)), conv2.weight, conv2.bias, stride, padding=1)
    kept = images
    if inputs != outputs:
        kept = F.conv2d(images, block.shortcut.weight, block.shortcut.bias, stride)
    torch.testing.assert_close(block(images), x + kept)


def test_thin_resnet_by_its_operations():
    assert giga_macs(build_model("resnet18thin", 1, 10, seed=0), 1, 28) == pytest.approx(0.020184, abs=1e-6)


@pytest.mark.parametrize(
    "name", ["resnet50", "wresnet28", "wresnet27_10", "wresnet28_0", "wrn27_2", "wresnet10_999", "wresnet١٠_1", ""]
)
def test_unknown_model_is_an_error(name):
    with pytest.raises(UserError, match=r"no model '.*(wresnet|wrn)D_K"):
        build_model(name, 3, 10, seed=0)


def test_mixed_precision_is_the_encoders_alone():
    images = torch.randn(8, 1, 8, 8)
    full, mixed = (build_model("smallnet", 1, 10, 0, precision) for precision in (torch.float32, torch.bfloat16))
    inside = []
    mixed.encoder.layers[0].register_forward_hook(lambda layer, given, done: inside.append(done.dtype))
    logits = mixed.train()(images)
    assert inside == [torch.bfloat16]
    assert mixed.features(images).dtype == logits.dtype == torch.float32
    logits.square().mean().backward()
    assert {p.dtype for p in mixed.parameters()} == {p.grad.dtype for p in mixed.parameters()} == {torch.float32}
    expected = full.train()(images)
    assert 0 < (logits - expected).abs().max() < 0.05 * expected.abs().max()
