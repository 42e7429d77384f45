"""Own data that hold features: the linear head, through the command line."""

import csv
import json

import numpy as np
import pytest
import torch
from conftest import call_in
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score
from sklearn.preprocessing import StandardScaler

from custom_datasets.own.features import own_features
from custom_datasets.table import feature_statistics
from custom_transforms.normalise import Standardise
from hyperopt.report.load import load_run
from hyperopt.report.predict import predict_path

FLAGS = ("--dataset", "embeddings", "--recipe", "features", "--no-cuda", "--threads", 1)
FIS = ("--los-model", "BOTH", "--hyper-opt", "FIS", "-nr", 0.3)


def write(folder, **changes):
    """DIGITS' pixels as features: 900 for training, 300 clean ones, 597 to test; `changes` replace arrays of train."""
    digits, folder = load_digits(), folder / "local_data/embeddings"
    folder.mkdir(parents=True)
    order = np.random.default_rng(0).permutation(len(digits.data))
    for name, places in zip(("train", "valid", "test"), np.split(order, [900, 1200]), strict=True):
        arrays = {"features": digits.data[places], "labels": digits.target[places]}
        np.savez(folder / f"{name}.npz", **arrays | (changes if name == "train" else {}))
    return folder


def features_in(folder, part):
    with np.load(folder / f"local_data/embeddings/{part}.npz") as content:
        return content["features"]


