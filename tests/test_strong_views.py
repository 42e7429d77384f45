"""Every augmentation of strong views through the command line, at toy scale, and the two views of a training."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DISTORTION, call_in, contents

from custom_datasets.sources import load_dataset
from custom_transforms.names import POLICY_NAMES
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.runs.set_up import make_views
from utils.fingerprint import fingerprint
from utils.seeds import generator

NEW = [name for name in POLICY_NAMES if name not in ("RAND", "AUTO", "DADA")]
CPU = torch.device("cpu")


def trained(folder):
    """The fingerprint of the trained weights, and the accuracies."""
    (last,) = Path(folder).glob("DIGITS/run0/last_*.pt")
    (result,) = Path(folder).glob("DIGITS/run0/result_*.json")
    content = torch.load(last, weights_only=True)
    return fingerprint(content["encoder_state_dict"]), json.loads(result.read_text())["accuracy"]


@pytest.fixture(scope="module")
def plain(scripts, tmp_path_factory):
    """The weights and accuracies of a run without augmentation."""
    folder = tmp_path_factory.mktemp("plain")
    assert call_in(folder, scripts["implicit-augment"], "--no-cuda", *DISTORTION, "--epochs", 1)[0] == 0
    return trained(folder / "local_data")


@pytest.mark.parametrize("flags", [*(("--aug-model", name) for name in NEW), ("--cutout", 3), ("--standard", "crop")])
def test_every_augmentation_trains_and_does_the_same_twice(train, plain, flags):
    for folder in ("one", "two"):
        status, out, err = train(*DISTORTION, "--data", folder, "--epochs", 1, *flags)
        assert (status, err) == (0, "")
        assert "best on test" in out
    assert trained("one") == trained("two")
    assert trained("one")[0] != plain[0]


def views(*flags):
    options = resolve(parse_options(RunOptions, "", list(map(str, flags))))
    data = load_dataset("DIGITS", Path(), CPU)
    return make_views(options, data, generator(0, "augmentation"), CPU), data.train.images[:64]


@pytest.mark.parametrize("name", NEW)
def test_base_view_has_neither_policy_nor_cutout(name):
    found, images = views("--aug-model", name, "--cutout", 3)
    assert torch.equal(found.base(images), found.evaluation(images))  # DIGITS has no standard augmentation
    assert not torch.equal(found.training(images), found.evaluation(images))


def test_without_policy_and_cutout_both_views_draw_alike():
    flags = ("--standard", "crop,flip,erasing")
    base, images = views(*flags)
    training, _ = views(*flags)
    assert torch.equal(base.base(images), training.training(images))


def test_both_views_draw_from_one_generator():
    found, images = views("--standard", "crop")
    again, _ = views("--standard", "crop")
    first, second = found.base(images), found.training(images)
    assert not torch.equal(first, second)
    assert torch.equal(again.training(images), first)
    assert torch.equal(again.base(images), second)


def test_cutout_is_the_whole_policy_where_there_is_no_other():
    found, images = views("--cutout", 3)
    done, before = found.training(images), found.evaluation(images)
    changed = (done != before).any(1)
    assert (done[changed[:, None]] == 0).all()
    assert changed.flatten(1).sum(1).max() == 9


def own_data(side_y, side_x):
    """A little data set of one's own with pictures of that size."""
    random = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 10)):
        images = random.integers(256, size=(count, side_y, side_x, 1), dtype=np.uint8)
        Path("local_data/mine").mkdir(parents=True, exist_ok=True)
        np.savez(f"local_data/mine/{part}.npz", images=images, labels=np.arange(count) % 2)


@pytest.mark.parametrize(
    ("name", "sides", "needs"),
    [("JIGSAW", (9, 8), "pictures of even height and width"), ("QUARTER", (10, 8), "square pictures")],
)
def test_pictures_that_do_not_fit_are_refused_by_name(call, name, sides, needs):
    own_data(*sides)
    before = contents()
    flags = ("--no-cuda", "--dataset", "mine", "--recipe", "DIGITS", "--epochs", 1, "--batch-size", 4)
    status, _, err = call("implicit-augment", *flags, "--aug-model", name)
    assert status == 2
    assert err.splitlines()[-1].startswith(f"error: --aug-model {name} needs {needs}, and these have ")
    after = contents()
    assert {path: after[path] for path in before} == before
    # Also before an earlier stage, which could do without the policy, is trained.
    status, out, err = call(
        "implicit-augment", *flags, "--method", "ReSmooth", "--aug-model", name, "--mixture-originals", 0
    )
    assert (status, out) == (2, "")
    assert f"and these have {sides[1]} x {sides[0]} pixels" in err.splitlines()[-1]
    assert call("implicit-augment", *flags)[0] == 0


def test_finished_run_with_commas_in_its_name_is_a_source_of_rows(train):
    flags = (*DISTORTION, "--aug-model", "RA", "--rand", "2,28", "--los-model", "WGHT", "--epochs", 2)
    train(*flags, "--hyper-opt", "HES")
    name = "smallnet_opt_HES_est_True_aug_model_RA_los_model_WGHT_ir_10_sr_0.24_nr_0.1_rand_2,28_hyper_start_1"
    status, out, err = train(*flags, "--rows", name)
    assert (status, err) == (0, "")
    assert "_rand_2,28_rows_" in out
