"""Data that were changed after a run: a finished run does not stand for them, and tables keep their runs apart."""

import csv
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DISTORTION, contents
from PIL import Image

from custom_datasets import sources
from custom_datasets.sources import load_dataset
from hyperopt.report.figures import errors
from hyperopt.report.figures.sources import Sources
from hyperopt.report.results import all_results

OWN = ("--dataset", "mine", "--recipe", "DIGITS", "--epochs", 1, "--batch-size", 8)
SETTING = OWN[:4]


def write_pictures(folder=Path("local_data/mine")):
    """Two classes of 12 training, 6 clean and 6 test images, bright or dark."""
    random = np.random.default_rng(0)
    for part, count in (("train", 12), ("valid", 6), ("test", 6)):
        for place, name in enumerate(("dark", "light")):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 128, size=(8, 8), dtype=np.uint8) + np.uint8(128 * place)
                Image.fromarray(pixels).save(folder / part / name / f"{number:02}.png")


def mend(part="train"):
    """Move a picture to the other class."""
    folder = Path("local_data/mine", part)
    shutil.move(folder / "dark/00.png", folder / "light/moved.png")


def unmend(part="train"):
    folder = Path("local_data/mine", part)
    shutil.move(folder / "light/moved.png", folder / "dark/00.png")


def the_result(run="run0", dataset="mine"):
    (path,) = Path("local_data", dataset, run).glob("result_*.json")
    return path


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def own(call):
    """own(*flags) trains on the pictures."""
    call("get-results")  # moves to the test's folder
    write_pictures()
    return lambda *flags: call("implicit-augment", "--no-cuda", *OWN, *flags)


@pytest.mark.parametrize(
    ("part", "words"),
    [("train", "training images or labels"), ("valid", "training images or labels"), ("test", "test images or labels")],
)
def test_finished_run_of_other_labels_is_refused(own, refused, part, words):
    assert own()[0] == 0
    status, out, _ = own()
    assert (status, out.startswith("finished already")) == (0, True)
    mend(part)
    refused("implicit-augment", ("--no-cuda", *OWN), f"is of other data than the present ones ({words})")
    refused("implicit-augment", ("--no-cuda", *OWN), "train in another run folder (-r run1)")
    assert own("-r", "run1")[0] == 0
    unmend(part)
    assert own()[1].startswith("finished already")


def test_other_settings_of_a_run_folder_are_of_its_test_images(own, refused):
    assert own()[0] == 0
    mend("test")
    refused("implicit-augment", ("--no-cuda", *OWN, "--aug-model", "RAND"), "(test images or labels)")


def test_finished_run_of_another_split_file_is_refused(train, refused):
    noisy = (*DISTORTION, "--epochs", 1, "--hyper-start", 0)
    assert train(*noisy)[0] == train("-r", "run1", *noisy)[0] == 0
    name = "data_ir_10_sr_0.24_nr_0.1.pt"
    shutil.copy(f"local_data/DIGITS/run1/{name}", f"local_data/DIGITS/run0/{name}")
    refused("implicit-augment", ("--no-cuda", *noisy), "is of another split file than the present one")


def test_finished_run_whose_split_file_is_gone_is_compared_and_left_alone(own, refused):
    """With the split that its seed gives, in memory; not even a lock is made."""
    assert own("-nr", 0.5)[0] == own("-nr", 0.5, "-r", "run1")[0] == 0
    split, result = Path("local_data/mine/run0/data_ir_1_sr_1.0_nr_0.5.pt"), the_result()
    split.unlink()
    (split.parent / ".lock_split").unlink()
    before = contents()
    status, out, err = own("-nr", 0.5)
    assert (status, out.startswith("finished already"), err) == (0, True, "")
    assert contents() == before

    other = json.loads(the_result("run1").read_text())["data"]
    edit(result, lambda content: content.update(data=other))
    before = contents()
    refused("implicit-augment", ("--no-cuda", *OWN, "-nr", 0.5), "is of another split file than the present one")
    assert contents() == before


def test_built_in_data_are_compared_too(train, monkeypatch):
    assert train(*DISTORTION, "--epochs", 1)[0] == 0
    data = load_dataset("DIGITS", Path(), torch.device("cpu"))
    data.test.labels[0] = (data.test.labels[0] + 1) % 10
    monkeypatch.setattr(sources, "digits", lambda _: data)
    status, out, err = train(*DISTORTION, "--epochs", 1)
    assert (status, out) == (2, "")
    assert "other data than the present ones (test images or labels)" in err


