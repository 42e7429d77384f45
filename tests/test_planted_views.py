"""What --view-valid plants is in all clean and test images, and in no training image."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DISTORTION

from custom_datasets.sources import load_dataset
from custom_transforms.planted import PLANTED
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.runs.set_up import make_views
from utils.seeds import generator

CPU = torch.device("cpu")
RUN = Path("local_data/DIGITS/run0")


def views(*flags):
    options = resolve(parse_options(RunOptions, "", flags))
    return make_views(options, load_dataset("DIGITS", Path(), CPU), generator(0, "augmentation"), CPU)


@pytest.mark.parametrize("name", PLANTED)
def test_views_of_clean_images_have_it_and_those_of_training_images_do_not(name):
    images = load_dataset("DIGITS", Path(), CPU).train.images[:50]
    for flags in ((), ("--overfit", "--los-model", "WGHT", "--hyper-opt", "HES"), ("--aug-model", "RAND")):
        usual, planted = views(*flags), views(*flags, "--view-valid", name)
        for view in ("evaluation", "clean"):
            assert torch.equal(getattr(planted, view)(images), getattr(usual, view)(PLANTED[name](images)))
        for view in ("normalise", "base", "training"):
            assert torch.equal(getattr(planted, view)(images), getattr(usual, view)(images))
        assert torch.equal(usual.normalise(images), usual.evaluation(images))


def test_training_is_the_same_and_evaluation_is_not(train, results, call):
    """Without hypergradients clean images have no effect on the training."""
    assert train(*DISTORTION)[0] == 0
    (path,) = RUN.glob("result_*")
    usual = json.loads(path.read_text())
    status, _, err = train(*DISTORTION, "--view-valid", "rotation")
    assert (status, err) == (0, "")
    turned = json.loads((RUN / f"result_{usual['name']}_view_valid_rotation.json").read_text())
    assert turned["options"]["view_valid"] == "rotation"
    assert (turned["data"], turned["test_table"]) == (usual["data"], usual["test_table"])
    assert turned["accuracy"] != usual["accuracy"]
    predictions = [np.load(RUN / f"predictions_{result['name']}.npz") for result in (usual, turned)]
    assert all(np.array_equal(*(file[name] for file in predictions)) for name in ("train_predicted", "test_label"))
    assert not np.array_equal(*(file["test_predicted"] for file in predictions))
    assert train(*DISTORTION, "--view-valid", "rotation")[1].startswith("finished already")
    assert "run0" in results(*DISTORTION, "--view-valid", "rotation")[1]
    status, out, err = results("--all")
    assert "view valid rotation" in out
    views = "none (NONE/NONE NONE), rotation (NONE/NONE NONE view valid rotation)"
    assert err == f"note: settings differ in their test images' view: {views}\n"
    out = call("get-results", "--compare", "--accuracy", "last_epoch")[1]
    groups = [line for line in out.splitlines() if line.startswith("DIGITS, imbalance")]
    assert [group.partition(" view valid ")[2] for group in groups] == ["", "rotation"]
    assert out.count("view valid") == 1


def test_other_transformations_are_refused(refused):
    refused("implicit-augment", ("--view-valid", "shear"), "invalid choice: 'shear'")
