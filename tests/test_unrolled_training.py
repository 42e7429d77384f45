"""UNR through the command line: what its flags do in a training, and what is refused."""

import pytest
from conftest import DISTORTION

from hyperopt.estimators.unrolled import Unrolled

SHORT = ("--no-cuda", *DISTORTION, "--epochs", 2)  # epochs of 4 steps
WEIGHTS = ("--los-model", "WGHT", "--hyper-opt", "UNR")


def test_rows_that_would_never_move_are_refused_before_the_first_pass(call, refused):
    culprit = "--unroll-every 5 moves no rows in epochs of 4 steps; lower it or --batch-size"
    refused("implicit-augment", (*SHORT, *WEIGHTS, "--unroll-every", 5), culprit)
    assert call("implicit-augment", *SHORT, *WEIGHTS, "--unroll-every", 4)[0] == 0


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
