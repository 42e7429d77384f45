"""Trainings without numbers, on torch's `meta` device, whose passes are watched.

The reads at the end of a pass are let through by the names of their functions.
"""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from watching import META, Watch, let_through

from custom_datasets.distortion import Split
from custom_datasets.names import BUILT_IN
from custom_datasets.table import Dataset, ImageTable
from hyperopt.estimators.confidence import Confidence
from hyperopt.estimators.mixture import Mixture
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.runs import set_up
from utils.speed import Cost

CLASSES, SIDE, SIZE, STEPS = 10, 8, 256, 2
CLEAN, TRAIN = 600, STEPS * SIZE  # images: two batches of an evaluation, of a train and of a hyper pass

# The functions that read the device, and how.
AT_THE_END = {  # of a pass or of an epoch
    ("train_pass", "item"),  # the mean loss
    ("refuse_non_finite", "nonzero"),
    ("evaluate", "tolist"),  # sums per class
    ("measures", "item"),  # figures of GMM's posteriors
    ("measures", "tolist"),  # figures of a network's parameters
}
ON_THE_HOST = {("fit", "cpu")}  # expectation maximisation, once per run
IN_A_STEP = {("first_of_kind", "nonzero")}  # --compare-views trains on as many views as there are of the rarer kind


class Watched:
    """Batches whose steps are watched, and which go through `change` first."""

    def __init__(self, batches, watch, change):
        self.batches, self.watch, self.change = batches, watch, change

    def __len__(self):
        return len(self.batches)

    @property
    def images(self):
        return self.batches.images

    def __iter__(self):
        for batch in self.batches:
            assert {part.device for part in batch} == {META}
            self.watch.begin_step(len(batch.index))
            yield replace(batch, images=self.change(batch.images))


def options_of(row, dataset="SVHN", model="smallnet", precision="fp32"):
    """The options of a run of one epoch, in which the rows move, unless the row's flags say otherwise."""
    flags = ("--dataset", dataset, "--model", model, "--precision", precision, "--batch-size", str(SIZE))
    return resolve(parse_options(RunOptions, "", [*flags, "--epochs", "1", "--hyper-start", "0", *row]))


def as_it_is(images):
    return images


def make(options, watch, side=SIDE, clean=CLEAN, change=as_it_is, kind=None):
    """A run's estimator without numbers, or one of the class `kind`, begun; `watch` sees its batches."""
    count = clean + TRAIN
    images = torch.zeros(count, len(BUILT_IN[options.dataset].mean), side, side, dtype=torch.uint8)
    table = ImageTable(images, torch.arange(count) % CLASSES)
    split = Split(np.arange(clean), np.arange(clean, count), table.labels.numpy())
    data = Dataset(table, table, CLASSES).to(META)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(set_up, "matrix_product_peak", lambda *_: 1.0)
        patch.setattr(set_up, "count_cost", lambda *_: Cost(1, 1, 1, 1))
        training = set_up.make_training(options, data, split, META, lambda batches: Watched(batches, watch, change))
    estimator = (kind or options.estimator_class)(options.estimator, training)
    if isinstance(estimator, Mixture):
        estimator.begin(SimpleNamespace(network=training.published))
    if isinstance(estimator, Confidence):
        estimator.begin(finished(split))
    return estimator


def finished(split):
    """A finished run, of which the confidence in the given labels is known, and the predictions."""
    index, given = torch.from_numpy(split.train), torch.from_numpy(split.targets[split.train])
    confidence = torch.linspace(0, 1, len(index))
    rows = SimpleNamespace(index=index, given_label=given, columns={"confidence": confidence})
    rows.in_order_of = lambda *_: rows
    found = {"train_index": index.numpy(), "train_given": given.numpy(), "train_predicted": given.numpy()}
    return SimpleNamespace(rows=lambda: rows, use="", predictions=lambda: SimpleNamespace(**found))


def passes_of(estimator, watch):
    """Every pass of a run's epochs, and the figures of each: what a run does between two checkpoints."""
    for number in range(1, estimator.epochs + 1):
        watch.begin_pass(f"epoch {number}")
        estimator.epoch(number)
        watch.begin_pass(f"evaluation {number}")
        estimator.evaluate(number)
        watch.begin_pass(f"figures {number}")
        estimator.training.measures()
        estimator.measures()


def run(options, watch=None, reads=AT_THE_END | ON_THE_HOST, work=passes_of, **changes):
    """Watch the passes of a run, all or `work`; returns watch and estimator. Raises the first mistake in them."""
    watch = watch or Watch()
    estimator = make(options, watch, **changes)
    with let_through(reads, watch), watch:
        work(estimator, watch)
    return watch, estimator


@cache
def run_once(row, side=SIDE, clean=CLEAN):
    """The same for flags of a run that several tests look at."""
    reads = AT_THE_END | ON_THE_HOST | (IN_A_STEP if "--compare-views" in row else set())
    return run(options_of(row), reads=reads, side=side, clean=clean)
