"""The network of a finished run: what its checkpoints say, predictions, the exported file, and `load_run`."""

import csv
import dataclasses
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import call_in, contents
from PIL import Image
from torch import nn

from custom_datasets.own.scale import scale_picture
from custom_datasets.own.unlabelled import find_unlabelled
from custom_models.classifier import Classifier
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.report.export import ABOUT, export
from hyperopt.report.load import load_run
from hyperopt.report.network_out import notes_on
from hyperopt.report.own_files import EXPORTED, refuse_foreign
from hyperopt.report.predict import predict_path
from hyperopt.runs.trained_network import TrainedNetwork
from utils.errors import UserError
from utils.fingerprint import CHECKSUM, fingerprint
from utils.runs.files import RunFiles
from utils.runs.network_facts import NETWORK, NetworkFacts

CLASSES = ("ant", "bee", "fly")
HEIGHT, WIDTH = 10, 12
DATA = ("--dataset", "insects", "--recipe", "DIGITS", "--hyper-start", 1)
TRAINING = ("--no-cuda", "--epochs", 2, "--batch-size", 8, "--lr-warm-epochs", 0)
# Numbers of pictures and their size, which are not those of the example that a network is exported with.
BATCHES = [(1, 31, 7), (8, 10, 12), (40, 9, 40), (100, 25, 26)]
NEEDS_ONNX = pytest.mark.skipif(not find_spec("onnxruntime"), reason="an optional package")


def write_picture(path, label, seed, size=(HEIGHT, WIDTH), colour=True):
    pixels = np.random.default_rng(seed).integers(120, size=(*size, 3), dtype=np.uint8)
    pixels[..., label] += 100
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels if colour else pixels[..., 0]).save(path)


@pytest.fixture(scope="module")
def trained(scripts, tmp_path_factory):
    """A working folder with a run0 on own pictures, and one more setting in its folder."""
    folder = tmp_path_factory.mktemp("insects")
    for part, number in {"train": 12, "valid": 3, "test": 5}.items():
        for label, name in enumerate(CLASSES):
            for place in range(number):
                write_picture(folder / f"local_data/insects/{part}/{name}/{place}.png", label, 100 * label + place)
    for method in ((), ("--los-model", "WGHT", "--hyper-opt", "FIS")):
        status, _, err = call_in(folder, scripts["implicit-augment"], *DATA, *TRAINING, *method)
        assert status == 0, err
    return folder


@pytest.fixture
def here(trained, tmp_path, monkeypatch):
    """The same in the working folder, to be changed."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_files(folder=Path(), estimator="NONE"):
    (path,) = Path(folder, "local_data/insects/run0").glob(f"result_*opt_{estimator}*.json")
    return RunFiles(path.parent, path.stem.removeprefix("result_"))


@pytest.fixture(scope="module")
def run(trained):
    return load_run(trained / "local_data/insects/run0", run_files(trained).name)


def lines_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def predict(results, source, *flags):
    return results(*DATA[:4], "--predict", source, "--to", "predictions.csv", *flags)


def by_pillow(run, pictures):
    """Logits of square crops that Pillow scales, by the classifier as it is trained and numpy's statistics."""
    train = np.stack([np.asarray(Image.open(path)) for path in (run.data_folder / "train").glob("*/*.png")])
    valid = np.stack([np.asarray(Image.open(path)) for path in (run.data_folder / "valid").glob("*/*.png")])
    pixels = np.concatenate((train, valid)).reshape(-1, 3) / 255
    normalised = (pictures / 255 - pixels.mean(0)) / pixels.std(0)
    with torch.no_grad():
        return run.network.model(torch.from_numpy(normalised).permute(0, 3, 1, 2).float())


@pytest.mark.parametrize("kind", ["last", "best"])
def test_checkpoints_say_what_the_network_takes(run, kind):
    content = torch.load(getattr(run.files, kind), weights_only=True)[NETWORK]
    train = [np.asarray(Image.open(path)) for path in run.data_folder.glob("*/*/*.png") if "test" not in path.parts]
    pixels = np.stack(train).reshape(-1, 3) / 255
    assert content.pop("mean") == pytest.approx(pixels.mean(0))
    assert content.pop("std") == pytest.approx(pixels.std(0))
    assert content == {
        "model": "smallnet",
        "channels": 3,
        "height": HEIGHT,
        "width": WIDTH,
        "image_size": None,
        "class_names": list(CLASSES),
        "classes": 3,
        "background": "white",
        "kind": "images",
    }


