"""A setting: data, distortion and method. Both scripts have its flags; run0, run1, ... are its repetitions."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from custom_models.names import ENCODERS
from custom_transforms.copy_amounts import amount_numbers, usual_amount
from custom_transforms.names import STANDARD_NAMES, rand_numbers, standard_names
from hyperopt.estimators.estimator import Estimator
from hyperopt.estimators.table import ESTIMATORS, find_estimator
from hyperopt.options.augmentations import AUG_HELP
from hyperopt.options.augmenter import LEARNED, Learned, NoAugmenter
from hyperopt.options.data_options import DataOptions
from hyperopt.options.methods import METHODS, training_settings
from hyperopt.rows.letters import RANK, rows_letters
from utils.flags import (
    LARGE,
    MANY,
    count_or_share,
    flag,
    flag_fields,
    is_rows_file,
    number,
    plain_name,
    rows_source,
    short_source,
    with_dashes,
)
from utils.recipes import Recipe
from utils.weights_file import short_mark, weights_file

AUG_MODELS = tuple(AUG_HELP)
# Letters of the parts of a row that a learned loss has.
LOSS_LETTERS = {"NONE": "", "SOFT": "S", "WGHT": "W", "BOTH": "WS"}
WARP_NAMES = ("paper", "original")
# Options that are added to the published name if they are unusual, in this order; then those of hypergradients that the
# estimator has, and its own.
NAMED = (
    "background",
    "image_size",
    "classes",
    "first_images",
    "labels",
    "policy",
    "rand",
    "amount",
    "cutout",
    "standard",
    "warp",
    "valid_images",
    "test_images",
    "view_valid",
    "train_on",
    "augmented",
    "init",
    "freeze_encoder",
)
HYPER_OPTIONS = ("hyper_start", "hyper_lr", "hyper_batch_size")


def defaults_of(recipe: str, method: str | None, hyper_opt: str, aug_model: str) -> Recipe:
    """The recipe with a method's training settings, an estimator's changes and the amount of fixed copies."""
    changes = {"amount": usual_amount(aug_model, recipe), **find_estimator(hyper_opt).changes}
    return dataclasses.replace(training_settings(recipe, method), **changes)


@dataclass(frozen=True)
class Setting(DataOptions):
    """The options that the runs of a table's line have in common. The results script has these flags.

    A field whose type has no None, but whose default is None, is filled in by `resolve`.
    """

    method: str | None = flag(
        None,
        "published method: presets flags, which can be given all the same",
        choices=METHODS,
        group="method",
    )
    aug_model: str = flag(
        "NONE",
        "augmentation: a policy, or learned for all (SHA), each image (SEP), by a network (NET, STN)",
        choices=AUG_MODELS,
    )
    policy: str | None = flag(
        None, "data set of the AUTO or DADA policy (default: its own)", type=plain_name, rare=True
    )
    rand: str = flag(None, "RAND, RA, SEVERE: number,magnitude (default: recipe)", type=rand_numbers)
    amount: str | None = flag(
        None,
        "TRANSLATE: pixels; ROTATE: degrees,number; CROP: pixels,... (default: recipe)",
        type=amount_numbers,
        in_name=with_dashes,
        rare=True,
    )
    cutout: int = flag(0, "side of a square set to the mean (default: 0, none)", type=number(int, 0, MANY), rare=True)
    standard: str = flag(
        None, f"some of {','.join(STANDARD_NAMES)} or none (default: recipe)", type=standard_names, in_name=with_dashes
    )
    los_model: str = flag("NONE", "learned loss: soft label, weight, both", choices=tuple(LOSS_LETTERS))
    hyper_opt: str = flag("NONE", "estimator: who fills the rows", choices=ESTIMATORS)
    rows: str | None = flag(
        None,
        "start from learned rows: a rows file (.pt, .npz), or the name of a finished run of the same run folder",
        type=rows_source,
    )
    rows_use: str | None = flag(
        None,
        "letters of what is taken over: W weight, S soft label, A augmentation, R rank, C confidence, a factor of the "
        "weight (default: W, S, A, R if there; of --refit W and C, else A, of GMM else S; with CON nothing)",
        type=rows_letters,
    )
    refit: bool = flag(False, "learn the rows, then train from scratch on distorted and clean images with them")
    augmented: str | None = flag(
        None, "first images of the order (rank) to augment: number or share (default: all)", type=count_or_share
    )
    warp: str = flag("paper", "learned warp of the paper, or of the published code", choices=WARP_NAMES, rare=True)
    hyper_start: int = flag(
        None, "last epoch in which no row moves (default: the estimator's, or recipe)", type=number(int, 0, MANY)
    )
    hyper_lr: float = flag(
        None, "learning rate of the rows (default: recipe)", type=number(float, 0, LARGE, open_low=True)
    )
    hyper_batch_size: int = flag(None, "images per step of the hyper pass (default: recipe)", type=number(int, 1, MANY))
    # Options of the estimator `hyper_opt`; their fields are flags of their own.
    estimator: Estimator.Options = dataclasses.field(default_factory=Estimator.Options)
    # The same of the augmentation `aug_model`.
    augmenter: NoAugmenter = dataclasses.field(default_factory=NoAugmenter)
    model: str = flag(None, f"network: {', '.join(ENCODERS)}, wresnetD_K, wrnD_K, torchvision:NAME (default: recipe)")
    init: str | None = flag(
        None, "file of weights to start from; its head is left out", type=weights_file, in_name=short_mark
    )
    freeze_encoder: bool = flag(False, "train the head alone, on features that are computed once")

    @classmethod
    def flags_in_order(cls) -> list[dataclasses.Field]:
        """The fields that are flags, as --help shows them."""
        return flag_fields(cls)

    @property
    def estimator_class(self) -> type[Estimator]:
        """The class of the estimator, which fills the rows."""
        return find_estimator(self.hyper_opt)

    @property
    def defaults(self) -> Recipe:
        """The recipe with the method's training settings and the estimator's changes: the defaults of flags."""
        found = defaults_of(self.recipe, self.method, self.hyper_opt, self.aug_model)
        return dataclasses.replace(found, standard="none") if self.freeze_encoder else found

    @property
    def method_trains(self) -> bool:
        """Whether the method has training settings of its own for the recipe."""
        return self.method is not None and self.recipe in METHODS[self.method].trainings

    @property
    def has_rows(self) -> bool:
        """Whether training images have rows."""
        return bool(self.row_parts)

    @property
    def learned_augmentation(self) -> Learned | None:
        """Who holds and who moves the learned augmentation; None without one."""
        return LEARNED.get(self.aug_model)

    @property
    def learns_augmentation(self) -> bool:
        """Whether the rows have a learned augmentation."""
        return "A" in self.row_parts

    @property
    def row_parts(self) -> str:
        """Letters of the parts that a row has."""
        ordered = self.augmented or RANK in self.estimator_class.fills
        return LOSS_LETTERS[self.los_model] + ("A" if self.learned_augmentation else "") + (RANK if ordered else "")

    @property
    def table_parts(self) -> str:
        """Letters of the parts that are kept; an estimator may fill the others anew for every view."""
        return "".join(letter for letter in self.row_parts if letter not in self.estimator_class.per_view)

    @property
    def filled_parts(self) -> str:
        """Letters of the parts that the estimator fills."""
        return "".join(letter for letter in self.row_parts if letter in self.estimator_class.fills)

    @property
    def augments(self) -> bool:
        """Whether training images have another augmentation than the recipe's."""
        return self.aug_model != "NONE" or self.cutout > 0

    @property
    def has_learned_rows(self) -> bool:
        """Whether the rows of all training images are learned, by this run or by another one."""
        return bool(self.hyper_opt != "NONE" or self.rows) and not self.refit and self.train_on == "distorted"

    @property
    def sees_valid(self) -> bool:
        """Whether the run trains on the clean validation images."""
        return self.oversplit or self.refit or self.train_on != "distorted"

    @property
    def training_loss(self) -> str:
        """The loss of an image: symmetric for soft labels that are learned on a distorted set, as published."""
        if "S" not in self.table_parts:
            return "cross-entropy"
        return "symmetric KL" if self.distorted else "KL"

    @property
    def name(self) -> str:
        """The published name of the setting, followed by the options that the published code does not have."""
        ablation = "overfit_" if self.overfit else "oversplit_" if self.oversplit else ""
        method = f"opt_{self.hyper_opt}_est_True_aug_model_{self.aug_model}_los_model_{self.los_model}"
        unusual = (self.foreign_recipe | self.unusual | self.starting_rows).items()
        model = self.model.replace(":", "-")
        return f"{ablation}{model}_{method}_{self.distortion}{''.join(f'_{key}_{value}' for key, value in unusual)}"

    @property
    def foreign_recipe(self) -> dict[str, str]:
        """The recipe of a built-in data set, if it is trained with another one's."""
        return {"recipe": self.recipe} if self.public and self.recipe != self.dataset else {}

    @property
    def unusual(self) -> dict[str, Any]:
        """Options that differ from the estimator's, recipe's or method's defaults and are not in the published name.

        The method is one of them if it has training settings of its own.
        """
        fields, defaults = _fields(Setting), self.defaults
        usual = {name: getattr(defaults, name, fields[name].default) for name in NAMED}
        usual |= {name: getattr(defaults, name) for name in self.estimator_class.hyper_options}
        found = {name: getattr(self, name) for name, value in usual.items() if getattr(self, name) != value}
        if self.method and self.method_trains:
            found = {"method": self.method} | found
        for options in (self.augmenter, self.estimator):
            usual = self.usual_of(options)
            found |= {name: value for name, value in vars(options).items() if value != usual[name]}
            fields |= _fields(type(options))
        return {name: fields[name].metadata["in_name"](value) for name, value in found.items()}

    def usual_of(self, options: Any) -> dict[str, Any]:
        """The defaults of options that belong to a choice; a method with training settings may have its own."""
        own = {name: field.default for name, field in _fields(type(options)).items()}
        presets = METHODS[self.method].own.get(self.recipe, {}) if self.method and self.method_trains else {}
        return own | {name: value for name, value in presets.items() if name in own}

    @property
    def starting_rows(self) -> dict[str, str | None]:
        """The learned rows that a run starts from, for its name: the same in all run folders, and short."""
        if self.refit:
            return {"refit": self.rows_use}
        if not self.rows:
            return {}
        source = self.rows
        short = Path(source).stem if is_rows_file(source) else short_source(source)
        return {"rows": short, "use": self.rows_use} if self.rows_use else {"rows": short}

    def values(self, kind: type | None = None) -> dict[str, Any]:
        """The options by name, with the estimator's and the augmenter's: all, or those that an options class has."""
        found: dict[str, Any] = {}
        for name in _fields(kind or type(self)):
            value = getattr(self, name)
            found |= vars(value) if name in ("estimator", "augmenter") else {name: value}
        return found


def _fields(options: type) -> dict[str, dataclasses.Field]:
    return {field.name: field for field in dataclasses.fields(options)}
