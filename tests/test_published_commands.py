"""The published commands as they stand, and the same rows for real on small data."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from real_layouts import expect_svhn, write_mat
from sklearn.datasets import load_digits

from utils.recipes import RECIPES

SVHN = "-nr 0.1 -ir 100 --dataset SVHN"
ROWS = [
    "--aug-model NONE",
    "--aug-model RAND",
    "--aug-model AUTO",
    "--aug-model DADA",
    "--aug-model SHA --los-model NONE --hyper-opt HES",
    "--aug-model SEP --los-model NONE --hyper-opt HES",
    "--aug-model SEP --los-model WGHT --hyper-opt HES",
    "--aug-model SEP --los-model BOTH --hyper-opt HES",
]


@pytest.mark.parametrize("row", ROWS)
def test_published_training_commands_are_understood(call, row):
    status, out, _ = call("implicit-augment", *f"-r run0 --gpu 0 {SVHN} {row} --dry-run".split())
    assert status == 0
    plan = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (plan["model"], plan["lr"], plan["hyper_start"]) == ("wresnet28_10", "0.005", "50")
    assert f"aug_model_{row.split()[1]}" in plan["result"]


@pytest.fixture
def small_svhn(tmp_path, monkeypatch):
    folder = tmp_path / "local_data" / "SVHN"
    folder.mkdir(parents=True)
    for seed, (part, count) in enumerate({"train": 150, "test": 30}.items()):
        write_mat(folder / f"{part}_32x32.mat", count, seed)
    expect_svhn(monkeypatch, folder)
    recipe = dataclasses.replace(RECIPES["SVHN"], model="wresnet10_1", validation=50, batch_size=32, hyper_start=1)
    monkeypatch.setitem(RECIPES, "SVHN", recipe)


@pytest.mark.parametrize("row", ROWS)
def test_published_rows_train_and_are_found(small_svhn, call, row):
    schedule = "--epochs 2 --no-cuda"
    status, _, err = call("implicit-augment", *f"-r run0 --gpu 0 {SVHN} {row} {schedule}".split())
    assert (status, err) == (0, "")
    status, out, _ = call("get-results", *f"{SVHN} {row}".split())
    assert status == 0
    assert "run0" in out


def write_folders(folder, parts):
    digits = load_digits()
    for part, places in parts.items():
        for place in places:
            path = folder / part / str(digits.target[place])
            path.mkdir(parents=True, exist_ok=True)
            Image.fromarray((digits.images[place] * 15.9375).astype(np.uint8)).save(path / f"{place}.png")


def write_arrays(folder, parts):
    digits = load_digits()
    folder.mkdir(parents=True)
    images = (digits.images * 15.9375).astype(np.uint8)
    for part, places in parts.items():
        np.savez(folder / f"{part}.npz", images=images[places], labels=digits.target[places])


@pytest.mark.parametrize("write", [write_folders, write_arrays])
@pytest.mark.parametrize("with_valid", [True, False])
def test_own_data_is_trained_on(train, results, write, with_valid):
    parts = {"train": range(300), "test": range(300, 400)}
    if with_valid:
        parts["valid"] = range(400, 480)
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
    status, out, err = train(*flags)
    assert (status, err) == (0, "")
    assert "smallnet_opt_HES" in out
    assert results(*flags)[0] == 0
    status, out, _ = results("--dataset", "mine", "--all")
    assert status == 0
    assert "SEP/BOTH HES recipe DIGITS" in out
    result = Path(next(Path("local_data/mine/run0").glob("result_*"))).read_text()
    counts = (300, 80) if with_valid else (240, 60)
    assert f'"train": {counts[0]},' in result
    assert f'"valid": {counts[1]},' in result


def test_own_data_without_its_folder_is_an_error(train):
    write_folders(Path("local_data") / "mine", {"train": range(100), "test": range(50)})
    shutil.rmtree("local_data/mine/test")
    status, _, err = train("--dataset", "mine", "--recipe", "DIGITS")
    assert status == 2
    assert len(err.splitlines()) == 1
    assert "mine has neither test/ nor test.npz" in err
