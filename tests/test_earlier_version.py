"""Runs that an earlier version left, at toy size in tests/earlier_version, are read by this one, and by a later one.

They are of three classes of handwritten digits with eight wrong labels: SEP/WGHT by HES, finished after 4 epochs, and
SHA/SOFT by FIS, stopped after 2 of 4 epochs.
"""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

DATA = ("--dataset", "toys", "--recipe", "DIGITS")
SETTING = ("--hyper-batch-size", 16, "--hyper-start", 1)
TRAINING = ("--no-cuda", "--batch-size", 16, "--epochs", 4)
FINISHED = ("--aug-model", "SEP", "--los-model", "WGHT", "--hyper-opt", "HES")
STOPPED = ("--aug-model", "SHA", "--los-model", "SOFT", "--hyper-opt", "FIS")
# What a later version could add to every class of options, in front of a field of the class.
ADDED = {
    "options/data_options.py": ("    data: Path = flag(", '    later_setting: int = flag(7, "later", type=int)\n'),
    "options/run_options.py": (
        "    run_folder: str = flag(",
        '    later_run: float = flag(0.5, "later", type=float)\n',
    ),
    "estimators/implicit.py": (
        "        hyper_steps: int =",
        '        later_own: str = flag("usual", "later")\n',
    ),
}

END = "-- end of a command"
# One process for all commands: they share the seconds that imports take.
CALLS = f"""
import json, runpy, sys
root, commands = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, root)
for script, *flags in commands:
    assert runpy.run_path(root + "/" + script + ".py", run_name=script)["main"](flags) == 0
    print({END!r})
"""


@pytest.fixture
def earlier(tmp_path):
    """The folder of data sets with the earlier version's runs."""
    shutil.copytree(ROOT / "tests/earlier_version", tmp_path / "local_data")
    return tmp_path / "local_data"


def test_finished_run_is_recognised_and_tabulated(call, earlier):
    status, out, err = call("implicit-augment", *DATA, *SETTING, *TRAINING, *FINISHED)
    assert (status, err) == (0, "")
    assert out.startswith("finished already, --fresh starts over: run0 smallnet_opt_HES")
    status, out, err = call("get-results", *DATA, *SETTING, *FINISHED, "--audit", "audit.csv")
    assert status == 0
    assert "run0                     85.71                   82.86       85.71              65.36" in out


def test_stopped_run_goes_on(call, earlier):
    status, out, err = call("implicit-augment", *DATA, *SETTING, *TRAINING, *STOPPED)
    assert status == 0
    assert "note: going on after epoch 2" in err
    ends = out.splitlines()[-1]
    # As the earlier version ended when it was not stopped; another processor may round an image or two otherwise.
    assert float(ends.partition("last epoch ")[2].split()[0]) == pytest.approx(82.86, abs=3)


def test_its_rows_are_trained_with(call, earlier):
    (rows,) = earlier.glob("toys/run0/rows_*.npz")
    status, _, err = call("implicit-augment", *DATA, *TRAINING, *FINISHED[:4], "--rows", rows)
    assert status == 0, err
    (left,) = earlier.glob("toys/run0/rows_*opt_NONE*.npz")  # with NONE, the rows stay as they are
    with np.load(rows) as theirs, np.load(left) as ours:
        np.testing.assert_array_equal(ours["index"], np.sort(theirs["index"]))
        np.testing.assert_allclose(ours["weight"], theirs["weight"][theirs["index"].argsort()], rtol=1e-6)
        assert np.ptp(theirs["weight"]) > 0.1


def test_version_with_further_options_reads_them(earlier):
    """A field with a default that is added to each class of options leaves no run unreadable."""
    later = earlier.parent / "later"
    for room in ("utils", "custom_datasets", "custom_models", "custom_transforms", "hyperopt"):
        shutil.copytree(ROOT / room, later / room, ignore=shutil.ignore_patterns("__pycache__"))
    for script in ("implicit-augment.py", "get-results.py"):
        shutil.copy(ROOT / script, later)
    for name, (place, line) in ADDED.items():
        path = later / "hyperopt" / name
        text = path.read_text()
        assert place in text
        path.write_text(text.replace(place, f"{line}{place}"))

    commands = (
        ("implicit-augment", *DATA, *SETTING, *TRAINING, *FINISHED, "--dry-run"),
        ("implicit-augment", *DATA, *SETTING, *TRAINING, *FINISHED),
        ("implicit-augment", *DATA, *SETTING, *TRAINING, *STOPPED),
        ("get-results", "--dataset", "toys", "--all"),
    )
    done = subprocess.run(
        [sys.executable, "-c", CALLS, str(later), json.dumps([list(map(str, command)) for command in commands])],
        cwd=earlier.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    plan, finished, stopped, table = done.stdout.split(f"{END}\n")[:-1]
    assert "later_setting      7" in plan
    assert finished.startswith("finished already")
    assert "going on after epoch 2" in done.stderr
    assert "last epoch" in stopped
    assert [line.split()[0] for line in table.splitlines() if "hyper batch size" in line] == ["SHA/SOFT", "SEP/WGHT"]
