"""The options of both scripts: one typed field per flag, its help text beside it."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from utils.errors import UserError
from utils.flags import epoch_list, flag, folder, make_parser, number, plain_name
from utils.recipes import RECIPES

AUG_MODELS = ("NONE", "RAND", "AUTO", "DADA", "SHA", "SEP")
PUBLISHED_POLICIES = ("AUTO", "DADA")
LEARNED_AUG_MODELS = ("SHA", "SEP")
LOS_MODELS = ("NONE", "SOFT", "WGHT", "BOTH")
TRAIN_ON = ("distorted", "valid", "both")
MANY, LARGE = 10**6, 1e6  # the largest counts and rates that are taken
HYPER_OPTS = ("NONE", "HES", "FIS")
HYPER_VALID = ("batch", "full")
WARP_NAMES = ("paper", "original")
ROWS = ("device", "host")
PRECISION_NAMES = ("auto", "fp32", "bf16")

# Options that make a row of their own and are not in the published names, and their usual values.
ADDITIONS = {"policy": None, "warp": "paper", "valid_images": None, "train_on": "distorted"}
# So do the options of the hyper pass, whose usual values are the recipe's and the estimator's: of an estimator those
# here that have an effect on it.
RECIPE_HYPER = ("hyper_start", "hyper_lr", "hyper_batch_size")
ESTIMATOR_HYPER: dict[str, dict[str, Any]] = {
    "HES": {"hyper_steps": 0, "hyper_iters": 5, "hyper_alpha": 0.01, "hyper_valid": "batch"},
    "FIS": {"hyper_steps": 30, "hyper_iters": 30, "hyper_damping": 1.0, "hyper_valid": "full"},
}


def distortion_name(imbalance_ratio: int, subsample_ratio: float, noise_ratio: float) -> str:
    """The distortion's part of file names."""
    return f"ir_{imbalance_ratio}_sr_{subsample_ratio}_nr_{noise_ratio}"


