"""What SEL takes from a finished run: features of its network, scores and suspects by its training."""

import sys

import numpy as np
from torch import Tensor

from hyperopt.estimators.estimator import FinishedRun
from hyperopt.estimators.features import Features, compute_features, find_features
from hyperopt.estimators.linear_task import LinearTask
from hyperopt.estimators.selection_options import RUN_SCORES, SelectionOptions
from hyperopt.estimators.training import Training
from hyperopt.rows.quality import THRESHOLD, looks_wrong, quality_of, reference_of
from utils.errors import UserError
from utils.fingerprint import fingerprint
from utils.runs.predictions import Predictions


def make_task(training: Training, finished: FinishedRun, options: SelectionOptions) -> LinearTask:
    """The task of a run, with the features of a finished run's network, which the training has taken over.

    Raises UserError when the finished run lacks what the options need of it.
    """
    loaders, data = training.loaders, training.data
    index = loaders.train_index.sort().values
    if len(loaders.given[index].unique()) < 2:
        raise UserError("all training images have the same label, so that there is nothing to tell apart; take others")
    labels = loaders.given[index], data.test_labels, data.train.labels[loaders.valid_index]
    scores = suspects = None
    if options.needs_run:
        found = finished.predictions()
        if not finished.same_data and not _are_of(found, index, labels[0], data.train.labels[index]):
            raise UserError(
                "the run of --features-of was trained on other images or labels, so that it has no score for these; "
                "take a score of the linear model, without --select-suspects last"
            )
        if options.scored and options.select_score in RUN_SCORES:
            scores = _scores_of_run(options.select_score, found)
        if options.select_suspects == "last":
            suspects = _suspects(found, np.array(finished.clean_accuracy()) / 100)
    features = _find_features(training, finished)
    return LinearTask(features, labels, data.classes, options, training.plan.seed, scores, suspects)


def _are_of(found: Predictions, index: Tensor, given: Tensor, true: Tensor) -> bool:
    """Whether predictions are of the training images `index` (n,), by their places, given and true labels (n,).

    The two runs may differ in their clean images, which a seed chooses from the same data.
    """
    pairs = ((found.train_index, index), (found.train_given, given), (found.train_true, true))
    return all(np.array_equal(theirs, own.cpu().numpy()) for theirs, own in pairs)


def _scores_of_run(kind: str, found: Predictions) -> np.ndarray:
    """One of `RUN_SCORES` (n,)."""
    if kind == "confidence":
        return 1 - found.train_confidence.astype(float)
    if kind == "quality":
        return 1 - quality_of(found)
    if found.train_forgetting is None:
        raise UserError(
            "the run that SEL starts from has no forgetting counts; take another score, or, if it is of an earlier "
            "version, train it again with --fresh"
        )
    return found.train_forgetting.astype(float)


def _suspects(found: Predictions, accuracy: np.ndarray) -> np.ndarray:
    """A mask (n,) of the labels that look wrong, by predictions and accuracies (C,) on clean images; a note counts."""
    suspects = looks_wrong(quality_of(found), found.train_given, reference_of(accuracy), THRESHOLD)
    print(
        f"note: {suspects.sum()} of {len(suspects)} labels look wrong and come last, by a network that was right about "
        f"{100 * np.nanmean(accuracy):.0f} % of the clean images, averaged over classes and epochs",
        file=sys.stderr,
    )
    return suspects


def _find_features(training: Training, finished: FinishedRun) -> Features:
    """The features of the training's images, from a file beside the finished run if they are there."""
    loaders, views, data = training.loaders, training.views, training.data
    copies = views.copies
    assert copies is not None
    of = {
        "network": finished.checksum,
        "images": [data.train.content, data.test.content],
        "index": [loaders.train_index.sort().values, loaders.valid_index, loaders.test_index],
        "views": copies.name,
        "precision": str(training.frozen.precision),
    }

    def compute() -> Features:
        whole = loaders.unshared()  # the features are kept in a file, which the leader of several processes writes
        train, test, valid = map(training.watch, (whole.trained(), whole.test(), whole.valid()))
        return compute_features(training.frozen, train, test, valid, (views.normalise, views.evaluation), copies)

    mark = fingerprint(of)
    return find_features(finished.features(mark), mark, compute)
