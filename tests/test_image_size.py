"""Own pictures of any size through the command line: scaled, streamed, damaged; trained on and audited."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import call_in
from PIL import Image

from custom_datasets.own import streamed
from hyperopt.options.run_options import RunOptions
from hyperopt.runs.data import read_dataset

DATA = Path("local_data/photos")
OWN = ("--dataset", "photos", "--recipe", "DIGITS")
SHORT = ("--no-cuda", "--epochs", 2, "--hyper-start", 1, "--batch-size", 8, "--hyper-batch-size", 16, "--workers", 0)
LEARNED = ("--los-model", "WGHT", "--hyper-opt", "FIS")
AUDITED = (*OWN, *LEARNED, "--hyper-start", 1, "--hyper-batch-size", 16)


def write(folder):
    """Pictures of many sizes; the class is the direction of the stripes."""
    random = np.random.default_rng(0)
    for part, count in (("train", 12), ("valid", 4)):
        for name in ("down", "up"):
            (folder / part / name).mkdir(parents=True)
            for place in range(count):
                height, width = random.integers(33, 60, size=2)
                y, x = np.mgrid[:height, :width]
                stripes = 127 + 120 * np.sin((x + (y if name == "up" else -y)) / 2)
                Image.fromarray(stripes.astype(np.uint8)).save(folder / part / name / f"{place}.jpg")


@pytest.fixture(scope="module")
def finished(scripts, tmp_path_factory):
    """A working folder with a finished run, and what was printed to stderr."""
    folder = tmp_path_factory.mktemp("any size")
    write(folder / DATA)
    status, _, err = call_in(folder, scripts["implicit-augment"], *OWN, *SHORT, *LEARNED)
    assert status == 0, err
    return folder, err


@pytest.fixture
def trained(call, finished):
    shutil.copytree(finished[0], ".", dirs_exist_ok=True)


def result(pattern="result_*.json"):
    (path,) = (DATA / "run0").glob(pattern)
    return path, json.loads(path.read_text())


def audit(call, *flags):
    status, _, err = call("get-results", *AUDITED, *flags, "--audit", "audit.csv")
    assert status == 0, err
    return list(csv.DictReader(Path("audit.csv").open()))


def test_chosen_side_is_printed_stored_and_not_in_the_name(finished, trained):
    note = (
        r"note: pictures of \d+ sizes, .* are scaled to 32 x 32, their centres kept: .*--image-size sets another side"
    )
    assert len(re.findall(note, finished[1])) == 1
    path, content = result()
    assert (content["image_size"], content["damaged"]) == (32, 0)
    assert content["options"]["image_size"] is None
    assert "image_size" not in path.name


def test_finished_run_is_known_and_audited_with_its_side(call, trained, monkeypatch):
    """Even if another side were chosen now."""
    monkeypatch.setattr("custom_datasets.own.folder.choose_side", lambda *_: (16, "of a later version"))
    status, out, err = call("implicit-augment", *OWN, *SHORT, *LEARNED)
    assert (status, out.startswith("finished already"), err) == (0, True, "")
    assert {row["file"].split("/")[1] for row in audit(call)} == {"down", "up"}


def test_runs_of_before_are_read_as_they_were(tmp_path):
    for part in ("train", "valid"):
        for name in ("a", "b"):
            (tmp_path / part / name).mkdir(parents=True)
            Image.new("L", (300, 200), ord(name)).save(tmp_path / part / name / "0.png")
    options = RunOptions(dataset="photos", data=tmp_path.parent)

    def shape(result):
        return read_dataset(options, torch.device("cpu"), result, tmp_path).train.shape

    assert [shape(result) for result in ({}, {"image_size": None}, {"image_size": 32})] == [
        (1, 200, 300),
        (1, 200, 300),
        (1, 32, 32),
    ]
    assert shape(None) == (1, 64, 64)


def test_other_sides_stand_beside_each_other(call, trained):
    status, _, err = call("implicit-augment", *OWN, *SHORT, *LEARNED, "--image-size", 16, "--standard", "resized,flip")
    assert (status, "scaled to" in err) == (0, False), err
    path, content = result("result_*image_size*.json")
    assert "_image_size_16_standard_resized-flip_" in path.name
    assert content["image_size"] == 16
    assert len(audit(call, "--image-size", 16, "--standard", "resized,flip")) == len(audit(call)) == 24


def test_damaged_pictures_through_training_and_audit(call, trained):
    shutil.rmtree(DATA / "run0")
    for name in ("up/1.jpg", "down/2.jpg"):
        (DATA / "train" / name).write_bytes(b"<html>")
    status, out, err = call("implicit-augment", *OWN, *SHORT, *LEARNED)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert re.match(r"error: 2 of 32 pictures in .*train/down/2\.jpg, train/up/1\.jpg \(it is a web page", err)
    status, _, err = call("implicit-augment", *OWN, *SHORT, *LEARNED, "--skip-damaged")
    assert status == 0
    assert "note: 2 of 32 pictures are left out (--skip-damaged): train/down/2.jpg, train/up/1.jpg (it is" in err
    files = [row["file"] for row in audit(call)]
    assert len(files) == 22
    assert "train/up/1.jpg" not in files
    status, out, _ = call("implicit-augment", *OWN, *SHORT, *LEARNED)
    assert (status, out.startswith("finished already")) == (0, True)


def test_streamed_pictures_are_trained_on_and_audited(call, trained, monkeypatch):
    shutil.rmtree(DATA / "run0")
    monkeypatch.setattr(streamed, "host_memory", lambda: 1.0)
    status, _, err = call("implicit-augment", *OWN, *SHORT, *LEARNED, "--standard", "resized,flip")
    assert status == 0, err
    assert "read them anew in every epoch" in err
    assert len(audit(call, "--standard", "resized,flip")) == 24


@pytest.mark.parametrize("flags", [("--image-size", 32), ("--skip-damaged",)])
def test_flags_of_own_pictures_are_refused_for_public_data(refused, flags):
    refused("implicit-augment", ("--dataset", "DIGITS", *flags), f"{flags[0]} is for your own pictures; leave it out")
