"""What an image and its label are, and how a training set is made biased and noisy."""

from custom_datasets.distortion import Distortion, Split, distorted_images, keep_validation, train_on_validation
from custom_datasets.errors import DataError
from custom_datasets.loaders import Loaders
from custom_datasets.own_data import lacks_test, own_data
from custom_datasets.sources import find_source, load_dataset
from custom_datasets.split_file import find_split
from custom_datasets.table import Dataset, channel_statistics
from custom_datasets.workers import lost_workers, refuse_little_shared_memory

__all__ = [
    "DataError",
    "Dataset",
    "Distortion",
    "Loaders",
    "Split",
    "channel_statistics",
    "distorted_images",
    "find_source",
    "find_split",
    "keep_validation",
    "lacks_test",
    "load_dataset",
    "lost_workers",
    "own_data",
    "refuse_little_shared_memory",
    "train_on_validation",
]
