"""What the report of an audit says of the data beside the labels that look wrong."""

from collections.abc import Mapping
from typing import Any

from custom_datasets.table import Dataset
from utils.clean_images import few_clean_of_runs


def audit_notes(data: Dataset, result: Mapping[str, Any]) -> list[str]:
    """Training images that are there twice, and classes with too few clean images in the run that has the result."""
    return [*data.duplicates, *few_clean_of_runs({0: result})]
