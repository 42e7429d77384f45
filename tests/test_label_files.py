"""Given labels end to end: annotators' labels of DIGITS; own pictures audited, mended and trained on again."""

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

from custom_datasets.sources import digits
from hyperopt.rows.rows_file import RowsFile
from utils.fingerprint import fingerprint
from utils.runs.predictions import Predictions

OWN = ("--dataset", "mine", "--recipe", "DIGITS")
TRAIN = ("--no-cuda", *OWN, "--batch-size", 8, "--standard", "none")
LEARNED = ("--los-model", "BOTH", "--hyper-opt", "FIS", "--hyper-start", 2)
NAMES = ("dark", "grey", "light")
WRONG = {"train/dark/00.png": "light", "train/dark/01.png": "grey", "train/light/02.png": "grey"}  # what they show


def write_pictures(folder):
    """Three classes of 14 training and 8 clean images by their brightness; three training images are in wrong ones."""
    random = np.random.default_rng(0)
    for part, count in (("train", 14), ("valid", 8), ("test", 8)):
        for name in NAMES:
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                file = f"{part}/{name}/{number:02}.png"
                shade = 110 * NAMES.index(WRONG.get(file, name)) + random.integers(0, 35, size=(8, 8))
                Image.fromarray(shade.astype(np.uint8)).save(folder / file)


