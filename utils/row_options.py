"""What identifies a row of a table: the options that both scripts have, and the row's name."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from utils.colour import colour
from utils.errors import UserError
from utils.flags import flag, folder, is_rows_file, number, plain_name, rows_source
from utils.recipes import RECIPES

AUG_MODELS = ("NONE", "RAND", "AUTO", "DADA", "SHA", "SEP")
PUBLISHED_POLICIES = ("AUTO", "DADA")
LEARNED_AUG_MODELS = ("SHA", "SEP")
LOS_MODELS = ("NONE", "SOFT", "WGHT", "BOTH")
# The parts of a row of hyperparameters: weight, soft label, augmentation; and those of them that a loss has.
ROW_PARTS = {"W": "weight", "S": "soft_label", "A": "augmentation"}
LOSS_LETTERS = {"NONE": "", "SOFT": "S", "WGHT": "W", "BOTH": "WS"}
# What can be taken over of learned rows: these parts, and the network's confidence as a factor of the weight.
CONFIDENCE = "C"
ROWS_COLUMNS = {"W": "weight", CONFIDENCE: "confidence", "S": "soft_label", "A": "augmentation"}
ROWS_USES = tuple("".join(letters) for count in range(1, 5) for letters in combinations(ROWS_COLUMNS, count))
REFIT_USE = "WC"  # what --refit takes over unless --rows-use says otherwise
TRAIN_ON = ("distorted", "valid", "both")
MANY, LARGE = 10**6, 1e6  # the largest counts and rates that are taken
HYPER_OPTS = ("NONE", "HES", "FIS")
HYPER_VALID = ("batch", "full")
WARP_NAMES = ("paper", "original")

# Options that make a row of their own and are not in the published names, and their usual values.
ADDITIONS = {"background": "white", "policy": None, "warp": "paper", "valid_images": None, "train_on": "distorted"}
# So do the options of the hyper pass, whose usual values are the recipe's and the estimator's: of an estimator those
# here that have an effect on it.
RECIPE_HYPER = ("hyper_start", "hyper_lr", "hyper_batch_size")
ESTIMATOR_HYPER: dict[str, dict[str, Any]] = {
    "HES": {"hyper_steps": 0, "hyper_iters": 5, "hyper_alpha": 0.01, "hyper_valid": "batch"},
    "FIS": {"hyper_steps": 30, "hyper_iters": 30, "hyper_damping": 1.0, "hyper_valid": "full"},
}


def part_name(letter: str) -> str:
    """What a letter of `ROWS_COLUMNS` stands for, in words."""
    return ROWS_COLUMNS[letter].replace("_", " ")


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
    background: str = flag(
        "white",
        "own data: the colour under transparent pictures; white, black, R,G,B from 0 to 255 or #rrggbb",
        type=colour,
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
    rows: str | None = flag(
        None,
        "start from learned rows: a rows file (.pt, .npz), or the name of a finished run of the same run folder",
        type=rows_source,
    )
    rows_use: str | None = flag(
        None,
        "what is taken over of the learned rows: W weight, C the network's confidence in the given label, relative to "
        "the highest of the class (a factor of the weight), S soft label, A augmentation "
        f"(default: W, S and A as far as they are there; of --refit {REFIT_USE})",
        choices=ROWS_USES,
    )
    refit: bool = flag(
        False, "learn the rows, then train from scratch on the distorted and the clean images with what was learned"
    )
    warp: str = flag(
        "paper",
        "learned warp as in the paper, or as in the published code, which also blurs the images of all other rows",
        choices=WARP_NAMES,
    )
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
        if self.refit:
            self._check_refit()
        if self.background != RowOptions.background and self.dataset in RECIPES:
            raise UserError(f"--background is for your own data; {self.dataset} has no transparent pictures")
        if self.policy and self.aug_model not in PUBLISHED_POLICIES:
            raise UserError("--policy names a published policy and needs --aug-model AUTO or DADA")
        if self.hyper_opt != "NONE" and not self.learns:
            raise UserError(
                f"--hyper-opt {self.hyper_opt} has nothing to learn; add --aug-model SHA|SEP or --los-model"
            )
        self._check_hyper()
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
        self._check_learned_rows()

    def _check_hyper(self) -> None:
        every = {name for usual in ESTIMATOR_HYPER.values() for name in usual}
        idle = every - ESTIMATOR_HYPER.get(self.hyper_opt, {}).keys()
        given = {name for name in idle if getattr(self, name) is not None}
        if self.hyper_opt == "NONE":
            # But for the hyper start: commands of a whole table have it, for the rows with and without an estimator.
            rates = {name: getattr(RECIPES[self.recipe], name) for name in RECIPE_HYPER if name != "hyper_start"}
            given |= {name for name, usual in rates.items() if getattr(self, name) not in (None, usual)}
        for name in sorted(given):
            flag_name = f"--{name.replace('_', '-')}"
            raise UserError(f"{flag_name} has no effect on --hyper-opt {self.hyper_opt}; change one of them")

    def _check_refit(self) -> None:
        for name in ("train_on", "rows", "oversplit", "overfit"):
            if getattr(self, name) != getattr(RowOptions, name):
                raise UserError(
                    "--refit learns rows on the validation images and then trains on them; "
                    f"leave out --{name.replace('_', '-')}"
                )
        if self.hyper_opt == "NONE":
            raise UserError("--refit learns rows first; add --hyper-opt HES or FIS")

    def _check_learned_rows(self) -> None:
        given = "--refit" if self.refit else "--rows"
        if self.rows_use and not (self.rows or self.refit):
            raise UserError("--rows-use picks parts of learned rows; add --rows or --refit")
        if (self.rows or self.refit) and not self.learns:
            raise UserError(f"{given} needs rows to fill; add --aug-model SHA|SEP or --los-model")
        for letter in self.rows_use or "":
            needed = "W" if letter == CONFIDENCE else letter
            if needed not in self.row_parts:
                raise UserError(
                    f"{given} cannot take over {letter}: --aug-model {self.aug_model} --los-model {self.los_model} "
                    f"have no {part_name(needed)}; change them or --rows-use"
                )
        if self.rows and self.train_on == "valid":
            raise UserError("--rows is of distorted images, which --train-on valid leaves out")

    @property
    def learns(self) -> bool:
        """Whether there are rows of hyperparameters."""
        return bool(self.row_parts)

    @property
    def row_parts(self) -> str:
        """The parts of a row, by the letters of `ROW_PARTS`."""
        return LOSS_LETTERS[self.los_model] + ("A" if self.aug_model in LEARNED_AUG_MODELS else "")

    @property
    def moves_rows(self) -> bool:
        """Whether a hyper pass moves the rows; a refit's were moved by the training before it."""
        return self.hyper_opt != "NONE" and not self.refit

    @property
    def trained_on(self) -> str:
        """The images that are trained on, one of `TRAIN_ON`."""
        return "both" if self.refit else self.train_on

    @property
    def distorted(self) -> bool:
        """Whether the training set is imbalanced or noisy: by this program, or by nature as own data is taken to be."""
        return self.dataset not in RECIPES or self.imbalance_ratio > 1 or self.noise_ratio > 0

    @property
    def training_loss(self) -> str:
        """The loss of an image: symmetric where soft labels are learned on a distorted set, as published."""
        if "S" not in LOSS_LETTERS[self.los_model]:
            return "cross-entropy"
        return "symmetric KL" if self.distorted else "KL"

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
        } | learned_rows_additions(vars(self))


def has_learned_rows(options: Mapping[str, Any]) -> bool:
    """Whether the rows of all images that such a run is trained on are learned, by it or by another run."""
    learned = options["hyper_opt"] != "NONE" or options["rows"]
    return bool(learned) and not options["refit"] and options["train_on"] == "distorted"


def usual_additions(options: Mapping[str, Any]) -> dict[str, Any]:
    """Usual values of the options that make a row of their own but are not in the published names."""
    if options["hyper_opt"] == "NONE":
        return ADDITIONS
    recipe = RECIPES[options["recipe"]]
    return ADDITIONS | {name: getattr(recipe, name) for name in RECIPE_HYPER} | ESTIMATOR_HYPER[options["hyper_opt"]]


def learned_rows_additions(options: Mapping[str, Any]) -> dict[str, str]:
    """The learned rows that a row starts from, for its name: alike in all run folders, and short."""
    if options["refit"]:
        return {"refit": options["rows_use"]}
    if not options["rows"]:
        return {}
    rows, use = options["rows"], options["rows_use"]
    short = Path(rows).stem if is_rows_file(rows) else hashlib.sha256(rows.encode()).hexdigest()[:8]
    return {"rows": short} | ({"use": use} if use else {})