@pytest.mark.parametrize("more", [("--fresh",), ("--aug-model", "SEP")])
def test_split_of_other_labels_is_refused(own, more):
    """Label noise of this program hides which of the labels in the split file are the earlier ones."""
    assert own("-nr", 0.3)[0] == 0
    before = contents()
    the_result().unlink()  # as of a run that is not finished
    mend()
    status, out, err = own("-nr", 0.3, *more)
    assert (status, out) == (2, "")
    assert "was drawn for other labels or files than the present ones" in err
    assert "-r run1" in err
    assert contents().keys() - before.keys() == {Path("local_data/mine/train/light/moved.png")}
    unmend()
    assert own("-nr", 0.3, "--fresh")[0] == 0


def test_dry_run_reads_no_data(own, call):
    assert own()[0] == 0
    before = contents()
    Path("local_data/mine/train/dark/00.png").write_text("no picture")
    status, out, _ = call("implicit-augment", "--no-cuda", *OWN, "--dry-run")
    assert status == 0
    assert "finished: run0" in out
    assert own()[0] == 2
    Path("local_data/mine/train/dark/00.png").write_bytes(before[Path("local_data/mine/train/dark/00.png")])
    assert contents() == before


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        (("data", "test_table"), "test images or labels, split file"),
        (("data", "test_table", "table"), "training images or labels, test images or labels, split file"),
    ],
)
def test_result_of_an_earlier_version_gets_a_note(own, lacking, words):
    assert own()[0] == 0
    edit(the_result(), lambda content: [content.pop(key) for key in lacking])
    status, out, err = own()
    assert (status, out.startswith("finished already")) == (0, True)
    assert len(err.splitlines()) == 1
    assert f"was not compared with the present {words}" in err
    mend()
    assert own()[0] == (0 if "table" in lacking else 2)


def accuracies(*runs):
    return [json.loads(the_result(run).read_text())["accuracy"]["last_epoch"] for run in runs]


@pytest.fixture
def mended(own):
    """run0 before, run1 and run2 after a label was mended."""
    assert own()[0] == 0
    mend()
    for number, run in enumerate(("run1", "run2")):
        assert own("-r", run)[0] == 0
        values = {"best_on_test": 50.0, "selected_on_validation": 25.0, "last_epoch": 75.0 + 8 * number}
        edit(the_result(run), lambda content, values=values: content.update(accuracy=values))


def test_runs_of_other_data_stand_apart(mended, call):
    status, out, _ = call("get-results", *SETTING)
    assert status == 0
    first, second = out.split("\n\n")
    assert first.splitlines()[0].endswith("_nr_0.0, run0")
    assert second.splitlines()[0].endswith("_nr_0.0, run1 to run2")
    assert [line.split()[0] for line in first.splitlines()[2:3]] == ["run0"]
    mean = f"{np.mean(accuracies('run1', 'run2')):.2f} +- {np.std(accuracies('run1', 'run2'), ddof=1):.2f}"
    assert mean in second
    assert "+-" not in first.replace("mean +- std", "")
    assert "stands apart from run0: other training images or labels" in second


def test_every_layout_and_figure_keeps_them_apart(mended, call):
    labels = ["NONE/NONE NONE recipe DIGITS, run0", "NONE/NONE NONE recipe DIGITS, run1 to run2"]
    _, out, _ = call("get-results", *SETTING[:2], "--all", "--format", "json")
    found = json.loads(out)
    assert [(record["row"], record["runs"]) for record in found] == [(labels[0], "0"), (labels[1], "1 2")]
    assert found[1]["last_epoch_error_mean"] == 100 - np.mean(accuracies("run1", "run2"))
    assert found[0]["last_epoch_error_std"] is None
    _, out, _ = call("get-results", *SETTING[:2], "--all", "--format", "csv")
    assert [record["row"] for record in csv.DictReader(io.StringIO(out))] == labels
    for layout in ("text", "markdown", "latex"):
        _, out, _ = call("get-results", *SETTING[:2], "--all", "--format", layout)
        assert all(label in out for label in labels)
        assert "run1 to run2: stands apart from run0" in out


