"""UNR through the command line: what its flags do in a training, and what is refused."""

from conftest import DISTORTION

SHORT = ("--no-cuda", *DISTORTION, "--epochs", 2)  # epochs of 4 steps
WEIGHTS = ("--los-model", "WGHT", "--hyper-opt", "UNR")


def test_rows_that_would_never_move_are_refused_before_the_first_pass(call, refused):
    culprit = "--unroll-every 5 moves no rows in epochs of 4 steps; lower it or --batch-size"
    refused("implicit-augment", (*SHORT, *WEIGHTS, "--unroll-every", 5), culprit)
    assert call("implicit-augment", *SHORT, *WEIGHTS, "--unroll-every", 4)[0] == 0
