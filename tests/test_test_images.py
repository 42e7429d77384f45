"""Evaluation on the first test images alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DISTORTION

from custom_datasets.distortion import Split
from custom_datasets.loaders import Loaders
from custom_datasets.sources import load_dataset
from utils.recipes import RECIPES

RUN = Path("local_data/DIGITS/run0")


def predicted(name):
    with np.load(RUN / f"predictions_{name}.npz") as file:
        return file["test_label"], file["test_predicted"]


@pytest.mark.usefixtures("sketched")
def test_first_images_are_those_of_the_whole_test_set(train, call, results):
    assert train(*DISTORTION)[0] == 0
    (path,) = RUN.glob("result_*")
    whole = json.loads(path.read_text())
    status, out, err = train(*DISTORTION, "--test-images", 150)
    assert (status, err) == (0, "")
    part = json.loads((RUN / f"result_{whole['name']}_test_images_150.json").read_text())
    assert (whole["images"]["test"], part["images"]["test"]) == (540, 150)
    assert part["options"]["test_images"] == 150
    for key in ("data", "table", "test_table"):
        assert part[key] == whole[key]  # the data are the same, and so is the training
    (labels, classes), (first, same) = predicted(whole["name"]), predicted(part["name"])
    assert np.array_equal(labels[:150], first)
    assert np.array_equal(classes[:150], same)
    assert part["accuracy"]["last_epoch"] == pytest.approx(100 * np.mean(first == same))
    assert part["images_per_class"]["test"] == np.bincount(first, minlength=10).tolist()

    assert train(*DISTORTION, "--test-images", 150)[1].startswith("finished already")
    assert "run0" in results(*DISTORTION, "--test-images", 150)[1]
    status, out, err = results("--all")
    assert "test images 150" in out
    told = "settings differ in their number of test images: 150 (NONE/NONE NONE test images 150), 540 (NONE/NONE NONE)"
    assert err == f"note: {told}\n"
    assert call("get-results", *DISTORTION, "--test-images", 150, "--plot", "figures")[0] == 0


def test_more_images_than_there_are_are_refused(refused):
    flags = ("--no-cuda", "--test-images", 541)
    refused("implicit-augment", flags, "--test-images 541 are more than there are; give 540 or fewer")


def test_recipe_says_how_many_clean_and_test_images(train, call, monkeypatch):
    small = replace(RECIPES["DIGITS"], valid_images=50, test_images=90, epochs=2, hyper_start=0)
    monkeypatch.setitem(RECIPES, "small", small)
    flags = ("--no-cuda", "--recipe", "small", *DISTORTION)
    assert call("implicit-augment", *flags)[0] == 0
    (path,) = RUN.glob("result_*_nr_0.1_recipe_small.json")
    images = json.loads(path.read_text())["images"]
    assert (images["valid"], images["test"]) == (50, 90)
    assert call("implicit-augment", *flags, "--valid-images", 50, "--test-images", 90)[1].startswith("finished already")
    assert "run0" in call("get-results", "--recipe", "small", *DISTORTION)[1]
    assert call("implicit-augment", *flags, "--valid-images", 314, "--test-images", 540)[0] == 0
    (path,) = RUN.glob("result_*_recipe_small_valid_images_314_test_images_540.json")
    images = json.loads(path.read_text())["images"]
    assert (images["valid"], images["test"]) == (314, 540)
    status, _, err = call("implicit-augment", *flags, "--valid-images", 310)
    assert status == 2
    assert "give --valid-images 10 to 304, or 314 for all of them" in err


def test_classes_that_the_first_images_lack_are_noted(train):
    folder, random = Path("local_data/mine"), np.random.default_rng(0)
    folder.mkdir(parents=True)
    for part, count in (("train", 40), ("test", 20)):
        images = random.integers(256, size=(count, 8, 8), dtype=np.uint8)
        np.savez(folder / f"{part}.npz", images=images, labels=np.arange(count) * 4 // count)
    own = ("--dataset", "mine", "--recipe", "DIGITS", "--batch-size", 8)
    status, _, err = train(*own, "--test-images", 10)
    assert status == 0
    assert "note: the first 10 test images are of 2 of 4 classes: the test accuracies say nothing about" in err
    assert "classes: the test" not in train(*own, "--test-images", 16)[2]


def test_hyper_pass_on_test_images_has_the_first_ones_alone():
    data = load_dataset("DIGITS", Path(), torch.device("cpu")).evaluating(30)
    split = Split(np.arange(100), np.arange(100, 200), data.train.labels.numpy())
    orders = (torch.Generator().manual_seed(seed) for seed in (0, 1))
    loaders = Loaders(data, split, *orders, overfit=True)
    for batches in (loaders.test(), loaders.all_clean(), loaders.clean(10)):
        assert set(torch.cat([batch.index for batch in batches]).tolist()) == set(range(30))
