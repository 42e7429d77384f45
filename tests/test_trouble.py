"""Runs that cannot go on or cannot start, and what the results script makes of them."""

import re
import shutil
from pathlib import Path

from conftest import ESTIMATORS, FLAGS


def test_diverged_run_stops_with_epoch_and_step_and_is_never_a_number(call):
    flags = ("-ir", 10, "-nr", 0.1, "--lr-warm-epochs", 0, "--lr", 1e6)
    status, _, err = call("implicit-augment", "--no-cuda", *flags)
    assert status == 2
    assert re.search(r"^error: diverged in epoch 1: the training loss of step \d+ is not a number; start over", err)
    status, out, err = call("get-results", "-ir", 10, "-nr", 0.1)
    assert status == 2
    assert out == ""
    assert "epoch 0 of 200, diverged in epoch 1" in err


def test_damaged_result_is_named_beside_the_others(call):
    for run in ("run0", "run1"):
        assert call("implicit-augment", "--no-cuda", "--epochs", 1, "-r", run)[0] == 0
    (damaged,) = Path("local_data/DIGITS/run0").glob("result_*")
    damaged.write_text(damaged.read_text()[:50])
    for flags in ((), ("--all",)):
        status, out, err = call("get-results", *flags)
        assert status == 2
        assert len(err.splitlines()) == 1
        assert str(damaged) in err
        assert "run1" in out or " 1" in out


def test_too_full_a_disk_is_named_before_the_start(call, monkeypatch):
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100_000))
    status, out, err = call("implicit-augment", "--no-cuda", *FLAGS, *ESTIMATORS["HES"])
    assert (status, out) == (2, "")
    assert re.fullmatch(r"error: the run's files need [\d.]+ MiB in local_data/DIGITS/run0, whose disk has .*\n", err)


def test_order_of_what_a_run_starts_from_is_in_the_help(call):
    words = " ".join(call("implicit-augment", "--help")[1].split())
    assert "from its last checkpoint, or from the one before if that is damaged" in words
    assert "With --fresh, or without a checkpoint, a run starts from scratch" in words
