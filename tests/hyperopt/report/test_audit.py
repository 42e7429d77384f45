"""The audit of a run against its own files, scikit-learn's scores and the truth about example data."""

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import load_script
from PIL import Image
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score

from custom_datasets.sources import load_dataset
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.stored import read_result
from hyperopt.report.audit import HEADER, Audit
from hyperopt.report.clean_accuracy import CleanAccuracy
from hyperopt.report.figures import sheets
from hyperopt.report.review import review_run

NOISE = ("-ir", 10, "-nr", 0.3)
FIS = ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "FIS")


def the_file(pattern):
    (path,) = Path("local_data/DIGITS/run0").glob(pattern)
    return path


def read_csv(path):
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        assert tuple(reader.fieldnames) == HEADER
        return list(reader)


def set_clean_accuracy(last, mean):
    """As if the network of run0 were so good, the same for all classes."""
    path = the_file("result_*")
    found = {"last_epoch": [last] * 10, "mean_of_epochs": [mean] * 10}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"clean_accuracy": found}))


@pytest.fixture
def audited(train, results):
    """Of a short training whose network passes for a good one."""
    train(*NOISE, *FIS)
    set_clean_accuracy(99.0, 50.0)
    status, out, err = results(*NOISE, *FIS, "--audit", "audit.csv", "--export-clean", "clean.txt", "--threshold", 0.5)
    assert status == 0, err
    return out


def test_audit_lists_every_training_image_as_its_files_say(audited):
    rows, predictions = np.load(the_file("rows_*.npz")), np.load(the_file("predictions_*"))
    _, train, targets = torch.load(the_file("data_*"), weights_only=True)
    listed = read_csv("audit.csv")
    place = {index: k for k, index in enumerate(rows["index"].tolist())}
    assert {int(row["index"]) for row in listed} == set(train)
    qualities = [float(row["quality"]) for row in listed]
    assert qualities == sorted(qualities)
    for row in listed:
        k = place[int(row["index"])]
        given = targets[int(row["index"])].item()
        soft = rows["soft_label"][k]
        assert int(row["given_label"]) == given
        assert int(row["learned_label"]) == soft.argmax()
        assert float(row["given_probability"]) == pytest.approx(soft[given], abs=1e-6)
        assert float(row["weight"]) == pytest.approx(rows["weight"][k], abs=1e-6)
        p, q = (float(predictions[f"train_{name}confidence"][k]) for name in ("", "other_"))
        assert float(row["quality"]) == pytest.approx(p / (p + q), abs=1e-6)
        assert float(row["class_accuracy"]) == 0.5
        assert int(row["predicted_label"]) == predictions["train_predicted"][k]
        assert int(row["true_label"]) == predictions["train_true"][k]
        assert row["file"] == ""


def test_report_and_exported_indices_are_those_of_the_threshold(audited):
    listed = read_csv("audit.csv")
    quality = np.array([float(row["quality"]) for row in listed])
    wrong = np.array([row["given_label"] != row["true_label"] for row in listed])
    suspects = quality < 0.5 * 0.5
    assert f"audit of run0: {suspects.sum()} of {len(listed)} labels look wrong (quality below 0.5 times" in audited
    assert "the network, after 3 epochs with 10 classes, is right about 99.0 % of the clean images" in audited
    assert "50.0 % on average over the epochs" in audited
    assert f"per class, in %: {', '.join(f'{c} 99' for c in range(10))}" in audited
    figures = {
        "area under the ROC curve": roc_auc_score(wrong, -quality),
        "average precision": average_precision_score(wrong, -quality),
        "precision": precision_score(wrong, suspects),
        "recall": recall_score(wrong, suspects),
    }
    assert ", ".join(f"{name} {value:.3f}" for name, value in figures.items()) in audited
    assert f"of these, {(wrong & suspects).sum()} are wrong, of {wrong.sum()} wrong labels in all" in audited
    clean = sorted(int(row["index"]) for row, suspect in zip(listed, suspects, strict=True) if not suspect)
    assert [int(line) for line in Path("clean.txt").read_text().split()] == clean


