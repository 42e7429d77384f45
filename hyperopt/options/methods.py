"""The published methods by the names of `--method`: presets of flags, and training settings on their paper's data.

A flag that is given beats the method, and the method beats the recipe.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from utils.recipes import RECIPES, Recipe


class Method(NamedTuple):
    """A published method.

    presets: of flags, by option, for all data. source: its paper. trainings: what it changes in a recipe, by recipe,
    for the data sets of its paper; runs with such settings have the method in their name. own: presets of the
    flags of its estimator and of its augmenter by recipe, which belong to these.
    """

    presets: Mapping[str, Any]
    source: str
    trainings: Mapping[str, Mapping[str, Any]] = {}
    own: Mapping[str, Mapping[str, Any]] = {}

    def presets_of(self, recipe: str) -> dict[str, Any]:
        """All presets of flags for data that are trained with this recipe."""
        return {**self.presets, **self.own.get(recipe, {})}


RESMOOTH_TRAINING = {
    "model": "resnet18small",
    "lr": 0.1,
    "batch_size": 256,
    "epochs": 200,
    "lr_schedule": "warm-multiplier",
    "lr_decay_rate": 0.0,
    "lr_warm_epochs": 5,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "standard": "crop,flip",
}
# Operations and magnitude, how much the labels are smoothed, share of original images in a batch.
RESMOOTH = {"CIFAR10": ("2,28", 0.4, 0.0), "CIFAR100": ("2,28", 0.6, 0.2), "SVHN": ("3,28", 0.3, 0.0)}

# Its other data sets have no training but this one, so that it is their recipe.
DABO_TRAINING = {
    "model": "resnet18small",
    "lr": 0.1,
    "batch_size": 128,
    "epochs": 201,
    "lr_schedule": "steps",
    "lr_decay_rate": 0.2,
    "lr_decay_epochs": "60,120,160",
    "lr_warm_epochs": 0,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "standard": "flip",
}
DABO_IMAGENET = DABO_TRAINING | {
    "model": "resnet18",
    "batch_size": 800,
    "epochs": 90,
    "lr_decay_rate": 0.1,
    "lr_decay_epochs": "30,60",
    "weight_decay": 1e-4,
    "standard": "none",  # its pictures are cropped and flipped when they are read
}

METHODS = {
    "AutoDO": Method(
        {"aug_model": "SEP", "los_model": "BOTH", "hyper_opt": "HES"}, "Gudovskiy et al., CVPR 2021, arXiv 2103.05863"
    ),
    "ReSmooth": Method(
        {"aug_model": "RA", "los_model": "SOFT", "hyper_opt": "GMM"},
        "Wang et al., TNNLS 2024, arXiv 2205.12606",
        trainings={name: RESMOOTH_TRAINING | {"rand": rand} for name, (rand, _, _) in RESMOOTH.items()},
        own={
            name: {"mixture_smooth": smooth, "mixture_originals": originals}
            for name, (_, smooth, originals) in RESMOOTH.items()
        },
    ),
    "DABO": Method(
        {"aug_model": "NET", "hyper_opt": "UNR"},
        "Mounsaveng et al., WACV 2021, arXiv 2006.14699",
        trainings={"CIFAR10": DABO_TRAINING, "CIFAR100": DABO_TRAINING, "ImageNet": DABO_IMAGENET},
        own={"ImageNet": {"unroll_lr": 0.1, "unroll_decay": 0.1}},
    ),
    "EffAug": Method({"aug_model": "TRANSLATE", "hyper_opt": "SEL"}, "Kuchnik and Smith, ICLR 2019, arXiv 1810.05222"),
}


def training_settings(recipe: str, method: str | None) -> Recipe:
    """The defaults of a training: the recipe, and what the method changes in it."""
    changes = METHODS[method].trainings.get(recipe, {}) if method else {}
    return replace(RECIPES[recipe], **changes)
