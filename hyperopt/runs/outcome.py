"""The files that a run writes at its end, besides the result."""

from typing import Any

import numpy as np
import torch

from custom_datasets.distortion import Split, distorted_images
from custom_datasets.table import Dataset
from hyperopt.estimators.estimator import Estimator
from hyperopt.rows.augmenter import AugmenterHolder
from hyperopt.rows.augmenter_file import AugmenterFile
from hyperopt.rows.rows_file import COLUMNS, RowsFile
from hyperopt.runs.card import card
from hyperopt.runs.class_counts import images_per_class
from hyperopt.runs.fingerprints import fingerprint_table, fingerprint_training_set, fingerprints
from hyperopt.runs.stages import Stage
from utils.files import replace_file
from utils.runs.predictions import predict


def write_outcome(stage: Stage, estimator: Estimator, split: Split, accuracies: dict[str, float]) -> None:
    """Write the predictions of the last epoch, and the learned rows if the run trains on the distorted images.

    Rows get a card, which has the test accuracies, in percent. An augmenter gets a file of its own. All processes make
    what the leader writes.
    """
    training = estimator.training
    writes = training.group.leads
    options, files, data = stage.training, stage.run.files, training.data
    predictions = predict(
        training.frozen,
        training.test_outputs(),
        training.watch(training.loaders.trained()),
        training.views.normalise,
        data.train.labels,
        (training.confidence.mean(), training.confidence.mean_other()),
        training.confidence.forgetting(),
        fingerprint_table(data),
    )
    if writes:
        predictions.write(files.predictions)
    if not options.has_rows or options.train_on == "valid":
        return
    index = torch.from_numpy(distorted_images(split))
    confidence = predictions.train_confidence[np.isin(predictions.train_index, index)]  # both are ascending
    columns = training.rows.columns(index) | estimator.columns(index) | {"confidence": torch.from_numpy(confidence)}
    rows = RowsFile(
        index,
        training.rows.given.cpu()[index],
        options.dataset,
        fingerprint_training_set(data, split),
        {name: column.to(COLUMNS[name].kind) for name, column in columns.items()},
    )
    if not writes:
        return
    replace_file(files.rows, rows.as_pt())
    replace_file(files.rows_npz, rows.as_npz())
    replace_file(files.card, card(options, files, data, split, rows, accuracies).encode(errors="replace"))
    augmentation = training.rows.holders.get("A")
    if isinstance(augmentation, AugmenterHolder):
        AugmenterFile(augmentation.form, augmentation.content()).write(files.augmenter)


def describe(data: Dataset, split: Split) -> dict[str, Any]:
    """The entries of a result about the data set."""
    given = {"labels": data.given.summary(split, data.train.labels.cpu().numpy())} if data.given else {}
    return {
        "class_names": data.class_names,
        "images": {"train": len(split.train), "valid": len(split.valid), "test": len(data.test_labels)},
        "images_per_class": images_per_class(data, split),
        "image_size": data.image_size,
        "damaged": data.damaged,
        "tested_on": "valid" if data.tested_on_valid else "test",
    } | (given | fingerprints(data))
