import importlib.util
import io
import os
import shutil
import signal
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from sklearn import datasets

from utils.fingerprint import fingerprint

# The same examples in every run of the suite, and no limit on a busy machine.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# A suite that runs in the background can inherit ignored signals, which a run then leaves ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

HAS_GPU = torch.cuda.is_available()


@pytest.fixture(scope="session", autouse=True)
def nothing_waits():
    """For the disk, as no test cuts the power, nor for scikit-learn, which parses its digits again for every run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        patch.setattr(datasets, "load_digits", cache(datasets.load_digits))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """A GPU is there for the tests marked `cuda` alone: all others are the same on every machine."""
    with pytest.MonkeyPatch.context() as patch:
        if HAS_GPU and not item.get_closest_marker("cuda"):
            patch.setattr(torch.cuda, "is_available", lambda: False)
            patch.setenv("CUDA_VISIBLE_DEVICES", "")  # for the processes that they start
        return (yield)


def pytest_runtest_setup(item):
    if item.get_closest_marker("cuda") and not HAS_GPU:
        pytest.skip("needs a GPU")


# Runs of short epochs: 133 images, 4 steps of a train pass and 2 of a hyper pass.
DISTORTION = ("-ir", 10, "-sr", 0.24, "-nr", 0.1)
FLAGS = (*DISTORTION, "--aug-model", "SEP", "--los-model", "BOTH", "--epochs", 3, "--hyper-start", 1)
ESTIMATORS = {"HES": ("--hyper-opt", "HES"), "FIS": ("--hyper-opt", "FIS")}
ROOT = Path(__file__).parent.parent


def load_script(name):
    """A script of the top level as a module; its name has a hyphen, so that it cannot be imported."""
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), ROOT / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def scripts():
    return {name: load_script(name) for name in ("implicit-augment", "get-results")}


@pytest.fixture(scope="module")
def scripts_path():
    """Scripts import their neighbours by name alone."""
    sys.path.insert(0, str(ROOT / "scripts"))
    yield
    sys.path.remove(str(ROOT / "scripts"))


@pytest.fixture(scope="module")
def runs_tables(scripts_path):
    return importlib.import_module("runs_tables")


def call_in(folder, script, *flags):
    """Run a script's main in a folder that several tests share: (status, stdout, stderr)."""
    said = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said[0]), redirect_stderr(said[1]):
        patch.chdir(folder)
        status = script.main(list(map(str, flags)))
    return status, *(text.getvalue() for text in said)


@pytest.fixture
def call(scripts, tmp_path, monkeypatch, capfd):
    """Runs a script's main in an empty working folder: call(script, *flags) -> (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(script, *flags):
        capfd.readouterr()
        try:
            status = scripts[script].main(list(map(str, flags)))
        except SystemExit as stop:
            status = stop.code
        return status, *capfd.readouterr()

    return run


@pytest.fixture
def train(call):
    """Runs a short training: train(*flags) -> (status, stdout, stderr)."""
    return lambda *flags: call("implicit-augment", "--no-cuda", "--epochs", 3, "--hyper-start", 1, *flags)


@pytest.fixture
def results(call):
    """Runs the results script on what `train` left: results(*flags) -> (status, stdout, stderr)."""
    setting = ("--hyper-start", 1)
    return lambda *flags: call("get-results", *([] if "--all" in flags else setting), *flags)


class Sketch:
    """Stands for the canvases of a figure, which take long to render it."""

    def __init__(self, _):
        pass

    def print_png(self, file):
        file.write(b"\x89PNG")

    def print_pdf(self, file, metadata):
        file.write(b"%PDF")


@pytest.fixture
def sketched(monkeypatch):
    """Figures are prepared and their files written, but neither t-SNE nor the rendering is waited for."""
    from hyperopt.report.figures import embedding, style

    monkeypatch.setattr(embedding, "embed", lambda features: features[:, :2])
    for name in ("FigureCanvasAgg", "FigureCanvasPdf"):
        monkeypatch.setattr(style, name, Sketch)


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it, so that nothing is cleaned up by intention."""


def dying(patch, number, after):
    """Have the process die when the n-th file from now gets its name."""
    replace, count = os.replace, iter(range(1, 1000))

    def dies(source, target):
        due = next(count) == number
        if due and not after:
            raise Killed
        replace(source, target)
        if due:
            raise Killed

    patch.setattr(os, "replace", dies)
    return lambda: patch.setattr(os, "replace", replace)


@pytest.fixture
def killed_at(monkeypatch):
    """killed_at(n): the n-th time from now that a file gets its name, the process dies before (or after) it does."""
    return lambda number, after=False: dying(monkeypatch, number, after)


COMMAND = ("--no-cuda", *FLAGS, *ESTIMATORS["HES"])


@pytest.fixture(scope="session")
def runs(scripts, tmp_path_factory):
    """Folder of two runs of `COMMAND`, made once: `whole`, and `stopped`, which was killed in its third epoch."""
    folder, script = tmp_path_factory.mktemp("runs"), scripts["implicit-augment"]
    for name in ("whole", "stopped"):
        (folder / name).mkdir()
    assert call_in(folder / "whole", script, *COMMAND)[0] == 0
    with pytest.MonkeyPatch.context() as patch:
        dying(patch, 12, after=False)
        with pytest.raises(Killed):
            call_in(folder / "stopped", script, *COMMAND)
    return folder


@pytest.fixture
def stopped(call, runs):
    """The stopped run: its flags, its last checkpoint (of epoch 2) and the one before."""
    shutil.copytree(runs / "stopped", ".", dirs_exist_ok=True)
    (folder,) = Path("local_data/DIGITS").glob("run0")
    (last,), (previous,) = folder.glob("last_*.pt"), folder.glob("previous_*.pt")
    return COMMAND, last, previous


def contents(folder=Path()):
    """Bytes of every file below; of a link, where it leads."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return {path: path.readlink() if path.is_symlink() else path.read_bytes() for path in paths}


def untimed_checkpoint(path):
    """The fingerprint of what does not depend on the clock in a checkpoint."""
    content = torch.load(path, weights_only=True)
    return fingerprint({name: value for name, value in content.items() if name not in ("epochs", "log")})


@pytest.fixture
def no_network(monkeypatch):
    """Every download fails."""

    def refuse(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


@pytest.fixture
def refused(call):
    """Runs a script on bad input: refused(script, flags, culprit) fails unless that ends as it must."""

    def check(script, flags, culprit):
        before = contents()
        with warnings.catch_warnings(record=True) as warned:  # as a process, they would be lines on stderr
            warnings.simplefilter("always", UserWarning)
            status, out, err = call(script, *flags)
        assert not [warning.message for warning in warned if warning.category is UserWarning]
        assert (status, out) == (2, ""), err
        assert len(err.splitlines()) == 1, err
        assert err.startswith("error: ")
        assert "Traceback" not in err
        assert culprit in err
        after = contents()
        assert not Path("executed").exists()
        assert {path: after.get(path) for path in before} == before

    return check
