"""The published commands as they stand, and the same settings for real on small data."""

import json
import shutil
from pathlib import Path

import pytest
from real_layouts import write_arrays, write_folders, write_trainable

SVHN = "-nr 0.1 -ir 100 --dataset SVHN"
SETTINGS = [
    "--aug-model NONE",
    "--aug-model RAND",
    "--aug-model AUTO",
    "--aug-model DADA",
    "--aug-model SHA --los-model NONE --hyper-opt HES",
    "--aug-model SEP --los-model NONE --hyper-opt HES",
    "--aug-model SEP --los-model WGHT --hyper-opt HES",
    "--aug-model SEP --los-model BOTH --hyper-opt HES",
]
# A published distortion of every data set; that of ImageNet's leaves its rare class a single image.
DISTORTED = [SVHN, *(f"-nr 0.1 -ir 10 --dataset {name}" for name in ("CIFAR10", "CIFAR100", "ImageNet"))]
# Of the other data sets the suite trains the first and the last setting and those of policies that were published for
# them, `make test-slow` the others.
ENDS, POLICIES = [SETTINGS[0], SETTINGS[-1]], SETTINGS[2:4]
TRAINED = [
    pytest.param(distorted, setting, marks=[] if setting in trained else [pytest.mark.slow])
    for distorted, trained in zip(DISTORTED, (SETTINGS, ENDS + POLICIES, ENDS, ENDS), strict=True)
    for setting in SETTINGS
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_published_training_commands_are_understood(call, setting):
    status, out, _ = call("implicit-augment", *f"-r run0 --gpu 0 {SVHN} {setting} --dry-run".split())
    assert status == 0
    plan = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (plan["model"], plan["lr"], plan["hyper_start"]) == ("wresnet28_10", "0.005", "50")
    assert f"aug_model_{setting.split()[1]}" in plan["result"]


@pytest.mark.parametrize("setting", SETTINGS)
def test_published_result_commands_are_understood(call, setting):
    status, out, err = call("get-results", *f"{SVHN} {setting} --dry-run".split())
    assert (status, err) == (0, "")
    plan = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (plan["model"], plan["folder"], plan["run_folders"]) == ("wresnet28_10", "local_data/SVHN", "none yet")
    assert f"aug_model_{setting.split()[1]}" in plan["row"]


@pytest.mark.parametrize(("distorted", "setting"), TRAINED)
def test_published_settings_train_and_are_found(monkeypatch, call, distorted, setting):
    name = distorted.split()[-1]
    write_trainable(monkeypatch, Path("local_data") / name, name)
    schedule = "--epochs 1 --no-cuda --workers 0"
    status, out, err = call("implicit-augment", *f"-r run0 --gpu 0 {distorted} {setting} {schedule}".split())
    assert (status, err) == (0, "")
    assert ("hyper " in out.splitlines()[0]) is ("HES" in setting)
    status, out, _ = call("get-results", *f"{distorted} {setting}".split())
    assert status == 0
    assert "run0" in out


STRANGE = "--mixture-posterior ood --mixture-originals 0.6 --mixture-smooth"
# Each kind of command, with small networks in place of ResNet-18 and WRN-28-10, and what the plan must be.
RESMOOTH = {
    "SVHN --model wresnet10_1": "rand 3,28 mixture_smooth 0.3 mixture_originals 0.0",
    "CIFAR10 --model wrn10_1 --cutout 16": "rand 2,28 mixture_smooth 0.4 mixture_originals 0.0",
    "CIFAR100 --model wresnet10_1": "rand 2,28 mixture_smooth 0.6 mixture_originals 0.2",
    f"CIFAR10 --model wresnet10_1 --aug-model JIGSAW {STRANGE} 0.2": "mixture_smooth 0.2 mixture_originals 0.6",
    f"CIFAR100 --model wrn10_1 --cutout 16 --aug-model QUARTER {STRANGE} 0.5": "mixture_smooth 0.5 cutout 16",
}


@pytest.mark.parametrize("setting", RESMOOTH)
def test_published_settings_of_resmooth_train_and_are_found(monkeypatch, call, setting):
    """The first stage, if there is one, is the run of the baseline's own published command."""
    name, _, model, *flags = setting.split()
    write_trainable(monkeypatch, Path("local_data") / name, name)
    method = ("--dataset", name, "--method", "ReSmooth", "--model", model)
    size = ("--epochs", 1, "--batch-size", 32, "--no-cuda")
    status, out, err = call("implicit-augment", *method, *flags, *size)
    assert (status, err) == (0, "")
    baseline = ("--aug-model", "NONE", "--los-model", "NONE", "--hyper-opt", "NONE", "--dry-run")
    state = dict(line.split(maxsplit=1) for line in call("implicit-augment", *method, *baseline, *size)[1].splitlines())
    assert state["state"].startswith("starts from scratch" if "ood" in flags else "finished: run0")
    (path,) = Path(f"local_data/{name}/run0").glob("result_*_opt_GMM_*_method_ReSmooth*.json")
    stored = json.loads(path.read_text())["options"]
    wanted = RESMOOTH[setting].split()
    assert [str(stored[option]) for option in wanted[::2]] == wanted[1::2]
    status, out, _ = call("get-results", *method, *flags)
    assert status == 0
    assert "run0" in out


DABO = {
    "baseline": "--aug-model NONE --hyper-opt NONE",
    "affine": "--net-kind affine",
    "affine and colour": "--net-kind affine-colour",
    "spatial transformer": "--aug-model STN --hyper-opt NONE",
}


# In the usual suite one of each kind.
LONGER = {
    ("spatial transformer", "CIFAR10"),
    ("baseline", "TinyImageNet"),
    ("affine", "CIFAR10"),
    ("affine", "BACH"),
    ("affine and colour", "CIFAR10"),
    ("affine and colour", "BACH"),
    ("affine and colour", "TinyImageNet"),
}


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        pytest.param(setting, name, marks=[pytest.mark.slow] if (setting, name) in LONGER else [])
        for setting in DABO
        for name in ("CIFAR10", "TinyImageNet", "BACH")
    ],
)
def test_published_settings_of_dabo_train_and_are_found(monkeypatch, call, name, setting):
    """With a small network; the planted view is of whole pictures in BACH."""
    write_trainable(monkeypatch, Path("local_data") / name, name)
    setting = ("--dataset", name, "--method", "DABO", *DABO[setting].split(), "--model", "wresnet10_1")
    size = ("--epochs", 2, "--lr-decay-epochs", 1, "--batch-size", 16, "--no-cuda")
    for view in ((), ("--view-valid", "zoomin")):
        status, out, err = call("implicit-augment", *setting, *view, *size)
        assert (status, err) == (0, "")
        status, out, _ = call("get-results", *setting, *view)
        assert (status, "run0" in out) == (0, True)
    (path,) = Path(f"local_data/{name}/run0").glob("result_*_view_valid_zoomin*.json")
    stored = json.loads(path.read_text())
    assert (stored["options"]["lr_schedule"], stored["options"]["weight_decay"]) == ("steps", 5e-4)
    images = {"CIFAR10": (130, 20, 30), "TinyImageNet": (30, 12, 6), "BACH": (24 * 12, 8 * 12, 8)}[name]
    assert tuple(stored["images"].values()) == images


