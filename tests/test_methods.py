"""Published methods by their names: presets of flags, and nothing else."""

from pathlib import Path

import pytest
from conftest import DISTORTION, contents
from test_resume import left_behind

SCHEDULE = ("--epochs", 3, "--hyper-start", 1)


def planned(out):
    return dict(line.split(maxsplit=1) for line in out.splitlines())


def test_method_is_its_flags(call, runs):
    assert call("implicit-augment", "--no-cuda", *DISTORTION, *SCHEDULE, "--method", "AutoDO")[0] == 0
    assert left_behind() == left_behind(runs / "whole/local_data")
    flags = (*DISTORTION, "--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "HES", *SCHEDULE)
    before = contents()
    assert call("implicit-augment", "--no-cuda", *flags)[1].startswith("finished already")
    assert contents() == before
    settings = flags[:-4], (*DISTORTION, "--method", "AutoDO")
    tables = [call("get-results", *method, "--hyper-start", 1) for method in settings]
    assert tables[0] == tables[1]
    assert tables[0][0] == 0


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (("--hyper-opt", "FIS", "--hyper-damping", 2), "opt_FIS_est_True_aug_model_SEP_los_model_BOTH"),
        (("--los-model", "WGHT"), "opt_HES_est_True_aug_model_SEP_los_model_WGHT"),
        (("--aug-model", "NONE"), "opt_HES_est_True_aug_model_NONE_los_model_BOTH"),
        (("--hyper-opt", "NONE"), "opt_NONE_est_True_aug_model_SEP_los_model_BOTH"),
    ],
)
def test_flag_beats_the_method(call, flags, name, before):
    method = ("--method", "AutoDO")
    both = (*flags, *method) if before else (*method, *flags)
    status, out, _ = call("implicit-augment", "--no-cuda", "--dry-run", *both)
    assert status == 0
    damping = "_hyper_damping_2.0" if "FIS" in flags else ""
    assert Path(planned(out)["result"]).name == f"result_smallnet_{name}_ir_1_sr_1.0_nr_0.0{damping}.json"


def test_method_stands_in_the_help(call):
    words = " ".join(call("implicit-augment", "--help")[1].split())
    assert "--method X published method: presets flags of this group" in words
    assert "(AutoDO)" in words