def table_of(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def circle(scripts, tmp_path_factory):
    """The folder in which own pictures were audited, mended and trained on again; and what the commands printed."""
    folder, said = tmp_path_factory.mktemp("circle"), []
    write_pictures(folder / "local_data/mine")
    exports = ("--audit", "a.csv", "--export-labels", "labels.csv", "--export-clean", "clean.txt")
    exports += ("--export-folders", "kept", "--probabilities", "p.npy")
    commands = (
        ("implicit-augment", *TRAIN, *LEARNED, "--epochs", 8),
        ("get-results", *OWN, *LEARNED, *exports),
        ("implicit-augment", *TRAIN, "--labels", "labels.csv", "--epochs", 8),
        ("get-results", *OWN, "--labels", "labels.csv", "--export-labels", "second.csv", "--threshold", 0.9),
        ("get-results", *OWN, *LEARNED, "--export-folders", "linked", "--links"),
        ("get-results", *OWN, *LEARNED, "--export-clean", "clean.npy", "--audit", "a.json"),
    )
    for script, *flags in commands:
        said.append(call_in(folder, scripts[script], *flags))
    assert [status for status, *_ in said] == [0, 0, 0, 0, 0, 0], said
    return folder, said


def test_suggested_labels_are_what_the_pictures_show(circle):
    folder, _ = circle
    found = {line["file"]: line for line in table_of(folder / "labels.csv")}
    assert list(next(iter(found.values()))) == ["file", "given_label", "label"]
    assert found.keys() >= WRONG.keys()
    for file, line in found.items():
        assert line["given_label"] == file.split("/")[1]
        assert line["label"] in ("", WRONG.get(file))
    assert any(found[file]["label"] for file in WRONG)
    audit = {line["file"]: line for line in table_of(folder / "a.csv")}
    issues = {file for file, line in audit.items() if line["is_label_issue"] == "True"}
    assert issues == found.keys()
    for file, line in audit.items():
        assert line["label_score"] == line["quality"]
        assert line["suggested_label"] == (found[file]["label"] if file in found else line["given_label"])


def test_suggestion_is_the_predicted_class_if_it_is_probable(circle):
    folder, _ = circle
    probabilities, audit = np.load(folder / "p.npy"), sorted(table_of(folder / "a.csv"), key=lambda x: int(x["index"]))
    assert probabilities.shape == (42, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    (path,) = folder.glob("local_data/mine/run0/predictions_*FIS*")
    stored = Predictions.read(path, 3)
    np.testing.assert_array_equal(probabilities, stored.train_probabilities)
    np.testing.assert_array_equal(probabilities.max(1), stored.train_predicted_probability)
    given = [NAMES.index(line["given_label"]) for line in audit]
    np.testing.assert_allclose(probabilities[np.arange(42), given], stored.train_given_probability)
    for line, row in zip(audit, probabilities, strict=True):
        assert line["predicted_label"] == NAMES[row.argmax()]
        if line["is_label_issue"] == "True" and row.argmax() != NAMES.index(line["given_label"]) and row.max() >= 0.5:
            assert line["suggested_label"] == line["predicted_label"]


def test_training_with_the_suggested_labels_has_them(circle):
    folder, said = circle
    mended = {line["file"]: line["label"] for line in table_of(folder / "labels.csv")}
    (path,) = folder.glob("local_data/mine/run0/predictions_*labels_labels*")
    trained = Predictions.read(path, 3)
    files = [f"train/{name}/{number:02}.png" for name in NAMES for number in range(14)]
    kept = [place for place, file in enumerate(files) if mended.get(file, "kept")]
    assert trained.train_index.tolist() == kept
    expected = [mended.get(files[place], files[place].split("/")[1]) for place in kept]
    assert [NAMES[label] for label in trained.train_given] == expected
    changed = sum(files[place] in mended for place in kept)
    assert f"labels.csv mends the labels of {changed} of {len(kept)} training images" in said[2][2]
    assert "no label is known to be true" in said[2][2]
    result = json.loads(path.with_name(path.name.replace("predictions", "result")).with_suffix(".json").read_text())
    assert result["labels"]["mends"]
    assert result["labels"]["differ"] == changed
    assert result["images"] == {"train": len(kept), "valid": 24, "test": 24}


def test_next_table_carries_the_mended_labels_over(circle):
    folder, _ = circle
    first, second = ({line["file"]: line for line in table_of(folder / name)} for name in ("labels.csv", "second.csv"))
    for file, line in first.items():
        if file in second:
            assert second[file]["given_label"] == line["given_label"]
    assert {file for file, line in first.items() if not line["label"]} <= second.keys()
    assert all(line["given_label"] == file.split("/")[1] for file, line in second.items())


@pytest.mark.usefixtures("mended")
def test_labels_that_a_page_saves_are_trained_on(call):
    """The page of a run that was given a table which mends: with every suggestion taken it saves the next table."""
    asked = ("--labels", "labels.csv", "--audit", "page.html", "--threshold", 0.9)
    status, _, err = call("get-results", *OWN, *asked)
    assert status == 0, err
    text = Path("page.html").read_text()
    page = json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)[1])
    decided = {
        file: [file, NAMES[own], NAMES[label] if label >= 0 else ""]
        for file, own, label in zip(page["file"], page["own"], page["suggested"], strict=True)
        if label != -2
    }
    rows = [*decided.values(), *(row for row in page["carried"] if row[0] not in decided)]
    with open("page.csv", "w", newline="") as file:
        csv.writer(file).writerows([page["columns"], *rows])  # its lines end in CR LF
    expected = [list(line.values()) for line in table_of("second.csv")]
    assert sorted(row for row in rows if row[1] != row[2]) == expected
    status, _, err = call("implicit-augment", *TRAIN, "--labels", "page.csv", "--epochs", 1)
    assert status == 0, err
    left_out = sum(not label for *_, label in rows)
    assert f"page.csv leaves out {left_out} image" in err


def test_clean_images_are_listed_by_their_files(circle):
    folder, _ = circle
    audit = sorted(table_of(folder / "a.csv"), key=lambda line: int(line["index"]))
    clean = [line for line in audit if line["is_label_issue"] == "False"]
    assert (folder / "clean.txt").read_text().splitlines() == [line["file"] for line in clean]
    assert np.load(folder / "clean.npy").tolist() == [int(line["index"]) for line in clean]
    listed = json.loads((folder / "a.json").read_text())
    assert sum(line["is_label_issue"] is True for line in listed) == len(audit) - len(clean)


