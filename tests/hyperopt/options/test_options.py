import dataclasses

import pytest

from custom_datasets.distortion import Distortion
from custom_datasets.names import BUILT_IN
from custom_datasets.split_file import split_file_name
from hyperopt.augmentation.warps import make_warp
from hyperopt.estimators.table import ESTIMATORS, find_estimator
from hyperopt.options.methods import METHODS
from hyperopt.options.resolve import options_parser, parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.setting import AUG_MODELS, LOSS_LETTERS, WARP_NAMES, Setting
from hyperopt.report.options import ResultOptions
from hyperopt.rows.letters import COLUMN_LETTERS, CONFIDENCE, LETTERS, RANK
from hyperopt.rows.parts import PARTS
from hyperopt.runs.stages import stages
from utils.errors import UserError
from utils.flags import fits, flag_fields
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
        return vars(parsed.estimator)

    assert hyper(options(*HES)) == {"hyper_steps": 0, "hyper_iters": 5, "hyper_alpha": 0.01, "hyper_valid": "batch"}
    assert hyper(options(*FIS)) == {"hyper_steps": 30, "hyper_iters": 30, "hyper_damping": 1.0, "hyper_valid": "full"}


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


@pytest.mark.parametrize("dataset", BUILT_IN)
def test_recipe_fills_in_what_is_left_out(dataset):
    parsed, recipe = options("--dataset", dataset), RECIPES[dataset]
    network = ("model", "lr", "lr_schedule", "momentum", "weight_decay", "batch_size", "epochs", "lr_warm_epochs")
    for name in (*network, "lr_decay_rate", "lr_decay_epochs", "hyper_batch_size", "hyper_start", "hyper_lr"):
        assert getattr(parsed, name) == getattr(recipe, name)
    published = (0.9, 5e-4, "steps") if dataset in ("TinyImageNet", "BACH") else (0.9, 1e-4, "cosine")
    assert (parsed.momentum, parsed.weight_decay, parsed.lr_schedule) == published


def test_flag_overrides_the_recipe():
    parsed = options("--model", "lenet", "--lr", "0.3", "--hyper-start", "0", "--batch-size", "7")
    assert (parsed.model, parsed.lr, parsed.hyper_start, parsed.batch_size) == ("lenet", 0.3, 0, 7)
    parsed = options("--momentum", "0", "--weight-decay", "0", "--lr-schedule", "steps", "--lr-warm-epochs", "0")
    assert (parsed.momentum, parsed.weight_decay, parsed.lr_schedule, parsed.lr_warm_epochs) == (0, 0, "steps", 0)


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
        (
            "--aug-model RA --rand 2,28 --cutout 16 --standard flip,crop",
            "smallnet_opt_NONE_est_True_aug_model_RA_los_model_NONE_ir_1_sr_1.0_nr_0.0"
            "_rand_2,28_cutout_16_standard_crop-flip",
        ),
        (
            "--dataset CIFAR10 --aug-model RAND --rand 3,15.0 --standard erasing,flip,crop --cutout 0",  # as usual
            "wresnet28_10_opt_NONE_est_True_aug_model_RAND_los_model_NONE_ir_1_sr_1.0_nr_0.0",
        ),
        (
            "--dataset CIFAR10 --aug-model SEVERE --rand 02,2.50 --standard none",
            "wresnet28_10_opt_NONE_est_True_aug_model_SEVERE_los_model_NONE_ir_1_sr_1.0_nr_0.0_rand_2,2.5_standard_none",
        ),
        ("--valid-images 314", "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_1.0_nr_0.0"),  # all
        (
            "--aug-model SHA --warp original -nr 0.10",
            "smallnet_opt_NONE_est_True_aug_model_SHA_los_model_NONE_ir_1_sr_1.0_nr_0.1_warp_original",
        ),
        (
            "--aug-model SEP --hyper-opt HES --hyper-lr 0.1 --hyper-start 10 --warp original --valid-images 50",
            "smallnet_opt_HES_est_True_aug_model_SEP_los_model_NONE_ir_1_sr_1.0_nr_0.0"
            "_warp_original_valid_images_50_hyper_start_10_hyper_lr_0.1",
        ),
        (
            "--los-model WGHT --hyper-opt HES --hyper-start 10",
            "smallnet_opt_HES_est_True_aug_model_NONE_los_model_WGHT_ir_1_sr_1.0_nr_0.0_hyper_start_10",
        ),
        (
            "--los-model BOTH --hyper-opt HES --hyper-start 10 --refit",
            "smallnet_opt_HES_est_True_aug_model_NONE_los_model_BOTH_ir_1_sr_1.0_nr_0.0_hyper_start_10_refit_WC",
        ),
        (
            "--los-model BOTH --rows elsewhere/mine.npz --rows-use S --train-on both",
            "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_BOTH_ir_1_sr_1.0_nr_0.0_train_on_both_rows_mine_use_S",
        ),
        (
            "--los-model BOTH --rows abc",  # printf abc | sha256sum
            "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_BOTH_ir_1_sr_1.0_nr_0.0_rows_ba7816bf",
        ),
        (
            "--los-model BOTH --rows abc --rows-use SCW",
            "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_BOTH_ir_1_sr_1.0_nr_0.0_rows_ba7816bf_use_WCS",
        ),
        ("--hyper-start 10", "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_1.0_nr_0.0"),
        (
            "--recipe MNIST -nr 0.1 --valid-images 50",
            "resnet18thin_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_1.0_nr_0.1"
            "_recipe_MNIST_valid_images_50",
        ),
        ("--recipe DIGITS", "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_1.0_nr_0.0"),
        (
            "--dataset mine --recipe DIGITS --background black",
            "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_1.0_nr_0.0_background_black",
        ),
        (
            "--dataset SVHN -nr 0.1 --method AutoDO",
            "wresnet28_10_opt_HES_est_True_aug_model_SEP_los_model_BOTH_ir_1_sr_1.0_nr_0.1",
        ),
        (
            "--method AutoDO --hyper-opt FIS --los-model SOFT --hyper-damping 0.5",
            "smallnet_opt_FIS_est_True_aug_model_SEP_los_model_SOFT_ir_1_sr_1.0_nr_0.0_hyper_damping_0.5",
        ),
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


