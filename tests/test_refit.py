"""Learning rows and training with them in one command."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from conftest import DISTORTION, Killed, call_in, untimed_checkpoint

from hyperopt.rows.parts import start_soft_labels
from hyperopt.rows.rows import Rows
from hyperopt.rows.rows_file import RowsFile
from utils.fingerprint import fingerprint

SETTING = (*DISTORTION, "--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "FIS")
LEARNED = "smallnet_opt_FIS_est_True_aug_model_SEP_los_model_BOTH_ir_10_sr_0.24_nr_0.1_hyper_start_1"
FINISHED = "finished already, --fresh starts over"


def run_folder(data="local_data"):
    return Path(data) / "DIGITS/run0"


def untimed(path):
    """What does not depend on the clock of a checkpoint, a result or another file."""
    if path.name.startswith(("rows", "predictions")):
        return path.read_bytes()
    if path.suffix == ".json":
        content = json.loads(path.read_text())
        del content["timing"]
        return content
    return untimed_checkpoint(path)


def left_behind(data="local_data"):
    """Results and checkpoints of both stages, and the names of all files."""
    folder = run_folder(data)
    kept = [
        path for kind in ("result", "last", "best", "rows", "predictions") for path in sorted(folder.glob(f"{kind}_*"))
    ]
    return {path.name: untimed(path) for path in kept}, sorted(path.name for path in folder.iterdir())


@pytest.fixture
def train(train):
    """Trains two epochs per stage: the rows move in the second of the first stage."""
    return lambda *flags: train("--epochs", 2, *flags)


@pytest.fixture(scope="module")
def finished(scripts, tmp_path_factory):
    """Folder of a whole refit, and what it printed to stdout and stderr."""
    folder = tmp_path_factory.mktemp("refit")
    flags = ("--no-cuda", "--epochs", 2, "--hyper-start", 1, *SETTING, "--refit")
    status, out, err = call_in(folder, scripts["implicit-augment"], *flags)
    assert status == 0
    return folder, out, err


@pytest.fixture
def refit(call, finished):
    """The same in the test's own folder."""
    shutil.copytree(finished[0], ".", dirs_exist_ok=True)


@pytest.fixture(scope="module")
def whole(finished):
    """What the whole refit left."""
    return left_behind(finished[0] / "local_data")


def test_first_stage_is_the_row_without_refit(train, refit):
    train(*SETTING, "--data", "alone")
    for path in run_folder("alone").iterdir():
        beside = run_folder() / path.name
        if path.name.startswith(("last", "best", "result")):
            assert untimed(beside) == untimed(path)
        elif path.name.startswith(("rows", "data")):
            assert beside.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("use", ["A", pytest.param("C", marks=pytest.mark.slow), "WCS"])
def test_second_stage_is_a_training_on_both_with_the_learned_rows(train, refit, use):
    train(*SETTING, "--refit", "--rows-use", use)
    train(*SETTING[:-2], "--train-on", "both", "--rows", LEARNED, "--rows-use", use)
    refitted, by_hand = (
        torch.load(next(run_folder().glob(pattern)), weights_only=True)
        for pattern in (f"last_*_refit_{use}.pt", "last_smallnet_opt_NONE*.pt")
    )
    for part in ("encoder", "decoder", "reweight", "augment"):
        assert fingerprint(refitted[f"{part}_state_dict"]) == fingerprint(by_hand[f"{part}_state_dict"])


def test_what_is_not_taken_over_stays_at_its_start(train, refit):
    train(*SETTING, "--refit", "--rows-use", "W")
    stages = [torch.load(run_folder() / f"last_{LEARNED}{end}.pt", weights_only=True) for end in ("", "_refit_W")]
    learned, refitted = (stage["reweight_state_dict"] | stage["augment_state_dict"] for stage in stages)
    _, index, targets = torch.load(next(run_folder().glob("data_*")), weights_only=True)
    torch.testing.assert_close(refitted["weight"][index], learned["weight"][index], rtol=0, atol=1e-5)
    others = torch.ones(len(targets), dtype=torch.bool).index_fill(0, torch.as_tensor(index), False)
    assert (refitted["weight"][others] == 0).all()
    assert torch.equal(refitted["soft_label"], start_soft_labels(targets, 10))
    assert (refitted["augmentation"] == refitted["augmentation"][0]).all()