@pytest.mark.parametrize(
    "change", [{"mean": [0.5]}, {"classes": 0}, {"class_names": ["ant"]}, {"height": "10"}, {"kind": None}]
)
def test_damaged_entry_is_refused(run, change):
    stored = run.network.facts.stored() | change
    if change == {"kind": None}:
        del stored["kind"]
    with pytest.raises(ValueError, match="its entry on the network"):
        NetworkFacts.of(stored)


def test_predictions_of_test_images_are_those_of_the_evaluation(results, here):
    status, out, err = predict(results, "local_data/insects/test")
    assert status == 0, err
    lines = lines_of("predictions.csv")
    assert list(lines[0]) == ["file", "predicted_label", "probability", *(f"probability_{name}" for name in CLASSES)]
    assert [line["file"] for line in lines] == [f"{name}/{place}.png" for name in CLASSES for place in range(5)]
    stored = np.load(run_files().predictions)["test_predicted"]
    assert [CLASSES.index(line["predicted_label"]) for line in lines] == stored.tolist()
    assert "predictions of run0 for local_data/insects/test: 15 images (" in out
    assert "the network is that of the last epoch" in err
    pictures = np.stack([np.asarray(Image.open(here / "local_data/insects/test" / line["file"])) for line in lines])
    expected = by_pillow(load_run("local_data/insects/run0", run_files().name), pictures).softmax(1).numpy()
    shares = np.array([[float(line[f"probability_{name}"]) for name in CLASSES] for line in lines])
    np.testing.assert_allclose(shares, expected, atol=2e-6)
    np.testing.assert_allclose([float(line["probability"]) for line in lines], shares.max(1))


def test_pictures_of_any_kind_are_read_as_for_the_training(results, here):
    write_picture(here / "new/deep/one.jpg", 1, 1, size=(50, 70))
    write_picture(here / "new/grey.png", 0, 2, colour=False)
    (here / "new/bad.png").write_bytes(b"no picture")
    (here / "new/notes.txt").write_text("text")
    status, out, err = predict(results, "new")
    assert status == 2
    assert "1 of 3 images could not be read, and their lines are empty: new/bad.png is damaged" in err
    assert "not read in new: 1 file .txt, such as notes.txt" in err
    assert "1 picture of another size became 12 x 10 pixels, the network's, scaled and cut at the edges" in err
    assert "2 images" in out
    bad, grey, one = lines_of("predictions.csv")  # a folder's files come before those of its folders
    assert [bad["file"], grey["file"], one["file"]] == ["bad.png", "grey.png", "deep/one.jpg"]
    assert set(bad.values()) == {"bad.png", ""}
    assert grey["predicted_label"] in CLASSES
    # 50 x 70 covers 10 x 12 as 10 x 14, of which 12 columns are kept.
    small = Image.open("new/deep/one.jpg").resize((12, 10), Image.Resampling.BILINEAR, box=(5, 0, 65, 50))
    run = load_run("local_data/insects/run0", run_files().name)
    expected = by_pillow(run, np.asarray(small)[None]).softmax(1)[0].numpy()
    np.testing.assert_allclose([float(one[f"probability_{name}"]) for name in CLASSES], expected, atol=1e-3)
    status, _, _ = predict(results, "new/deep/one.jpg")  # replaces the file, which is this program's
    assert status == 0
    assert lines_of("predictions.csv") == [one | {"file": "one.jpg"}]