def test_other_formats_say_the_same(audited, results):
    status, *_ = results(*NOISE, *FIS, "--audit", "audit.json", "--export-clean", "clean.npy", "--threshold", 0.5)
    assert status == 0
    as_text = [
        {key: "" if value is None else str(value) for key, value in row.items()}
        for row in json.loads(Path("audit.json").read_text())
    ]
    numbers = ("given_probability", "weight", "quality", "class_accuracy")
    for ours, theirs in zip(as_text, read_csv("audit.csv"), strict=True):
        assert [ours[key] for key in HEADER if key not in numbers] == [theirs[k] for k in HEADER if k not in numbers]
        assert [float(ours[key]) for key in numbers] == [float(theirs[key]) for key in numbers]
    assert np.load("clean.npy").tolist() == [int(line) for line in Path("clean.txt").read_text().split()]


def test_run_without_rows_or_made_noise_leaves_their_columns_empty(train, results, sketched):
    train("-r", "mine", "--seed", 1)
    train()
    status, out, err = results("--audit", "audit.csv", "-r", "mine", "--plot", "figures")
    assert status == 0
    assert "audit of mine" in out
    assert "average precision" not in out
    empty = ("file", "learned_label", "given_probability", "weight", "true_label")
    assert all(row[key] == "" for row in read_csv("audit.csv") for key in empty)
    assert "suspects_DIGITS_mine" in err
    assert "augmentation" not in err


@pytest.mark.parametrize("more", [("--refit",), pytest.param(("--train-on", "both"), marks=pytest.mark.slow)])
def test_rows_that_a_run_does_not_leave_are_left_out(train, results, sketched, more):
    row = (*NOISE, *(FIS if "--refit" in more else FIS[:-2]), *more)
    train(*row)
    status, _, err = results(*row, "--audit", "audit.csv", "--plot", "figures")
    assert status == 0, err
    listed = read_csv("audit.csv")
    assert (
        len(listed)
        == json.loads(the_file(f"result_*{'refit_' if '--refit' in more else 'both'}*").read_text())["images"]["train"]
    )
    assert all(row["weight"] == row["learned_label"] == "" for row in listed)
    assert "suspects" in err
    assert "augmentation" not in err


def test_sheets_show_the_images_and_what_is_said_of_them(audited):
    options = resolve(parse_options(RunOptions, "", ["-ir", "10", "-nr", "0.3", *FIS, "--hyper-start", "1"]))
    data = load_dataset("DIGITS", Path(), torch.device("cpu"))
    review = review_run(options.files, data, read_result(options.files.result))
    listed, panels = read_csv("audit.csv"), sheets.draw_suspects(review).axes
    assert len(panels) == 10
    for row, axes in zip(listed, panels, strict=False):
        pixels = data.train.images[int(row["index"]), 0].numpy() / 255
        np.testing.assert_allclose(axes.images[0].get_array(), pixels, atol=1e-6)
        lines = [
            f"given: {row['given_label']}",
            f"learned: {row['learned_label']}",
            f"network: {row['predicted_label']}",
        ]
        assert axes.get_title().splitlines()[:3] == lines
        assert f"quality {float(row['quality']):.2f}" in axes.get_title()
    panels = sheets.draw_augmentation(review).axes
    assert len(panels) == 10 * 6
    rows = np.load(the_file("rows_*.npz"))
    for label, axes in enumerate(panels[::6]):
        most = max(np.flatnonzero(rows["given_label"] == label), key=lambda place: rows["weight"][place])
        pixels = data.train.images[rows["index"][most], 0].numpy() / 255
        np.testing.assert_allclose(axes.images[0].get_array(), pixels, atol=1e-6)
        assert axes.get_title() == f"{label}, as it is"


