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
    },
    "DADA": {
        "SVHN": "dada_svhn",
        "SVHN_extra": "dada_svhn",
        "CIFAR10": "dada_cifar10",
        "CIFAR100": "dada_cifar100",
        "ImageNet": "dada_imagenet",
    },
}


def read_table(method: str, dataset: str) -> list:
    """The sub-policies of a method, "AUTO" or "DADA", for a data set.

    Raises UserError where none was published.
    """
    tables = PUBLISHED[method]
    if dataset not in tables:
        known = ", ".join(tables)
        raise UserError(f"no published {method} policy for {dataset}; there is one for {known}: choose with --policy")
    return json.loads((TABLES / f"{tables[dataset]}.json").read_text())