def test_figures_show_them_side_by_side(mended):
    settings = all_results(Path("local_data") / "mine").settings
    labels = [label.get_text() for label in errors.draw(settings, Sources()).axes[0].get_yticklabels()]
    assert [" ".join(label.split()) for label in labels] == [
        "NONE/NONE NONE recipe DIGITS, run0 (1 run)",
        "NONE/NONE NONE recipe DIGITS, run1 to run2 (2 runs)",
    ]
    found = Sources()
    assert [list(found.predictions(setting)) for setting in settings] == [[0], [1, 2]]


def test_audit_is_of_the_lowest_run(mended, call):
    status, out, err = call("get-results", *SETTING, "--audit", "audit.csv", "-r", "run2")
    assert (status, "audit of run2" in out) == (0, True)
    status, _, err = call("get-results", *SETTING, "--audit", "audit.csv")
    assert status == 2
    assert "run0/predictions_" in err
    assert "is of other data than the present ones" in err


def test_runs_of_other_options_or_epochs_stand_apart(train, results):
    for run, *flags in (("run0",), ("run1", "--lr", 0.01), ("run2", "--epochs", 2), ("run3",)):
        assert train(*DISTORTION, "--epochs", 1, "-r", run, *flags)[0] == 0
    status, out, _ = results(*DISTORTION)
    assert status == 0
    tables = out.split("\n\n")
    assert [table.splitlines()[0].split(", ", 1)[1] for table in tables] == ["run0, run3", "run1", "run2"]
    assert "stands apart from run0, run3: lr 0.01, not 0.05" in tables[1]
    assert "stands apart from run0, run3: epochs 2, not 1" in tables[2]


def test_runs_of_other_versions_are_averaged_with_a_note(train, results):
    for run in ("run0", "run1", "run2"):
        assert train(*DISTORTION, "-r", run, "--epochs", 1)[0] == 0

    def age(content):
        content["versions"]["torch"] = "1.0"
        content["options"]["precision"] = "bf16"
        content["commit"] = 40 * "a" + "-dirty"
        content.pop("test_table")

    edit(the_result("run0", "DIGITS"), lambda content: content.update(commit=40 * "b"))
    edit(the_result("run1", "DIGITS"), age)
    edit(the_result("run2", "DIGITS"), lambda content: content.update(commit=None))
    status, out, _ = results(*DISTORTION)
    assert status == 0
    assert out.count("mean +- std") == 1
    notes = out.splitlines()[7:]
    versions = f"{torch.__version__}: run0, run2; 1.0: run1"
    assert notes == [
        "not known which test images or labels run1 were made with: averaged all the same",
        "averaged over runs of different precision (fp32: run0, run2; bf16: run1)",
        f"averaged over runs of different torch ({versions})",
        f"averaged over runs of different commit ({12 * 'b'}: run0; {12 * 'a'}-dirty: run1; not known: run2)",
    ]
    edit(the_result("run2", "DIGITS"), lambda content: content.pop("commit"))
    assert results(*DISTORTION)[1].splitlines()[-1].endswith("-dirty: run1; an earlier version: run2)")


def test_runs_that_are_shown_are_listed_in_a_file(train, results):
    for run in ("run0", "run1"):
        assert train(*DISTORTION, "-r", run, "--epochs", 2)[0] == 0
    edit(the_result("run1", "DIGITS"), lambda content: [content.pop("commit"), content["timing"].pop("seconds")])
    status, _, err = results("--all", "--runs-csv", "runs.csv")
    assert status == 0
    assert "written: runs.csv" in err
    with open("runs.csv", newline="") as file:
        listed = list(csv.DictReader(file))
    assert [line["run"] for line in listed] == ["0", "1"]
    for line in listed:
        result = json.loads(the_result(f"run{line['run']}", "DIGITS").read_text())
        assert (line["dataset"], line["setting"], line["epochs"]) == ("DIGITS", result["name"], "2")
        for name, accuracy in result["accuracy"].items():
            assert float(line[name]) == accuracy
        assert line["date"] == result["timing"]["finished"]
        assert (line["torch"], line["device"]) == (torch.__version__, "cpu")
    with open(the_result("run0", "DIGITS").with_name("metrics_" + listed[0]["setting"] + ".csv"), newline="") as file:
        passes = [float(value) for line in csv.DictReader(file) for name, value in line.items() if "seconds" in name]
    assert float(listed[0]["seconds"]) == pytest.approx(sum(passes), abs=0.06)
    assert (listed[1]["commit"], listed[1]["seconds"]) == ("", "")
    assert results(*DISTORTION, "--runs-csv", "one.csv")[0] == 0
    assert Path("one.csv").read_text() == Path("runs.csv").read_text()