@pytest.mark.parametrize(
    ("parts", "use"), [("--los-model WGHT", "WC"), ("--aug-model SHA", "A"), ("--los-model SOFT", "S")]
)
def test_refit_takes_over_what_the_setting_has(train, parts, use):
    flags = (*DISTORTION, *parts.split(), "--hyper-opt", "FIS", "--refit", "--dry-run")
    status, out, _ = train(*flags)
    assert status == 0
    assert out == train(*flags, "--rows-use", use)[1]
    assert f"_hyper_start_1_refit_{use}.json" in out


def test_refit_is_one_row_of_the_tables(results, refit, finished):
    _, out, err = finished
    assert err == ""
    summaries = [line for line in out.splitlines() if line.startswith("run0 ")]
    assert ["selected on validation" in line for line in summaries] == [True, False]
    result = json.loads((run_folder() / f"result_{LEARNED}_refit_WC.json").read_text())
    assert result["images"] == {"train": 133 + 314, "valid": 314, "test": 540}
    assert result["accuracy"].keys() == result["epochs"].keys() == {"best_on_test", "last_epoch", "last_five"}
    for flags in (("--refit",), ("--refit", "--rows-use", "WC"), ("--refit", "--rows-use", "CW")):
        status, out, _ = results(*SETTING, *flags)
        assert status == 0
        assert out.startswith(f"{LEARNED}_refit_WC\n")
    labels = [record["row"] for record in json.loads(results("--all", "--format", "json")[1])]
    assert labels == ["SEP/BOTH FIS hyper start 1", "SEP/BOTH FIS hyper start 1 refit WC"]
    assert results(*SETTING, "--refit", "--rows-use", "WS")[0] == 2


def test_finished_stages_are_left_alone(train, refit):
    before = {path: path.read_bytes() for path in run_folder().iterdir()}
    status, out, _ = train(*SETTING, "--refit")
    assert status == 0
    assert [line.split(":")[0] for line in out.splitlines()] == [FINISHED] * 2
    assert {path: path.read_bytes() for path in run_folder().iterdir()} == before
    assert train(*SETTING, "--refit", "--rows-use", "WS")[1].startswith("finished already")


def test_refit_of_rows_that_were_learned_anew_is_refused(train, refit):
    train(*SETTING, "--fresh", "--hyper-lr", 0.01)
    assert train(*SETTING, "--refit")[0] == 0
    train(*SETTING, "--fresh", "--lr", 0.01)
    status, _, err = train(*SETTING, "--refit", "--lr", 0.01)
    assert status == 2
    assert "lr 0.05 instead of 0.01" in err
    train(*SETTING, "--fresh")
    path = run_folder() / f"rows_{LEARNED}.pt"
    content = torch.load(path, weights_only=True)
    torch.save(content | {"weight": content["weight"] + 1}, path)
    status, _, err = train(*SETTING, "--refit")
    assert status == 2
    assert f"was started with another rows file than {path}" in err.splitlines()[-1]


def test_dry_run_shows_both_stages(train):
    status, out, _ = train(*SETTING, "--refit", "--dry-run")
    assert status == 0
    assert not Path("local_data").exists()
    plans = [dict(line.split(maxsplit=1) for line in part.splitlines()) for part in out.split("\n\n")]
    figures = [(plan["refit"], plan["trained_on"], plan["starts_from"]) for plan in plans]
    rows = str(run_folder() / f"rows_{LEARNED}.pt")
    assert figures == [("False", "distorted", "usual rows"), ("True", "both", f"{rows} (not there)")]
    assert [Path(plan["result"]).stem.removeprefix(f"result_{LEARNED}") for plan in plans] == [
        "",
        "_refit_WC",
    ]


