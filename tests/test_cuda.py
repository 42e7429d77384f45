"""On a GPU as on the CPU: a first epoch of every estimator, and what else runs there, through the command line.

The epochs are in float32 without TF32, so that both differ by rounding alone, which few steps do not blow up.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DISTORTION, Killed
from PIL import Image

from benchmarks import epoch, precision, rows, transforms
from custom_datasets import sources
from custom_datasets.own import streamed
from custom_models.classifier import build_model

pytestmark = pytest.mark.cuda
GPU, CPU = (), ("--no-cuda",)
RUN0 = Path("local_data/DIGITS/run0")
FIRST = (*DISTORTION, "--epochs", 1, "--precision", "fp32")  # an epoch of 4 steps
HYPER = ("--hyper-start", 0)
BOTH = ("--aug-model", "SEP", "--los-model", "BOTH")
RUNS = {
    "NONE": ("--standard", "crop,affine,flip,vertical,erasing", "--cutout", 2),
    "resized": ("--standard", "resized"),
    "RAND": ("--aug-model", "RAND"),
    "AA": ("--aug-model", "AA"),
    "ROTATE": ("--aug-model", "ROTATE"),
    "JIGSAW": ("--aug-model", "JIGSAW"),
    "STN": ("--aug-model", "STN"),
    "SHA HES": ("--aug-model", "SHA", "--hyper-opt", "HES", *HYPER),
    "SEP/BOTH HES, --warp original": (*BOTH, "--hyper-opt", "HES", "--warp", "original", *HYPER),
    "SEP/BOTH FIS": (*BOTH, "--hyper-opt", "FIS", *HYPER),
    "SEP/BOTH FIS on the host": (*BOTH, "--hyper-opt", "FIS", "--rows-on", "host", *HYPER),
    "SEP/BOTH UNR": (*BOTH, "--hyper-opt", "UNR", "--unroll-balanced"),
    "SEP/BOTH UNR, difference": (*BOTH, "--hyper-opt", "UNR", "--unroll-form", "difference"),
    "NET UNR": ("--aug-model", "NET", "--hyper-opt", "UNR", "--net-labels"),
    "RAND/BOTH GMM": ("--aug-model", "RAND", "--los-model", "BOTH", "--hyper-opt", "GMM"),
    "RAND/SOFT GMM, distilled": (
        *("--aug-model", "RAND", "--los-model", "SOFT", "--hyper-opt", "GMM", "--distil", "corrected"),
    ),
}


@pytest.fixture(autouse=True)
def no_tf32():
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


def left(pattern, folder=RUN0):
    (path,) = folder.glob(pattern)
    return path


def trained(call, data, *flags):
    """Train in a folder of its own; what this has left: the weights' way from their start, and columns of rows."""
    status, _, err = call("implicit-augment", "--data", data, *flags)
    assert status == 0, err
    folder = Path(data) / "DIGITS/run0"
    opt = flags[flags.index("--hyper-opt") + 1] if "--hyper-opt" in flags else "NONE"
    content = torch.load(left(f"last_*_opt_{opt}_*", folder), weights_only=True, map_location="cpu")
    start = build_model("smallnet", 1, 10, 0).encoder.state_dict()
    weights = {name: value for name, value in content["encoder_state_dict"].items() if value.is_floating_point()}
    way = torch.cat([(value - start[name]).flatten() for name, value in weights.items()])
    paths = list(folder.glob(f"rows_*_opt_{opt}_*.npz"))
    columns = dict(np.load(paths[0])) if paths else {}
    return content["versions"]["device"], way, columns


@pytest.mark.parametrize("run", RUNS)
def test_first_epoch_on_a_gpu_is_that_on_the_cpu(call, run):
    """Rows move by about as much whatever the size of the gradient, so that a few with tiny ones go the other way."""
    (device, found, columns), (_, expected, expected_columns) = (
        trained(call, name, *FIRST, *RUNS[run], *where) for name, where in (("gpu", GPU), ("cpu", CPU))
    )
    assert device == torch.cuda.get_device_name(0)
    assert (found - expected).norm() < 0.01 * expected.norm()
    assert columns.keys() == expected_columns.keys()
    for name, column in columns.items():
        if column.dtype == np.float32:
            assert (abs(column - expected_columns[name]) < 0.01).mean() > 0.98, name


def test_images_that_stay_on_the_host_make_the_same_epoch(call, monkeypatch):
    flags = (*FIRST, *BOTH, "--hyper-opt", "FIS", *HYPER)
    _, expected, _ = trained(call, "device", *flags)
    monkeypatch.setattr(sources, "free_memory", lambda device: 0)
    _, found, _ = trained(call, "host", *flags)
    assert (found - expected).norm() < 0.01 * expected.norm()


def accuracies(pattern, folder=RUN0):
    return [float(line["test_accuracy"]) for line in csv.DictReader(left(f"metrics_{pattern}", folder).open())]


def test_selection(call):
    """Its features are a GPU's, its linear models the host's."""
    flags = (*DISTORTION, "--epochs", 3, "--precision", "fp32", "--method", "EffAug", "--select-budgets", "50,100")
    found = []
    for name, where in (("gpu", GPU), ("cpu", CPU)):
        status, _, err = call("implicit-augment", "--data", name, *flags, *where)
        assert status == 0, err
        found.append(accuracies("*_opt_SEL_*", Path(name) / "DIGITS/run0"))
    np.testing.assert_allclose(*found, atol=3)  # of features that are rounded differently