@pytest.mark.parametrize("name", ["some.npz", "some.npy"])
def test_arrays_are_named_by_their_places(run, tmp_path, name):
    images = np.random.default_rng(0).integers(256, size=(4, 20, 24, 3), dtype=np.uint8)
    path = tmp_path / name
    np.savez(path, images=images) if name.endswith("z") else np.save(path, images)
    table = predict_path(run.network, path)
    assert (table.heading, table.names, table.damaged) == ("index", ["0", "1", "2", "3"], [])
    half = np.stack([np.asarray(Image.fromarray(each).resize((12, 10), Image.Resampling.BILINEAR)) for each in images])
    np.testing.assert_allclose(table.probabilities, by_pillow(run, half).softmax(1), atol=1e-3)
    np.save(tmp_path / "first.npy", images.transpose(0, 3, 1, 2))
    turned = predict_path(run.network, tmp_path / "first.npy")
    np.testing.assert_array_equal(turned.probabilities, table.probabilities)
    assert turned.notes[0] == f"the channels of {tmp_path / 'first.npy'} come first: images is (4, 3, 20, 24)"
    np.save(tmp_path / "shares.npy", (images / 255).astype(np.float32))
    shares = predict_path(run.network, tmp_path / "shares.npy")
    np.testing.assert_array_equal(shares.probabilities, table.probabilities)
    assert "are float32 in 0..1, and are read as uint8 in 0..255" in shares.notes[0]


def test_pictures_are_scaled_to_the_size_of_the_training(run, tmp_path):
    write_picture(tmp_path / "one.png", 0, 0, size=(50, 70))
    facts = dataclasses.replace(run.network.facts, image_size=8, height=8, width=8)
    found = dataclasses.replace(run.network, facts=facts).read(tmp_path / "one.png")
    expected = np.asarray(scale_picture(Image.open(tmp_path / "one.png"), 8))
    np.testing.assert_array_equal(found[0].permute(1, 2, 0), expected)


ONES = np.ones((2, 8, 8), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "kind", "channels", "culprit"),
    [
        ({"images": ONES * 2.5e3}, "images", 1, "holds float64 images of shape (2, 8, 8), with values from 2500 to"),
        ({"images": ONES[..., None].repeat(3, 3)}, "images", 1, "images of 3 channels, and the network takes 1"),
        ({"a": ONES, "b": ONES}, "images", 1, "has no array images, but a, b; save"),
        ({"images": ONES[:0]}, "images", 1, "of shape (0, 8, 8)"),
        ({"features": np.ones((2, 3), np.float32)}, "features", 4, "and the network takes floats, N x 4"),
        ({"images": np.array([{}])}, "images", 1, "holds object images of shape (1,); they must be uint8"),
        ({"features": np.array([{}])}, "features", 4, "has Python objects in features, which are not unpickled"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, kind, channels, culprit):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError) as error:
        find_unlabelled(tmp_path / "a.npz", kind, channels)
    assert culprit in str(error.value)


def test_colour_for_a_network_of_grey_is_said(tmp_path):
    write_picture(tmp_path / "a/one.png", 0, 0)
    write_picture(tmp_path / "a/two.png", 0, 1, colour=False)
    found = find_unlabelled(tmp_path / "a", "images", 1)
    assert [item.shape for item in found.items()] == [(1, HEIGHT, WIDTH)] * 2
    assert found.notes == ["1 picture in colour became grey, since the network takes one channel, such as one.png"]


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "model.pt2"
    assert export(run.read_network(precision="fp32"), path, {"run": "run0"}) < 1e-5
    return path


def agreement(run, call):
    """The largest difference of logits from the network's, over batches of several numbers and sizes."""
    draws = torch.Generator().manual_seed(5)
    batches = [torch.randint(256, (b, 3, h, w), generator=draws, dtype=torch.uint8) for b, h, w in BATCHES]
    return max((call(images) - run.network.logits(images)).abs().max().item() for images in batches)


def test_exported_file_is_the_network(run, exported):
    entry = {ABOUT: ""}
    with torch.inference_mode():
        assert agreement(run, torch.export.load(exported, extra_files=entry).module()) < 1e-4
    about = json.loads(entry[ABOUT])
    assert (about["class_names"], about["epoch"], about["run"]) == (list(CLASSES), 2, "run0")


@NEEDS_ONNX
def test_onnx_file_is_the_network(run, tmp_path):
    import onnxruntime

    export(run.read_network(precision="fp32"), tmp_path / "model.onnx", {"run": "run0"})
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert (
        agreement(run, lambda images: torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])) < 1e-4
    )
    about = json.loads(session.get_modelmeta().custom_metadata_map[ABOUT])
    assert about["class_names"] == list(CLASSES)


class Flat(nn.Module):
    features = 4

    def forward(self, images):
        return images.flatten(1)