@pytest.mark.parametrize(
    "flags", [("--refit",), pytest.param(("--refit", "--rows-use", "WSA"), marks=pytest.mark.slow)]
)
def test_refit_that_dies_at_any_rename_ends_like_one_that_never_did(train, killed_at, flags):
    assert train(*SETTING, *flags, "--data", "whole")[0] == 0
    deaths = 0
    for number in (3, 9, 6, 2, 4, 3, 5, 2, 3, 7, 1000):
        revive = killed_at(number, after=number % 2 == 0)
        try:
            status, *_ = train(*SETTING, *flags)
            break
        except Killed:
            deaths += 1
        finally:
            revive()
    assert deaths >= 6
    assert status == 0
    assert left_behind() == left_behind("whole")


STOPS = {  # 4 steps per train pass in stage 1, 13 per pass on both
    6: "after epoch 1: the same command, without --fresh, goes on from there",
    12: "within the first epoch: the same command starts over",
    30: "after epoch 1: the same command, without --fresh, goes on from there",
}


def signalled(monkeypatch, owner, method, call):
    """Has the process get SIGTERM at the start of the n-th call of a method from now; returns how to end that."""
    original, calls = getattr(owner, method), iter(range(1, 10**6))

    def wrapped(self, *arguments):
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, *arguments)

    monkeypatch.setattr(owner, method, wrapped)
    return lambda: monkeypatch.setattr(owner, method, original)


@pytest.mark.parametrize("step", STOPS)
def test_signal_says_how_either_stage_goes_on(train, whole, monkeypatch, step):
    revive = signalled(monkeypatch, Rows, "loss", step)
    status, _, err = train(*SETTING, "--refit")
    revive()
    assert status == 143
    assert err.splitlines()[-1] == f"error: stopped by SIGTERM {STOPS[step]}"
    assert (run_folder() / f"result_{LEARNED}.json").exists() is (step > 8)
    assert train(*SETTING, "--refit")[0] == 0
    assert left_behind() == whole


def test_last_stage_alone_starts_over_and_goes_on_without_fresh(train, refit, whole, monkeypatch):
    revive = signalled(monkeypatch, Rows, "loss", 20)
    status, out, err = train(*SETTING, "--refit", "--fresh")
    revive()
    assert status == 143
    assert all(line.startswith(start) for line, start in zip(out.splitlines(), (FINISHED, "epoch 1/2"), strict=True))
    assert err.splitlines()[-1].startswith("error: stopped by SIGTERM after epoch 1: the same command, without --fresh")
    status, out, err = train(*SETTING, "--refit")
    assert (status, err) == (0, "note: going on after epoch 1\n")
    assert out.startswith(FINISHED)
    assert left_behind() == whole


def test_earlier_stage_of_other_options_is_started_over_by_its_own_command(train, refit, whole):
    status, _, err = train(*SETTING, "--refit", "--lr", 0.01, "--fresh")
    assert (status, len(err.splitlines())) == (2, 1)
    assert "lr 0.05 instead of 0.01" in err
    assert "--fresh starts over the last stage alone" in err
    assert left_behind() == whole


def test_stopped_before_its_first_epoch_it_leaves_the_files_of_both_stages(train, refit, whole, monkeypatch):
    revive = signalled(monkeypatch, Rows, "loss", 3)
    assert train(*SETTING, "--refit", "--fresh")[0] == 143
    revive()
    assert left_behind() == whole


def test_signal_at_the_very_end_of_the_first_stage_stops_before_the_second(train, whole, monkeypatch):
    revive = signalled(monkeypatch, RowsFile, "as_npz", 1)
    status, _, err = train(*SETTING, "--refit")
    revive()
    assert status == 143
    assert err.splitlines()[-1].startswith("error: stopped by SIGTERM after epoch 2: the same command")
    assert not list(run_folder().glob("*_refit_*"))
    assert train(*SETTING, "--refit")[1].startswith("finished already")
    assert left_behind() == whole