@pytest.mark.parametrize(
    ("row", "flag"),
    [
        (HES, "--hyper-damping"),
        (FIS, "--hyper-alpha"),
        (("--hyper-opt", "NONE"), "--hyper-alpha"),
        (("--los-model", "WGHT", "--rows", "abc", "--hyper-opt", "CON"), "--hyper-iters"),
        (HES, "--confidence-form"),
    ],
)
def test_option_without_effect_on_the_estimator_is_refused(row, flag):
    """By its name, whatever its value is."""
    for value in ("0.5", "oops"):
        with pytest.raises(UserError, match=f"{flag} has no effect on --hyper-opt {row[-1]}"):
            options(*row, flag, value)
        with pytest.raises(UserError, match=f"{flag} has no effect on --hyper-opt {row[-1]}"):
            options(*row, f"{flag}={value}")


def test_flag_that_no_estimator_has_is_a_mistake(capsys):
    with pytest.raises(SystemExit) as stop:
        options(*HES, "--hyper-gain", "2")
    assert stop.value.code == 2
    assert "unrecognized arguments: --hyper-gain 2" in capsys.readouterr().err


@pytest.mark.parametrize(("letters", "use"), [("W", "W"), ("AW", "WA"), ("CW", "WC"), ("ASCW", "WCSA"), ("SC", "CS")])
def test_letters_of_rows_are_taken_in_any_order(letters, use):
    row = ("--aug-model", "SEP", "--los-model", "BOTH", "--rows", "abc", "--rows-use")
    assert options(*row, letters).rows_use == use
    assert options(*row, letters).name == options(*row, use).name


@pytest.mark.parametrize("letters", ["", "WW", "X", "wc", "W,S"])
def test_other_letters_of_rows_are_a_mistake(capsys, letters):
    with pytest.raises(SystemExit) as stop:
        options("--aug-model", "SEP", "--los-model", "BOTH", "--rows", "abc", "--rows-use", letters)
    assert stop.value.code == 2
    assert f"'{letters}' must be some of the letters W, C, S, A, R, each once" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("aug_model", "los_model", "use"),
    [
        ("SEP", "BOTH", "WC"),
        ("NONE", "WGHT", "WC"),
        ("SEP", "NONE", "A"),
        ("SHA", "SOFT", "A"),
        ("NONE", "SOFT", "S"),
    ],
)
def test_refit_takes_over_the_weight_with_the_confidence_else_the_augmentation(aug_model, los_model, use):
    row = ("--aug-model", aug_model, "--los-model", los_model, "--hyper-opt", "HES", "--refit")
    assert options(*row).rows_use == use
    assert options(*row).name.endswith(f"_refit_{use}")


