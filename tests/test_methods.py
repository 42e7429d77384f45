"""Published methods by their names: presets of flags, and nothing else."""

import json
from pathlib import Path

import pytest
from conftest import DISTORTION, contents
from test_resume import left_behind

from hyperopt.options.methods import METHODS, Method

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


TRAINING = {"model": "lenet", "lr": 0.02, "epochs": 2, "standard": "flip", "hyper_start": 0, "lr_decay_rate": 0.5}
PRESETS = {"los_model": "WGHT", "hyper_opt": "FIS"}
BASELINE = ("--los-model", "NONE", "--hyper-opt", "NONE")


@pytest.fixture
def trainer(monkeypatch):
    """A method that has training settings of its own on DIGITS, and a preset of an estimator's flag there."""
    own = {"DIGITS": {"hyper_damping": 3.0}}
    monkeypatch.setitem(METHODS, "Trainer", Method(PRESETS, "nowhere", {"DIGITS": TRAINING}, own))
    return ("--no-cuda", "--method", "Trainer")


def test_training_settings_of_a_method_are_part_of_its_runs(call, trainer):
    """Both scripts find them, as well as the baseline that is trained in the same way."""
    for flags, name in (((), "opt_FIS_est_True_aug_model_NONE_los_model_WGHT"), (BASELINE, "opt_NONE_est_True_aug")):
        status, out, err = call("implicit-augment", *trainer, *flags)
        assert status == 0, err
        out = call("implicit-augment", *trainer, *flags)[1]
        assert out.startswith(f"finished already, --fresh starts over: run0 lenet_{name}")
        assert "_ir_1_sr_1.0_nr_0.0_method_Trainer: test" in out
        status, out, err = call("get-results", "--method", "Trainer", *flags)
        assert (status, err) == (0, "")
        assert f"lenet_{name}" in out
    (path,) = Path("local_data/DIGITS/run0").glob("result_*FIS*_method_Trainer.json")
    stored = json.loads(path.read_text())["options"]
    assert (stored["method"], stored["hyper_damping"]) == ("Trainer", 3.0)
    assert stored | {name: TRAINING[name] for name in TRAINING if name != "standard"} == stored
    table = call("get-results", "--all")[1]
    assert "NONE/WGHT FIS method Trainer" in table
    assert "NONE/NONE NONE method Trainer" in table


def test_flags_beat_training_settings_of_a_method_and_these_the_recipe(call, trainer):
    flags = ("--model", "smallnet", "--lr", 0.3, "--hyper-damping", 1, "--hyper-start", 1, "--dry-run")
    status, out, _ = call("implicit-augment", *trainer, *flags)
    found = planned(out)
    assert status == 0
    assert (found["model"], found["lr"], found["epochs"], found["batch_size"]) == ("smallnet", "0.3", "2", "32")
    assert found["lr_decay_rate"] == "0.5"
    name = "smallnet_opt_FIS_est_True_aug_model_NONE_los_model_WGHT_ir_1_sr_1.0_nr_0.0_method_Trainer"
    assert Path(found["result"]).name == f"result_{name}_hyper_start_1_hyper_damping_1.0.json"


@pytest.mark.parametrize("data", [("--dataset", "MNIST"), ("--recipe", "MNIST")])
def test_method_without_training_settings_for_the_data_is_its_flags(call, trainer, data):
    plans = [
        call("implicit-augment", *flags, *data, "--dry-run")[1]
        for flags in (trainer, ("--no-cuda", "--los-model", "WGHT", "--hyper-opt", "FIS"))
    ]
    with_method, without = ({k: v for k, v in planned(out).items() if k != "method"} for out in plans)
    assert with_method == without
    assert "_method_" not in with_method["result"]


def test_stages_of_a_method_have_its_training_settings(call, trainer):
    status, _, err = call("implicit-augment", *trainer, "--refit")
    assert status == 0, err
    names = sorted(path.stem for path in Path("local_data/DIGITS/run0").glob("result_*"))
    start = "result_lenet_opt_FIS_est_True_aug_model_NONE_los_model_WGHT_ir_1_sr_1.0_nr_0.0_method_Trainer"
    assert names == [start, f"{start}_refit_WC"]


def test_method_stands_in_the_help(call):
    words = " ".join(call("implicit-augment", "--help")[1].split())
    assert "--method X published method: presets flags" in words
    assert "(AutoDO, ReSmooth, DABO, EffAug)" in words


def test_preset_rates_of_a_network_that_nothing_moves_are_no_flags_without_effect(call, refused):
    """DABO's control on ImageNet; only rates that were given are refused."""
    control = ("--method", "DABO", "--dataset", "ImageNet", "--hyper-opt", "NONE", "--net-start", "published")
    status, out, err = call("implicit-augment", *control, "--dry-run")
    assert (status, err) == (0, "")
    name = Path(planned(out)["result"]).name
    assert name.endswith("_method_DABO_net_start_published.json")
    for given in (0.2, 0.3):
        culprit = "--unroll-lr has no effect on --hyper-opt NONE"
        refused("implicit-augment", (*control, "--unroll-lr", given, "--dry-run"), culprit)
