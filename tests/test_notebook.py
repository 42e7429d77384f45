"""From a notebook: the scripts' functions leave their process as it was, in any thread and working folder."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from conftest import ROOT

from hyperopt.options.checked import checked
from hyperopt.options.resolve import resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.runs.command import plan_options, train_options
from utils.errors import UserError

SHORT = {"no_cuda": True, "subsample_ratio": 0.1, "epochs": 1, "threads": 3}
IMPORTS = """
import json, os, signal, sys
before = sys.stdout.errors, sys.stderr.line_buffering, dict(os.environ), signal.getsignal(2)
import hyperopt.runs.command, hyperopt.options.run_options, hyperopt.report.side_by_side, hyperopt.report.choice
after = sys.stdout.errors, sys.stderr.line_buffering, dict(os.environ), signal.getsignal(2)
print(json.dumps([before == after, "torch" in sys.modules]))
"""


def state():
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    torch_state = torch.get_num_threads(), torch.is_grad_enabled(), torch.random.get_rng_state().tolist()
    by_imports = ("KMP_", "TORCHINDUCTOR_")  # scikit-learn and torch set these when they are imported
    environment = {name: value for name, value in os.environ.items() if not name.startswith(by_imports)}
    return torch_state, handlers, sys.stdout.errors, environment, os.getcwd()


def test_training_leaves_the_process_as_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = state()
    result = train_options(RunOptions(**SHORT))  # not resolved
    assert state() == before
    assert result["options"]["epochs"] == 1
    again = train_options(resolve(RunOptions(**SHORT)))
    assert again["accuracy"] == result["accuracy"]
    assert "finished already" in capsys.readouterr().out
    assert "finished: run0" in plan_options(RunOptions(**SHORT))


def test_training_in_a_thread_is_the_same(tmp_path, scripts, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    results, data = [], {"here": tmp_path / "a", "thread": tmp_path / "b"}
    train_options(RunOptions(data=data["here"], **SHORT))
    thread = threading.Thread(target=lambda: results.append(train_options(RunOptions(data=data["thread"], **SHORT))))
    thread.start()
    thread.join()
    (path,) = data["here"].glob("DIGITS/run0/result_*")
    assert results[0]["accuracy"] == json.loads(path.read_text())["accuracy"]
    flags = ["--data", str(data["thread"]), "-sr", "0.1", "--audit", str(tmp_path / "audit.csv")]
    status = []
    thread = threading.Thread(target=lambda: status.append(scripts["get-results"].main(flags)))
    thread.start()
    thread.join()
    assert status == [0], capsys.readouterr().err
    assert Path("audit.csv").exists()


def test_mistakes_are_exceptions():
    with pytest.raises(UserError, match="exclude each other"):
        train_options(RunOptions(overfit=True, oversplit=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": -1}, "--epochs is -1: -1 is out of range"),
        ({"hyper_opt": "OTHER"}, "--hyper-opt is 'OTHER'; it must be one of NONE"),
        ({"image_size": -4}, "--image-size is -4"),
        ({"no_cuda": "yes"}, "--no-cuda is 'yes'; it must be True or False"),
    ],
)
def test_values_are_refused_as_those_of_flags(options, message):
    with pytest.raises(UserError, match=re.escape(message)):
        plan_options(RunOptions(**options))


def test_values_may_have_other_types_than_those_of_flags(tmp_path):
    given = RunOptions(dataset=tmp_path, runs=str(tmp_path), labels=Path("a.csv"), lr=1, model="lenet", epochs=3)
    found = checked(given)
    assert (found.dataset, found.runs, found.labels) == (str(tmp_path), tmp_path, "a.csv")
    assert (type(found.lr), found.epochs) == (float, 3)
    assert checked(found) == found
    resolved = resolve(RunOptions(**SHORT))
    assert checked(resolved) == resolved


def test_imports_print_and_change_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{IMPORTS}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (json.loads(done.stdout), done.stderr) == ([True, False], "")


@pytest.mark.slow  # three processes
@pytest.mark.parametrize("backend", ["svg", "no such backend", None])
def test_figures_leave_the_backend_as_it_is(backend):
    """Of the environment; in a process of its own, since matplotlib reads it once."""
    script = f"""
import importlib.util, os, sys
sys.path.insert(0, {str(ROOT)!r})
spec = importlib.util.spec_from_file_location("get_results", {str(ROOT / "get-results.py")!r})
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
module.import_figures()
import matplotlib
print(os.environ.get("MPLBACKEND"), matplotlib.rcParams._get_backend_or_none())
"""
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    environment |= {"MPLBACKEND": backend} if backend else {}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith(str(backend))
    if backend != "no such backend":
        assert done.stdout.strip() == f"{backend} {backend}"