def test_recipe_of_another_data_set_gives_the_training_settings():
    parsed = options("--recipe", "CIFAR10")
    for name in ("model", "lr", "batch_size", "hyper_batch_size", "hyper_start", "hyper_lr"):
        assert getattr(parsed, name) == getattr(RECIPES["CIFAR10"], name)
    assert parsed.identity["recipe"] == "CIFAR10"
    # All validation images of the data, not of the recipe, are the setting without the flag.
    assert options("--recipe", "CIFAR10", "--valid-images", "314").valid_images is None
    assert options("--recipe", "CIFAR10", "--valid-images", "100").valid_images == 100


SMALL = ("--dataset", "SVHN", "--recipe", "small")


def test_small_protocol_is_a_recipe_and_no_data_set():
    found = options(*SMALL)
    network = (found.model, found.lr, found.batch_size, found.epochs, found.lr_warm_epochs, found.hyper_start)
    assert network == ("resnet18thin", 0.1, 64, 25, 2, 8)
    assert (found.valid_images, found.test_images) == (1000, 4000)
    same = "hyper_batch_size", "hyper_lr", "rand", "partner", "standard"
    assert all(getattr(found.defaults, name) == getattr(RECIPES["SVHN"], name) for name in same)
    assert found.name == "resnet18thin_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_1.0_nr_0.0_recipe_small"
    assert {name for name in set(RECIPES) - set(BUILT_IN) if not name.startswith("own-")} == {"small", "features"}
    with pytest.raises(UserError, match=r"no data set small: it is none of .*BACH, and there is no folder"):
        options("--dataset", "small")
    assert options("--dataset", "small", "--recipe", "SVHN").model == "wresnet28_10"


@pytest.mark.parametrize(
    ("flags", "images", "addition"),
    [
        ((), (None, None), ""),
        (("--valid-images", "23257"), (None, None), ""),  # all there are
        (("--test-images", "40"), (None, 40), "_test_images_40"),
        (SMALL[2:], (1000, 4000), "_recipe_small"),
        ((*SMALL[2:], "--valid-images", "1000", "--test-images", "4000"), (1000, 4000), "_recipe_small"),
        (
            (*SMALL[2:], "--valid-images", "23257", "--test-images", "26032"),
            (23257, 26032),
            "_recipe_small_valid_images_23257_test_images_26032",
        ),
    ],
)
def test_clean_and_test_images_are_all_or_the_recipes(flags, images, addition):
    found = options("--dataset", "SVHN", *flags)
    assert (found.valid_images, found.test_images) == images
    assert found.name.endswith(f"_nr_0.0{addition}")
    assert {found.identity["valid_images"], found.identity["test_images"]} == set(images)
    assert resolve(parse_options(Setting, "", ["--dataset", "SVHN", *flags])).name == found.name


def test_refusal_of_clean_images_names_the_recipe_that_keeps_them():
    with pytest.raises(UserError, match="--valid-images 1000 of --recipe small needs a validation split"):
        options(*SMALL, "--oversplit")


