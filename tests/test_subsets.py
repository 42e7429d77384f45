"""--classes and --first-images on the command line: files, results, audits, refusals."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from real_layouts import digits, write_arrays, write_folders, write_trainable

from custom_datasets.sources import load_dataset
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.stored import stored_options

RUN = Path("local_data/DIGITS/run0")
PAIR = ("--classes", "3,8")
FEW = (*PAIR, "--first-images", 100)
NOISY = ("-ir", 2, "-nr", 0.2)
CPU = torch.device("cpu")


def options(*flags):
    return resolve(parse_options(RunOptions, "", list(map(str, flags))))


def result_of(flags, folder=RUN):
    return json.loads((folder / f"result_{options('--hyper-start', 1, *flags).name}.json").read_text())


def test_subset_is_part_of_identity_and_name():
    found = options(*FEW)
    assert found.name.endswith("_nr_0.0_classes_3-8_first_images_100")
    assert {"classes": "3,8", "first_images": 100}.items() <= found.identity.items()
    assert options("--classes", "03,8").classes == "3,8"
    assert options("--classes", "8,3").name != options(*PAIR).name
    assert stored_options(found.identity).name == found.name
    assert found.baseline().subset == found.subset
    # An earlier version's run has all of its data.
    earlier = {name: value for name, value in options().identity.items() if name not in ("classes", "first_images")}
    assert stored_options(earlier).identity == options().identity


def test_all_clean_images_of_the_whole_are_not_all_of_a_subset():
    assert options("--valid-images", 314).valid_images is None
    assert options("--valid-images", 314, *PAIR).valid_images == 314


def test_runs_of_several_subsets_share_a_folder(train, call, results):
    settings = ((), PAIR, ("--classes", "8,3"), FEW, ("--first-images", 300))
    for flags in settings:
        assert train(*NOISY, *flags)[0] == 0
    names = {path.name for path in RUN.glob("data_*")}
    ends = ("", "_classes_3-8", "_classes_8-3", "_classes_3-8_first_images_100", "_first_images_300")
    assert names == {f"data_ir_2_sr_1.0_nr_0.2{end}.pt" for end in ends}
    for flags in settings:
        assert train(*NOISY, *flags)[1].startswith("finished already")
        assert "run0" in results(*NOISY, *flags)[1]
    status, out, err = call("get-results", "--all")
    assert status == 0
    assert "NONE/NONE NONE classes 3-8 first images 100 " in out
    assert "settings differ in their data: all (NONE/NONE NONE), classes 3-8 (NONE/NONE NONE classes 3-8)" in err
    out = call("get-results", "--compare")[1]
    titles = [line for line in out.splitlines() if line.startswith("DIGITS")]
    assert len(titles) == len(settings)
    assert "DIGITS, imbalance and noise ratio 2-0.2, classes 3-8, first images 100" in titles
    assert out.count("| **NONE, on the distorted images** |") == len(settings)  # none is compared with another one
    assert call("get-results", "--compare", "audits")[1].count("network's probability, averaged") == len(settings)
    for flag in (PAIR, ("--first-images", 5)):
        assert call("get-results", "--all", *flag)[0] == 2


def test_split_is_of_the_first_images_alone(train):
    assert train(*FEW, *NOISY, "-sr", 0.9)[0] == 0
    (path,) = RUN.glob("data_*")
    valid, trained, targets = torch.load(path, weights_only=False)
    labels = load_dataset("DIGITS", Path(), CPU).train.labels
    own = [place for place, label in enumerate(labels.tolist()) if label in (3, 8)]
    assert (len(targets), sorted(valid)) == (162, list(range(100, 162)))
    assert set(trained) < set(range(100))
    given, true = targets[trained], (labels[own][trained] == 8).long()
    frequent = int((true == 0).sum())
    assert len(trained) == frequent + min(frequent // 2, 90 - frequent)
    assert 0 < int((given != true).sum()) <= round(0.2 * len(trained))


def test_valid_and_test_images_are_those_of_the_subset(train):
    flags = (*FEW, "--valid-images", 20, "--test-images", 30)
    assert train(*flags)[0] == 0
    found = result_of(flags)
    assert found["images"] == {"train": 100, "valid": 20, "test": 30}
    assert found["class_names"] == ["3", "8"]
    assert [len(counts) for counts in found["images_per_class"].values()] == [2, 2, 2]
    labels = load_dataset("DIGITS", Path(), CPU).test.labels
    tested = labels[(labels == 3) | (labels == 8)][:30]
    assert found["images_per_class"]["test"] == [int((tested == 3).sum()), int((tested == 8).sum())]


def test_audit_gives_places_in_the_whole_table(train, results):
    flags = (*FEW, *NOISY)
    assert train(*flags, "--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "FIS")[0] == 0
    setting = (*flags, "--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "FIS")
    assert results(*setting, "--audit", "audit.csv")[0] == 0
    labels = load_dataset("DIGITS", Path(), CPU).train.labels
    with open("audit.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert {line["true_label"] for line in lines} == {"3", "8"}
    for line in lines:
        assert int(line["true_label"]) == labels[int(line["index"])]
    (rows,) = RUN.glob("rows_*.npz")
    with np.load(rows) as file:
        assert file["index"].max() < 100  # places in the table of the run
        assert len(file["index"]) == len(lines)
    shutil.copy(rows, "mine.npz")
    learned = ("--aug-model", "SEP", "--los-model", "BOTH", "--rows", "mine.npz")
    assert train(*flags, *learned)[0] == 0
    for others in (PAIR, ("--classes", "8,3", "--first-images", 100)):
        status, _, err = train(*others, *NOISY, *learned)
        assert status == 2
        assert "mine.npz" in err


def test_refit_is_trained_on_the_first_images_and_the_clean_ones(train):
    flags = (*FEW, *NOISY, "--los-model", "WGHT", "--hyper-opt", "FIS", "--refit")
    assert train(*flags)[0] == 0
    assert result_of(flags)["images"]["train"] == result_of(flags[:-1])["images"]["train"] + 62


@pytest.mark.parametrize("write", [write_folders, write_arrays])
def test_own_data_with_a_valid_part(train, write):
    labels = digits()[1]
    own = np.flatnonzero(labels < 4)
    write(Path("local_data/mine"), {"train": own[:200], "valid": own[200:260], "test": own[260:300]})
    order = np.sort(labels[own[:200]]) if write is write_folders else labels[own[:200]]  # folders are sorted by class
    first = int(np.flatnonzero(order[np.isin(order, (1, 3))] == 3)[0]) + 20  # some of both
    flags = ("--dataset", "mine", "--recipe", "DIGITS", "--classes", "3,1", "--first-images", first)
    flags = (*flags, "--batch-size", 8)
    assert train(*flags)[0] == 0
    found = result_of(flags, Path("local_data/mine/run0"))
    assert found["images"]["train"] == first
    assert found["images"]["valid"] == np.isin(labels[own[200:260]], (1, 3)).sum()
    assert found["images"]["test"] == np.isin(labels[own[260:300]], (1, 3)).sum()
    assert found["class_names"] == ["3", "1"]


def test_own_data_without_a_valid_part_say_where_clean_images_are_from(train):
    labels = digits()[1]
    own = np.flatnonzero(labels < 4)
    write_arrays(Path("local_data/mine"), {"train": own[:200], "test": own[260:300]})
    flags = ("--dataset", "mine", "--recipe", "DIGITS", "--first-images", 80)
    status, _, err = train(*flags)
    assert status == 0
    assert "no valid part: 40 of the 120 training images serve as clean ones" in err


def test_streamed_data(train, monkeypatch):
    write_trainable(monkeypatch, Path("local_data/ImageNet"), "ImageNet")
    flags = ("--dataset", "ImageNet", "--classes", "2,0", "--workers", 0)
    assert train(*flags)[0] == 0
    found = result_of(flags[:-2], Path("local_data/ImageNet/run0"))
    assert found["images"] == {"train": 20, "valid": 8, "test": 12}
    status, _, err = train(*flags, "--first-images", 3)
    assert status == 2
    assert "these images, in the order of the files, have none of class" in err


@pytest.mark.parametrize(
    ("flags", "culprit"),
    [
        (("--classes", "3"), "'3' is a single class; give two or more"),
        (("--classes", "3,8,3"), "'3,8,3' has class 3 twice"),
        (("--classes", "three,8"), "'three,8' is not a list of numbers of classes such as 3,8"),
        (("--classes", "3,10"), "--classes 3,10: DIGITS has no class 10; its classes are 0 to 9"),
        (("--first-images", "0"), "--first-images: 0 is out of range"),
        ((*PAIR, "--first-images", "1000"), "are more than there are of 250 training images, beside the 62 clean ones"),
        (("--first-images", "5"), "--first-images 5: these images, in the order of the files, have none of class"),
        ((*PAIR, "--test-images", "108"), "--test-images 108 are more than there are; give 107 or fewer"),
    ],
)
def test_impossible_subsets_are_refused(refused, flags, culprit):
    refused("implicit-augment", ("--no-cuda", *flags), culprit)


def test_changed_data_of_the_same_subset_are_noticed(train):
    labels = digits()[1]
    own, folder = np.flatnonzero(labels < 4), Path("local_data/mine")
    parts = {"train": own[:200], "valid": own[200:260], "test": own[260:300]}
    write_arrays(folder, parts)
    flags = ("--dataset", "mine", "--recipe", "DIGITS", "--classes")
    assert train(*flags, "0,1")[0] == 0
    write_arrays(folder, parts | {"train": own[:190]})
    status, _, err = train(*flags, "0,1", "--aug-model", "CROP")
    assert status == 2
    assert "is of other data than the present ones (training images or labels)" in err
    assert train(*flags, "2,3")[0] == 0


@pytest.mark.usefixtures("sketched")
def test_figures_are_drawn_for_each_subset(train, call):
    for flags in ((), PAIR):
        assert train(*NOISY, *flags)[0] == 0
    assert call("get-results", "--all", "--plot", "figures")[0] == 0
    drawn = {path.name for path in Path("figures").glob("confusion_*.png")}
    assert drawn == {f"confusion_DIGITS_ir_2_sr_1.0_nr_0.2{end}.png" for end in ("", "_classes_3-8")}
