"""The commit that a result is of."""

import importlib.util
import shutil
import subprocess

import pytest
from conftest import ROOT

GIT = ("git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.org")


def git(*arguments, folder):
    return subprocess.run([*GIT, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit_of(folder):
    spec = importlib.util.spec_from_file_location("copied_versions", folder / "utils/versions.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.commit()


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_commit_is_that_of_the_programs_own_checkout(tmp_path, monkeypatch):
    around, program = tmp_path / "around", tmp_path / "around/program"
    (program / "utils").mkdir(parents=True)
    shutil.copy(ROOT / "utils/versions.py", program / "utils")
    git("init", folder=around)
    git("add", ".", folder=around)
    git("commit", "-m", "around", folder=around)
    assert commit_of(program) is None
    git("init", folder=program)
    assert commit_of(program) is None  # of no commit yet
    git("add", ".", folder=program)
    git("commit", "-m", "first", folder=program)
    git("tag", "v1", folder=program)
    head = git("rev-parse", "HEAD", folder=program)
    monkeypatch.setenv("GIT_DIR", str(around / ".git"))
    assert commit_of(program) == head
    monkeypatch.delenv("GIT_DIR")
    (program / "results.json").write_text("untracked")
    assert commit_of(program) == head
    with open(program / "utils/versions.py", "a") as file:
        file.write("# changed\n")
    assert commit_of(program) == f"{head}-dirty"
    monkeypatch.setenv("PATH", "")
    assert commit_of(program) is None
