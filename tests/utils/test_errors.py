"""How a script ends, as a process of its own: status, standard error, and nothing after it."""

import errno
import io
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from utils.errors import exit_status

FULL = "/dev/full"
SCRIPT = "import sys; from utils.errors import UserError, exit_status; sys.exit(exit_status(lambda: {}))"
# Python's own setting would write every line at once.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def end(body, redirection=""):
    """Run a script's body in a shell -> (status, stdout, stderr)."""
    command = f'"{sys.executable}" -c "$0" {redirection}'
    done = subprocess.run(
        ["sh", "-c", command, SCRIPT.format(body)], capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(not os.path.exists(FULL), reason="needs /dev/full")
@pytest.mark.parametrize("body", ["print('a line')", "sys.stdout.write('no line')"])
def test_full_disk_behind_the_output_is_an_error(body):
    status, _, err = end(body, f"> {FULL}")
    assert (status, len(err.splitlines())) == (2, 1)
    assert "No space left on device" in err


@pytest.mark.parametrize("body", ["print('a line')", "sys.stdout.write('no line')"])
def test_reader_that_has_left_is_an_error(body):
    """The reader is gone before a word is written."""
    status, _, err = end(f"(__import__('time').sleep(0.3), {body})", "| true; exit 0")
    assert status == 0  # the pipe's, not the script's
    assert err == "error: the reader of the output has stopped; write it to a file instead\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_end_no_script(closed):
    status, out, err = end("(print('said'), print('noted', file=sys.stderr))", closed)
    assert (status, out, err) == (0, "" if closed[:3] == ">&-" else "said\n", "noted\n" if closed == ">&-" else "")


def test_lines_appear_when_they_are_written(tmp_path):
    log = tmp_path / "log"
    status, _, _ = end("(print('epoch 1'), __import__('os')._exit(9))", f"> {log}")
    assert (status, log.read_text()) == (9, "epoch 1\n")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        ("EACCES", "in which you may write (--runs for run folders)"),
        ("EROFS", "its disk is read-only"),
        ("ENOSPC", "make room on the disk"),
        ("ENAMETOOLONG", "shorten the name"),
        ("ENOTDIR", "is a file where a folder is needed"),
        ("EISDIR", "a folder is there where a file is needed"),
        ("EMFILE", "too many files are open"),
        ("ENOLCK", "gives no file locks"),
        ("ENXIO", "check the path, its permissions and the space on the disk"),
    ],
)
def test_advice_fits_the_error_of_the_system(number, advice, capsys):
    def fail():
        raise OSError(getattr(errno, number), os.strerror(getattr(errno, number)), "some/file")

    assert exit_status(fail) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: some/file: {os.strerror(getattr(errno, number))}; ")
    assert advice in err


def test_full_disk_names_the_copy_not_the_original(capsys):
    def body():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "original", None, "copy")

    assert exit_status(body) == 2
    assert capsys.readouterr().err.startswith("error: copy: No space left on device; ")


def test_letters_that_the_locale_lacks_are_an_error(capsys):
    assert exit_status(lambda: "é".encode("ascii")) == 2
    assert capsys.readouterr().err.startswith(r"error: the locale's encoding ascii has no '\xe9'; take a UTF-8 locale")


def test_streams_are_put_back(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", errors="strict", line_buffering=False)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", None)
    assert exit_status(lambda: print("é")) == 0
    assert (stream.errors, stream.line_buffering, sys.stderr) == ("strict", False, None)
    assert stream.buffer.getvalue() == b"\\xe9\n"
