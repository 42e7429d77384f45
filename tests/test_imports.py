"""What a command imports: options, refusals, plans and tables do without libraries that take seconds to import."""

import json
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from test_tables import BASELINE, METHOD, write_results

SLOW = ("torch", "torchvision", "sklearn", "scipy", "matplotlib", "tensorboard")
ALL = {"torch", "numpy"}  # as on a machine on which nothing has been installed
TRAINING, RESULTS = "implicit-augment", "get-results"
# Script and flags; status, and a part of what is printed.
COMMANDS = {
    (TRAINING, "--help"): (0, "--hyper-opt"),
    (TRAINING, "--hyper-opt FIS --help"): (0, "--hyper-damping"),
    (TRAINING, "--no-such-flag"): (2, "unrecognized arguments: --no-such-flag"),
    (TRAINING, "--hyper-opt NEWTON"): (2, "invalid choice: 'NEWTON'"),
    (TRAINING, "--epochs none"): (2, "'none' is not a whole number"),
    (TRAINING, "--overfit --oversplit"): (2, "exclude each other"),
    (TRAINING, "-r mine"): (2, "add --seed"),
    (TRAINING, "--dataset insects"): (2, "has neither test/"),
    (TRAINING, "--dataset moths --recipe DIGITS"): (2, "no data set moths"),
    (TRAINING, "--dataset insects --recipe DIGITS --oversplit"): (2, "has no test/"),
    (TRAINING, "--dataset insects --recipe DIGITS --no-cuda --dry-run"): (0, "starts from scratch"),
    (TRAINING, "--model resnet50"): (2, "no model 'resnet50'"),
    (TRAINING, "--aug-model AUTO"): (2, "no published AUTO policy for DIGITS"),
    (TRAINING, f"{BASELINE} --no-cuda --lr 2"): (2, "finished run with other options"),
    (TRAINING, f"{METHOD} --no-cuda --dry-run --fresh"): (0, "starts from scratch"),
    (TRAINING, "--method AutoDO --no-cuda --dry-run"): (0, "opt_HES_est_True_aug_model_SEP_los_model_BOTH"),
    (TRAINING, "--hyper-opt CON --los-model WGHT"): (2, "add --rows with its name"),
    (TRAINING, "--precision bf16 --los-model WGHT --hyper-opt FIS --refit --dry-run"): (0, "starts_from"),
    (RESULTS, "--help"): (0, "--export-clean"),
    (RESULTS, "--all --match ["): (2, "not a regular expression"),
    (RESULTS, "--format csv"): (2, "is for --all"),
    (RESULTS, "--audit labels.txt"): (2, "must end in .csv or .json"),
    (RESULTS, "--dataset MNIST --audit labels.csv"): (2, "no run folder"),
    (RESULTS, f"{METHOD} --dry-run"): (0, "(there)"),
    (RESULTS, METHOD): (0, "mean +- std"),
    (RESULTS, "--dataset SVHN --all"): (0, "SEP/BOTH HES"),
    (RESULTS, "--dataset SVHN --all --format json"): (0, "last_epoch_error_mean"),
}
# A process that calls the scripts' mains one after the other, and says of each what it printed and has imported.
PROCESS = """
import contextlib, io, json, runpy, sys
root, slow, commands = json.loads(sys.argv.pop())
sys.path.insert(0, root)
for script, flags in commands:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = runpy.run_path(f"{root}/{script}.py", run_name=script)["main"](flags.split())
        except SystemExit as stop:
            status = stop.code
    print(json.dumps((status, said.getvalue(), sorted(sys.modules.keys() & set(slow)))))
"""


@pytest.fixture(scope="module")
def called(tmp_path_factory):
    """Status, text and slow modules after each of `COMMANDS`, all called in one process."""
    folder = tmp_path_factory.mktemp("imports")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_results((BASELINE, METHOD))
    (folder / "local_data/insects/train").mkdir(parents=True)
    arguments = json.dumps((str(ROOT), SLOW, list(COMMANDS)))
    done = subprocess.run([sys.executable, "-c", PROCESS, arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(zip(COMMANDS, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_command_needs_no_slow_import(called, command):
    status, text, imported = called[command]
    assert (status, imported) == (COMMANDS[command][0], [])
    assert COMMANDS[command][1] in text


@pytest.mark.parametrize(("script", "hidden"), [(TRAINING, ALL), (TRAINING, {"torch"}), (RESULTS, ALL)])
def test_package_that_is_not_installed_is_one_line(tmp_path, script, hidden):
    """Whether the script needs it at once or later."""
    lines = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({hidden}))
sys.argv = ["{script}.py"]
sys.path.insert(0, {str(ROOT)!r})
runpy.run_path({str(ROOT / script)!r} + ".py", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.match(f"error: {re.escape(sys.executable)} has no ({'|'.join(hidden)}); activate the env", done.stderr)
    assert done.stderr.count("\n") == 1