def test_flags_beat_the_method_whose_presets_are_its_papers():
    parsed = options("--method", "AutoDO")
    assert (parsed.aug_model, parsed.los_model, parsed.hyper_opt) == ("SEP", "BOTH", "HES")
    assert (parsed.estimator.hyper_iters, parsed.estimator.hyper_alpha) == (5, 0.01)
    assert "method" not in parsed.identity
    assert parsed.identity == options("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "HES").identity
    assert options("--method", "AutoDO", "--aug-model", "SHA").row_parts == "WSA"
    assert options("--method", "AutoDO", "--los-model", "NONE").row_parts == "A"
    assert options("--method", "AutoDO", "--hyper-opt", "FIS").estimator.hyper_damping == 1


def test_epochs_of_steps_shape_the_result_only_of_steps():
    decays = ("--lr-decay-epochs", "3,6")
    assert options(*decays).identity == options().identity
    assert any("--lr-decay-epochs has no effect" in note for note in options(*decays).notes)
    steps = options("--lr-schedule", "steps", *decays)
    assert steps.identity == options("--lr-schedule", "steps").identity | {"lr_decay_epochs": "3,6"}
    assert steps.notes == []


def test_options_of_a_warm_up_with_a_multiplier_are_those_of_its_runs():
    given = ("--lr-warm-multiplier", "3", "--lr-after-warm", "peak")
    found = options("--lr-schedule", "warm-multiplier", *given)
    usual = options("--lr-schedule", "warm-multiplier").identity
    assert (usual["lr_warm_multiplier"], usual["lr_after_warm"]) == (2.0, "base")
    assert found.identity == usual | {"lr_warm_multiplier": 3.0, "lr_after_warm": "peak"}
    assert not {"lr_warm_multiplier", "lr_after_warm"} & options().identity.keys()
    for schedule in ("cosine", "steps"):
        for flag in (given[:2], given[2:]):
            with pytest.raises(UserError, match=f"{flag[0]} has no effect on --lr-schedule {schedule}"):
                options("--lr-schedule", schedule, *flag)
    with pytest.raises(UserError, match="--lr-warm-epochs 0"):
        options("--lr-schedule", "warm-multiplier", "--lr-warm-epochs", "0")


def test_rand_shapes_the_result_only_of_random_operations():
    having = {name for name in AUG_MODELS if "rand" in options(*augmentation(name)).identity}
    assert having == {"RAND", "RA", "SEVERE"}
    assert options("--aug-model", "RA").rand == RECIPES["DIGITS"].rand
    assert {"cutout", "standard"} <= options().identity.keys()


def augmentation(name):
    needed = {"AUTO": ("--policy", "SVHN"), "DADA": ("--policy", "SVHN"), "NET": ("--net-start", "published")}
    return ("--aug-model", name, *needed.get(name, ()))


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
    "MNIST": ("resnet18thin", 0.05, 32, 256, 10000, 50, 0.05, "3,5", (3, 5), "none"),
    "SVHN": ("wresnet28_10", 0.005, 256, 256, 23257, 50, 0.05, "3,7", (3, 7), "crop,erasing"),
    "SVHN_extra": ("wresnet28_10", 0.005, 256, 256, 104388, 50, 0.05, "3,7", (3, 7), "crop,erasing"),
    "CIFAR10": ("wresnet28_10", 0.1, 256, 256, 10000, 50, 0.05, "3,15", (1, 15), "crop,flip,erasing"),
    "CIFAR100": ("wresnet28_10", 0.1, 256, 256, 10000, 50, 0.05, "3,15", (1, 15), "crop,flip,erasing"),
    "ImageNet": ("resnet18", 0.1, 256, 128, 256233, 100, 0.01, "2,9", (2, 9), "none"),
}
# Of DABO: network, batch, validation (a fifth; of BACH, of the patches of its 320 training pictures), epochs, decay of
# the learning rate from 0.1, weight decay, standard augmentation.
CIFAR = ("resnet18small", 128, 10000, 201, 0.2, "60,120,160", 5e-4, "flip")
PUBLISHED_DABO = {
    "CIFAR10": CIFAR,
    "CIFAR100": CIFAR,
    "TinyImageNet": ("resnet18small", 128, 20000, 201, 0.2, "60,120,160", 5e-4, "flip"),
    "ImageNet": ("resnet18", 800, 256233, 90, 0.1, "30,60", 1e-4, "none"),
    "BACH": ("resnet18", 16, 320 * 12 // 5, 40, 0.1, "6,10,20", 5e-4, "none"),
}


@pytest.mark.parametrize("dataset", PUBLISHED_DABO)
def test_dabo_is_trained_as_published_on_the_data_of_its_paper(dataset):
    flags = ("--method", "DABO", "--dataset", dataset)
    r = options(*flags)
    found = (r.model, r.batch_size, BUILT_IN[dataset].validation, r.epochs, r.lr_decay_rate, r.lr_decay_epochs)
    assert (*found, r.weight_decay, r.standard) == PUBLISHED_DABO[dataset]
    assert (r.lr, r.momentum, r.lr_schedule, r.lr_warm_epochs, r.notes) == (0.1, 0.9, "steps", 0, [])
    # Its own data sets are trained in this way by all methods, which so have the same baseline.
    assert ("_method_DABO" in r.name) is (dataset not in ("TinyImageNet", "BACH"))
    given = options(*flags, "--lr-decay-epochs", "5,9")
    assert (given.lr_decay_epochs, given.name) == ("5,9", r.name)
    assert given.identity == r.identity | {"lr_decay_epochs": "5,9"}


@pytest.mark.parametrize("dataset", PUBLISHED_RECIPES)
def test_recipes_are_the_published_ones(dataset):
    r = RECIPES[dataset]
    found = (r.model, r.lr, r.batch_size, r.hyper_batch_size, BUILT_IN[dataset].validation, r.hyper_start, r.hyper_lr)
    assert (*found, r.rand, r.partner, r.standard) == PUBLISHED_RECIPES[dataset]


def test_split_files_are_named_like_runs():
    parsed = options("-ir", "100", "-sr", "0.5", "-nr", "0.1")
    assert split_file_name(Distortion(1, 100, 0.5, 0.1)) == f"data_{parsed.distortion}.pt"


def test_flags_know_what_the_rows_know():
    """Names stand in two rooms where flags are read without torch."""
    assert set("".join(LOSS_LETTERS.values())) | {"A"} == set(PARTS)
    assert set(LETTERS) == set(PARTS) | {RANK}
    assert set(COLUMN_LETTERS) == set(LETTERS) | {CONFIDENCE}
    assert all(make_warp(name, 4) for name in WARP_NAMES)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_flags_are_its_own(name):
    """No flag of all runs, and of parts that there are."""
    kind = find_estimator(name)
    assert not set(kind.flag_names()) & {field.name for field in flag_fields(RunOptions)}
    assert set(kind.fills) <= set(LETTERS)
    assert [field.name for field in flag_fields(kind.Options)] == kind.flag_names()


CELLS = [(name, dataset) for name in METHODS for dataset in ("DIGITS", *METHODS[name].trainings)]


@pytest.mark.parametrize(("name", "dataset"), CELLS)
def test_methods_preset_flags_that_exist_and_values_that_these_take(name, dataset):
    parsed = options("--method", name, "--dataset", dataset)
    own = [type(value) for value in vars(parsed).values() if dataclasses.is_dataclass(value)]  # such as the estimator's
    fields = {field.name: field for kind in (RunOptions, *own) for field in flag_fields(kind)}
    presets = METHODS[name].presets_of(dataset)
    assert presets.keys() <= fields.keys()
    assert all(fits(fields[option], value) for option, value in presets.items())
    assert {option: parsed.values()[option] for option in presets} == presets
    trained = METHODS[name].trainings.get(dataset, {})
    assert {option: getattr(parsed.defaults, option) for option in trained} == trained
    assert all(getattr(parsed, option) == value for option, value in trained.items() if option in fields)
    assert parsed.name.count(f"_method_{name}") == bool(trained)
    assert parsed.name.endswith(f"_nr_0.0_method_{name}" if trained else "_nr_0.0")


def test_resmooth_is_trained_as_published_on_the_data_of_its_paper():
    found = options("--method", "ReSmooth", "--dataset", "SVHN")
    assert (found.aug_model, found.los_model, found.hyper_opt) == ("RA", "SOFT", "GMM")
    assert (found.model, found.lr, found.batch_size, found.epochs) == ("resnet18small", 0.1, 256, 200)
    assert (found.momentum, found.weight_decay) == (0.9, 5e-4)
    schedule = (found.lr_schedule, found.lr_decay_rate, found.lr_warm_epochs)
    assert (*schedule, found.lr_warm_multiplier, found.lr_after_warm) == ("warm-multiplier", 0, 5, 2, "base")
    assert (found.rand, found.standard) == ("3,28", "crop,flip")
    assert (found.estimator.mixture_smooth, found.estimator.mixture_originals) == (0.3, 0)
    baseline = ("--aug-model", "NONE", "--los-model", "NONE", "--hyper-opt", "NONE")
    (first, last) = stages(found)
    assert (first.run, last.run) == (options("--method", "ReSmooth", "--dataset", "SVHN", *baseline), found)
    assert first.run.name == (
        "resnet18small_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_1.0_nr_0.0_method_ReSmooth"
    )
    # Elsewhere it is its flags.
    flags = ("--aug-model", "RA", "--los-model", "SOFT", "--hyper-opt", "GMM")
    for data in (("--dataset", "DIGITS"), SMALL, ("--dataset", "mine", "--recipe", "small")):
        assert options("--method", "ReSmooth", *data).identity == options(*flags, *data).identity
        assert options("--method", "ReSmooth", *data).name == options(*flags, *data).name


@pytest.mark.parametrize("kind", [RunOptions, ResultOptions])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_help_closes_each_parenthesis_once(kind, estimator):
    """A default that the help of a flag names itself must stand at its end."""
    shown = options_parser(kind, "", estimator).format_help()
    for entry in shown.split("\n  -"):
        assert entry.count("(") == entry.count(")"), entry