def test_confidence_of_a_finished_run(call):
    assert call("implicit-augment", *DISTORTION, "--epochs", 2, *BOTH, "--hyper-opt", "FIS", "--hyper-start", 1)[0] == 0
    name = left("rows_*_opt_FIS_*.npz").stem.removeprefix("rows_")
    flags = ("--epochs", 2, *BOTH, "--hyper-opt", "CON", "--confidence-fills", "WS", "--rows", name)
    status, _, err = call("implicit-augment", *DISTORTION, *flags)
    assert status == 0, err
    with np.load(left("rows_*_opt_CON_*.npz")) as columns:
        assert columns["weight"].std() > 0


def test_stopped_run_goes_on(call, killed_at):
    flags = (*DISTORTION, "--epochs", 3, "--hyper-start", 1, *BOTH, "--hyper-opt", "FIS")
    undo = killed_at(12)
    with pytest.raises(Killed):
        call("implicit-augment", *flags)
    undo()
    status, _, err = call("implicit-augment", *flags)
    assert (status, "going on after epoch 2" in err) == (0, True)


def write(folder, **arrays):
    """A data set of 96 training, 30 clean and 30 test images with these arrays, by functions of the labels."""
    folder.mkdir(parents=True)
    for name, count in (("train", 96), ("valid", 30), ("test", 30)):
        labels = np.arange(count) % 3
        np.savez(folder / f"{name}.npz", labels=labels, **{kind: make(labels) for kind, make in arrays.items()})


def pictures(labels):
    random = np.random.default_rng(len(labels))
    return random.integers(0, 99, (len(labels), 32, 32, 3), dtype=np.uint8) + 70 * labels[:, None, None, None].astype(
        "u1"
    )


def vectors(labels):
    return np.random.default_rng(len(labels)).normal(size=(len(labels), 16)) + 2 * np.eye(3, 16)[labels]


def test_features(call):
    write(Path("local_data/vectors"), features=vectors)
    flags = ("--dataset", "vectors", "-nr", 0.2, "--los-model", "BOTH", "--hyper-opt", "FIS", "--epochs", 6)
    status, _, err = call("implicit-augment", *flags, "--batch-size", 16, "--hyper-start", 2)
    assert status == 0, err
    folder = Path("local_data/vectors/run0")
    assert accuracies("*", folder)[-1] > 60


@pytest.mark.parametrize("model", ["torchvision:resnet18", "torchvision:swin_v2_t"])
@pytest.mark.parametrize("more", [(), ("--freeze-encoder",)])
def test_network_of_torchvision_is_exported_and_predicts(call, model, more):
    """In bf16, as is usual on a GPU; an audit's page computes features there, too."""
    write(Path("local_data/pictures"), images=pictures)
    Path("other").mkdir()
    np.save("other/images.npy", pictures(np.arange(6) % 3))
    torch.save(build_model(model, 3, 3, 1).encoder.network.state_dict(), "weights.pth")
    data = ("--dataset", "pictures", "--recipe", "own-few", "--model", model, "--init", "weights.pth", *more)
    status, _, err = call("implicit-augment", *data, "--epochs", 2, "--batch-size", 16)
    assert status == 0, err
    out = ("--export", "network.pt2", "--predict", "other/images.npy", "--to", "to.csv", "--audit", "audit.html")
    status, _, err = call("get-results", *data, *out)
    assert status == 0, err
    assert len(Path("to.csv").read_text().splitlines()) == 7
    assert Path("audit.html").exists()


def test_streamed_pictures(call, monkeypatch):
    for part, count in (("train", 12), ("valid", 4), ("test", 4)):
        for name in ("a", "b"):
            folder = Path("local_data/photos") / part / name
            folder.mkdir(parents=True)
            for place, picture in enumerate(pictures(np.zeros(count, int))):
                Image.fromarray(picture).save(folder / f"{place}.png")
    monkeypatch.setattr(streamed, "host_memory", lambda: 2**10)
    flags = ("--dataset", "photos", "--image-size", 16, "--epochs", 2, "--batch-size", 8, "--recipe", "own-few")
    status, _, err = call("implicit-augment", *flags, "--workers", 2, "--model", "smallnet")
    assert status == 0, err
    assert "--workers read them anew in every epoch" in err


@pytest.mark.slow  # compiling takes a minute
@pytest.mark.parametrize("estimator", [("FIS",), ("UNR", "--unroll-form", "difference")])
def test_compiled_network_trains_alike(call, estimator):
    flags = (*FIRST, *BOTH, "--hyper-opt", *estimator, "--hyper-start", 0)
    (_, expected, _), (_, found, _) = trained(call, "eager", *flags), trained(call, "compiled", *flags, "--compile")
    assert (found - expected).norm() < 0.05 * expected.norm()


@pytest.mark.parametrize(
    ("module", "flags"),
    [
        (epoch, "--scale 0.004 --rounds 1 --model lenet --dataset SVHN --batch 32"),
        (transforms, "--rounds 1 --batch 64"),
        (rows, "--rounds 1 --classes 3"),
        (precision, "--seeds 2 --epochs 1 --hyper-start 0"),
    ],
)
def test_benchmarks(tmp_path, monkeypatch, module, flags):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rows, "LARGE", 20_000)
    output = tmp_path / "numbers.json"
    monkeypatch.setattr("sys.argv", ["benchmark", "--device", "cuda", *flags.split(), "--output", str(output)])
    module.main()
    assert json.loads(output.read_text())["machine"]["device"] == torch.cuda.get_device_name(0)
