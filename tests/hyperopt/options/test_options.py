import pytest
from hyperopt.estimators.directions import ESTIMATORS

from custom_datasets.distortion import Distortion
from custom_datasets.split_file import split_file_name
from hyperopt.augmentation.warps import make_warp
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.setting import (
    ESTIMATOR_HYPER,
    HYPER_OPTS,
    LOS_MODELS,
    LOSS_LETTERS,
    REFIT_USE,
    ROW_PARTS,
    WARP_NAMES,
    Setting,
)
from hyperopt.rows.rows_file import PARTS
from utils.errors import UserError
from utils.recipes import RECIPES


def options(*flags):
    return resolve(parse_options(RunOptions, "", list(flags)))


# Section by section as published: flag, value when left out.
PUBLISHED_DEFAULTS = {
    "epochs": 200,
    "workers": 4,
    "lr_decay_rate": 0.1,
    "lr_decay_epochs": "150,175,195",
    "lr_warm_epochs": 5,
    "gpu": 0,
    "no_cuda": False,
    "log_interval": 500,
    "plot_debug": False,
    "imbalance_ratio": 1,
    "subsample_ratio": 1.0,
    "noise_ratio": 0.0,
    "run_folder": "run0",
    "overfit": False,
    "oversplit": False,
    "aug_model": "NONE",
    "los_model": "NONE",
    "hyper_opt": "NONE",
}
HES = ("--los-model", "WGHT", "--hyper-opt", "HES")
FIS = ("--los-model", "WGHT", "--hyper-opt", "FIS")
NAME = "smallnet_opt_{}_est_True_aug_model_NONE_los_model_WGHT_ir_1_sr_1.0_nr_0.0{}"


@pytest.mark.parametrize("name", PUBLISHED_DEFAULTS)
def test_defaults_are_the_published_ones(name):
    assert getattr(options(), name) == PUBLISHED_DEFAULTS[name]


def test_hes_has_the_published_defaults_and_fis_its_own():
    def hyper(parsed):
        return (
            parsed.hyper_steps,
            parsed.hyper_iters,
            parsed.hyper_alpha,
            parsed.hyper_damping,
            parsed.hyper_valid,
        )

    assert hyper(options(*HES)) == (0, 5, 0.01, None, "batch")
    assert hyper(options(*FIS)) == (30, 30, None, 1.0, "full")


def test_data_folder_default():
    assert str(options().data) == "local_data"
    assert options().dataset == "DIGITS"


def test_published_short_forms():
    parsed = options("-r", "run2", "-ir", "100", "-sr", "0.5", "-nr", "0.1")
    assert (parsed.run_folder, parsed.imbalance_ratio, parsed.subsample_ratio, parsed.noise_ratio) == (
        "run2",
        100,
        0.5,
        0.1,
    )


@pytest.mark.parametrize("dataset", RECIPES)
def test_recipe_fills_in_what_is_left_out(dataset):
    parsed, recipe = options("--dataset", dataset), RECIPES[dataset]
    for name in ("model", "lr", "batch_size", "hyper_batch_size", "hyper_start", "hyper_lr"):
        assert getattr(parsed, name) == getattr(recipe, name)


def test_flag_overrides_the_recipe():
    parsed = options("--model", "lenet", "--lr", "0.3", "--hyper-start", "0", "--batch-size", "7")
    assert (parsed.model, parsed.lr, parsed.hyper_start, parsed.batch_size) == ("lenet", 0.3, 0, 7)


@pytest.mark.parametrize(("flags", "seed"), [((), 0), (("-r", "run12"), 12), (("-r", "x", "--seed", "5"), 5)])
def test_seed_is_the_runs_number_unless_given(flags, seed):
    assert options(*flags).seed == seed