@pytest.mark.parametrize(
    ("flags", "culprit"),
    [
        (("-r", "run0"), "-r is for --audit"),
        (("--threshold", 0.3), "--threshold is for --audit"),
        (("--audit", "audit.txt"), "'audit.txt' must end in .csv or .json"),
        (("--export-clean", "clean.csv"), "'clean.csv' must end in .txt or .npy"),
        (("--all", "--audit", "a.csv"), "leave out --audit"),
        (("--dry-run", "--audit", "a.csv"), "--dry-run writes and draws nothing"),
        (("--audit", "a.csv", "-r", "run7"), "run7 of smallnet_opt_NONE"),
        (("--audit", "nowhere/a.csv"), "the folder of nowhere/a.csv is not there"),
        (("--export-clean", "local_data/DIGITS/run0/a.txt"), "is a run's"),
        (("--audit", ".csv"), "must end in .csv or .json"),
        (("--audit", "a.csv", "--threshold", 2), "2 is out of range"),
    ],
)
def test_flags_that_make_no_sense(train, results, flags, culprit):
    train("--epochs", 1)
    status, _, err = results(*flags)
    assert status == 2
    assert len(err.splitlines()) == 1
    assert culprit in err


def test_run_from_before_there_were_predictions_is_named(train, results):
    train()
    the_file("predictions_*").unlink()
    status, _, err = results("--audit", "a.csv")
    assert status == 2
    assert "predictions_" in err
    assert "--fresh" in err
    assert not Path("a.csv").exists()


def test_rows_of_other_labels_are_named(train, results):
    train(*NOISE, *FIS)
    path = the_file("rows_*.pt")
    content = torch.load(path, weights_only=True)
    torch.save(content | {"given_label": content["given_label"].roll(1)}, path)
    status, _, err = results(*NOISE, *FIS, "--audit", "a.csv")
    assert status == 2
    assert err.count("rows_") == len(err.splitlines()) == 1
    assert "--fresh" in err
    assert not Path("a.csv").exists()


def example_data(folder):
    load_script("scripts/make-example-data").make(Path(folder))


@pytest.mark.slow
def test_most_wrong_labels_of_the_example_are_among_the_first_suspects(call):
    """The README's example with fewer epochs: at least 150 of the 200 wrong pictures among the first 250."""
    example_data("local_data/digits")
    row = ("--dataset", "digits", "--recipe", "DIGITS", "--los-model", "BOTH", "--hyper-opt", "FIS", "--hyper-start", 5)
    status, _, err = call("implicit-augment", "--no-cuda", *row, "--epochs", 20)
    assert status == 0
    assert "note: no test set" in err
    status, out, _ = call("get-results", *row, "--audit", "audit.csv")
    assert status == 0
    assert "no test set: accuracies of run0 are of the clean validation images" in out
    with open("local_data/digits/wrong.csv", newline="") as file:
        truth = {row["file"]: row["true_label"] for row in csv.DictReader(file)}
    listed = read_csv("audit.csv")
    assert len(listed) == 1497
    assert len(truth) == 200
    assert sum(row["file"] in truth for row in listed[:250]) >= 150
    found = [row for row in listed[:150] if row["file"] in truth]
    assert sum(row["predicted_label"] == truth[row["file"]] for row in found) > 0.9 * len(found)
    assert all(row["given_label"] == Path(row["file"]).parent.name for row in listed)