@dataclass(frozen=True)
class RowOptions:
    """What identifies a row of a table: data set, distortion, method. The results script has these flags."""

    data: Path = flag(
        Path("./local_data"), "folder of data sets, run folders and checkpoints", type=folder, identity=False
    )
    dataset: str = flag("DIGITS", f"data set: {', '.join(RECIPES)}, or your own, by its folder's name", type=plain_name)
    recipe: str | None = flag(
        None, "data set whose training settings are taken (default: the data set's own)", choices=tuple(RECIPES)
    )
    imbalance_ratio: int = flag(1, "frequent over rare images, 1: as it is", "-ir", type=number(int, 1, MANY))
    subsample_ratio: float = flag(
        1.0, "share of training images that is kept", "-sr", type=number(float, 0, 1, open_low=True)
    )
    noise_ratio: float = flag(0.0, "share of labels that is drawn anew", "-nr", type=number(float, 0, 1))
    valid_images: int | None = flag(
        None, "clean validation images that are kept, stratified (default: all)", type=number(int, 1, MANY)
    )
    train_on: str = flag(
        "distorted", "control: train on the distorted set, on the clean validation images, or on both", choices=TRAIN_ON
    )
    overfit: bool = flag(False, "ablation: estimate the hyperparameters on the test set")
    oversplit: bool = flag(False, "ablation: train and validate on all training images, no split")
    aug_model: str = flag(
        "NONE",
        "augmentation: none, policies, learned shared (SHA), learned per image (SEP)",
        choices=AUG_MODELS,
    )
    policy: str | None = flag(
        None, "data set whose published AUTO or DADA policy is taken (default: the data set's own)", type=plain_name
    )
    los_model: str = flag("NONE", "learned loss: soft label, weight, both", choices=LOS_MODELS)
    hyper_opt: str = flag(
        "NONE", "hypergradient: none (rows stay at their start), Hessian (HES), Fisher (FIS)", choices=HYPER_OPTS
    )
    warp: str = flag("paper", "learned warp as in the paper or as in the published code", choices=WARP_NAMES)
    hyper_start: int | None = flag(None, "last epoch without a hyper pass (default: recipe)", type=number(int, 0, MANY))
    hyper_lr: float | None = flag(
        None, "learning rate of the rows (default: recipe)", type=number(float, 0, LARGE, open_low=True)
    )
    hyper_batch_size: int | None = flag(
        None, "images per step of the hyper pass (default: recipe)", type=number(int, 1, MANY)
    )
    hyper_steps: int | None = flag(
        None,
        "steps of a copy of the head towards grad = 0 before each hypergradient (default: HES 0, FIS 30)",
        type=number(int, 0, MANY),
    )
    hyper_iters: int | None = flag(
        None,
        "HES: terms of the Neumann series (default: 5); FIS: conjugate gradients' iterations (default: 30)",
        type=number(int, 0, MANY),
    )
    hyper_alpha: float | None = flag(
        None, "HES: step of the Neumann series (default: 0.01)", type=number(float, 0, LARGE, open_low=True)
    )
    hyper_damping: float | None = flag(
        None,
        "FIS: damping, in mean eigenvalues of the Fisher matrix (default: 1)",
        type=number(float, 1e-6, LARGE),
    )
    hyper_valid: str | None = flag(
        None,
        "clean images behind a hypergradient: a batch (HES's default) or the full validation set (FIS's)",
        choices=HYPER_VALID,
    )
    model: str | None = flag(None, "network: smallnet, lenet, resnet18thin, resnet18, wresnetD_K (default: recipe)")

    def check(self) -> None:
        """Raise UserError for pairs of flags that contradict each other."""
        if self.policy and self.aug_model not in PUBLISHED_POLICIES:
            raise UserError("--policy names a published policy and needs --aug-model AUTO or DADA")
        if self.hyper_opt != "NONE" and not self.learns:
            raise UserError(
                f"--hyper-opt {self.hyper_opt} has nothing to learn; add --aug-model SHA|SEP or --los-model"
            )
        if self.hyper_opt != "NONE":
            every = {name for usual in ESTIMATOR_HYPER.values() for name in usual}
            for name in sorted(every - ESTIMATOR_HYPER[self.hyper_opt].keys()):
                if getattr(self, name) is not None:
                    flag_name = f"--{name.replace('_', '-')}"
                    raise UserError(f"{flag_name} has no effect on --hyper-opt {self.hyper_opt}; leave it out")
        if self.hyper_opt == "FIS" and self.hyper_iters == 0:
            raise UserError("--hyper-iters 0 leaves FIS without a direction; take 1 or more")
        if self.train_on != "distorted" and (self.hyper_opt != "NONE" or self.oversplit):
            raise UserError(f"--train-on {self.train_on} is a control for --hyper-opt NONE with a validation split")
        if self.valid_images and self.oversplit:
            raise UserError("--valid-images needs a validation split, which --oversplit leaves out")
        if self.overfit and self.oversplit:
            raise UserError("--overfit and --oversplit exclude each other")
        if self.overfit and self.hyper_opt == "NONE":
            raise UserError("--overfit estimates hyperparameters and needs --hyper-opt; add HES or FIS")
        if self.warp == "original" and self.aug_model not in LEARNED_AUG_MODELS:
            raise UserError("--warp original needs a learned augmentation; add --aug-model SHA or SEP")

    @property
    def learns(self) -> bool:
        """Whether there are rows of hyperparameters."""
        return self.aug_model in LEARNED_AUG_MODELS or self.los_model != "NONE"

    @property
    def distorted(self) -> bool:
        """Whether the training set is imbalanced or noisy."""
        return self.imbalance_ratio > 1 or self.noise_ratio > 0

    @property
    def distortion(self) -> str:
        """The distortion's part of file names."""
        return distortion_name(self.imbalance_ratio, self.subsample_ratio, self.noise_ratio)

    @property
    def run_name(self) -> str:
        """Published name of a run; what the published code does not have comes last."""
        ablation = "overfit_" if self.overfit else "oversplit_" if self.oversplit else ""
        method = f"opt_{self.hyper_opt}_est_True_aug_model_{self.aug_model}_los_model_{self.los_model}"
        additions = "".join(f"_{name}_{value}" for name, value in self.additions.items())
        return f"{ablation}{self.model}_{method}_{self.distortion}{additions}"

    @property
    def additions(self) -> dict[str, Any]:
        """What is unusual and not in the published name."""
        return {
            name: getattr(self, name)
            for name, usual in usual_additions(vars(self)).items()
            if getattr(self, name) != usual
        }


