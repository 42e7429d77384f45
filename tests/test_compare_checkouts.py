"""The comparison of two checkouts finds one bit that differs, and anything that was not compared."""

import copy
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT, load_script

SCRIPT = ROOT / "scripts/compare-checkouts.py"
CHECKPOINT = {
    "encoder_state_dict": {"layers.0.weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(3)},
    "decoder_state_dict": {"weight": torch.ones(2, 2)},
    "reweight_state_dict": {"weight": torch.zeros(4, 1)},
    "augment_state_dict": {},
    "acc": 50.0,
}
TRAINING = {
    "optimizer": {"state": {0: {"momentum_buffer": torch.ones(2, 3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
    "rows": {"weight": {"square": torch.ones(4, 1), "step": 2}},
    "confidence": {"sum": torch.full((4,), torch.nan)},
    "generators": {"train order": torch.arange(8, dtype=torch.uint8)},
}
EPOCH = {"epoch": 1, "train_loss": 0.1, "seconds": {"train": 1.0}, "speeds": {}, "memory": 0.5}
ROWS = {"index": np.arange(4), "weight": np.ones(4, np.float32), "operations": np.array(["rotate", "shear_x"])}
CONTENTS = {
    "last_x.pt": CHECKPOINT
    | {
        "training": TRAINING,
        "epochs": [json.dumps(EPOCH)],
        "log": "x_now",
        "checksum": "a",
        "versions": {"torch": "2"},
    },
    "best_x.pt": copy.deepcopy(CHECKPOINT),
    "data_x.pt": ([1, 2], [0, 3], torch.arange(4)),
    "rows_x.pt": {name: torch.from_numpy(column) for name, column in ROWS.items() if name != "operations"},
    "rows_x.npz": ROWS,
    "predictions_x.npz": {"train_predicted": np.arange(4), "features": np.ones((4, 2), np.float32)},
    "metrics_x.csv": "epoch,train_loss,train_seconds\n1,0.1,2.5\n2,0.05,2.6\n",
    "result_x.json": {
        "accuracy": {"best": 50.0},
        "timing": {"seconds": 1.5},
        "commit": "a",
        "versions": {"torch": "2"},
    },
    ".labels_x": "fingerprint",
}


@pytest.fixture(scope="module")
def comparison():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "scripts")
        import comparison

        yield comparison


@pytest.fixture
def compared(comparison, tmp_path):
    """Compares run folders with `CONTENTS` and with others: compared(contents) -> Comparison."""

    def compare(after, before=CONTENTS):
        folders = tmp_path / "before", tmp_path / "after"
        for folder, contents in zip(folders, (before, after), strict=True):
            write(folder, contents)
        required = comparison.REQUIRED + comparison.REQUIRED_ROWS
        return comparison.compare(*map(comparison.read_folder, folders), required)

    return compare


def write(folder, contents):
    folder.mkdir(parents=True)
    for name, content in contents.items():
        path = folder / name
        if isinstance(content, str):
            path.write_text(content)
        elif path.suffix == ".pt":
            torch.save(content, path)
        elif path.suffix == ".npz":
            np.savez(path, **content)
        else:
            path.write_text(json.dumps(content))


def changed(name, *keys, value):
    """`CONTENTS` with another value at one place of one file."""
    contents = copy.deepcopy(CONTENTS)
    inner = contents
    for key in (name, *keys[:-1]):
        inner = inner[key]
    last = keys[-1]
    inner[last] = value(inner[last]) if callable(value) else value
    return contents


def flipped(array):
    """The same but for the lowest bit of its last number."""
    array = array.clone() if isinstance(array, torch.Tensor) else array.copy()
    raw = array.reshape(-1).view(torch.uint8 if isinstance(array, torch.Tensor) else np.uint8)
    raw[-array.itemsize] ^= 1
    return array


def test_equal_folders_are_equal(compared):
    found = compared(copy.deepcopy(CONTENTS))
    assert (found.differences, found.added) == ({}, [])
    assert found.equal == {
        "files": 1,
        "encoder": 4,  # two tensors of each checkpoint
        "head": 2,
        "rows": 9,  # a tensor of each checkpoint, its square and step, and two and three columns
        "optimizer": 4,  # a tensor, the number of groups, and two values of a group
        "generators": 1,
        "results": 8,  # accuracy, two columns of metrics and of predictions, number of epochs and two of its figures
        "rest": 8,  # accuracy of each checkpoint, confidence, three parts of a split and their number, its fingerprint
    }


@pytest.mark.parametrize(
    ("name", "keys", "column"),
    [
        ("last_x.pt", ("encoder_state_dict", "layers.0.weight"), "encoder"),
        ("best_x.pt", ("encoder_state_dict", "count"), "encoder"),
        ("last_x.pt", ("decoder_state_dict", "weight"), "head"),
        ("best_x.pt", ("decoder_state_dict", "weight"), "head"),
        ("last_x.pt", ("reweight_state_dict", "weight"), "rows"),
        ("last_x.pt", ("training", "rows", "weight", "square"), "rows"),
        ("last_x.pt", ("training", "optimizer", "state", 0, "momentum_buffer"), "optimizer"),
        ("last_x.pt", ("training", "generators", "train order"), "generators"),
        ("last_x.pt", ("training", "confidence", "sum"), "rest"),
        ("rows_x.pt", ("weight",), "rows"),
        ("rows_x.npz", ("index",), "rows"),
        ("predictions_x.npz", ("features",), "results"),
    ],
)
def test_one_bit_of_an_array_is_found(compared, name, keys, column):
    found = compared(changed(name, *keys, value=flipped))
    assert list(found.differences) == ["/".join(map(str, (name, *keys)))]
    assert found.cell(column).startswith("1 of ")


@pytest.mark.parametrize(
    ("contents", "place"),
    [
        (changed("last_x.pt", "acc", value=np.nextafter(50, 51).item()), "last_x.pt/acc"),
        (changed("last_x.pt", "training", "rows", "weight", "step", value=2.0), "last_x.pt/training/rows/weight/step"),
        (changed("result_x.json", "accuracy", "best", value=49.99999999999999), "result_x.json/accuracy/best"),
        (
            changed("last_x.pt", "epochs", value=[json.dumps(EPOCH | {"train_loss": 0.2})]),
            "last_x.pt/epochs/0/train_loss",
        ),
        (changed("rows_x.npz", "operations", value=np.array(["rotate", "shear_y"])), "rows_x.npz/operations"),
        (CONTENTS | {"metrics_x.csv": CONTENTS["metrics_x.csv"].replace("0.05", "0.06")}, "metrics_x.csv/train_loss"),
        (CONTENTS | {"data_x.pt": ([1, 2], [3, 0], torch.arange(4))}, "data_x.pt/1"),
        (CONTENTS | {"data_x.pt": ([1, 2], [0, 3], flipped(torch.arange(4)))}, "data_x.pt/2"),
        (CONTENTS | {".labels_x": "fingerprinu"}, ".labels_x"),
        (CONTENTS | {".lock_x": ""}, "names of files"),
        # Equal numbers of another type or sign, and as many in another shape.
        (changed("rows_x.npz", "weight", value=np.ones(4)), "rows_x.npz/weight"),
        (
            changed("best_x.pt", "reweight_state_dict", "weight", value=-torch.zeros(4, 1)),
            "best_x.pt/reweight_state_dict/weight",
        ),
        (
            changed("best_x.pt", "decoder_state_dict", "weight", value=torch.ones(4)),
            "best_x.pt/decoder_state_dict/weight",
        ),
    ],
)
def test_any_other_value_is_found(compared, contents, place):
    assert list(compared(contents).differences) == [place]


def test_clock_and_versions_are_not_compared(compared):
    contents = copy.deepcopy(CONTENTS)
    contents["last_x.pt"] |= {"log": "x_later", "checksum": "b", "versions": {"torch": "3"}}
    contents["last_x.pt"]["epochs"] = [
        json.dumps(EPOCH | {"seconds": {"train": 9.0}, "speeds": {"a": "b"}, "memory": 1.0})
    ]
    contents["result_x.json"] |= {"timing": {"seconds": 9}, "commit": None, "versions": {}}
    contents["metrics_x.csv"] = contents["metrics_x.csv"].replace("2.5", "9.5")
    assert compared(contents).differences == {}


def test_what_only_one_has(compared, comparison):
    """More keys are allowed and listed; fewer are a difference, whatever stands in their place."""
    more = changed("last_x.pt", "training", value=lambda state: state | {"network": {"weight": torch.ones(2)}})
    more["result_x.json"]["accuracy"]["worst"] = 1.0
    del more["best_x.pt"]["decoder_state_dict"]["weight"]
    found = compared(more)
    assert found.differences == {"best_x.pt/decoder_state_dict/weight": "only BEFORE has it"}
    assert sorted(found.added) == ["last_x.pt/training/network/weight", "result_x.json/accuracy/worst"]
    said = list(comparison.remarks({"x": found}))
    assert said[0] == "DIFFERENT  x: best_x.pt/decoder_state_dict/weight: only BEFORE has it"
    assert said[1] == "only AFTER has it, allowed: last_*/training/network/weight (1 times)"
    assert "DIFFERENT" in comparison.table({"x": found})


@pytest.mark.parametrize("damage", ["last_x.pt", "best_x.pt", "rows_x.npz", "predictions_x.npz", "result_x.json"])
def test_files_that_cannot_be_read_are_never_equal(compared, damage):
    contents = CONTENTS | {damage: "no such format"}
    assert damage in compared(contents, before=contents).differences


@pytest.mark.parametrize("name", ["last_x.pt", "best_x.pt", "metrics_x.csv", "result_x.json", "predictions_x.npz"])
def test_files_that_both_lack_are_never_equal(compared, name):
    contents = {other: content for other, content in CONTENTS.items() if other != name}
    differences = compared(contents, before=contents).differences
    assert differences
    assert set(differences.values()) == {"nothing to compare: BEFORE has none"}


@pytest.mark.parametrize("key", ["encoder_state_dict", "decoder_state_dict", "training", "reweight_state_dict"])
def test_layouts_that_are_not_understood_are_never_equal(compared, key):
    """A checkpoint whose keys have other names holds nothing that this comparison knows."""
    contents = copy.deepcopy(CONTENTS)
    contents["last_x.pt"]["other"] = contents["last_x.pt"].pop(key)
    assert any(key in place or "state_dict" in place for place in compared(contents, before=contents).differences)


def test_comparison_of_nothing_is_a_difference(comparison):
    assert comparison.compare({}, {}).differences
    assert comparison.compare({}, {"a": 1}).differences


def test_line_of_none_may_go(comparison):
    before, after = (
        {"x/rows": "rows None", "x/lr": "lr 0.1", "x/model": "model None"},
        {"x/lr": "lr 0.1", "x/model": "model a"},
    )
    found = comparison.compare(before, after, may_go=True)
    assert (found.gone, list(found.differences)) == (["x/rows"], ["x/model"])


def checkout(folder, script):
    """A checkout whose training is this script."""
    folder.mkdir()
    (folder / "implicit-augment.py").write_text(script)
    return folder


@pytest.fixture(scope="module")
def script(comparison):
    return load_script("scripts/compare-checkouts")


def test_script_that_fails_is_a_difference(script, tmp_path, capsys):
    good, bad = checkout(tmp_path / "good", ""), checkout(tmp_path / "bad", "raise SystemExit('error: no such flag')")
    for before, after, said in ((bad, good, "BEFORE"), (good, bad, "AFTER"), (good, good, None)):
        assert script.main([str(before), str(after), "--only", "^NONE$", "--no-resume"]) == 1
        out = capsys.readouterr().out
        assert f"NONE: {said} ends with 1: error: no such flag" in out if said else "nothing to compare" in out


@pytest.mark.parametrize(
    ("does", "culprit"),
    [
        ("print('finished already, ...')", None),
        ("print('epoch 1/12')", "stdout"),
        ("", "stdout"),
        ("print('finished already'); print('epoch 1/12')", "stdout"),
        ("print('finished already'); open('result_x.json', 'a').write(' ')", "run/result_x.json"),
        ("print('finished already'); open('new', 'w')", "names of files"),
    ],
)
def test_finished_run_is_recognised_and_left_as_it_is(script, tmp_path, does, culprit):
    after = checkout(tmp_path / "after", f"import os; os.chdir('run')\n{does}")
    work = script.Work(None, script.Checkout("AFTER", after, sys.executable), tmp_path, True)
    write(tmp_path / "cwd/run", CONTENTS)
    found = script.recognised(work, "implicit-augment.py", tmp_path / "cwd")
    assert list(found.differences) == ([culprit] if culprit else [])


# Prints its epochs, and waits for a signal at one of them in a folder for that; ends by it as a run does.
EPOCHS = """
import pathlib, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
for number in range({first}, 13):
    print(f"epoch {{number}}/12  loss", flush=True)
    if number == {waits} and "stopped" in pathlib.Path.cwd().name:
        time.sleep(60)
"""


@pytest.mark.parametrize(
    "text", ["import signal; signal.signal(2, signal.SIG_IGN); print('epoch 6/12 ')", "print('x')"]
)
def test_run_that_ends_before_it_is_stopped_is_said(script, tmp_path, text):
    before = script.Checkout("BEFORE", checkout(tmp_path / "before", text), sys.executable)
    with pytest.raises(script.FailedError, match="BEFORE was not stopped but ends with 0"):
        before.stop("implicit-augment.py", tmp_path, script.STOP, 1)


@pytest.mark.parametrize(("first", "goes_on"), [(7, True), (1, False)])
def test_run_that_starts_over_is_a_difference(script, tmp_path, first, goes_on):
    scripts = {"BEFORE": EPOCHS.format(first=1, waits=6), "AFTER": EPOCHS.format(first=first, waits=13)}
    sides = (script.Checkout(name, checkout(tmp_path / name, text), sys.executable) for name, text in scripts.items())
    work, command = script.Work(*sides, tmp_path / "work", True), script.Command("x", "", stops=(1,))
    differences = dict(script.compare_command(work, command))["x: stopped, 1"].differences
    assert ("checkpoint of BEFORE" in differences) != goes_on


@pytest.mark.parametrize(
    ("flags", "culprit"),
    [
        (["nowhere"], "nowhere is no checkout"),
        ([str(ROOT), "--only", "["], "not a regular expression"),
        ([str(ROOT), "--only", "no such command"], "no command has --only no such command"),
        ([str(ROOT), "--python", "no-python"], "no interpreter no-python"),
        ([str(ROOT), "--folder", str(ROOT)], "is there already"),
        ([str(ROOT), "--jobs", "0"], "--jobs must be at least 1"),
    ],
)
def test_wrong_flags_end_in_one_line(script, capsys, flags, culprit):
    with pytest.raises(SystemExit) as stop:
        script.main(flags)
    err = capsys.readouterr().err
    assert (stop.value.code, err.count("\n"), err.startswith("error: ")) == (2, 1, True)
    assert culprit in err


@pytest.mark.slow
def test_checkout_equals_itself():
    command = [sys.executable, SCRIPT, ROOT, "--only", "^SEP/BOTH FIS$"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    names, *_ = zip(*(line.split(" | ") for line in done.stdout.split("\n\n")[0].splitlines()), strict=True)
    assert [name.strip() for name in names] == [
        "command",
        "SEP/BOTH FIS",
        "SEP/BOTH FIS: finished",
        "SEP/BOTH FIS: stopped, 1",
        "table of DIGITS",
    ]
    assert len(re.findall("equal$", done.stdout, re.MULTILINE)) == 4