@pytest.mark.parametrize("name", ["kept", "linked"])
def test_folders_have_the_pictures_that_are_kept(circle, name):
    folder, _ = circle
    data, found = folder / "local_data/mine", {}
    for path in (folder / name).rglob("*.png"):
        assert path.is_symlink() == (name == "linked")
        found[path.relative_to(folder / name).as_posix()] = path.read_bytes()
    expected = {}
    for line in table_of(folder / "a.csv"):
        if label := line["suggested_label"]:
            own, stem = line["given_label"], Path(line["file"]).stem
            target = f"{label}/{stem}.png" if label == own else f"{label}/{stem}_was_{own}.png"
            expected[target] = (data / line["file"]).read_bytes()
    assert found == expected
    assert not list(folder.glob("*.part"))


def test_rows_have_a_card(circle):
    folder, _ = circle
    (rows,) = folder.glob("local_data/mine/run0/rows_*FIS*.pt")
    card = rows.with_name(rows.name.replace("rows", "card")).with_suffix(".md").read_text()
    assert f"| fingerprint of the training set | `{RowsFile.read(rows).split[:16]}...`" in card
    assert "| clean images | 24, which came with the data |" in card
    assert "| filled by | FIS: weight and soft label |" in card
    assert "- to measure anything on the clean images: the rows were fitted to them" in card
    result = json.loads(rows.with_name(rows.name.replace("rows", "result")).with_suffix(".json").read_text())
    assert f"last epoch {result['accuracy']['last_epoch']:.2f} %" in card


@pytest.fixture
def mended(circle, call):
    """A copy of the circle's folder to work in."""
    call("get-results")  # moves to the test's folder
    shutil.copytree(circle[0], ".", dirs_exist_ok=True)


@pytest.mark.usefixtures("mended")
def test_finished_run_needs_its_labels_where_they_are_read(call, refused):
    setting = (*OWN, "--labels", "labels.csv")
    again = ("implicit-augment", *TRAIN, "--labels", "labels.csv", "--epochs", 8)
    assert call(*again)[::2] == (0, "")
    shutil.move("labels.csv", "moved.csv")
    assert call("get-results", *setting, "--audit", "b.csv")[0] == 0
    status, out, err = call(*again)
    assert (status, out.startswith("finished already")) == (0, True)
    assert "note: labels.csv is not there, and " in err
    refused(
        "get-results", (*setting, "--export-labels", "third.csv"), "labels.csv is not there, and new labels carry over"
    )
    refused("implicit-augment", (*again[1:], "--fresh"), "there is no file labels.csv of labels; name another")
    Path("labels.csv").write_text(Path("moved.csv").read_text().replace("dark/00.png,dark,light", "dark/00.png,dark,"))
    refused("implicit-augment", again[1:], "is of other labels than those of labels.csv")
    refused("get-results", (*setting, "--export-labels", "third.csv"), "labels.csv has other labels now")


REFUSED = {
    "a folder that is there": (("--export-folders", "kept"), "kept is there, and nothing is overwritten"),
    "a folder of the data": (("--export-folders", "local_data/mine/train/x"), "is within the data set's folder"),
    "a table that is there": (("--export-labels", "labels.csv"), "labels.csv is there, and may have been edited"),
    "no folder for a file": (("--probabilities", "nowhere/p.npy"), "the folder of nowhere/p.npy is not there"),
    "links alone": (("--links",), "--links is for --export-folders"),
    "links beside an audit": (("--audit", "b.csv", "--links"), "--links is for --export-folders"),
    "nothing to leave out": (("--export-labels", "b.csv", "--threshold", 0), "--export-labels is refused: the cleaned"),
    "a dry run": (("--dry-run", "--export-labels", "b.csv"), "--dry-run writes and draws nothing"),
}


@pytest.mark.usefixtures("mended")
def test_exports_are_refused_before_anything_is_written(refused):
    for flags, culprit in REFUSED.values():
        refused("get-results", (*OWN, *LEARNED, *flags), culprit)


@pytest.mark.usefixtures("mended")
def test_earlier_runs_have_an_audit_without_what_they_did_not_store(call, refused):
    (path,) = Path("local_data/mine/run0").glob("predictions_*FIS*")
    with np.load(path) as content:
        older = {name: array for name, array in content.items() if name not in ("train_probabilities",)}
    older.pop("train_predicted_probability")
    np.savez(path, **older)
    assert call("get-results", *OWN, *LEARNED, "--audit", "b.csv")[0] == 0
    assert {line["suggested_label"] for line in table_of("b.csv")} <= {"", *NAMES}
    for flags in (("--export-labels", "b2.csv"), ("--probabilities", "b.npy")):
        refused("get-results", (*OWN, *LEARNED, *flags), "is of an earlier version")


