"""SEL through the command line: budgets, features, whole networks on the first images of an order."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, Killed
from real_layouts import write_trainable
from sklearn.linear_model import LogisticRegression

from hyperopt.estimators import set_size

SHORT = ("--no-cuda", "--epochs", 3, "-sr", 0.24)
SELECT = (*SHORT, "--method", "EffAug")
RUN0 = Path("local_data/DIGITS/run0")


def only(pattern, folder=RUN0):
    (path,) = folder.glob(pattern)
    return path


def metrics(pattern, folder=RUN0):
    return list(csv.DictReader(only(f"metrics_{pattern}", folder).open()))


def column(lines, name):
    return [float(line[name]) for line in lines]


def standardised(found):
    """The features in a file, with the deviation of the training images' as the unit."""
    arrays = {name: value.numpy().astype(float) for name, value in found.items() if isinstance(value, torch.Tensor)}
    mean, deviation = arrays.pop("mean"), arrays.pop("deviation")
    np.testing.assert_allclose(mean, arrays["train"].mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(deviation, arrays["train"].std(0), rtol=1e-5, atol=1e-6)
    scale = np.where(deviation > 0, 1 / np.maximum(deviation, 1e-30), 0)
    return {name: (array - mean) * scale for name, array in arrays.items()}


@pytest.fixture
def features(call):
    """The features of a short run with labels, as arrays by name, and the run's metrics."""
    status, _, err = call("implicit-augment", *SELECT, "-nr", 0.1, "--select-budgets", "50,100")
    assert status == 0, err
    found = torch.load(only("features_*.pt"), weights_only=True)
    predictions = np.load(only("predictions_*_opt_SEL_*"))
    arrays = standardised(found)
    return arrays | {name: predictions[name] for name in ("train_given", "test_label", "test_predicted")}


def test_each_budget_is_a_logistic_regression_on_all_images_and_the_copies_of_the_first(features):
    """Against scikit-learn, from the run's own files."""
    lines, rows = metrics("*_opt_SEL_*"), np.load(only("rows_*_opt_SEL_*.npz"))
    given, tested = features["train_given"], features["test_label"]
    order = np.argsort(rows["rank"])
    assert column(lines, "budget") == [0, 50, 100, len(given)]
    for line in lines:
        chosen = order[: int(line["budget"])]
        x = np.concatenate((features["train"], *features["train_copies"][:, chosen]))
        y = np.concatenate((given, *[given[chosen]] * 4))
        theirs = LogisticRegression(C=1, tol=1e-10, max_iter=10000).fit(x, y)
        assert 100 * theirs.score(features["test"], tested) == pytest.approx(float(line["test_accuracy"]), abs=0.2)
        both = np.concatenate((features["test"], *features["test_copies"]))
        accuracy = 100 * theirs.score(both, np.tile(tested, 5))
        assert accuracy == pytest.approx(float(line["test_augmented_accuracy"]), abs=0.2)
    # The network of the run is the encoder with the last of these models as its head.
    assert np.mean(theirs.predict(features["test"]) == features["test_predicted"]) > 0.99


def test_features_are_of_the_baselines_network(features):
    last = {name: torch.load(only(f"last_*_opt_{name}_*"), weights_only=True) for name in ("NONE", "SEL")}
    ours, theirs = (last[name]["encoder_state_dict"] for name in ("SEL", "NONE"))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    copies, own = features["train_copies"], features["train"]
    assert copies.shape == (4, *own.shape)
    assert (np.abs(copies - own).max((1, 2)) > 0.1).all()  # each copy is another picture


ORDERS = [
    "--select-order random",
    "--select-order proportional",
    "--select-order top --select-score alo",
    "--select-order bottom --select-score margin",
    "--select-order inverse --select-score loss --select-clusters 5",
    "--select-order dpp",
    "--select-order dpp-plain",
    "--select-score gradient --select-update",
    "--select-score forgetting",
    "--select-score confidence --select-order top",
    "--select-score quality --select-suspects last",
]


@pytest.mark.slow
def test_every_order_begins_with_none_and_ends_with_all(call):
    ends = []
    for flags in ORDERS:
        status, _, err = call("implicit-augment", *SELECT, "-nr", 0.2, "--select-budgets", "30,60", *flags.split())
        assert status == 0, err
    for path in RUN0.glob("metrics_*_opt_SEL_*"):
        lines = list(csv.DictReader(path.open()))
        ends.append([float(lines[place]["train_loss"]) for place in (0, -1)])
        rows = np.load(only(path.name.replace("metrics", "rows").replace("csv", "npz")))
        assert sorted(rows["rank"]) == list(range(len(rows["index"])))
    assert len(ends) == len(ORDERS)
    np.testing.assert_allclose(ends, [ends[0]] * len(ends), rtol=1e-6)
    assert len(list(RUN0.glob("features_*"))) == 1  # of one baseline, computed once


def test_rank_follows_from_the_scores(call):
    for order in ("top", "bottom", "proportional", "inverse"):
        flags = ("--select-order", order, "--select-budgets", "10", "--select-score", "loss")
        assert call("implicit-augment", *SELECT, *flags)[0] == 0
    found = {}
    for path in RUN0.glob("rows_*_opt_SEL_*.npz"):
        order = next((name for name in ("top", "bottom", "inverse") if name in path.name), "proportional")
        found[order] = np.load(path)
    score = found["top"]["score"]
    assert all((rows["score"] == score).all() for rows in found.values())
    for order, sign in (("top", -1), ("bottom", 1)):
        assert (np.argsort(found[order]["rank"]) == np.argsort(sign * score, kind="stable")).all()
    # Drawn in proportion, high scores come early on average; by the inverse, late.
    for order, sign in (("proportional", -1), ("inverse", 1)):
        assert sign * np.corrcoef(found[order]["rank"], np.argsort(np.argsort(score)))[0, 1] > 0.1


def test_networks_of_other_precision_have_features_of_their_own(call):
    for precision in ("fp32", "bf16"):
        assert call("implicit-augment", *SHORT, "--precision", precision, "--data", precision)[0] == 0
    baseline = only("last_*", Path("fp32/DIGITS/run0"))
    for precision in ("fp32", "bf16"):
        flags = (*SELECT, "--precision", precision, "--features-of", baseline, "--data", precision)
        assert call("implicit-augment", *flags, "--select-budgets", "10")[0] == 0
    first, second = (torch.load(path, weights_only=True) for path in baseline.parent.glob("features_*"))
    assert (first["train"] - second["train"]).abs().max() > 0


def test_whole_test_pictures_have_copies_of_their_own_size(call, monkeypatch):
    """Those of BACH, whose training images are patches."""
    write_trainable(monkeypatch, Path("local_data/BACH"), "BACH")
    flags = ("--no-cuda", "--dataset", "BACH", "--epochs", 1, "--workers", 0, "--method", "EffAug")
    status, _, err = call("implicit-augment", *flags, "--model", "smallnet", "--amount", 2, "--select-budgets", "5")
    assert status == 0, err


def test_suspects_come_last(call):
    flags = ("--no-cuda", "--epochs", 15, "--method", "EffAug", "-nr", 0.3, "--select-score", "confidence")
    flags += ("--select-order", "top", "--select-budgets", "10")
    assert call("implicit-augment", *flags)[0] == 0
    status, _, err = call("implicit-augment", *flags, "--select-suspects", "last")
    assert status == 0
    plain, last = (np.load(only(f"rows_*_select_budgets_10{end}.npz")) for end in ("", "_select_suspects_last"))
    predictions = np.load(only("predictions_*_opt_NONE_*"))
    given, other = predictions["train_confidence"], predictions["train_other_confidence"]
    quality = given / (given + other)
    accuracy = json.loads(only("result_*_opt_NONE_*").read_text())["clean_accuracy"]["mean_of_epochs"]
    late = quality < 0.6 * np.array(accuracy)[predictions["train_given"]] / 100
    assert f"note: {late.sum()} of {len(late)} labels look wrong" in err
    assert (predictions["train_given"] != predictions["train_true"])[late].mean() > 0.8
    # They are behind all others, each group in the order of its scores.
    assert last["rank"][late].min() == (~late).sum()
    for group in (late, ~late):
        assert (np.argsort(plain["rank"][group]) == np.argsort(last["rank"][group])).all()


def test_downweighted_images_and_copies_weigh_as_one(call):
    """With all images augmented, each weighs as much as without augmentation: the loss is a mean over images."""
    flags = (*SELECT, "--select-budgets", "10", "--select-order", "random", "--select-downweight")
    assert call("implicit-augment", *flags)[0] == 0
    found = standardised(torch.load(only("features_*.pt"), weights_only=True))
    given = np.load(only("predictions_*_opt_SEL_*"))["train_given"]
    x = np.concatenate((found["train"], *found["train_copies"]))
    theirs = LogisticRegression(C=1, tol=1e-10, max_iter=10000)
    theirs.fit(x, np.tile(given, 5), sample_weight=np.full(len(x), 0.2))
    loss = -np.log(theirs.predict_proba(x)[np.arange(len(x)), np.tile(given, 5)]).mean()
    assert float(metrics("*_opt_SEL_*")[-1]["train_loss"]) == pytest.approx(loss, rel=1e-4)


def test_drawn_copies_are_of_the_policy(call):
    flags = (*SHORT, "--hyper-opt", "SEL", "--aug-model", "RAND", "--select-copies", 3, "--select-budgets", "10")
    assert call("implicit-augment", *flags)[0] == 0
    copies = torch.load(only("features_*.pt"), weights_only=True)["train_copies"]
    assert len(copies) == 3
    assert not torch.equal(copies[0], copies[1])


def test_features_of_another_run_folder_and_of_a_run_of_all_classes(call):
    """Several draws on one baseline; and two classes on features of all."""
    status, _, err = call("implicit-augment", *SELECT, "--select-order", "random")
    assert status == 0, err
    run1 = RUN0.with_name("run1")
    run1.mkdir()
    shutil.copy(only("data_*.pt"), run1)
    flags = ("-r", "run1", "--select-order", "random", "--features-of", "run0")
    status, _, err = call("implicit-augment", *SELECT, *flags)
    assert status == 0, err
    assert "was trained on other images" not in err
    assert not list(run1.glob("*_opt_NONE_*"))
    first, second = (metrics("*_opt_SEL_*", folder) for folder in (RUN0, run1))
    for name in ("test_augmented_accuracy", "train_loss"):
        ours, theirs = column(first, name), column(second, name)
        assert (ours[0], ours[-1]) == pytest.approx((theirs[0], theirs[-1]), rel=1e-6)
        assert ours[3:5] != theirs[3:5]
    baseline = only("last_*_opt_NONE_*")
    for source in (baseline, baseline.stem.removeprefix("last_")):
        flags = ("--classes", "3,8", "--first-images", 150, "--features-of", source)
        status, _, err = call("implicit-augment", "--no-cuda", "--epochs", 3, "--method", "EffAug", *flags)
        assert status == 0, err
        assert f"note: {baseline} was trained on other images or labels" in err
    results = [json.loads(path.read_text()) for path in RUN0.glob("result_*classes_3-8*")]
    assert [result["budgets"][-1] for result in results] == [150, 150]
    assert results[0]["accuracy"] == results[1]["accuracy"]


def test_scores_of_a_run_with_other_clean_images_are_taken(call):
    """Only its training images and their labels have to be the same."""
    assert call("implicit-augment", *SHORT, "--valid-images", 100)[0] == 0
    other = only("last_*").stem.removeprefix("last_")
    flags = ("--valid-images", 80, "--features-of", other, "--select-score", "confidence")
    status, _, err = call("implicit-augment", *SELECT, *flags)
    assert status == 0, err
    with np.load(only("predictions_*_opt_NONE_*")) as found:
        confidence = found["train_confidence"]
    scores = torch.load(only("rows_*_opt_SEL_*.pt"), weights_only=True)["score"].numpy()
    np.testing.assert_allclose(scores, 1 - confidence, rtol=1e-6)


def test_scores_of_a_run_on_other_labels_and_an_unfinished_run_are_refused(call, refused, killed_at):
    assert call("implicit-augment", *SHORT)[0] == 0
    other = only("last_*").stem.removeprefix("last_")
    flags = (*SELECT, "-nr", 0.2, "--features-of", other)
    for scores in ("--select-score quality", "--select-suspects last"):
        status, out, err = call("implicit-augment", *flags, *scores.split())
        assert (status, out) == (2, "")
        assert err.splitlines()[-1].startswith("error: the run of --features-of was trained on other images or labels")
    killed_at(7)
    with pytest.raises(Killed):
        call("implicit-augment", *SHORT, "--los-model", "WGHT")
    stopped = only("last_*WGHT*")
    flags = (*SELECT, "--features-of", stopped)
    refused("implicit-augment", flags, f"{stopped} is of epoch 1 of 3; let its training end first")


@pytest.mark.slow
def test_threads_of_the_linear_algebra_are_those_of_the_run(call, tmp_path):
    """What the environment allows it has no effect, down to the last digit."""
    assert call("implicit-augment", *SHORT)[0] == 0
    flags = (*SELECT, "--select-update", "--select-clusters", 5, "--select-budgets", "50", "--threads", 1)
    found = []
    for threads in "12":
        folder = tmp_path / threads
        shutil.copytree(RUN0, folder / RUN0)
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
        environment["OPENBLAS_NUM_THREADS"] = threads
        command = [sys.executable, ROOT / "implicit-augment.py", *map(str, flags)]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        lines = metrics("*_opt_SEL_*", folder / RUN0)
        rows = np.load(only("rows_*_opt_SEL_*.npz", folder / RUN0))
        kept = [{key: value for key, value in line.items() if not key.endswith("seconds")} for line in lines]
        found.append((kept, rows["rank"].tolist(), rows["score"].tolist()))
    assert found[0] == found[1]


def test_sets_that_are_too_large_are_refused_before_any_training(call, refused, monkeypatch):
    monkeypatch.setattr(set_size, "MOST_NUMBERS", 5000)
    flags = (*SHORT, "-ir", 10, "--method", "EffAug", "--select-order", "dpp")
    refused("implicit-augment", flags, "--select-order dpp: a set of 67 of 133 images is too large to draw; 37 are")
    assert call("implicit-augment", *flags, "--select-budgets", "25%,80%")[0] == 0
    monkeypatch.setattr(set_size, "MOST_NUMBERS", 133)
    flags = (*flags, "--select-score", "support", "--select-budgets", "support")
    status, _, err = call("implicit-augment", *flags)
    assert status == 2
    assert "of 133 images is too large to draw; 1 are the most here; lower --select-budgets" in err


def test_result_names_budgets_and_has_no_mean_of_the_last_five(call):
    assert call("implicit-augment", *SELECT)[0] == 0
    result = json.loads(only("result_*_opt_SEL_*").read_text())
    images = result["images"]["train"]
    assert result["budgets"][0] == 0
    assert result["budgets"][-1] == images
    assert "last_five" not in result["accuracy"]
    assert "last_five" not in result["epochs"]
    status, out, err = call("get-results", "--all")
    assert status == 0, err
    assert "TRANSLATE/NONE SEL" in out


def test_whole_network_is_trained_with_the_first_images_augmented(call):
    flags = (*SELECT, "--select-score", "loss", "--select-order", "top", "--augmented", "25%")
    status, out, err = call("implicit-augment", *flags)
    assert status == 0, err
    assert out.count("test accuracy") == 3  # baseline, order, network
    orders, network = sorted(RUN0.glob("rows_*_opt_SEL_*.npz"), key=lambda path: "augmented" in path.name)
    assert (np.load(orders)["rank"] == np.load(network)["rank"]).all()
    assert len(metrics("*_opt_SEL_*augmented_25%*")) == 3  # epochs
    # The same training by hand.
    name = orders.stem.removeprefix("rows_")
    by_hand = ("--aug-model", "TRANSLATE", "--rows", name, "--rows-use", "R", "--augmented", "25%")
    assert call("implicit-augment", *SHORT, *by_hand)[0] == 0
    first, second = metrics("*_opt_SEL_*augmented_25%*"), metrics("*_opt_NONE_*augmented_25%*")
    assert column(first, "train_loss") == column(second, "train_loss")


@pytest.mark.parametrize("order", ["--select-update", "--select-order dpp", "--select-order random"])
def test_run_that_is_killed_between_budgets_goes_on_bit_for_bit(call, killed_at, order):
    budgets = ("--select-budgets", "10,20,40,80", *order.split())
    for folder in ("whole", "local_data"):
        assert call("implicit-augment", *SHORT, "--data", folder)[0] == 0
    assert call("implicit-augment", *SELECT, *budgets, "--data", "whole")[0] == 0
    revive = killed_at(15)
    with pytest.raises(Killed):
        call("implicit-augment", *SELECT, *budgets)
    revive()
    status, _, err = call("implicit-augment", *SELECT, *budgets)
    assert status == 0
    assert "note: going on after epoch 3" in err
    found = []
    for folder in (RUN0, Path("whole/DIGITS/run0")):
        rows = np.load(only("rows_*_opt_SEL_*.npz", folder))
        lines = metrics("*_opt_SEL_*", folder)
        kept = [{key: value for key, value in line.items() if not key.endswith("seconds")} for line in lines]
        found.append((kept, rows["rank"].tolist()))
    assert found[0] == found[1]


def test_baseline_that_is_trained_anew_gives_other_features(call, refused):
    assert call("implicit-augment", *SELECT)[0] == 0
    assert call("implicit-augment", *SHORT, "--fresh", "--lr", 0.02)[0] == 0
    refused("implicit-augment", SELECT, "is of a finished run with other options (lr 0.02 instead of 0.05)")
    assert call("implicit-augment", *SELECT, "--lr", 0.02, "--fresh")[0] == 0
    assert len(list(RUN0.glob("features_*"))) == 1  # those of the earlier network are gone


def test_damaged_features_are_computed_again(call):
    assert call("implicit-augment", *SELECT)[0] == 0
    path, before = only("features_*"), metrics("*_opt_SEL_*")
    path.write_bytes(path.read_bytes()[:1000])
    status, _, err = call("implicit-augment", *SELECT, "--fresh")
    assert status == 0
    assert f"note: {path} cannot be read" in err
    assert [line["train_loss"] for line in metrics("*_opt_SEL_*")] == [line["train_loss"] for line in before]


@pytest.mark.parametrize(
    ("flags", "culprit"),
    [
        ("--aug-model NONE", "give --aug-model TRANSLATE|ROTATE|CROP or another policy"),
        ("--aug-model SEP", "augments by copies"),
        ("--cutout 4", "without --cutout"),
        ("--los-model WGHT", "leave out --los-model WGHT"),
        ("--rows x --rows-use R", "leave out --rows"),
        ("--train-on both", "--train-on both is a control"),
        ("--oversplit", "leave out --oversplit"),
        ("--refit", "--refit"),
        ("--select-budgets 0", "must be at least 1"),
        ("--select-budgets 10,x", "'x' is not a whole number"),
        ("--select-budgets 5000", "--select-budgets 5000 is more than the 133 training images"),
        ("--select-order random --select-score loss", "--select-score has an effect only with"),
        ("--select-copies 2", "--select-copies has an effect only with a policy other than TRANSLATE, ROTATE, CROP"),
        ("--select-order dpp --select-clusters 3", "--select-clusters has an effect only with"),
        ("--select-score quality --select-update", "--select-update has an effect only with"),
        ("--select-clusters 134", "--select-clusters 134 is more than the 133 training images"),
        ("--features-of nothing", "give --features-of a run folder, a run's name or the path of a checkpoint"),
        ("--features-of last_x.pt --select-score quality", "take a score of the linear model"),
        ("--features-of a/b", "must be a run's name"),
        ("--select-c 1e-320", "1e-320 is out of range; it must be at least 1e-06 and at most 10000"),
        ("--select-order dpp --augmented 25%", "--select-order dpp has a set for each budget; take another order"),
        ("--hyper-lr 0.1", "--hyper-lr has no effect on --hyper-opt SEL"),
    ],
)
def test_mistakes_are_refused(refused, flags, culprit):
    refused("implicit-augment", (*SHORT, "-ir", 10, "--method", "EffAug", *flags.split()), culprit)


def test_missing_order_of_a_chain_is_explained_by_its_own_command(call, refused):
    flags = (*SELECT, "--select-score", "loss")
    assert call("implicit-augment", *flags)[0] == 0
    for path in RUN0.glob("rows_*_opt_SEL_*"):
        path.unlink()
    status, _, err = call("implicit-augment", *flags, "--augmented", "25%")
    assert status == 2
    last = err.splitlines()[-1]
    assert "is not there; put it back, or train the run again with --fresh" in last
    assert last.endswith("this one with --fresh and without --augmented)")


def test_changed_byte_of_features_is_noticed(call):
    assert call("implicit-augment", *SELECT)[0] == 0
    path = only("features_*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    status, _, err = call("implicit-augment", *SELECT, "--fresh")
    assert status == 0
    assert f"note: {path} cannot be read (damaged)" in err
