"""The policies of fixed copies on the command line."""

import pytest

from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.stored import stored_options
from utils.errors import UserError


def options(*flags):
    return resolve(parse_options(RunOptions, "", list(map(str, flags))))


@pytest.mark.parametrize(
    ("dataset", "amounts"),
    {"MNIST": ("2", "30,15", "1,2,3,4,5,6"), "CIFAR10": ("3", "5,4", "2"), "DIGITS": ("1", "30,15", "1")}.items(),
)
def test_amounts_come_from_the_recipe(dataset, amounts):
    for name, amount in zip(("TRANSLATE", "ROTATE", "CROP"), amounts, strict=True):
        found = options("--dataset", dataset, "--aug-model", name)
        assert found.amount == found.identity["amount"] == amount
        assert "amount" not in found.name
        assert options("--dataset", dataset, "--aug-model", name, "--amount", amount) == found
        assert options("--dataset", "moths", "--recipe", dataset, "--aug-model", name).amount == amount


def test_unusual_amount_is_part_of_the_name():
    found = options("--aug-model", "CROP", "--amount", "1,2")
    assert found.name.endswith("_nr_0.0_amount_1-2")
    assert found.baseline().amount is None
    assert "amount" not in found.baseline().name


def test_amount_is_no_option_of_other_augmentation():
    for name in ("NONE", "RAND", "SEP"):
        assert "amount" not in options("--aug-model", name).identity
        with pytest.raises(UserError, match=f"--amount has no effect on --aug-model {name}; change one of them"):
            options("--aug-model", name, "--amount", "2")


def test_amount_of_a_stored_run_is_read():
    for flags in (("--aug-model", "ROTATE", "--amount", "20,7"), ("--aug-model", "ROTATE"), ("--aug-model", "RAND")):
        found = options(*flags)
        stored = stored_options(found.identity)
        assert (stored.name, stored.amount) == (found.name, found.amount)


@pytest.mark.parametrize(
    ("flags", "culprit"),
    [
        (("--aug-model", "TRANSLATE", "--amount", "1,2"), "--amount 1,2 is none of --aug-model TRANSLATE; give pixels"),
        (("--aug-model", "ROTATE", "--amount", "30"), "give degrees,number such as 30,15"),
        (("--aug-model", "CROP", "--amount", "2,1"), "one number for each copy, ascending, such as 1,2,3"),
        (("--aug-model", "TRANSLATE", "--amount", "-2"), "--amount"),
        (("--aug-model", "CROP", "--amount", "two"), "'two' must be numbers separated by commas"),
    ],
)
def test_amounts_that_say_nothing_are_refused(refused, flags, culprit):
    refused("implicit-augment", flags, culprit)


@pytest.mark.parametrize("flags", [("TRANSLATE", "--amount", 8), ("CROP", "--amount", "1,4")])
def test_amounts_too_large_for_the_pictures_are_refused(call, flags):
    status, _, err = call("implicit-augment", "--no-cuda", "--aug-model", *flags)
    assert status == 2
    assert "leaves nothing of pictures of 8 x 8 pixels; lower it" in err.splitlines()[-1]