# Labels of annotators, of all 1,257 training images of DIGITS.
SETTING = ("-ir", 10, "-sr", 0.5, "--valid-images", 60)
ANNOTATED = ("--labels", "by.pt:worst", *SETTING)


@pytest.fixture(scope="module")
def annotated(scripts, tmp_path_factory):
    """The folder of a training with annotators' labels and of one without, the true and the given labels."""
    folder = tmp_path_factory.mktemp("annotated")
    true = digits(Path()).train.labels.numpy()
    random, given = np.random.default_rng(0), true.copy()
    wrong = random.permutation(len(true))[:400]
    given[wrong] = (true[wrong] + random.integers(1, 10, size=400)) % 10
    torch.save({"clean": true, "worst": given.astype(np.uint8)}, folder / "by.pt")
    for flags in (SETTING, ANNOTATED):
        status, _, err = call_in(folder, scripts["implicit-augment"], "--no-cuda", "--epochs", 1, *flags)
        assert status == 0, err
    return folder, true, given, err


def test_annotators_labels_are_trained_on_and_the_true_ones_are_known_to_audits_alone(annotated, scripts):
    folder, true, given, err = annotated
    run = folder / "local_data/DIGITS/run0"
    _, train, targets = torch.load(run / "data_ir_10_sr_0.5_nr_0.0.pt", weights_only=True)
    assert np.array_equal(targets, true)  # the split file is that of the true labels
    (path,) = run.glob("predictions_*_labels_by-worst_*")
    found = Predictions.read(path, 10)
    assert found.train_index.tolist() == sorted(train)
    assert np.array_equal(found.train_given, given[found.train_index])
    differ = int((given != true)[train].sum())
    assert f"by.pt:worst gives {differ} of {len(train)} training images ({100 * differ / len(train):.1f} %)" in err
    counts = json.loads(next(run.glob("result_*labels*")).read_text())["images_per_class"]
    assert counts["train"] == np.bincount(given[train], minlength=10).tolist()
    assert sum(counts["valid"]) == 60
    status, out, _ = call_in(folder, scripts["get-results"], *ANNOTATED, "--audit", "audit.csv")
    assert status == 0
    assert f"of {differ} wrong labels in all" in out
    for line in table_of(folder / "audit.csv"):
        index = int(line["index"])
        assert (int(line["given_label"]), int(line["true_label"])) == (given[index], true[index])


def test_suggested_labels_of_annotated_images_are_annotations_again(annotated, scripts):
    folder, _, given, _ = annotated
    (path,) = folder.glob("local_data/DIGITS/run0/result_*labels*")
    result = json.loads(path.read_text())
    good = {name: [99.0] * 10 for name in ("last_epoch", "mean_of_epochs")}  # as if the network were so good
    path.write_text(json.dumps(result | {"clean_accuracy": good}))
    assert call_in(folder, scripts["get-results"], *ANNOTATED, "--audit", "a.csv")[0] == 0
    low = np.quantile([float(line["quality"]) for line in table_of(folder / "a.csv")], 0.3) / 0.99
    flags = (*ANNOTATED, "--export-labels", "next.csv", "--audit", "a.csv", "--threshold", low)
    status, _, err = call_in(folder, scripts["get-results"], *flags)
    assert status == 0, err
    listed, audit = table_of(folder / "next.csv"), {line["index"]: line for line in table_of(folder / "a.csv")}
    assert list(listed[0]) == ["index", "label"]
    assert [int(line["index"]) for line in listed] == list(range(len(given)))
    for line in listed:
        label = audit[line["index"]]["suggested_label"] if line["index"] in audit else str(given[int(line["index"])])
        assert line["label"] == label
    assert any(line["label"] == "" for line in listed)
    flags = ("--no-cuda", "--epochs", 1, "--labels", "next.csv", *SETTING)
    status, _, err = call_in(folder, scripts["implicit-augment"], *flags)
    assert status == 0
    assert "next.csv leaves out " in err