def test_data_that_has_changed_since_is_refused(call):
    example_data("local_data/digits")
    row = ("--dataset", "digits", "--recipe", "DIGITS")
    assert call("implicit-augment", "--no-cuda", *row, "--epochs", 1)[0] == 0
    picture = next(Path("local_data/digits/train/0").iterdir())
    before = picture.read_bytes()
    other_name, other_class = picture.with_name("other.png"), Path("local_data/digits/train/1") / picture.name
    for change in (lambda: picture.rename(other_name), lambda: other_name.rename(other_class)):
        change()
        status, _, err = call("get-results", *row, "--audit", "a.csv")
        assert status == 2
        assert "is of other data than the present ones" in err
    other_class.rename(picture)
    assert call("get-results", *row, "--audit", "a.csv")[0] == 0
    picture.write_bytes(next(Path("local_data/digits/train/1").iterdir()).read_bytes())
    assert call("get-results", *row, "--audit", "a.csv")[0] == 2
    picture.write_bytes(before)
    for part in ("train", "valid"):
        shutil.rmtree(f"local_data/digits/{part}/9")
    status, _, err = call("get-results", *row, "--audit", "a.csv")
    assert status == 2
    assert "is of other data than the present ones" in err


def test_unusual_names_are_written_as_they_are(call, sketched):
    for name in ("a,b", 'say "x"', "c$_$d", "日本"):
        for part in ("train", "valid"):
            folder = Path("local_data/odd", part, name)
            folder.mkdir(parents=True)
            for place in range(12):
                pixels = np.random.default_rng(place).integers(256, size=(8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{place}\r.png")
    row = ("--dataset", "odd", "--recipe", "DIGITS", "--los-model", "WGHT")
    assert call("implicit-augment", "--no-cuda", *row, "--epochs", 1, "--batch-size", 8)[0] == 0
    status, _, err = call("get-results", *row, "--audit", "a.csv", "--plot", "figures")
    assert status == 0, err
    assert "Warning" not in err
    listed = read_csv("a.csv")
    assert len(listed) == 4 * 12
    assert {row["given_label"] for row in listed} == {"a,b", 'say "x"', "c$_$d", "日本"}
    assert all(Path("local_data/odd", row["file"]).is_file() for row in listed)


@pytest.mark.parametrize(
    "more", [("--train-on", "both"), pytest.param(("--refit",), marks=pytest.mark.slow), ("--oversplit",)]
)
def test_without_a_test_set_the_validation_set_is_not_trained_on(refused, more):
    example_data("local_data/digits")
    row = ("--dataset", "digits", "--recipe", "DIGITS", "--los-model", "WGHT")
    estimator = ("--hyper-opt", "FIS") if "--refit" in more else ()
    refused("implicit-augment", ("--no-cuda", *row, *estimator, *more), "add test/")


def clean_accuracy_by_hand():
    """Shares per class that the last network gets right of the clean images, and metrics' mean over the epochs."""
    with open(the_file("metrics_*"), newline="") as file:
        accuracies = [float(row["valid_accuracy"]) for row in csv.DictReader(file)]
    return accuracies[-1], np.mean(accuracies)


def test_result_has_the_accuracy_on_clean_images_per_class(train):
    train(*NOISE)
    found = json.loads(the_file("result_*").read_text())["clean_accuracy"]
    valid, *_ = torch.load(the_file("data_*"), weights_only=True)
    labels = load_dataset("DIGITS", Path(), torch.device("cpu")).train.labels[valid]
    shares = torch.bincount(labels, minlength=10) / len(labels)
    for per_class, overall in zip(
        (found["last_epoch"], found["mean_of_epochs"]), clean_accuracy_by_hand(), strict=True
    ):
        assert (torch.tensor(per_class) * shares).sum().item() == pytest.approx(overall, abs=1e-3)


def test_label_looks_wrong_beside_the_clean_images_of_its_class(audited, results):
    path = the_file("result_*")
    content = json.loads(path.read_text())
    means = [float(10 * c) for c in range(9)] + [None]  # no clean image of the last class: the mean of the others
    content["clean_accuracy"]["mean_of_epochs"] = means
    path.write_text(json.dumps(content))
    status, out, _ = results(*NOISE, *FIS, "--audit", "other.csv", "--threshold", 0.7)
    assert status == 0
    listed = read_csv("other.csv")
    limits = [0.7 * (40 if label == 9 else 10 * label) / 100 for label in (int(row["given_label"]) for row in listed)]
    suspects = sum(float(row["quality"]) < limit for row, limit in zip(listed, limits, strict=True))
    assert f"{suspects} of {len(listed)} labels look wrong" in out
    assert [row["index"] for row in listed] == [row["index"] for row in read_csv("audit.csv")]


@pytest.mark.parametrize(
    ("last", "mean", "threshold", "message"),
    [
        (20.0, 50.0, 0.4, "too weak for an audit: it is wrong about 80.0 % of the clean images"),
        (100.0, 0.0, 0.4, "keep every image; 0 of"),
        (100.0, 100.0, 1.0, "be empty"),
    ],
)
def test_cleaned_list_that_says_nothing_is_refused(audited, results, refused, last, mean, threshold, message):
    set_clean_accuracy(last, mean)
    Path("clean.txt").unlink()
    if threshold == 1:
        content = dict(np.load(the_file("predictions_*")))
        np.savez(the_file("predictions_*"), **content | {"train_confidence": content["train_confidence"] * 0})
    row = (*NOISE, *FIS, "--hyper-start", 1, "--threshold", threshold)
    refused("get-results", (*row, "--audit", "b.csv", "--export-clean", "clean.txt"), message)
    assert not Path("clean.txt").exists()
    assert not Path("b.csv").exists()


def test_network_is_weak_where_it_errs_more_often_than_it_contradicts_suspects():
    names = ("network", "confidence", "posterior", "learned", "given_probability", "weight", "true", "names", "files")
    given, predicted = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1]), np.array([1, 1, 0, 0, 1, 1, 1, 1, 1, 0])
    quality = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9])  # 4 suspects, 2 of them contradicted
    for wrong, weak in ((0.15, False), (0.25, True)):
        clean = CleanAccuracy(3, last=np.array([1 - 2 * wrong, 1.0]), mean=np.array([0.8, 0.9]))
        audit = Audit(
            **dict.fromkeys(names),
            index=np.arange(10),
            given=given,
            predicted=predicted,
            quality=quality,
            clean=clean,
            reference=clean.reference(),
        )
        assert (audit.weakness(0.6) is not None) == weak
        doubted = dataclasses.replace(audit, clean=dataclasses.replace(clean, doubt="trained on these"))
        assert doubted.weakness(0.6) is None
        assert "trained on these" in doubted.report(0.6)