def test_run_folder_without_number_needs_a_seed():
    with pytest.raises(UserError, match="add --seed"):
        options("-r", "test")


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ("", "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_1.0_nr_0.0"),
        (
            "--dataset SVHN -ir 100 -nr 0.1 --aug-model SEP --los-model BOTH --hyper-opt HES",
            "wresnet28_10_opt_HES_est_True_aug_model_SEP_los_model_BOTH_ir_100_sr_1.0_nr_0.1",
        ),
        (
            "--overfit --los-model WGHT --hyper-opt HES",
            "overfit_smallnet_opt_HES_est_True_aug_model_NONE_los_model_WGHT_ir_1_sr_1.0_nr_0.0",
        ),
        ("--oversplit", "oversplit_smallnet_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_1.0_nr_0.0"),
        (
            "--aug-model AUTO --policy SVHN --valid-images 50 --train-on both",
            "smallnet_opt_NONE_est_True_aug_model_AUTO_los_model_NONE_ir_1_sr_1.0_nr_0.0"
            "_policy_SVHN_valid_images_50_train_on_both",
        ),
        ("--valid-images 314", "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_1.0_nr_0.0"),  # all
        (
            "--aug-model SHA --warp original -nr 0.10",
            "smallnet_opt_NONE_est_True_aug_model_SHA_los_model_NONE_ir_1_sr_1.0_nr_0.1_warp_original",
        ),
        (
            "--los-model WGHT --hyper-opt HES --hyper-start 10",
            "smallnet_opt_HES_est_True_aug_model_NONE_los_model_WGHT_ir_1_sr_1.0_nr_0.0_hyper_start_10",
        ),
        (
            "--los-model BOTH --hyper-opt HES --hyper-start 10 --refit",
            f"smallnet_opt_HES_est_True_aug_model_NONE_los_model_BOTH_ir_1_sr_1.0_nr_0.0_hyper_start_10_refit_{REFIT_USE}",
        ),
        (
            "--los-model BOTH --rows elsewhere/mine.npz --rows-use S --train-on both",
            "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_BOTH_ir_1_sr_1.0_nr_0.0_train_on_both_rows_mine_use_S",
        ),
        (
            "--los-model BOTH --rows abc",  # printf abc | sha256sum
            "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_BOTH_ir_1_sr_1.0_nr_0.0_rows_ba7816bf",
        ),
        ("--hyper-start 10", "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_1.0_nr_0.0"),
    ],
)
def test_run_name_is_the_published_one(flags, name):
    assert options(*flags.split()).name == name
    assert resolve(parse_options(Setting, "", flags.split())).name == name


@pytest.mark.parametrize(
    ("flags", "addition"),
    [
        ("--hyper-opt HES", ""),
        ("--hyper-opt HES --hyper-iters 5 --hyper-alpha 0.01 --hyper-valid batch --hyper-lr 0.05", ""),
        ("--hyper-opt HES --hyper-valid full", "_hyper_valid_full"),
        ("--hyper-opt HES --hyper-alpha 0.1 --hyper-iters 30", "_hyper_iters_30_hyper_alpha_0.1"),
        ("--hyper-opt HES --hyper-batch-size 64 --hyper-lr 0.01", "_hyper_lr_0.01_hyper_batch_size_64"),
        ("--hyper-opt FIS", ""),
        ("--hyper-opt FIS --hyper-iters 30 --hyper-damping 1 --hyper-valid full --hyper-start 50", ""),
        ("--hyper-opt FIS --hyper-valid batch --hyper-steps 2", "_hyper_steps_2_hyper_valid_batch"),
        ("--hyper-opt FIS --hyper-iters 5 --hyper-damping 0.1", "_hyper_iters_5_hyper_damping_0.1"),
        ("--hyper-start 10", ""),  # without a hyper pass there is nothing that could start
    ],
)
def test_unusual_options_of_a_hyper_pass_are_named_by_both_scripts(flags, addition):
    flags = ["--los-model", "WGHT", *flags.split()]
    name = options(*flags).name
    assert name == NAME.format(options(*flags).hyper_opt, addition)
    assert resolve(parse_options(Setting, "", flags)).name == name


@pytest.mark.parametrize(("row", "flag"), [(HES, "--hyper-damping"), (FIS, "--hyper-alpha")])
def test_option_without_effect_on_the_estimator_is_refused(row, flag):
    with pytest.raises(UserError, match=f"{flag} has no effect on --hyper-opt {row[-1]}"):
        options(*row, flag, "0.5")