def test_comparisons_score_annotators_labels(annotated, scripts):
    folder, *_ = annotated
    status, out, _ = call_in(folder, scripts["get-results"], "--compare", "audits")
    assert status == 0
    assert "labels by-worst" in out
    assert "area under the ROC curve" in out
    assert not [line for line in out.splitlines() if "NONE/NONE NONE |" in line]  # the run on the true labels


def test_labels_of_a_subset_and_of_clean_images_that_are_trained_on(annotated, scripts):
    folder, true, given, _ = annotated
    flags = ("--no-cuda", "--epochs", 1, "--labels", "by.pt:worst", "--classes", "3,8", "--first-images", 150)
    status, _, err = call_in(folder, scripts["implicit-augment"], *flags, "--batch-size", 16, "--train-on", "both")
    assert status == 0
    (path,) = folder.glob("local_data/DIGITS/run0/predictions_*classes_3-8*")
    found, places = Predictions.read(path, 2), np.flatnonzero(np.isin(true, (3, 8)))
    first, clean = found.train_index[found.train_index < 150], found.train_index[found.train_index >= 150]
    assert first.tolist() == np.flatnonzero(np.isin(given[places[:150]], (3, 8))).tolist()
    assert np.array_equal(found.train_given[: len(first)], given[places[first]] == 8)
    assert np.array_equal(found.train_given[len(first) :], found.train_true[len(first) :])
    assert len(clean) > 0
    other = ~np.isin(given[places[:150]], (3, 8))
    assert "a class that is none of --classes: left out" in err
    assert other.sum() + len(first) == 150


@pytest.mark.parametrize(
    ("flags", "culprit"),
    [
        (("--labels", "by.pt:worst", "-nr", 0.1), "-nr makes wrong labels, and --labels gives labels"),
        (("--labels", "by.pt:worst", "--oversplit"), "--oversplit would show the data set's own labels"),
        (("--labels", "by.pt"), "by.pt has 2 arrays: it holds clean int64 (1257,), worst uint8 (1257,)"),
        (("--labels", "by.txt"), "'by.txt' must be a file .csv, .npy, .npz, .pt"),
        (("--labels", "other.npy"), "there is no file other.npy of labels"),
    ],
)
def test_labels_that_cannot_be_given_are_an_error(annotated, call, refused, flags, culprit):
    call("get-results")
    shutil.copy(annotated[0] / "by.pt", ".")
    refused("implicit-augment", ("--no-cuda", *flags), culprit)


def test_nothing_that_trains_depends_on_the_true_labels_of_training_images(train):
    """Two data sets whose training images have the same given labels, but not the same true ones."""
    random, learned = np.random.default_rng(0), []
    images = {part: random.integers(256, size=(48, 6, 6), dtype=np.uint8) for part in ("train", "valid", "test")}
    labels = np.arange(48) % 3
    np.save("given.npy", random.permutation(labels))
    for name, own in (("one", labels), ("other", random.permutation(labels))):
        folder = Path("local_data", name)
        folder.mkdir(parents=True)
        for part, pixels in images.items():
            np.savez(folder / f"{part}.npz", images=pixels, labels=own if part == "train" else labels)
        flags = ("--dataset", name, "--recipe", "DIGITS", "--batch-size", 16, "--labels", "given.npy")
        status, _, err = train(*flags, "--los-model", "BOTH", "--aug-model", "SEP", "--hyper-opt", "FIS")
        assert status == 0, err
        (path,) = folder.glob("run0/last_*")
        content = torch.load(path, weights_only=True)
        learned.append({key: fingerprint(value) for key, value in content.items() if key.endswith("state_dict")})
        (rows,) = folder.glob("run0/rows_*.pt")
        learned[-1] |= {key: fingerprint({"": column}) for key, column in RowsFile.read(rows).columns.items()}
    assert learned[0] == learned[1]
    assert {"weight", "soft_label", "probability", "confidence"} <= learned[0].keys()