def of_features():
    """A linear network of four features with random weights and statistics."""
    torch.manual_seed(0)
    facts = NetworkFacts("linear", 4, 1, 1, None, (1.0, 2.0, 3.0, 4.0), (0.5,) * 4, None, 3, "white", "features")
    return TrainedNetwork(facts, Classifier(Flat(), 3).eval().requires_grad_(False), 7)


def test_network_of_features_is_exported_with_its_standardisation(tmp_path):
    network = of_features()
    export(network, tmp_path / "linear.pt2", {})
    features = np.random.default_rng(0).normal(2, 1, (9, 4)).astype(np.float32)
    weight, bias = (weights.numpy() for weights in network.model.head.parameters())
    expected = (features - [1, 2, 3, 4]) / 0.5 @ weight.T + bias
    call = torch.export.load(tmp_path / "linear.pt2").module()
    np.testing.assert_allclose(call(torch.from_numpy(features)).detach(), expected, atol=1e-5)
    features[3, 1] = np.nan
    np.save(tmp_path / "some.npy", features)
    table = predict_path(network, tmp_path / "some.npy")
    assert table.classes == ["0", "1", "2"]
    assert table.whole.tolist() == [True] * 3 + [False] + [True] * 5
    assert table.probabilities[table.whole].argmax(1).tolist() == np.delete(expected, 3, 0).argmax(1).tolist()
    assert "row 3 of" in table.problems[0]
    with pytest.raises(UserError, match="the network takes 4 features of each image"):
        predict_path(network, tmp_path)


def test_file_that_differs_from_the_network_is_not_kept(run, tmp_path, monkeypatch):
    monkeypatch.setattr("hyperopt.report.export._torch", lambda program, entry: (b"", lambda images: torch.ones(1)))
    monkeypatch.setattr("hyperopt.report.export._program", lambda network: None)
    with pytest.raises(
        UserError, match=r"is not kept: its logits differ from the network's by [\d.]+, more than 0.0001"
    ):
        export(run.network, tmp_path / "model.pt2", {})
    assert list(tmp_path.iterdir()) == []


def test_network_that_cannot_be_exported_is_named(run, tmp_path, monkeypatch):
    def fail(network):
        raise RuntimeError("no operator\nlong text")

    monkeypatch.setattr("hyperopt.report.export._program", fail)
    with pytest.raises(UserError, match=r"^smallnet cannot be exported as .pt2 \(no operator\)$"):
        export(run.network, tmp_path / "model.pt2", {})


def test_missing_packages_are_named(run, tmp_path, monkeypatch):
    monkeypatch.setattr("hyperopt.report.export.find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(UserError, match="onnxscript must be there for ONNX files: pip install onnx onnxscript onnxr"):
        export(run.network, tmp_path / "model.onnx", {})


def test_run_is_loaded_from_another_folder(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = trained / "local_data/insects/run0"
    files = run_files(trained, "FIS")
    run = load_run(folder, files.name)
    assert run.options.hyper_opt == "FIS"
    assert run.result["accuracy"]["last_epoch"] == pytest.approx(run.metrics["test_accuracy"][-1])
    assert len(run.metrics["train_loss"]) == 2
    assert len(run.rows.index) == len(run.audit.index) == 36
    assert {record["given_label"] for record in run.audit.records()} == set(CLASSES)
    picture = run.network.read(trained / "local_data/insects/test/bee/0.png")
    assert picture.shape == (1, 3, HEIGHT, WIDTH)
    label = int(run.network.probabilities(picture).argmax())
    assert label == run.predictions.test_predicted[5]
    assert run.network.epoch == 2
    best = run.result["epochs"]["best_on_test"]
    assert run.best_network.epoch == best
    assert contents() == {}


@pytest.mark.parametrize(
    ("folder", "name", "culprit"),
    [
        ("run0", None, "has 2 finished runs; give one's name: smallnet_opt_FIS"),
        ("run0", "lenet", "has no finished run lenet; it has smallnet_opt_FIS"),
        ("run7", None, "no finished run in"),
    ],
)
def test_run_that_cannot_be_loaded_is_said(trained, folder, name, culprit):
    with pytest.raises(UserError) as error:
        load_run(trained / "local_data/insects" / folder, name)
    assert culprit in str(error.value)


def without_entry(path):
    content = torch.load(path, weights_only=True)
    del content[NETWORK]
    content[CHECKSUM] = fingerprint(content)
    torch.save(content, path)


def test_checkpoint_of_an_earlier_version_is_completed_from_the_data(run, here, capsys):
    files = run_files()
    without_entry(files.last)
    network = load_run(files.folder, files.name).network
    assert network.facts == run.network.facts
    assert "is of an earlier version" in capsys.readouterr().err


def test_stopped_run_of_an_earlier_version_goes_on_and_says_what_its_network_takes(call, stopped):
    command, last, _ = stopped
    without_entry(last)
    status, _, err = call("implicit-augment", *command)
    assert status == 0, err
    assert "note: going on after epoch 2" in err
    run = load_run("local_data/DIGITS/run0")
    assert torch.load(run.files.last, weights_only=True)[NETWORK] == run.network.facts.stored()
    assert run.network.facts.class_names is None
    assert run.network.class_names == list("0123456789")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), []),
        (("--aug-model", "STN"), ["--aug-model STN is for training images"]),
        (("--aug-model", "NET", "--hyper-opt", "UNR"), []),
        (("--view-valid", "rotation"), ["test images had --view-valid rotation"]),
        (("--dataset", "ImageNet"), ["pictures for the evaluation were scaled to a shorter side of 256"]),
        (("--aug-model", "CROP", "--hyper-opt", "SEL"), ["the encoder of the run that SEL started from"]),
    ],
)
def test_what_one_should_know_of_a_network_is_said(flags, said):
    first, *others = notes_on(resolve(parse_options(RunOptions, "", flags)))
    assert "that of the last epoch" in first
    assert len(others) == len(said)
    assert all(part in note for part, note in zip(said, others, strict=True))


