"""What runs, tables and audits say of the clean images that there are, and of those that are not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import DISTORTION
from PIL import Image

from hyperopt.runs.clean_images import few_clean, few_clean_of_runs

MINE = Path("local_data/mine")
SETTING = ("--dataset", "mine", "--recipe", "DIGITS", "--aug-model", "NONE", "--batch-size", 8)
NAMES = ("ant", "bee", "cow")
TOLD = (
    "no clean image of bee, a single one of cow (4 or more of each other class): nothing that is learned or selected "
    "on clean images holds for such a class"
)


def write_folders(parts):
    """`parts`: images of every class by part."""
    random = np.random.default_rng(0)
    for part, counts in parts.items():
        for name, count in zip(NAMES, counts, strict=True):
            for place in range(count):
                path = MINE / part / name / f"{place}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(random.integers(256, size=(8, 8), dtype=np.uint8)).save(path)


def write_arrays(parts):
    random = np.random.default_rng(0)
    MINE.mkdir(parents=True)
    for part, counts in parts.items():
        labels = np.repeat(range(3), counts)
        np.savez(
            MINE / f"{part}.npz", images=random.integers(256, size=(len(labels), 8, 8), dtype=np.uint8), labels=labels
        )


def result_of(run="run0"):
    (path,) = (MINE / run).glob("result_*")
    return json.loads(path.read_text())


@pytest.mark.parametrize("write", [write_folders, write_arrays])
def test_missing_clean_images_are_named_everywhere(train, call, write):
    counts = {"train": [9, 8, 7], "valid": [4, 0, 1], "test": [3, 3, 2]}
    write(counts)
    status, out, err = train(*SETTING)
    named = write is write_folders
    told = TOLD if named else TOLD.replace("bee", "class 1").replace("cow", "class 2")
    assert (status, err) == (0, f"note: {told}\n")
    table = [line.split() for line in out.splitlines()[:5]]
    assert table[0] == ["images", "of", "mine", "train", "valid", "test"]
    names = NAMES if named else "012"
    assert table[1:4] == [
        [name, *map(str, line)] for name, line in zip(names, zip(*counts.values(), strict=True), strict=True)
    ]
    assert table[4] == ["all", "24", "5", "8"]
    assert result_of()["images_per_class"] == counts

    setting = ("--dataset", "mine", "--recipe", "DIGITS")
    for flags in (setting, ("--dataset", "mine", "--all"), ("--dataset", "mine", "--all", "--format", "csv")):
        assert told in call("get-results", *flags)[1].replace('"', "")
    status, out, err = call("get-results", *setting, "--audit", "audit.csv")
    assert (status, (out + err).count(told)) == (0, 1)
    # No table has a run without a number, so the audit has the note.
    assert train(*SETTING, "-r", "other", "--seed", 3)[0] == 0
    status, out, err = call("get-results", *setting, "--audit", "audit.csv", "-r", "other")
    assert status == 0
    assert f"note: {told}" in err.splitlines()


def test_copies_are_in_the_report_of_an_audit(train, call):
    write_folders({"train": [9, 8, 7], "valid": [4, 4, 4]})
    shutil.copy(MINE / "train/ant/0.png", MINE / "valid/bee/copy.png")
    told = (
        "note: 1 of 13 pictures in valid is in train as well, 1 of them under another label, such as "
        "valid/bee/copy.png, which is train/ant/0.png"
    )
    assert told in train(*SETTING)[2].splitlines()
    assert told in call("get-results", *SETTING[:4], "--audit", "audit.csv")[2].splitlines()


def test_without_a_valid_part_training_images_that_serve_are_counted(train):
    write_folders({"train": [20, 20, 20], "test": [3, 3, 2]})
    status, _, err = train(*SETTING)
    told = "note: no valid part: 12 of the 60 training images serve as clean ones; they are only as clean as these\n"
    assert (status, err) == (0, told)
    assert result_of()["images_per_class"] == {"train": [16] * 3, "valid": [4] * 3, "test": [3, 3, 2]}
    Path("others.csv").write_text("".join(f"{place % 3}\n" for place in range(60)))  # of annotators
    told = "60 training images serve as clean ones; they have the data set's own labels, which are the true ones\n"
    assert told in train(*SETTING, "--labels", "others.csv")[2]
    for place in range(1, 20):
        (MINE / f"train/bee/{place}.png").unlink()
    status, _, err = train(*SETTING, "-r", "run1")
    assert (status, err) == (2, "error: mine has a single image of bee, so that none can be held out; add valid/\n")


def test_few_kept_clean_images_of_a_built_in_data_set_are_noted(train, call):
    _, out, err = train(*DISTORTION, "--epochs", 1, "--valid-images", 15)
    result = json.loads(next(Path("local_data/DIGITS/run0").glob("result_*")).read_text())
    counts = result["images_per_class"]["valid"]
    single = [f"class {label}" for label, count in enumerate(counts) if count == 1]
    assert sum(counts) == 15
    assert len(single) > 2
    assert f"note: a single clean image of {', '.join(single)} (2 or more of each other class)" in err
    assert "images of DIGITS" not in out
    assert ", ".join(single) in call("get-results", *DISTORTION, "--valid-images", 15)[1]


def test_table_of_many_classes_is_short_and_names_those_that_lack_clean_images(train):
    random = np.random.default_rng(0)
    MINE.mkdir(parents=True)
    labels = np.repeat(range(50), 2)
    for part, chosen in (("train", labels), ("valid", labels[labels < 13])):
        images = random.integers(256, size=(len(chosen), 8, 8), dtype=np.uint8)
        np.savez(MINE / f"{part}.npz", images=images, labels=chosen)
    status, out, err = train(*SETTING)
    assert status == 0
    table = out.splitlines()[:33]
    assert table[1].split() == ["13", "2", "0"]
    assert table[31].split() == ["20", "other", "classes", "40", "26"]
    assert table[32].split() == ["all", "100", "26"]
    assert f"no clean image of {', '.join(f'class {label}' for label in range(13, 50))} (2 or more" in err


def test_words_for_counts():
    assert few_clean([2, 3], None) is None
    assert few_clean([1, 1], ["a", "b"]).startswith("a single clean image of every class: ")
    results = {
        0: {"class_names": None, "images_per_class": {"valid": [0, 5]}},
        1: {"class_names": None},  # of an earlier version
        2: {"class_names": None, "images_per_class": {"valid": [5, 5]}},
    }
    assert few_clean_of_runs(results)[0].startswith("run0: no clean image of class 0 (5 or more")
    assert few_clean_of_runs({0: results[0]})[0].startswith("no clean image of class 0")


def test_background_makes_a_row_of_its_own(train, call):
    write_folders({"train": [9, 8, 7], "valid": [4, 4, 4]})
    clear = Image.new("LA", (8, 8), (0, 0))
    clear.save(MINE / "train/ant/clear.png")
    assert train(*SETTING)[0] == 0
    usual = result_of()["name"]
    assert usual.endswith("_nr_0.0")
    assert result_of()["options"]["background"] == "white"
    # An earlier version's result does not have the option.
    (path,) = (MINE / "run0").glob("result_*")
    content = json.loads(path.read_text())
    del content["options"]["background"], content["images_per_class"]
    path.write_text(json.dumps(content))
    assert "finished already" in train(*SETTING)[1]

    assert train(*SETTING, "--background", "255,128,0")[0] == 0
    (path,) = (MINE / "run0").glob("result_*_background_*")
    assert json.loads(path.read_text())["name"] == f"{usual}_background_ff8000"
    assert "finished already" in train(*SETTING, "--background", "#FF8000")[1]
    assert "background ff8000" in call("get-results", "--dataset", "mine", "--all")[1]
    status, _, err = call("get-results", *SETTING[:4], "--background", "ff8000", "--audit", "audit.csv")
    assert status == 0, err


@pytest.mark.parametrize("value", ["red", "1,2", "1,2,256", "#12345", ""])
def test_a_background_that_is_no_colour_is_refused(train, value):
    status, _, err = train(*SETTING, "--background", value)
    assert (status, len(err.splitlines())) == (2, 1)
    assert "is no colour; take white, black" in err


def test_a_background_is_refused_where_nothing_is_transparent(train):
    status, _, err = train("--background", "black")
    assert (status, err) == (2, "error: --background is for your own data; DIGITS has no transparent pictures\n")
    assert train("--background", "white", "--dry-run")[0] == 0
