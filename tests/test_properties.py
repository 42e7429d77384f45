"""What holds for any data set, any distortion and any setting, as hypothesis draws them."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as draw

from custom_datasets.distortion import Distortion, make_split
from custom_datasets.split_file import read_split, write_split
from hyperopt.estimators.table import ESTIMATORS
from hyperopt.options.resolve import make_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.setting import AUG_MODELS, HYPER_OPTIONS, LOSS_LETTERS
from utils.errors import UserError

COUNTS = draw.lists(draw.integers(4, 60), min_size=2, max_size=12)
RATIOS = {
    "imbalance": draw.integers(1, 200),
    "subsample": draw.floats(0.05, 1),
    "noise": draw.floats(0, 1),
    "seed": draw.integers(0, 2**31 - 1),
}


def shuffled_labels(counts):
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))


def distorted(counts, share, imbalance, subsample, noise, seed):
    """Clean labels, the distortion and the split; draws that leave nothing to train on are given up."""
    labels = shuffled_labels(counts)
    valid = max(int(share * len(labels)), len(counts))
    assume(valid <= len(labels) - len(counts))
    distortion = Distortion(valid, imbalance, subsample, noise)
    try:
        return labels, distortion, make_split(labels, len(counts), distortion, seed)
    except UserError as error:
        assume("leaves no training image" not in str(error))
        raise


@given(counts=COUNTS, share=draw.floats(0.05, 0.5), **RATIOS)
def test_distorted_training_set(counts, share, imbalance, subsample, noise, seed):
    labels, distortion, split = distorted(counts, share, imbalance, subsample, noise, seed)
    everything = np.concatenate((split.valid, split.train))
    assert len(np.unique(everything)) == len(everything)  # no index twice, no image in both
    assert everything.min() >= 0
    assert everything.max() < len(labels)
    assert len(split.valid) == distortion.valid_images

    kept = int((len(labels) - distortion.valid_images) * subsample)
    frequent = int((labels[split.train] < len(counts) / 2).sum())
    rare = len(split.train) - frequent
    if imbalance == 1:
        assert len(split.train) == kept
    else:
        assert rare == min(frequent // imbalance, kept - frequent)

    changed = split.targets != labels
    assert set(np.flatnonzero(changed)) <= set(split.train.tolist())
    assert changed.sum() <= round(len(split.train) * noise)
    assert split.targets.min() >= 0
    assert split.targets.max() < len(counts)


@given(counts=COUNTS, share=draw.floats(0.05, 0.5), **RATIOS)
def test_one_seed_makes_one_split_and_its_file_is_accepted(tmp_path_factory, counts, share, **ratios):
    labels, distortion, split = distorted(counts, share, **ratios)
    again = make_split(labels, len(counts), distortion, ratios["seed"])
    path = tmp_path_factory.mktemp("split") / "data.pt"
    write_split(path, split)
    for other in (again, read_split(path, labels, len(counts), distortion)):
        for part in ("valid", "train", "targets"):
            np.testing.assert_array_equal(getattr(split, part), getattr(other, part))


@given(counts=draw.lists(draw.integers(30, 60), min_size=2, max_size=12), seed=RATIOS["seed"])
def test_full_noise_leaves_a_label_with_the_odds_of_one_in_the_classes(counts, seed):
    """The true class can be drawn as well: the share of wrong labels lies within six deviations of 1 - 1/C."""
    labels = shuffled_labels(counts)
    split = make_split(labels, len(counts), Distortion(len(labels) // 5, 1, 1.0, 1.0), seed)
    odds = 1 - 1 / len(counts)
    share = (split.targets != labels)[split.train].mean()
    assert share == pytest.approx(odds, abs=6 * (odds * (1 - odds) / len(split.train)) ** 0.5)


SETTINGS = draw.fixed_dictionaries(
    {
        "aug_model": draw.sampled_from(AUG_MODELS),
        "los_model": draw.sampled_from(tuple(LOSS_LETTERS)),
        "hyper_opt": draw.sampled_from(tuple(ESTIMATORS)),
        "dataset": draw.sampled_from(["DIGITS", "MNIST", "SVHN", "CIFAR10"]),
        "recipe": draw.sampled_from([None, None, "SVHN"]),
        "imbalance_ratio": draw.integers(1, 1000),
        "subsample_ratio": draw.floats(0.001, 1),
        "noise_ratio": draw.floats(0, 1),
        "valid_images": draw.none() | draw.integers(1, 300),
        "hyper_start": draw.none() | draw.integers(0, 150),
        "hyper_lr": draw.none() | draw.floats(1e-6, 10),
        "hyper_steps": draw.none() | draw.integers(0, 100),
        "confidence_threshold": draw.none() | draw.floats(0, 1),
        "overfit": draw.booleans(),
        "oversplit": draw.booleans(),
    }
)
NAME = re.compile(
    r"(?P<ablation>overfit_|oversplit_|)(?P<model>[a-z0-9]+?(_\d+)?)_opt_(?P<hyper_opt>[A-Z]+)_est_True"
    r"_aug_model_(?P<aug_model>[A-Z]+)_los_model_(?P<los_model>[A-Z]+)_ir_(?P<imbalance_ratio>\d+)"
    r"_sr_(?P<subsample_ratio>[^_]+)_nr_(?P<noise_ratio>[^_]+)(?P<additions>.*)"
)


def resolved(setting):
    """Resolved options; of a setting that contradicts itself the example is given up."""
    values = {name: value for name, value in setting.items() if value is not None}
    finished = {"rows": "mine.pt"} if setting["hyper_opt"] == "CON" else {}
    try:
        return resolve(make_options(RunOptions, values | finished | {"seed": 0}))
    except UserError:
        assume(False)


@given(setting=SETTINGS)
def test_name_of_a_run_tells_its_options(setting):
    options = resolved(setting)
    found = NAME.fullmatch(options.name)
    assert (found["ablation"] == "overfit_", found["ablation"] == "oversplit_") == (
        options.overfit,
        options.oversplit and not options.overfit,
    )
    for name in ("hyper_opt", "aug_model", "los_model", "model"):
        assert found[name] == getattr(options, name)
    for name in ("imbalance_ratio", "subsample_ratio", "noise_ratio"):
        assert type(getattr(options, name))(found[name]) == getattr(options, name)
    told = found["additions"]
    for name, value in (options.foreign_recipe | options.unusual | options.starting_rows).items():
        assert f"_{name}_{value}" in told
        told = told.replace(f"_{name}_{value}", "", 1)
    assert told == ""


@given(
    setting=SETTINGS,
    name=draw.sampled_from(["hyper_start", "hyper_lr", "hyper_steps", "valid_images", "confidence_threshold"]),
    by=draw.integers(1, 9),
)
def test_settings_that_differ_have_different_names(setting, name, by):
    one = resolved(setting)
    own = hasattr(one.estimator, name)
    assume(own or hasattr(one, name))  # not another estimator's
    holder = one.estimator if own else one
    changed = replace(holder, **{name: (getattr(holder, name) or 0) + by})
    try:
        other = resolve(replace(one, estimator=changed) if own else changed)
    except UserError:
        assume(False)
    if name in HYPER_OPTIONS and name not in one.estimator_class.hyper_options:
        assert one.name == other.name  # no effect, no name
    else:
        assert one.name != other.name
