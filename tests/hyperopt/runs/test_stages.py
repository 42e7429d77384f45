"""The trainings of a command, and what a finished one leaves."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hyperopt.estimators.estimator import Estimator
from hyperopt.estimators.implicit import Hessian
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.runs.stages import FinishedRun, stages
from utils.errors import UserError

LEARNED = ("-nr", "0.1", "--los-model", "BOTH", "--hyper-opt", "FIS", "--hyper-damping", "0.5")


def options(*flags):
    return resolve(parse_options(RunOptions, "", list(flags)))


def test_plain_run_is_one_stage():
    run = options(*LEARNED, "--fresh")
    (stage,) = stages(run)
    assert stage.run is stage.training is run
    assert stage.rows_path is None


def test_refit_is_the_run_without_it_and_a_training_with_what_that_has_learned():
    run = options(*LEARNED, "--refit")
    learning, refit = stages(run)
    assert learning.run is learning.training
    assert learning.run == options(*LEARNED)
    assert refit.run is run
    flags = ("-nr", "0.1", "--los-model", "BOTH", "--train-on", "both", "--rows", learning.run.name, "--rows-use", "WC")
    assert refit.training == options(*flags)
    assert refit.rows_path == learning.run.files.rows
    assert refit.run.name == f"{learning.run.name}_refit_WC"


def test_fresh_restarts_the_last_stage_alone():
    learning, refit = stages(options(*LEARNED, "--refit", "--fresh"))
    assert (learning.run.fresh, learning.training.fresh) == (False, False)
    assert (refit.run.fresh, refit.training.fresh) == (True, True)


def test_estimators_earlier_run_comes_first(monkeypatch):
    """A chain of three: the run that an estimator starts from, its own, and the last link of a refit."""
    row = ("-nr", "0.1", "--los-model", "WGHT", "--hyper-opt", "HES")
    monkeypatch.setattr(Hessian, "earlier", classmethod(lambda kind, run: options("-nr", "0.1", "--fresh")))
    chain = stages(options(*row, "--refit", "--fresh"))
    assert [stage.run for stage in chain] == [
        options("-nr", "0.1"),
        options(*row),
        options(*row, "--refit", "--fresh"),
    ]
    assert [stage.run.fresh for stage in stages(options(*row, "--fresh"))] == [False, True]


def test_finished_run_has_rows_network_and_predictions(train):
    row = ("-nr", 0.1, "--los-model", "BOTH", "--epochs", 2)
    assert train(*row)[0] == 0
    run = options(*map(str, row))
    finished = FinishedRun(run.files, 10)
    last = torch.load(run.files.last, weights_only=True)
    network = finished.network()
    assert network.keys() == {"encoder_state_dict", "decoder_state_dict"}
    assert all(torch.equal(value, last[part][name]) for part in network for name, value in network[part].items())
    with np.load(run.files.rows_npz) as rows:
        assert np.array_equal(finished.rows().columns["confidence"], rows["confidence"])
    with np.load(run.files.predictions) as predictions:
        assert np.array_equal(finished.predictions().train_predicted, predictions["train_predicted"])


@pytest.mark.parametrize("what", ["rows", "network", "predictions"])
@pytest.mark.parametrize("damaged", [False, True])
def test_what_a_finished_run_has_not_is_a_users_error(tmp_path, monkeypatch, what, damaged):
    monkeypatch.chdir(tmp_path)
    files = options(*LEARNED).files
    if damaged:
        files.folder.mkdir(parents=True)
        for path in (files.rows, files.last, files.predictions):
            path.write_bytes(b"PK")
    with pytest.raises(UserError, match=r"--fresh|is not a rows file"):
        getattr(FinishedRun(files, 10), what)()
    assert Path.cwd() == tmp_path


def test_estimator_without_an_earlier_run_needs_none():
    assert Estimator.earlier(options()) is None