def test_report_of_a_weak_network_says_so_first(audited, results):
    set_clean_accuracy(20.0, 50.0)
    status, out, _ = results(*NOISE, *FIS, "--audit", "audit.csv")
    assert status == 0
    report = out[out.index("audit of run0") :].splitlines()
    assert report[0].startswith("audit of run0: the network is too weak for an audit: it is wrong about 80.0 %")
    assert "labels look wrong" in report[1]


def test_run_of_an_earlier_version_is_audited_with_notes(audited, results):
    result, predictions = the_file("result_*"), the_file("predictions_*")
    content = json.loads(result.read_text())
    content.pop("clean_accuracy")
    result.write_text(json.dumps(content))
    arrays = dict(np.load(predictions))
    arrays.pop("train_other_confidence")
    np.savez(predictions, **arrays)
    status, out, err = results(*NOISE, *FIS, "--audit", "audit.csv")
    assert status == 0
    assert err.count("note: the run is of an earlier version, which kept no") == 2
    last, mean = clean_accuracy_by_hand()
    assert f"is right about {last:.1f} % of the clean images" in out
    listed = read_csv("audit.csv")
    np.testing.assert_allclose([float(row["class_accuracy"]) for row in listed], mean / 100, atol=1e-6)
    place = {index: k for k, index in enumerate(arrays["train_index"].tolist())}
    for row in listed:
        assert float(row["quality"]) == pytest.approx(arrays["train_confidence"][place[int(row["index"])]], abs=1e-6)