def test_both_scripts_name_a_row_alike():
    flags = ["-ir", "10", "-nr", "0.1", "--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "HES"]
    assert resolve(parse_options(Setting, "", flags)).name == options(*flags).name


def test_where_things_run_does_not_shape_the_result():
    identity = options().identity
    assert not {"data", "run_folder", "gpu", "no_cuda", "workers", "threads", "log_interval", "fresh"} & identity.keys()
    assert {"dataset", "seed", "epochs", "warp", "model", "hyper_opt"} <= identity.keys()


def test_hyper_options_shape_the_result_only_of_a_hyper_pass():
    hyper = {row: {name for name in options(*row).identity if name.startswith("hyper_")} for row in ((), HES, FIS)}
    assert hyper[()] == {"hyper_opt"}
    shared = {"start", "lr", "batch_size", "opt", "steps", "iters", "valid"}
    assert hyper[HES] == {f"hyper_{name}" for name in (*shared, "alpha")}
    assert hyper[FIS] == {f"hyper_{name}" for name in (*shared, "damping")}


@pytest.mark.parametrize(
    ("flags", "loss"),
    [
        ((), "KL"),
        (("-sr", "0.5"), "KL"),
        (("-ir", "2"), "symmetric KL"),
        (("-nr", "0.1"), "symmetric KL"),
        (("-nr", "0.1", "--los-model", "SOFT"), "symmetric KL"),
        (("-nr", "0.1", "--los-model", "WGHT"), "cross-entropy"),
        (("-nr", "0.1", "--los-model", "NONE"), "cross-entropy"),
        (("--dataset", "mine", "--recipe", "DIGITS"), "symmetric KL"),  # own data is noisy by nature
    ],
)
def test_loss_with_soft_labels_is_symmetric_on_a_distorted_set(flags, loss):
    assert options("--los-model", "BOTH", *flags).training_loss == loss


# Network, learning rate, batches, validation, hyper start and rate, RAND, A's partner, standard augmentation.
PUBLISHED_RECIPES = {
    "MNIST": ("resnet18thin", 0.05, 32, 256, 10000, 50, 0.05, (3, 5), (3, 5), ()),
    "SVHN": ("wresnet28_10", 0.005, 256, 256, 23257, 50, 0.05, (3, 7), (3, 7), ("crop", "erasing")),
    "SVHN_extra": ("wresnet28_10", 0.005, 256, 256, 104388, 50, 0.05, (3, 7), (3, 7), ("crop", "erasing")),
    "CIFAR10": ("wresnet28_10", 0.1, 256, 256, 10000, 50, 0.05, (3, 15), (1, 15), ("crop", "flip", "erasing")),
    "CIFAR100": ("wresnet28_10", 0.1, 256, 256, 10000, 50, 0.05, (3, 15), (1, 15), ("crop", "flip", "erasing")),
    "ImageNet": ("resnet18", 0.1, 256, 128, 256233, 100, 0.01, (2, 9), (2, 9), ()),
}


@pytest.mark.parametrize("dataset", PUBLISHED_RECIPES)
def test_recipes_are_the_published_ones(dataset):
    r = RECIPES[dataset]
    found = (r.model, r.lr, r.batch_size, r.hyper_batch_size, r.validation, r.hyper_start, r.hyper_lr)
    assert (*found, r.rand, r.partner, r.standard) == PUBLISHED_RECIPES[dataset]


def test_split_files_are_named_like_runs():
    parsed = options("-ir", "100", "-sr", "0.5", "-nr", "0.1")
    assert split_file_name(Distortion(1, 100, 0.5, 0.1)) == f"data_{parsed.distortion}.pt"


def test_flags_know_what_the_rows_know():
    """The names stand in two rooms that do not import one another."""
    assert set(LOS_MODELS) == set(LOSS_LETTERS)
    assert set(ROW_PARTS.values()) == set(PARTS)
    assert all(make_warp(name, 4) for name in WARP_NAMES)
    assert set(ESTIMATOR_HYPER) == set(ESTIMATORS) == set(HYPER_OPTS) - {"NONE"}
