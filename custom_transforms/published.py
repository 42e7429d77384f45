"""The published policies: AUTO is Fast AutoAugment (arXiv 1905.00397), DADA is arXiv 2003.03780.

The tables in `published/` are lists of sub-policies, each a list of (operation, probability, level).
"""

import json
from pathlib import Path

from utils.errors import UserError

TABLES = Path(__file__).parent / "published"
# For each method and data set the table that was searched on it, or on the most similar data set.
PUBLISHED = {
    "AUTO": {
        "SVHN": "fast_autoaugment_svhn",
        "SVHN_extra": "fast_autoaugment_svhn",
        "CIFAR10": "fast_autoaugment_cifar",
        "CIFAR100": "fast_autoaugment_cifar",
        "ImageNet": "fast_autoaugment_imagenet",
        "TinyImageNet": "fast_autoaugment_imagenet",
    },
    "DADA": {
        "SVHN": "dada_svhn",
        "SVHN_extra": "dada_svhn",
        "CIFAR10": "dada_cifar10",
        "CIFAR100": "dada_cifar100",
        "ImageNet": "dada_imagenet",
        "TinyImageNet": "dada_imagenet",
    },
}

# The tables of AutoAugment (arXiv 1805.09501) in torchvision: by data set or recipe, `AUTO_AUGMENT_USUAL` for others.
AUTO_AUGMENT = {"SVHN": "SVHN", "SVHN_extra": "SVHN", "ImageNet": "IMAGENET", "TinyImageNet": "IMAGENET"}
AUTO_AUGMENT_USUAL = "CIFAR10"


def auto_augment_table(dataset: str, recipe: str) -> str:
    """The name of torchvision's AutoAugment table for a data set that is trained with a recipe."""
    return AUTO_AUGMENT.get(dataset) or AUTO_AUGMENT.get(recipe, AUTO_AUGMENT_USUAL)


def read_table(method: str, dataset: str) -> list:
    """The sub-policies of a method, "AUTO" or "DADA", for a data set.

    Raises UserError where none was published.
    """
    tables = PUBLISHED[method]
    if dataset not in tables:
        known = ", ".join(tables)
        raise UserError(f"no published {method} policy for {dataset}; there is one for {known}: choose with --policy")
    return json.loads((TABLES / f"{tables[dataset]}.json").read_text())