def damage(path):
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize(
    ("flags", "culprit"),
    [
        (("--export", "m.pt"), "'m.pt' must end in .pt2 or .onnx"),
        (("--export", "m.pt2", "-r", "run7"), "run7 of smallnet_opt_NONE"),
        (("--export", "local_data/insects/run0/m.pt2"), "is a run's; name a file elsewhere"),
        (("--export", "nowhere/m.pt2"), "the folder of nowhere/m.pt2 is not there"),
        (("--export", "mine.pt2"), "mine.pt2 is there, and this program has not written it"),
        (("--export", "m.pt2", "--dry-run"), "--dry-run writes and draws nothing"),
        (("--predict", "new"), "--predict and --to belong together"),
        (("--to", "p.csv"), "--predict and --to belong together"),
        (("--predict", "new", "--to", "p.txt"), "'p.txt' must end in .csv"),
        (("--predict", "new", "--to", "mine.csv"), "mine.csv is there, and this program has not written it"),
        (("--predict", "nothing", "--to", "p.csv"), "nothing is not there; name a folder of pictures"),
        (("--predict", "new", "--to", "p.csv"), "new holds no picture that is read (1 file .txt)"),
        (("--predict", "new/notes.txt", "--to", "p.csv"), "new/notes.txt is not read: pictures are JPEG"),
        (("--predict", "mine.npz", "--to", "p.csv"), "mine.npz is damaged: it is no .npz file; replace it"),
    ],
)
def test_bad_input_is_refused(refused, here, flags, culprit):
    (here / "new").mkdir()
    for name in ("new/notes.txt", "mine.pt2", "mine.csv", "mine.npz"):
        (here / name).write_text("mine")
    refused("get-results", (*DATA, *flags), culprit)


@pytest.mark.parametrize("flag", ["--export", "--predict", "--to"])
def test_flags_of_one_run_are_refused_for_every_setting(refused, flag):
    refused("get-results", ("--all", flag, "m.pt2" if flag == "--export" else "p.csv"), f"leave out {flag}")


def test_damaged_checkpoint_is_refused(refused, here):
    damage(run_files().last)
    refused(
        "get-results", (*DATA, "--export", "m.pt2"), "cannot be read (damaged); put it back, or train the run again"
    )
    run_files().last.unlink()
    refused("get-results", (*DATA, "--export", "m.pt2"), "cannot be read (it is not there)")


def test_own_file_may_be_replaced(exported):
    refuse_foreign(exported, EXPORTED)
