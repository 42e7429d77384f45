"""From a notebook: the scripts' functions leave their process as it was, in any thread and working folder."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from conftest import ROOT

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


def test_imports_print_and_change_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{IMPORTS}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (json.loads(done.stdout), done.stderr) == ([True, False], "")


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
