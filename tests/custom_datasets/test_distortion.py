"""The distortion's counts for the published cells, on labels alone."""

import numpy as np
import pytest

from custom_datasets.distortion import (
    Distortion,
    add_noise,
    keep_validation,
    make_split,
    train_on_everything,
    train_on_validation,
)
from utils.errors import UserError

SVHN_COUNTS = [4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659]
LABELS = {
    "SVHN": np.repeat(np.arange(10), SVHN_COUNTS),
    "CIFAR10": np.repeat(np.arange(10), 5000),
    "CIFAR100": np.repeat(np.arange(100), 500),
}


def counts(labels, indices, classes=10):
    return np.bincount(labels[indices], minlength=classes)


def split_of(name, valid, ir=1, sr=1.0, nr=0.0, seed=0):
    labels = LABELS[name]
    return labels, make_split(labels, labels.max() + 1, Distortion(valid, ir, sr, nr), seed)


def test_svhn_at_imbalance_100():
    labels, split = split_of("SVHN", 23257, ir=100)
    valid, train = counts(labels, split.valid), counts(labels, split.train)
    share = 23257 / 73257
    assert np.abs(valid - np.array(SVHN_COUNTS) * share).max() <= 1  # stratified
    assert (train[:5] == (np.array(SVHN_COUNTS) - valid)[:5]).all()  # frequent classes keep everything
    assert train[:5].sum() == 30952
    assert train[5:].sum() == 309  # int(30952 / 100), together
    assert len(split.train) // 256 * 256 == 31232  # the published number of images per epoch


@pytest.mark.parametrize(("name", "frequent", "rare"), [("CIFAR10", 20000, 2000), ("CIFAR100", 20000, 2000)])
def test_cifar_at_imbalance_10(name, frequent, rare):
    labels, split = split_of(name, 10000, ir=10)
    classes = labels.max() + 1
    train = counts(labels, split.train, classes)
    assert (train[: classes // 2] == 40000 // classes).all()
    assert train[: classes // 2].sum() == frequent
    assert train[classes // 2 :].sum() == rare
    assert (counts(labels, split.valid, classes) == 10000 // classes).all()


def test_without_distortion_everything_stays():
    labels, split = split_of("CIFAR10", 10000)
    assert sorted([*split.train, *split.valid]) == list(range(50000))
    assert (split.targets == labels).all()


@pytest.mark.parametrize("ratio", [0.1, 0.37, 1.0])
def test_subsample_keeps_its_share(ratio):
    assert len(split_of("CIFAR10", 10000, sr=ratio)[1].train) == int(40000 * ratio)


def test_subsample_comes_before_the_imbalance():
    labels, split = split_of("CIFAR10", 10000, ir=100, sr=0.1)
    train = counts(labels, split.train)
    assert train[5:].sum() == train[:5].sum() // 100


def test_noise_touches_training_images_only_and_includes_the_true_class():
    labels, split = split_of("CIFAR10", 10000, ir=10, nr=0.1)
    wrong = np.flatnonzero(split.targets != labels)
    assert np.isin(wrong, split.train).all()
    # round(0.1 x 22000) draws, each wrong with probability 9/10: mean 1980, standard deviation 14.
    assert abs(len(wrong) - 1980) < 60
    assert np.bincount(split.targets[wrong]).min() > 140


@pytest.mark.parametrize(("images", "ratio", "drawn"), [(15, 0.1, 2), (14, 0.1, 1), (26, 0.1, 3), (100, 1.0, 100)])
def test_noise_draws_a_rounded_number_of_labels(images, ratio, drawn):
    # With so many classes no label is drawn twice, nor the true one.
    labels = np.zeros(100, dtype=np.int64)
    noisy = add_noise(np.arange(images), labels, 10**9, ratio, np.random.default_rng(0))
    assert (noisy != 0).sum() == drawn


def test_odd_number_of_classes_rounds_the_frequent_half_up():
    labels = np.repeat(np.arange(5), 100)
    split = make_split(labels, 5, Distortion(50, 10, 1.0, 0.0), seed=0)
    train = counts(labels, split.train, 5)
    assert (train[:3] == 90).all()
    assert train[3:].sum() == 27


def test_two_runs_differ_and_one_seed_repeats():
    (_, first), (_, again), (_, other) = (
        split_of("SVHN", 23257, ir=10, sr=0.5, nr=0.2, seed=seed) for seed in (0, 0, 1)
    )
    for part in ("valid", "train", "targets"):
        assert np.array_equal(getattr(first, part), getattr(again, part))
        assert not np.array_equal(getattr(first, part), getattr(other, part))


def test_everything_trains_and_validates_but_noise_is_that_of_the_distorted_set():
    labels = np.repeat(np.arange(10), 20)
    split = make_split(labels, 10, Distortion(40, 2, 0.5, 0.5), seed=0)
    everything = train_on_everything(split)
    assert np.array_equal(everything.train, np.arange(200))
    assert np.array_equal(everything.valid, np.arange(200))
    changed = np.flatnonzero(everything.targets != labels)
    assert len(changed) > 0
    assert np.isin(changed, split.train).all()


@pytest.mark.parametrize("distortion", [Distortion(200, 1, 1.0, 0.0), Distortion(3, 1, 1.0, 0.0)])
def test_impossible_split_is_an_error(distortion):
    with pytest.raises(UserError, match="for validation"):
        make_split(np.repeat(np.arange(10), 20), 10, distortion, seed=0)


def test_nothing_left_is_an_error():
    with pytest.raises(UserError, match="leaves no training image"):
        make_split(np.repeat(np.arange(10), 20), 10, Distortion(100, 1, 0.001, 0.0), seed=0)


def test_part_of_the_validation_images_is_kept_stratified():
    labels, split = split_of("CIFAR10", 10000, ir=10, nr=0.1)
    kept = keep_validation(split, labels, 500, seed=0)
    assert (counts(labels, kept.valid) == 50).all()
    assert np.isin(kept.valid, split.valid).all()
    assert np.array_equal(kept.train, split.train)
    assert keep_validation(split, labels, 10000, seed=0) is split
    assert np.array_equal(kept.valid, keep_validation(split, labels, 500, seed=0).valid)


@pytest.mark.parametrize("images", [9, 9991, 9999, 10001])
def test_impossible_part_of_the_validation_images_is_an_error(images):
    labels, split = split_of("CIFAR10", 10000)
    with pytest.raises(UserError, match="give --valid-images 10 to 9990, or 10000 for all of them"):
        keep_validation(split, labels, images, seed=0)


@pytest.mark.parametrize("images", [10, 9990])
def test_smallest_and_largest_part_of_the_validation_images_have_every_class(images):
    labels, split = split_of("CIFAR10", 10000)
    kept = keep_validation(split, labels, images, seed=0)
    assert (counts(labels, kept.valid) == images // 10).all()


def test_controls_train_on_clean_labels():
    labels, split = split_of("CIFAR10", 10000, ir=10, nr=0.1)
    alone, both = (train_on_validation(split, with_distorted) for with_distorted in (False, True))
    assert np.array_equal(alone.train, split.valid)
    assert np.array_equal(both.train, [*split.train, *split.valid])
    assert (alone.targets[alone.train] == labels[alone.train]).all()