@dataclass(frozen=True)
class TrainOptions(RowOptions):
    """All flags of the training script."""

    run_folder: str = flag("run0", "run folder: run0, run1, ...", "-r", type=plain_name, identity=False)
    seed: int | None = flag(
        None,
        "seed of every random draw (default: the N of runN); a split file that is there stays",
        type=number(int, 0, 2**31 - 1),
    )
    fresh: bool = flag(
        False,
        "start over, also when the run is finished: the first epoch replaces its files",
        identity=False,
    )
    dry_run: bool = flag(False, "print the resolved plan and stop", identity=False)
    epochs: int = flag(200, "epochs of training", type=number(int, 1, MANY))
    lr: float | None = flag(None, "learning rate (default: recipe)", type=number(float, 0, LARGE, open_low=True))
    lr_decay_rate: float = flag(0.1, "the cosine ends at lr x rate^3", type=number(float, 0, 1))
    lr_decay_epochs: str = flag(
        "150,175,195", "without effect, as published: the cosine is always on", type=epoch_list, identity=False
    )
    lr_warm_epochs: int = flag(5, "epochs of linear warm-up from lr / 10", type=number(int, 0, MANY))
    batch_size: int | None = flag(None, "images per training step (default: recipe)", type=number(int, 2, MANY))
    workers: int = flag(4, "data loading workers, for streamed data sets", type=number(int, 0, MANY), identity=False)
    precision: str = flag(
        "auto", "of the encoder: float32, or mixed with bfloat16; auto: bf16 on a GPU", choices=PRECISION_NAMES
    )
    compile: bool = flag(False, "compile the encoder: faster after the first minutes", identity=False)
    rows: str = flag(
        "device", "where the rows are kept; the host has more room and is slower", choices=ROWS, identity=False
    )
    threads: int | None = flag(
        None, "threads of the CPU (default: recipe, or torch's own choice)", type=number(int, 1, 1024), identity=False
    )
    gpu: int = flag(0, "GPU to use; the CPU where there is none", type=number(int, 0, MANY), identity=False)
    no_cuda: bool = flag(False, "use the CPU", identity=False)
    log_interval: int = flag(
        500, "training steps between two updates of the progress bar", type=number(int, 1, MANY), identity=False
    )
    plot_debug: bool = flag(False, "write the first batches as pictures, before and after augmentation", identity=False)

    def check(self) -> None:  # noqa: D102
        super().check()
        if self.hyper_opt != "NONE" and self.hyper_start >= self.epochs:
            raise UserError(f"--hyper-start {self.hyper_start} leaves no hyper pass in {self.epochs} epochs; lower it")

    @property
    def notes(self) -> list[str]:
        """What the user should know about the flags given."""
        if self.lr_decay_epochs != TrainOptions.lr_decay_epochs:
            return ["--lr-decay-epochs has no effect: the learning rate follows a cosine, as published"]
        return []

    @property
    def identity(self) -> dict[str, Any]:
        """The options that shape the result, by name: those of the hyper pass only where they have an effect."""
        fields = [field.name for field in dataclasses.fields(self) if field.metadata["identity"]]
        effective = {"hyper_opt", *usual_additions(vars(self))}
        return {name: getattr(self, name) for name in fields if name in effective or not name.startswith("hyper_")}


def usual_additions(options: Mapping[str, Any]) -> dict[str, Any]:
    """Usual values of the options that make a row of their own but are not in the published names."""
    if options["hyper_opt"] == "NONE":
        return ADDITIONS
    recipe = RECIPES[options["recipe"]]
    return ADDITIONS | {name: getattr(recipe, name) for name in RECIPE_HYPER} | ESTIMATOR_HYPER[options["hyper_opt"]]


Options = TypeVar("Options", bound=RowOptions)


def resolve(options: Options) -> Options:
    """Options with every default filled in from the recipe and the run folder's number, and checked."""
    name = options.recipe or options.dataset
    if options.recipe and options.dataset in RECIPES and options.recipe != options.dataset:
        raise UserError(
            f"--recipe is for your own data; {options.dataset} has a recipe of its own, which flags override"
        )
    if name not in RECIPES:
        known = ", ".join(RECIPES)
        raise UserError(f"data set {name} is none of {known}; for your own data add --recipe with one of these")
    fill_in = {"recipe": name} | {
        field: value for field, value in vars(RECIPES[name]).items() if hasattr(options, field)
    }
    fill_in |= ESTIMATOR_HYPER.get(options.hyper_opt, {})
    if isinstance(options, TrainOptions) and options.seed is None:
        fill_in["seed"] = seed_of(options.run_folder)
    options = dataclasses.replace(options, **{f: v for f, v in fill_in.items() if getattr(options, f) is None})
    options.check()
    return options


def seed_of(run_folder: str) -> int:
    """The N of runN. Raises UserError for another name."""
    number = run_number(run_folder)
    if number is None:
        raise UserError(f"run folder '{run_folder}' is not run0 to run999999, so it gives no seed; add --seed")
    return number


def run_number(folder_name: str) -> int | None:
    """The N of runN, None for another name; N has no leading zeros, so that no two folders share a number."""
    match = re.fullmatch(r"run(0|[1-9][0-9]{0,5})", folder_name)
    return int(match[1]) if match else None


def parse_options(options: type[Options], description: str, arguments: Sequence[str] | None = None) -> Options:
    """Options as the command line (or `arguments`) has them, to be resolved. Exits with status 2 after a mistake."""
    return options(**vars(make_parser(options, description).parse_args(arguments)))
