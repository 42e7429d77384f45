"""Which results repeat one another, by results as old and new versions leave them."""

from dataclasses import replace

import numpy as np
import pytest

from custom_datasets.distortion import Distortion, make_split
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.report.repetitions import differences, doubts, split_repetitions


def result(flags="", images=None, **content):
    options = resolve(parse_options(RunOptions, "", flags.split()))
    return {
        "options": replace(options, precision="fp32"),
        "images": images,
        "accuracy_per_class": {"last_epoch": [50.0] * 3},
        "commit": 40 * "a",
    } | content


def of_an_earlier_version(flags):
    found = result(flags)
    del found["commit"]
    return found


def runs(groups):
    return [list(group) for group in groups]


def test_seeds_that_leave_other_numbers_of_images_are_repetitions():
    """Three classes of 33, of which a stratified split holds out one image more of a class that the seed chooses."""
    labels = np.repeat(range(3), 33)
    sizes = [len(make_split(labels, 3, Distortion(20, 10, 1.0, 0.0), seed).train) for seed in range(8)]
    assert len(set(sizes)) > 1
    for fingerprints in ({"table": "a", "test_table": "b"}, {}):
        results = {
            seed: result(f"-ir 10 -r run{seed}", {"train": size, "valid": 20, "test": 9}, **fingerprints)
            for seed, size in enumerate(sizes)
        }
        assert runs(split_repetitions(results)) == [list(range(8))]


def test_other_numbers_of_images_than_the_seed_leaves_are_of_other_data():
    first = result("-ir 10", {"train": 58, "valid": 20, "test": 9})
    assert differences(first, result("-ir 10", {"train": 58, "valid": 21, "test": 9})) == [
        "other number of valid images"
    ]
    whole = result("", {"train": 79, "valid": 20, "test": 9})
    assert differences(whole, result("", {"train": 78, "valid": 20, "test": 9})) == ["other number of train images"]


@pytest.mark.parametrize(
    ("flags", "did"),
    [
        ("--model wresnet10_1", "started Wide ResNets otherwise"),
        ("--warp original", "had other arithmetic for --warp original"),
        ("--oversplit", "trained on other images for --oversplit"),
        (
            "--overfit --aug-model SEP --los-model BOTH --hyper-opt HES",
            "showed the rows other test images for --overfit",
        ),
    ],
)
def test_what_an_earlier_version_did_otherwise_stands_apart(flags, did):
    old, new = of_an_earlier_version(flags), result(flags)
    assert runs(split_repetitions({0: old, 1: new, 2: old, 3: new})) == [[0, 2], [1, 3]]
    assert differences(new, old) == [f"it is of an earlier version, which {did}"]
    assert differences(old, new) == [f"that one is of an earlier version, which {did}"]


def test_other_runs_of_an_earlier_version_are_averaged_with_a_note():
    results = {0: of_an_earlier_version(""), 1: result(), 2: of_an_earlier_version("")}
    assert runs(split_repetitions(results)) == [[0, 1, 2]]
    said = f"averaged over runs of different commit (an earlier version: run0, run2; {12 * 'a'}: run1)"
    assert said in doubts(results)
    assert not [note for note in doubts({0: results[0], 2: results[2]}) if "commit" in note]
