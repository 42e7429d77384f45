"""Networks of torchvision, weights to start from, and heads on features of a fixed encoder."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import call_in
from torchvision import models
from torchvision.models import get_model

from custom_models.classifier import build_model
from custom_models.frozen import FrozenClassifier
from custom_models.init import fill_encoder, read_weights
from custom_models.timm_names import CONVNEXT, VISION_TRANSFORMER, renamed
from hyperopt.report.load import load_run
from hyperopt.report.predict import predict_path
from utils.errors import UserError

RUN = ("--no-cuda", "--threads", 1, "--epochs", 2, "--hyper-start", 1, "--dataset", "own", "--recipe", "small")
RUN += ("--hyper-opt", "FIS", "--los-model", "BOTH", "--valid-images", 20, "--test-images", 20, "--batch-size", 16)
RESNET = (*RUN, "--model", "torchvision:resnet18")


def shaken(network):
    """Statistics and weights of batch norms away from their start."""
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.normal_(layer.bias, 0, 0.3)
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "densenet121", "convnext_tiny", "googlenet"])
def test_logits_and_pixel_gradients_of_the_network_at_rest(name):
    torch.manual_seed(0)
    model, images = shaken(build_model(f"torchvision:{name}", 3, 5, 0)), torch.randn(2, 3, 32, 32)
    found = []
    for network in (model, FrozenClassifier(model)):
        pixels = images.clone().requires_grad_()
        logits = network(pixels)
        logits.square().sum().backward()
        found.append((logits.detach(), pixels.grad))
    assert found[0][1].abs().max() > 0
    for own, frozen in zip(*found, strict=True):
        torch.testing.assert_close(frozen, own, rtol=0, atol=1e-5 * own.abs().max().item())


def test_logits_are_torchvisions_with_its_head():
    torch.manual_seed(0)
    theirs, model = shaken(models.resnet18()), build_model("torchvision:resnet18", 1, 1000, 0).eval()
    fill_encoder(model.encoder, theirs.state_dict(), Path("w.pth"), "torchvision:resnet18")
    model.head.load_state_dict(theirs.fc.state_dict())
    grey = torch.randn(2, 1, 24, 24)
    torch.testing.assert_close(model(grey), theirs(grey.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize(
    ("network", "names", "timm"),
    [
        ("vit_b_16", VISION_TRANSFORMER, ["cls_token", "pos_embed", "patch_embed.proj.weight", "norm.bias"]),
        ("convnext_tiny", CONVNEXT, ["stem.0.weight", "head.norm.bias", "stages.3.downsample.1.bias"]),
    ],
)
def test_names_of_timm(network, names, timm):
    per_block = {
        "vit_b_16": (
            "norm1.weight",
            "attn.qkv.weight",
            "attn.qkv.bias",
            "attn.proj.bias",
            "mlp.fc1.weight",
            "mlp.fc2.bias",
        ),
        "convnext_tiny": ("conv_dw.weight", "norm.bias", "mlp.fc1.weight", "mlp.fc2.weight", "gamma"),
    }[network]
    block = {"vit_b_16": "blocks.11", "convnext_tiny": "stages.2.blocks.8"}[network]
    with torch.device("meta"):
        own = get_model(network).state_dict()
    for name in (*timm, *(f"{block}.{name}" for name in per_block)):
        assert renamed(name, names) in own
    assert renamed("head.fc.weight", names) == "head.fc.weight"


def wrapped(state, how):
    return {
        "plain": state,
        "parallel": {"state_dict": {f"module.{name}": value for name, value in state.items()}, "epoch": 3},
        "model": {"model": state},
        "checkpoint": {
            "encoder_state_dict": {f"network.{name}": value for name, value in state.items() if "fc" not in name},
            "decoder_state_dict": {"weight": state["fc.weight"]},
        },
        "frozen": {
            "encoder_state_dict": {f"encoder.network.{name}": state[name] for name in state if "fc" not in name},
            "decoder_state_dict": {"weight": state["fc.weight"]},
        },
    }[how]


@pytest.mark.parametrize("how", ["plain", "parallel", "model", "checkpoint", "frozen"])
def test_weights_in_any_wrapping_fill_the_encoder(tmp_path, how):
    state = models.resnet18().state_dict()
    torch.save(wrapped(state, how), tmp_path / "w.pth")
    model = build_model("torchvision:resnet18", 3, 4, 0)
    filled = fill_encoder(model.encoder, read_weights(tmp_path / "w.pth"), tmp_path / "w.pth", "torchvision:resnet18")
    own = model.encoder.network.state_dict()
    assert all(torch.equal(own[name], state[name]) for name in own)
    left_out = 1 if how in ("checkpoint", "frozen") else 2
    assert (len(filled.filled), filled.lacking, len(filled.left_out)) == (100, [], left_out)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder with data, weights of a ResNet-18 and of another network."""
    folder, random = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    (folder / "local_data/own").mkdir(parents=True)
    for name, count in (("train", 64), ("valid", 20), ("test", 20)):
        labels = np.arange(count) % 2
        images = random.integers(0, 99, (count, 12, 12), dtype=np.uint8) + 99 * labels[:, None, None].astype(np.uint8)
        np.savez(folder / f"local_data/own/{name}.npz", images=images, labels=labels)
    torch.manual_seed(0)
    torch.save(models.resnet18().state_dict(), folder / "weights.pth")
    torch.save({"features.weight": torch.ones(3, 3)}, folder / "other.pth")
    torch.save(models.resnet18, folder / "code.pth")
    return folder


@pytest.fixture(scope="module")
def frozen(own, scripts):
    status, _, err = call_in(own, scripts["implicit-augment"], *RESNET, "--init", "weights.pth", "--freeze-encoder")
    assert status == 0, err
    return own, err


