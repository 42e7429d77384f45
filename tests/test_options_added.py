"""Options that come later, in whatever class of options, leave the runs of before them as they are."""

import dataclasses
from pathlib import Path

import pytest
import torch
from conftest import COMMAND, DISTORTION, call_in

from hyperopt.estimators.implicit import Hessian
from hyperopt.options import stored as stored_module
from hyperopt.options.run_options import RunOptions
from utils.fingerprint import fingerprint
from utils.flags import flag, number


@dataclasses.dataclass(frozen=True)
class LaterRunOptions(RunOptions):
    later: int = flag(7, "an option that came later", type=number(int, 0, 99))


@dataclasses.dataclass(frozen=True)
class LaterHessianOptions(Hessian.Options):
    hyper_later: float = flag(0.5, "an option that came later", type=number(float, 0, 1))


@pytest.fixture(params=["run", "estimator"])
def later(request, scripts, runs, monkeypatch):
    """The flag of an option that was added to a class of options after both `runs` were made."""
    if request.param == "estimator":
        monkeypatch.setattr(Hessian, "Options", LaterHessianOptions)
        return "--hyper-later"
    monkeypatch.setattr(scripts["implicit-augment"], "RunOptions", LaterRunOptions)
    monkeypatch.setattr(stored_module, "RunOptions", LaterRunOptions)
    return "--later"


def trained(folder):
    (last,) = Path(folder).glob("DIGITS/run0/last_*.pt")
    content = torch.load(last, weights_only=True)
    return {key: fingerprint(value) for key, value in content.items() if key.endswith("state_dict")}


def test_finished_run_of_before_is_recognised(scripts, runs, later):
    folder, usual = runs / "whole", {"--later": 7, "--hyper-later": 0.5}[later]
    for more in ((), (later, usual)):
        status, out, err = call_in(folder, scripts["implicit-augment"], *COMMAND, *more)
        assert (status, out.startswith("finished already"), err) == (0, True, "")
    setting = (*DISTORTION, "--method", "AutoDO", "--hyper-start", 1)
    status, out, err = call_in(folder, scripts["get-results"], *setting)
    assert (status, "run0" in out, err) == (0, True, "")


def test_stopped_run_of_before_goes_on_to_the_same_end(call, runs, stopped, later):
    status, _, err = call("implicit-augment", *stopped[0])
    assert (status, err) == (0, "note: going on after epoch 2\n")
    assert trained("local_data") == trained(runs / "whole/local_data")
    assert call("implicit-augment", *stopped[0])[1].startswith("finished already")


def test_other_value_is_another_run(call, stopped, later):
    flags = (*stopped[0], later, 1)
    if later == "--hyper-later":  # is part of the name
        status, out, _ = call("implicit-augment", *flags, "--dry-run")
        assert status == 0
        assert out.splitlines()[-1].split(maxsplit=1) == ["state", "starts from scratch"]
        assert "_hyper_start_1_hyper_later_1.0.json" in out
    else:
        status, _, err = call("implicit-augment", *flags)
        assert status == 2
        assert "started with other options (later 7 instead of 1)" in err