@pytest.fixture(scope="module")
def trained(scripts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    write(folder)
    status, _, err = call_in(folder, scripts["implicit-augment"], *FLAGS, *FIS)
    assert status == 0, err
    return folder, err


def test_fis_finds_wrong_labels(trained, scripts, sketched):
    folder, _ = trained
    audit, figures = folder / "audit.json", folder / "figures"
    status, _, err = call_in(
        folder, scripts["get-results"], *FLAGS[:4], *FIS, "--audit", audit, "--plot", figures, "-r", "run0"
    )
    assert status == 0, err
    assert "no sheet of suspects: embeddings holds features, not pictures" in err
    assert list(figures.glob("confusion_*.png")) and not list(figures.glob("suspects_*"))
    content = json.loads(audit.read_text())
    records = content["images"] if isinstance(content, dict) else content
    wrong = [record["given_label"] != record["true_label"] for record in records]
    assert 200 < sum(wrong) < 270
    assert average_precision_score(wrong, [-record["quality"] for record in records]) > 0.95


def test_network_of_a_finished_run_is_that_of_its_evaluation(trained, scripts, tmp_path):
    folder, _ = trained
    run = load_run(folder / "local_data/embeddings/run0")
    scaler = StandardScaler().fit(np.concatenate([features_in(folder, part) for part in ("train", "valid")]))
    assert run.network.facts.mean == pytest.approx(scaler.mean_)
    assert run.network.facts.std == pytest.approx(scaler.scale_)
    found = predict_path(run.network, folder / "local_data/embeddings/train.npz").probabilities
    np.testing.assert_allclose(found, run.predictions.train_probabilities, atol=1e-6)
    ask = ("--predict", "local_data/embeddings/test.npz", "--to", tmp_path / "to.csv", "--audit", tmp_path / "a.html")
    status, out, err = call_in(folder, scripts["get-results"], *FLAGS[:2], *ask, "--export", tmp_path / "network.pt2")
    assert status == 0, err
    assert "float32 (B, 64) -> logits of 10 classes" in out
    assert "no similar images" not in err
    with open(tmp_path / "to.csv", newline="") as file:
        assert [int(row["predicted_label"]) for row in csv.DictReader(file)] == run.predictions.test_predicted.tolist()


def test_notes_and_clean_part(trained):
    folder, err = trained
    constant = int((np.ptp(load_digits().data[np.random.default_rng(0).permutation(1797)[:1200]], axis=0) == 0).sum())
    assert f"{constant} of 64 features are the same for all training images" in err
    (result,) = (folder / "local_data/embeddings/run0").glob("result_linear_*.json")
    assert json.loads(result.read_text())["images"] == {"train": 900, "valid": 300, "test": 597}


def test_standardisation_is_scikit_learns(tmp_path):
    data = own_features(write(tmp_path))
    features = data.train.features
    expected = StandardScaler().fit_transform(features.double().numpy())
    found = Standardise(*feature_statistics(features), torch.device("cpu"))(data.train.images)
    np.testing.assert_allclose(found.flatten(1).numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_features_of_all_floats_are_read(tmp_path, kind):
    data = own_features(write(tmp_path, features=np.eye(900, 64, dtype=kind), labels=np.arange(900) % 10))
    assert (data.kind, data.train.shape, data.train.images.dtype) == ("features", (64, 1, 1), torch.float32)
    assert (len(data.train), data.valid_given, data.classes) == (1200, 300, 10)
    assert torch.equal(data.train.features[:900], torch.eye(900, 64))


@pytest.mark.parametrize("kind", ["text", "from one", "named", "column"])
def test_labels_are_read_as_those_of_images(tmp_path, kind):
    numbers = np.arange(900) % 10
    names = np.array([f"class {number}" for number in range(10)])
    given = {"text": names[numbers], "from one": numbers + 1, "named": numbers, "column": numbers[:, None]}[kind]
    more = {"class_names": names} if kind == "named" else {}
    folder = write(tmp_path, labels=given, **more)
    for part in ("valid", "test"):
        with np.load(folder / f"{part}.npz") as content:
            features, clean = content["features"], content["labels"]
        stored = {"text": names[clean], "from one": clean + 1}.get(kind, clean)
        np.savez(folder / f"{part}.npz", features=features, labels=stored, **more)
    data = own_features(folder)
    assert np.array_equal(data.train.labels[:900].numpy(), numbers)
    assert np.array_equal(data.test.labels.numpy(), clean)
    assert data.class_names == (names.tolist() if kind in ("text", "named") else None)
    assert any("begin at 1" in note for note in data.notes) == (kind == "from one")


NOT_FINITE = np.where(np.arange(900 * 64).reshape(900, 64) == 64 * 7 + 3, np.nan, 1.0)
DAMAGES = {
    "int": ({"features": np.ones((900, 64), int)}, "int64 features of shape (900, 64); they must be N x D floats"),
    "images": ({"features": np.ones((900, 8, 8))}, "features of shape (900, 8, 8)"),
    "nan": (
        {"features": NOT_FINITE},
        "1 feature that float32 has no finite number for, first nan of image 7",
    ),
    "large": ({"features": np.full((900, 64), 1e300)}, "57600 features that float32 has no finite number for"),
    "length": ({"features": np.ones((900, 63))}, "holds 64 features of each image, and"),
    "few": ({"features": np.ones((800, 64))}, "holds 800 images with 900 labels"),
    "objects": ({"features": np.array([None] * 900)}, "train.npz has Python objects in features, which are not"),
    "from one": ({"labels": np.arange(900) % 10 + 1}, "holds labels from 0, and those of the training part begin at 1"),
    "gap": ({"labels": np.arange(900) % 10 * 2}, "they must count the classes from 0 without a gap"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_bad_arrays_are_refused(refused, tmp_path, name):
    changes, culprit = DAMAGES[name]
    write(tmp_path, **changes)
    refused("implicit-augment", FLAGS, culprit)


def test_part_without_features_is_refused(refused, tmp_path):
    folder = write(tmp_path)
    np.savez(folder / "valid.npz", images=np.zeros((9, 8, 8), np.uint8), labels=np.arange(9))
    refused("implicit-augment", FLAGS, "valid.npz has no array features; it holds images; add it")


REFUSED = {
    "--standard crop": "--standard crop is for pictures, and embeddings holds features; leave it out",
    "--cutout 2": "--cutout 2 is for pictures",
    "--aug-model SEP": "--aug-model SEP is for pictures",
    "--aug-model RA": "--aug-model RA is for pictures",
    "--view-valid rotation": "--view-valid rotation is for pictures",
    "--warp original": "--warp original is for pictures",
    "--plot-debug": "--plot-debug is for pictures",
    "--background black": "--background black is for pictures",
    "--image-size 32": "--image-size 32 is for pictures",
    "--skip-damaged": "--skip-damaged is for pictures",
    "--precision bf16": "--precision bf16 is of an encoder",
    "--model lenet": "--model lenet is for pictures, and embeddings holds features",
    "--recipe MNIST": "--model resnet18thin of --recipe MNIST is for pictures",
    "--recipe CIFAR10 --model linear": "of --recipe CIFAR10 is for pictures, and embeddings holds features; add",
    "--hyper-opt UNR --los-model WGHT": "--hyper-opt UNR is for pictures",
    "--init train.npz": "--init is of an encoder, which --model linear does not have",
}


@pytest.mark.parametrize("flags", REFUSED)
def test_what_needs_pixels_is_refused_before_anything_is_read(refused, tmp_path, flags):
    folder = write(tmp_path)
    (folder / "valid.npz").write_bytes(b"not read")
    (tmp_path / "train.npz").touch()
    refused("implicit-augment", (*FLAGS, *flags.split()), REFUSED[flags])


def test_linear_network_of_pictures_is_refused(refused):
    refused("implicit-augment", ("--model", "linear"), "--model linear is for features, and DIGITS holds pictures")