def test_frozen_encoder_through_the_command_line(frozen):
    folder, err = frozen
    assert "grey pictures get three equal channels" in err
    assert "--init weights.pth: 100 of 100 tensors of the encoder of --model torchvision:resnet18 are in it" in err
    assert "--init weights.pth: left out of it: fc.weight, fc.bias; the head starts at random" in err
    (last,) = (folder / "local_data/own/run0").glob("last_torchvision-resnet18_*_freeze_encoder_True*.pt")
    content = torch.load(last, weights_only=True)["encoder_state_dict"]
    state = torch.load(folder / "weights.pth", weights_only=True)
    for name, value in state.items():
        if "fc" not in name:
            assert torch.equal(content[f"encoder.network.{name}"], value)
    (kept,) = (folder / "local_data/own/run0").glob("encoded_*.pt")
    theirs = models.resnet18()
    theirs.load_state_dict(state)
    theirs.fc = torch.nn.Identity()
    images = np.load(folder / "local_data/own/test.npz")["images"][:, None].repeat(3, 1)
    mean, std = (sum(part) / 3 for part in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        expected = theirs.eval()((torch.from_numpy(images) / 255 - mean) / std)
    torch.testing.assert_close(torch.load(kept, weights_only=True)["test"], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["frozen", "tuned"])
def test_network_of_a_finished_run_is_that_of_its_evaluation(frozen, scripts, tmp_path, kind):
    folder, _ = frozen
    flags = ("--init", "weights.pth", *(["--freeze-encoder"] if kind == "frozen" else []))
    if kind == "tuned":
        assert call_in(folder, scripts["implicit-augment"], *RESNET, *flags)[0] == 0
    named = [path for path in (folder / "local_data/own/run0").glob("result_torchvision*") if "_init_" in path.name]
    (result,) = [path for path in named if ("freeze_encoder" in path.name) == (kind == "frozen")]
    run = load_run(result.parent, result.stem.removeprefix("result_"))
    facts = run.network.facts
    assert (facts.kind, facts.channels, facts.height, facts.width) == ("images", 1, 12, 12)
    assert (facts.mean, facts.std) == ((pytest.approx(0.449, abs=1e-6),), (pytest.approx(0.226, abs=1e-6),))
    stored = run.predictions
    train, test = (predict_path(run.network, folder / f"local_data/own/{part}.npz") for part in ("train", "test"))
    assert test.probabilities.argmax(1).tolist() == stored.test_predicted.tolist()
    np.testing.assert_allclose(train.probabilities[stored.train_index], stored.train_probabilities, atol=1e-6)
    ask = ("--audit", tmp_path / "a.html", "--predict", "local_data/own/test.npz", "--to", tmp_path / "to.csv")
    status, _, err = call_in(folder, scripts["get-results"], result.parent, "--match", run.files.name, *ask)
    assert status == 0, err
    assert "no similar images" not in err
    with open(tmp_path / "to.csv", newline="") as file:
        assert [int(row["predicted_label"]) for row in csv.DictReader(file)] == stored.test_predicted.tolist()


def test_weights_are_known_by_their_content(frozen, scripts):
    folder, _ = frozen
    shutil.copy(folder / "weights.pth", folder / "copy.pth")
    script = scripts["implicit-augment"]
    status, out, _ = call_in(folder, script, *RESNET, "--init", "copy.pth", "--freeze-encoder")
    assert (status, out.startswith("finished already")) == (0, True)
    status, out, _ = call_in(folder, script, *RESNET, "--init", "other.pth", "--freeze-encoder", "--dry-run")
    assert (status, "starts from scratch" in out) == (0, True)


REFUSED = {
    "--init other.pth": "--init other.pth has no tensor that fits --model torchvision:resnet18: it begins with "
    "features.weight (3, 3), and the network with network.conv1.weight (64, 3, 7, 7)",
    "--init code.pth": "is damaged, or holds more than tensors",
    "--freeze-encoder": "--freeze-encoder without --init would keep random weights; add --init FILE",
    "--init weights.pth --freeze-encoder --standard crop": "--standard crop is for pictures, and --freeze-encoder",
    "--init weights.pth --freeze-encoder --aug-model SEP": "--aug-model SEP is for pictures, and --freeze-encoder",
    "--model torchvision:resnet180": "torchvision has no network 'resnet180'",
    "--model torchvision:squeezenet1_0": "ends in no linear layer",
    "--model torchvision:Resnet": "no model 'torchvision:Resnet'",
    "--model torchvision:maxvit_t": "takes pictures of 224 x 224 pixels alone, and these have 12 x 12",
}


@pytest.mark.parametrize("flags", REFUSED)
def test_refused(own, scripts, flags):
    status, _, err = call_in(own, scripts["implicit-augment"], *RESNET, *flags.split(), "-r", "run1")
    assert status == 2
    assert REFUSED[flags] in err.splitlines()[-1]


def test_file_that_is_not_there_is_refused(refused):
    refused("implicit-augment", ("--init", "nowhere.pth"), "there is no file 'nowhere.pth'")


def test_file_without_weights_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(UserError, match="holds no weights by name"):
        read_weights(tmp_path / "list.pth")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    encoder = build_model("smallnet", 1, 3, 0).encoder
    tensors = {name: value.clone() for name, value in encoder.state_dict().items()}
    tensors["layers.0.weight"][0, 0, 0, 0] = float("nan")
    with pytest.raises(UserError, match=r"x\.pth has weights in layers\.0\.weight that are not finite"):
        fill_encoder(encoder, tensors, tmp_path / "x.pth", "smallnet")
    assert encoder.state_dict()["layers.0.weight"].isfinite().all()
