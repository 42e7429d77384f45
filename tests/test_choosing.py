"""Own data without --recipe, by their path, with run folders elsewhere; and what the results script reads from runs."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import call_in, contents
from PIL import Image

from custom_datasets.own.data import own_data
from custom_datasets.own.peek import Peek, peek
from hyperopt.options.own_recipe import level_of, recipe_for
from hyperopt.options.places import find_place
from hyperopt.options.run_options import RunOptions
from hyperopt.report.choice import fits, without_further_flags
from utils.errors import UserError
from utils.recipes import RECIPES

TRAINING, RESULTS = "implicit-augment", "get-results"
SHORT = ("--no-cuda", "--epochs", 1)
FIS = ("--los-model", "WGHT", "--hyper-opt", "FIS", "--hyper-start", 0)


def write_pictures(folder, sizes=((8, 8),), mode="RGB", train=6):
    """Own data of two classes: noise of some sizes, one after the other."""
    noise = np.random.default_rng(0)
    for part, count in (("train", train), ("valid", 3)):
        for name in ("a", "b"):
            (folder / part / name).mkdir(parents=True)
            for place in range(count):
                shape = sizes[place % len(sizes)] + ((3,) if mode == "RGB" else ())
                pixels = noise.integers(0, 256, shape, dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{place}.png")


@pytest.fixture(scope="module")
def trained(scripts, tmp_path_factory):
    """Folder with `my photos`, read-only as far as the program goes, and with the runs of two settings in `runs`."""
    folder = tmp_path_factory.mktemp("choosing")
    write_pictures(folder / "my photos")
    before = contents(folder / "my photos")
    said = [
        call_in(
            folder, scripts[TRAINING], "--dataset", "./my photos", "--runs", "runs", "--batch-size", 4, *SHORT, *more
        )
        for more in ((), FIS)
    ]
    assert contents(folder / "my photos") == before
    assert [status for status, *_ in said] == [0, 0], said
    return folder, said


def test_settings_are_chosen_and_the_reason_printed(trained):
    folder, ((_, _, err), _) = trained
    assert err.startswith("note: settings own-tiny for 12 colour images of about 8 pixels of 2 classes: smallnet, 200 ")
    results = [json.loads(path.read_text()) for path in (folder / "runs/my photos/run0").glob("result_*")]
    assert {(r["options"]["recipe"], r["options"]["epochs"], r["options"]["batch_size"]) for r in results} == {
        ("own-tiny", 1, 4)
    }
    assert (folder / "runs/my photos/.data_folder").read_text().strip() == str((folder / "my photos").resolve())


def test_only_setting_that_fits_is_found(trained, scripts):
    folder, _ = trained
    place = ("--dataset", "my photos", "--runs", folder / "runs")
    status, out, err = call_in(folder / "runs", scripts[RESULTS], *place, "--hyper-opt", "FIS", "--audit", "a.csv")
    assert (status, "audit of run0" in out) == (0, True), err
    assert "the only setting with results that fits: --recipe own-tiny --los-model WGHT --hyper-opt FIS" in err
    # A default that is given counts as well.
    status, out, err = call_in(folder, scripts[RESULTS], *place, "--hyper-opt", "NONE")
    assert (status, out.startswith("smallnet_opt_NONE")) == (0, True), err
    by_folder = ("runs/my photos/run0", "--hyper-opt", "FIS", "--audit", "b.csv")
    assert call_in(folder, scripts[RESULTS], *by_folder)[0] == 0
    assert (folder / "b.csv").read_bytes() == (folder / "runs/a.csv").read_bytes()


def test_several_settings_are_listed(trained, scripts):
    folder, _ = trained
    place = ("--dataset", "my photos", "--runs", "runs")
    for flags in (place, (*place, "--dry-run"), ("runs/my photos/run0", "--audit", "c.csv")):
        status, out, err = call_in(folder, scripts[RESULTS], *flags)
        assert (status, out, len(err.splitlines())) == (2, "", 2 if "--dry-run" in flags or "--runs" in flags else 1)
        assert "--los-model WGHT --hyper-opt FIS" in err.splitlines()[-1]
        assert "add the flags of one" in err
    status, _, err = call_in(folder, scripts[RESULTS], *place, "--hyper-opt", "HES")
    assert (status, "fits these flags; there are results of 2 settings" in err) == (2, True)


@pytest.mark.parametrize(
    ("wanted", "stored", "fitting"),
    [
        ({"labels": "./tables/mended.csv"}, {"labels": "mended.csv"}, True),
        ({"labels": "tables.npz:worst"}, {"labels": "tables.npz:clean"}, False),
        ({"labels": "mended.csv"}, {"labels": None}, False),
        ({"skip_damaged": True}, {"skip_damaged": False}, True),
        ({"hyper_start": 4}, {"hyper_start": 5}, False),
    ],
)
def test_flags_of_a_training_find_its_run(wanted, stored, fitting):
    assert fits(wanted, stored) == fitting


def test_setting_that_lacks_the_flags_of_others_can_be_named(trained, scripts, tmp_path):
    usual = RunOptions(dataset="photos")
    others = [replace(usual, labels="mended.csv"), replace(usual, image_size=24)]
    assert without_further_flags([others[0], usual, others[1]]) == 1
    assert without_further_flags(others) is None
    folder, _ = trained
    shutil.copytree(folder / "runs", tmp_path / "runs")
    run = tmp_path / "runs/my photos/run0"
    (path,) = run.glob("result_*FIS*.json")
    result = json.loads(path.read_text())
    name = path.stem.removeprefix("result_").replace("_nr_0.0", "_nr_0.0_image_size_24")
    result |= {"name": name, "options": result["options"] | {"image_size": 24}}
    (run / f"result_{name}.json").write_text(json.dumps(result))
    place = ("--dataset", folder / "my photos", "--runs", tmp_path / "runs", "--hyper-opt", "FIS")
    status, out, err = call_in(tmp_path, scripts[RESULTS], *place)
    assert (status, out.splitlines()[0]) == (0, path.stem.removeprefix("result_")), err
    assert "one without these flags; --image-size 24; shown is the one without these flags" in err
    status, out, err = call_in(tmp_path, scripts[RESULTS], *place, "--image-size", 24)
    assert (status, out.splitlines()[0]) == (0, name), err


def test_runs_side_by_side_begin_with_what_differs(trained, scripts):
    folder, _ = trained
    status, out, err = call_in(folder, scripts[RESULTS], "runs/my photos/run0", "--match", "FIS|NONE")
    assert (status, err) == (0, "")
    lines = [line.split("  ") for line in out.splitlines()]
    assert out.index("option: hyper_opt") < out.index("test accuracy, %")
    (hyper_opt,) = [line for line in lines if line[0] == "option: hyper_opt"]
    assert [word.strip() for word in hyper_opt if word.strip()] == ["option: hyper_opt", "FIS", "NONE"]
    assert not any(line[0].startswith("data:") for line in lines)
    shutil.copytree(folder / "runs/my photos/run0", folder / "other/my photos/run0", dirs_exist_ok=True)
    same = [f"{place}/my photos/run0" for place in ("runs", "other")]
    status, out, _ = call_in(folder, scripts[RESULTS], *same, "--hyper-opt", "FIS")
    assert (status, "no difference in data, options and versions" in out) == (0, True)


@pytest.mark.parametrize(
    ("flags", "culprit"),
    [
        (("nowhere/run0",), "there is no folder nowhere/run0"),
        (("runs/my photos",), "is no run folder, but has some; name those that you mean of runs/my photos/run0"),
        (("runs",), "no finished run in runs"),
        (("runs/my photos/run0", "--hyper-opt", "HES"), "fits the flags"),
        (("runs/my photos/run0", "--all"), "--all has no effect on runs that are named by their folders"),
        (("--dataset", "./my photos", "--data", "runs"), "--data runs has no effect on --dataset ./my photos"),
        (("--dataset", "/"), "has no name"),
    ],
)
def test_wrong_folders_are_refused(trained, scripts, flags, culprit):
    folder, _ = trained
    status, out, err = call_in(folder, scripts[RESULTS], *flags)
    assert (status, out, len(err.splitlines())) == (2, "", 1), err
    assert culprit in err


def test_two_data_sets_of_a_name_share_no_run_folders(trained, scripts):
    folder, _ = trained
    write_pictures(folder / "other/my photos")
    flags = ("--dataset", "other/my photos", "--runs", "runs", *SHORT)
    status, out, err = call_in(folder, scripts[TRAINING], *flags)
    assert (status, out) == (2, "")
    assert "has the runs of the data set in" in err
    assert ".data_folder" in err


def test_moved_data_are_told_from_missing_ones(trained, scripts, tmp_path):
    folder, _ = trained
    shutil.copytree(folder / "runs", tmp_path / "runs")
    (tmp_path / "runs/my photos/.data_folder").write_text("/nowhere/photos\n")
    run = ("runs/my photos/run0", "--hyper-opt", "FIS", "--audit", "a.csv")
    status, out, err = call_in(tmp_path, scripts[RESULTS], *run)
    assert (status, out, len(err.splitlines())) == (2, "", 1), err
    assert "are not in '/nowhere/photos'; put them back, or write their place into the file .data_folder" in err
    (tmp_path / "runs/my photos/.data_folder").write_text(f"{folder / 'my photos'}\n")
    assert call_in(tmp_path, scripts[RESULTS], *run)[0] == 0
    status, _, err = call_in(tmp_path, scripts[TRAINING], "--dataset", "photos/nowhere")
    assert (status, "there is no folder photos/nowhere of your own data" in err) == (2, True)


def test_places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    usual = Path("local_data")
    for name in ("local_data/both", "both", "here"):
        Path(name).mkdir(parents=True)
    assert find_place(usual, "both", usual)[:2] == (usual, "both")
    assert "./both" in find_place(usual, "both", usual).note
    assert find_place(usual, "here", usual)[:2] == (Path(), "here")
    assert find_place(usual, "DIGITS", usual) == (usual, "DIGITS", None)
    assert find_place(usual, "nowhere", usual) == (usual, "nowhere", None)
    assert find_place(usual, "a b/c d/", usual) == (Path("a b"), "c d", None)
    assert find_place(usual, ".", usual) == (tmp_path.parent, tmp_path.name, None)
    place = find_place(usual, str(tmp_path / "here"), usual)
    assert place == (tmp_path, "here", None)
    assert find_place(place.data, place.dataset, usual) == place  # nothing changes, wherever that is applied again
    os.chdir("both")
    assert find_place(Path(".."), "both", usual) == (Path(".."), "both", None)


PICTURES = {"channels": 3, "classes": 5, "kind": "pictures"}


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        (Peek(side=8, images=1497, channels=1, classes=10, kind="pictures"), "own-tiny"),
        (Peek(side=64, images=60, **PICTURES), "own-handful"),
        (Peek(side=64, images=360, **PICTURES), "own-few"),
        (Peek(side=64, images=330, **PICTURES), "own-few"),
        (Peek(side=128, images=9000, **PICTURES), "own-some"),
        (Peek(side=8, images=60000, channels=1, classes=10, kind="arrays"), "own-many"),
        (Peek(side=224, images=9000, **PICTURES), "own-large"),
        (Peek(side=1, images=50000, channels=768, classes=100, kind="features"), "features"),
    ],
)
def test_levels(seen, level):
    assert level_of(seen) == level
    assert level in RECIPES


def test_tiny_pictures_are_trained_as_digits():
    assert RECIPES["own-tiny"] == RECIPES["DIGITS"]


def test_peek_at_pictures(tmp_path):
    write_pictures(tmp_path / "one", train=9)
    write_pictures(tmp_path / "mixed", sizes=((300, 200), (40, 500), (90, 80)), mode="L")
    (tmp_path / "mixed/train/a/0.png").write_bytes(b"no picture")
    assert peek(tmp_path / "one") == Peek(3, 8, 18, 2, "pictures")
    side = own_data(tmp_path / "mixed", skip_damaged=True).image_size
    assert peek(tmp_path / "mixed") == Peek(1, side, 12, 2, "pictures")


def test_peek_at_arrays(tmp_path):
    labels = np.array([0, 1, 2, 0])
    for name, part in {"images": np.zeros((4, 20, 30), np.uint8), "features": np.zeros((4, 7), np.float32)}.items():
        (tmp_path / name).mkdir()
        for file in ("train.npz", "valid.npz"):
            np.savez(tmp_path / name / file, labels=labels, **{name: part})
    assert peek(tmp_path / "images") == Peek(1, 20, 4, 3, "arrays")
    assert peek(tmp_path / "features") == Peek(7, 1, 4, 3, "features")
    (tmp_path / "whole").mkdir()
    whole = {
        f"{part}_{name}": array
        for part in ("train", "val")
        for name, array in (("labels", labels), ("images", np.zeros((4, 28, 28), np.uint8)))
    }
    np.savez(tmp_path / "whole/medmnist.npz", **whole)
    assert peek(tmp_path / "whole") == Peek(1, 28, 4, 3, "arrays")
    np.savez(tmp_path / "features/train.npz", features=np.zeros((4, 7), np.float32))
    with pytest.raises(UserError, match="has no array labels; add it"):
        peek(tmp_path / "features")
    np.savez(tmp_path / "images/train.npz", x=labels)
    with pytest.raises(UserError, match="has no array labels"):
        peek(tmp_path / "images")


def test_the_recipe_suits_the_side_that_pictures_are_scaled_to(tmp_path):
    write_pictures(tmp_path / "photos")
    usual, _ = recipe_for("photos", tmp_path / "photos")
    larger, reason = recipe_for("photos", tmp_path / "photos", image_size=224)
    assert (usual, larger) == ("own-tiny", "own-large")
    assert "of about 224 pixels" in reason
