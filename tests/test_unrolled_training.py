"""UNR through the command line: what its flags do in a training, and what is refused."""

import csv
from pathlib import Path

import numpy as np
import pytest
from conftest import DISTORTION

from hyperopt.estimators.unrolled import Unrolled

SHORT = ("--no-cuda", *DISTORTION, "--epochs", 2)  # epochs of 4 steps
WEIGHTS = ("--los-model", "WGHT", "--hyper-opt", "UNR")


def test_rows_that_would_never_move_are_refused_before_the_first_pass(call, refused):
    culprit = "--unroll-every 5 moves no rows in epochs of 4 steps; lower it or --batch-size"
    refused("implicit-augment", (*SHORT, *WEIGHTS, "--unroll-every", 5), culprit)
    assert call("implicit-augment", *SHORT, *WEIGHTS, "--unroll-every", 4)[0] == 0


@pytest.mark.parametrize("script", ["implicit-augment", "get-results"])
def test_momentum_of_the_published_look_ahead_needs_every_step(refused, script):
    flags = (*WEIGHTS, "--unroll-look", "published", "--unroll-every", 2)
    refused(script, flags, "--unroll-look published has a momentum over all steps, and --unroll-every 2 leaves some")


@pytest.mark.parametrize(
    ("held", "advice"),
    [
        (("--los-model", "WGHT"), "a lower --lr or --hyper-lr"),
        (("--aug-model", "NET"), "a lower --lr or --unroll-lr"),
        (("--aug-model", "NET", "--los-model", "WGHT"), "a lower --lr or --hyper-lr or --unroll-lr"),
    ],
)
def test_hypergradient_without_a_value_names_the_rates_that_there_are(call, monkeypatch, held, advice):
    exact = Unrolled.clean_gradient
    broken = lambda self, *arguments: [float("nan") * part for part in exact(self, *arguments)]  # noqa: E731
    monkeypatch.setattr(Unrolled, "clean_gradient", broken)
    status, _, err = call("implicit-augment", *SHORT, "--hyper-opt", "UNR", *held)
    assert status == 2
    (line,) = (line for line in err.splitlines() if line.startswith("error"))
    assert "the hypergradient of step 1 is not a number" in line
    assert f"{advice} " in f"{line} "


def left(pattern):
    (path,) = Path("local_data/DIGITS/run0").glob(pattern)
    return path


def test_rows_move_in_every_nth_step(call):
    """A weight for each image, in one epoch of 4 batches of 32."""
    for every, moved in ((1, 4 * 32), (2, 2 * 32), (3, 32)):
        assert call("implicit-augment", *SHORT, *WEIGHTS, "--epochs", 1, "--unroll-every", every, "--fresh")[0] == 0
        name = f"_unroll_every_{every}.npz" if every > 1 else "_nr_0.1.npz"
        with np.load(left(f"rows_*{name}")) as rows:
            assert (rows["weight"] != 1).sum() == moved


@pytest.mark.parametrize(("view", "low", "high"), [("rotation", 30, 60), ("none", -25, 25)])
def test_network_finds_a_planted_turn_within_the_first_steps(call, view, low, high):
    """37 steps with all images of DIGITS, of a network that begins at the identity; planted are 45 degrees."""
    flags = ("--method", "DABO", "--net-kind", "rotation", "--view-valid", view, "--unroll-decay", 0)
    status, _, err = call("implicit-augment", "--no-cuda", *flags, "--epochs", 1, "--lr-warm-epochs", 0)
    assert status == 0, err
    (epoch,) = csv.DictReader(left("metrics_*").open())
    assert low < float(epoch["rotate_mean"]) < high
    assert float(epoch["rotate_std"]) < 20