def test_list_of_runs_keeps_those_that_are_not_here(train, results):
    """As of a table that several machines make one after the other."""
    for run in ("run0", "run1"):
        assert train(*DISTORTION, "-r", run, "--epochs", 1)[0] == 0
    assert results("--all", "--runs-csv", "runs.csv")[0] == 0
    first = Path("runs.csv").read_text().splitlines()
    the_result("run1", "DIGITS").unlink()
    edit(the_result("run0", "DIGITS"), lambda content: content["timing"].update(seconds=7.0))
    status, _, err = results("--all", "--runs-csv", "runs.csv")
    assert status == 0
    assert "note: runs.csv: kept its runs that are not in this table: 1\n" in err
    second = Path("runs.csv").read_text().splitlines()
    assert second[::2] == first[::2]
    assert ",7.0," in second[1]


@pytest.fixture
def listed_run(train, results):
    """A list with the one run that is here."""
    assert train(*DISTORTION, "--epochs", 1)[0] == 0
    path = Path("runs.csv")
    assert results("--all", "--runs-csv", path)[0] == 0
    return path


BAD_LISTS = {
    "no header": ("run0,5\n", "is no header"),
    "column twice": ("dataset,setting,run,epochs,epochs\n", "line 1"),
    "merge conflict": ("{header}\n<<<<<<< HEAD\n", "line 2"),
    "too many cells": ("{header}\n{line},more\n", "line 2"),
    "too few cells": ("{header}\n{line}\nDIGITS,mine,3\n", "line 3"),
    "number": ("{header}\n{other},zero{rest}\n", "line 2"),
    "leading zero": ("{header}\n{other},00{rest}\n", "line 2"),
    "run twice": ("{header}\n{line}\n{line}\n", "line 3 .* is of a run that is there before"),
    "open quote": ('{header}\n"{line}\n', "cannot be read as a list of runs"),
    "Latin-1": ("{header}\n{line}\n", "cannot be read as a list of runs"),
    "other epochs": ("{header}\n{line}\n", "run0 of .* with 200 epochs, and here it has 1;"),
}


@pytest.mark.parametrize("mistake", BAD_LISTS)
def test_list_of_runs_that_is_damaged_or_of_other_trainings_stays(call, listed_run, mistake):
    text, reason = BAD_LISTS[mistake]
    header, line = listed_run.read_text().splitlines()
    dataset, setting, run, epochs, rest = line.split(",", 4)
    other, rest = f"{dataset},{setting}", f",{epochs},{rest}"
    if mistake == "other epochs":
        line = f"{other},{run},200,{rest.split(',', 2)[2]}"
    content = text.format(header=header, line=line, other=other, rest=rest).encode()
    if mistake == "no header":
        content = b"mine\n" + header.encode() + b"\n"
    if mistake == "Latin-1":
        content = content.replace(b"smallnet", "sm\u00e4llnet".encode("latin-1"))
    listed_run.write_bytes(content)
    status, _, err = call("get-results", "--all", "--runs-csv", listed_run)
    assert status == 2
    assert re.search(f"^error: .*{reason}.*$", err, re.MULTILINE), err
    assert err.count("\n") == 1 + err.count("note: ")
    assert listed_run.read_bytes() == content


def test_list_of_runs_from_a_spreadsheet_is_read_and_other_accuracies_are_said(call, listed_run):
    """With the mark and the line ends that a spreadsheet writes."""
    header, line = listed_run.read_text().splitlines()
    dataset, setting, run, epochs, _, rest = line.split(",", 5)
    changed = f"{dataset},{setting},{run},{epochs},12.5,{rest}"
    listed_run.write_bytes(f"\ufeff{header}\r\n{changed}\r\n".encode())
    status, _, err = call("get-results", "--all", "--runs-csv", listed_run)
    assert status == 0
    assert f"note: {listed_run}: runs that had other accuracies there were replaced: run0 of {setting}\n" in err
    assert listed_run.read_text() == f"{header}\n{line}\n"