@pytest.mark.parametrize("write", [write_folders, write_arrays])
@pytest.mark.parametrize("with_valid", [True, False])
def test_own_data_is_trained_on(train, results, write, with_valid):
    parts = {"train": range(150), "test": range(300, 350)}
    if with_valid:
        parts["valid"] = range(400, 440)
    write(Path("local_data") / "mine", parts)
    flags = [
        "--dataset",
        "mine",
        "--recipe",
        "DIGITS",
        "--aug-model",
        "SEP",
        "--los-model",
        "BOTH",
        "--hyper-opt",
        "HES",
    ]
    status, out, err = train(*flags, "--epochs", 2)
    split_off = (
        "note: no valid part: 30 of the 150 training images serve as clean ones; they are only as clean as these\n"
    )
    assert (status, err) == (0, "" if with_valid else split_off)
    assert "smallnet_opt_HES" in out
    assert results(*flags)[0] == 0
    status, out, _ = results("--dataset", "mine", "--all")
    assert status == 0
    assert "SEP/BOTH HES recipe DIGITS" in out
    result = Path(next(Path("local_data/mine/run0").glob("result_*"))).read_text()
    counts = (150, 40) if with_valid else (120, 30)
    assert f'"train": {counts[0]},' in result
    assert f'"valid": {counts[1]},' in result


def test_own_data_without_its_folder_is_an_error(train):
    write_folders(Path("local_data") / "mine", {"train": range(100), "test": range(50)})
    shutil.rmtree("local_data/mine/test")
    status, _, err = train("--dataset", "mine", "--recipe", "DIGITS")
    assert status == 2
    assert len(err.splitlines()) == 1
    assert "mine has neither test/ nor test.npz" in err


def test_run_folder_is_of_one_data_set(train, results):
    """Rows of other data would stand in one table with those that are there."""
    write_folders(Path("local_data") / "mine", {"train": range(100), "test": range(50)})
    setting = ("--dataset", "mine", "--recipe", "DIGITS")
    assert train(*setting)[0] == 0
    changed = Path("local_data/mine/train/0/0.png")
    shutil.copy("local_data/mine/train/0/10.png", changed)
    status, _, err = train(*setting, "--aug-model", "RAND")
    assert (status, len(err.splitlines())) == (2, 1)
    assert "is of other data than the present ones (training images or labels); put the earlier ones back, or" in err
    assert train(*setting, "--aug-model", "RAND", "-r", "run1")[0] == 0
    assert train(*setting, "--fresh")[0] == 0
    # Of another recipe than is asked for, and with more epochs than others.
    assert (
        "trained with --recipe DIGITS, not MNIST"
        in results(*setting[:2], "--recipe", "MNIST", "--model", "smallnet")[1]
    )
    train(*setting, "--los-model", "WGHT", "--epochs", 4)
    assert (
        "settings differ in their number of epochs: 3 (NONE/NONE NONE recipe DIGITS), 4 ("
        in results(*setting[:2], "--all")[2]
    )


def test_own_data_too_small_to_hold_some_out_is_an_error(train):
    write_folders(Path("local_data") / "mine", {"train": range(4), "test": range(10, 14)})
    status, _, err = train("--dataset", "mine", "--recipe", "DIGITS", "--batch-size", 2)
    assert (status, len(err.splitlines())) == (2, 1)
    assert "4 training images, too few to hold some out; add valid/" in err
