"""Options as runs of this and of earlier versions have stored them."""

import dataclasses

import pytest

from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.stored import different_from_stored, different_options, stored_options
from utils.recipes import RECIPES


def options(*flags):
    return resolve(parse_options(RunOptions, "", [*flags]))


ROWS = {
    "NONE": (),
    "HES": ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "HES", "--hyper-alpha", "0.5"),
    "FIS": ("--los-model", "SOFT", "--hyper-opt", "FIS", "--hyper-valid", "batch"),
    "refit": ("--los-model", "WGHT", "--hyper-opt", "HES", "--refit"),
    "recipe": ("--recipe", "MNIST", "--precision", "fp32"),
    "small": ("--dataset", "SVHN", "--recipe", "small", "--test-images", "30"),
    "RA": ("--aug-model", "RA", "--rand", "2,28", "--cutout", "4", "--standard", "crop,flip"),
    "own": ("--dataset", "mine", "--recipe", "MNIST", "--background", "black"),
}
# Options that came after the first runs, and what these did.
CAME_LATER = {"lr_schedule": "cosine", "momentum": 0.9, "weight_decay": 1e-4, "precision": "fp32", "warp": "paper"}


@pytest.mark.parametrize("row", ROWS)
def test_options_come_back_from_what_is_stored(row):
    parsed = dataclasses.replace(options(*ROWS[row]), precision="fp32")
    back = stored_options(parsed.identity)
    assert back.identity == parsed.identity
    assert back.name == parsed.name
    assert type(back.estimator) is type(parsed.estimator)


@pytest.mark.parametrize("row", ROWS)
def test_option_that_came_later_had_its_usual_value(row):
    parsed = dataclasses.replace(options(*ROWS[row]), precision="fp32")
    for name in CAME_LATER:
        stored = {key: value for key, value in parsed.identity.items() if key != name}
        assert stored_options(stored).identity == parsed.identity
    stored = {key: value for key, value in parsed.identity.items() if key not in CAME_LATER}
    assert different_from_stored(stored, parsed.identity) == []
    back = stored_options(stored)
    assert {name: getattr(back, name) for name in CAME_LATER} == CAME_LATER


def test_warm_up_with_a_multiplier_comes_back():
    parsed = options("--lr-schedule", "warm-multiplier", "--lr-after-warm", "peak", "--precision", "fp32")
    assert stored_options(parsed.identity).identity == parsed.identity
    assert parsed.identity["lr_after_warm"] == "peak"


def test_run_from_before_own_data_had_the_recipe_of_its_data_set():
    stored = {name: value for name, value in options().identity.items() if name not in ("recipe", "background")}
    back = stored_options(stored | {"precision": "fp32"})
    assert (back.recipe, back.hyper_start) == ("DIGITS", RECIPES["DIGITS"].hyper_start)


@pytest.mark.parametrize("aug_model", ["NONE", "RAND"])
def test_run_from_before_strong_views_had_the_recipes(aug_model):
    flags = ("--dataset", "CIFAR10", "--aug-model", aug_model)
    stored = {n: value for n, value in options(*flags).identity.items() if n not in ("rand", "cutout", "standard")}
    back = stored_options(stored | {"precision": "fp32"})
    assert (back.rand, back.cutout, back.standard) == ("3,15", 0, "crop,flip,erasing")
    assert back.name == options(*flags).name
    assert different_from_stored(stored | {"precision": "auto"}, options(*flags).identity) == []


def test_what_differs_is_said_and_where_rows_lie_is_not_compared():
    ours = options("--los-model", "WGHT", "--rows", "a.pt").identity
    theirs = options("--los-model", "WGHT", "--rows", "b.pt", "--lr", "0.5").identity
    assert different_options(theirs, ours) == ["lr 0.5 instead of 0.05"]


@pytest.mark.parametrize("stored", [{"epochs": "many"}, {"flavour": 1}, {"momentum": 7}, {"hyper_opt": "NEWTON"}])
def test_options_that_no_run_has_stored_are_refused(stored):
    identity = options().identity | {"precision": "fp32"}
    with pytest.raises((ValueError, KeyError, TypeError)):
        stored_options(identity | stored)
    assert different_from_stored(identity | stored, identity) == ["some that cannot be read"]
    assert different_from_stored("no options", identity) == ["some that cannot be read"]
