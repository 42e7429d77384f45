"""Trainings on torch's `meta` device, which has shapes and no numbers, and what their passes do with host and device.

To read a number raises there, on any machine. The reads at the end of a pass are let through by their names.
"""

import sys
import weakref
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ROOT
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from custom_datasets.distortion import Split
from custom_datasets.names import BUILT_IN
from custom_datasets.table import Dataset, ImageTable
from hyperopt.estimators.confidence import Confidence
from hyperopt.estimators.mixture import Mixture
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.runs import set_up
from utils.speed import Cost

META, HOST = torch.device("meta"), torch.device("cpu")
CLASSES, SIDE, SIZE, STEPS = 10, 8, 256, 2
CLEAN, TRAIN = 600, STEPS * SIZE  # images: two batches of an evaluation, of a train and of a hyper pass
ROOMS = [path.parent for path in ROOT.glob("*/__init__.py")]

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
COPIES = torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default
ONCE = {"shuffled", "fit"}  # draws the order of a pass; fits the mixture, after its pass
UPLOADS = {"upload", *ONCE}  # The functions that copy from the host.


NUMBER = 8  # bytes
# Of one image in the smallest pictures but DIGITS, which are grey and have 28 x 28 pixels. At one time, a step has at
# most 480 bytes per image on the host: 120 numbers of noise for a network, or the two operations of a policy.
PICTURE = 28 * 28
# All that a step makes there, over what the device gets: of ten tries of a rectangle one is taken, after operations.
TRIES = 32


class PassError(AssertionError):
    """A pass does with host and device what it must not."""


def caller():
    """The innermost function outside of torch and of this module; after its file's name if it is not the project's."""
    frame = sys._getframe(1)
    while frame.f_code.co_name.startswith("<") or is_machinery(frame.f_code.co_filename):
        frame = frame.f_back
    path, name = frame.f_code.co_filename, frame.f_code.co_name
    return name if is_ours(path) else f"{Path(path).name}: {name}"


@cache
def is_machinery(path):
    return path == __file__ or path.startswith(("<", str(Path(torch.__file__).parent)))


@cache
def is_ours(path):
    return any(room in Path(path).parents for room in ROOMS)


@dataclass
class Step:
    """From a batch to the next one: its images, and bytes on the host, but for what is there `ONCE`.

    kept: of tensors from earlier in the pass, at its start. made: of each tensor. peak: of all that were there at one
    time. uploaded: of those that the device got.
    """

    images: int
    kept: int = 0
    peak: int = 0
    made: list[int] = field(default_factory=list)
    uploaded: int = 0


def mistakes(watch):
    """What is wrong with the bytes of the steps of all passes."""
    found = []
    for name, steps in watch.steps.items():
        for number, step in enumerate(steps, 1):
            checks = {
                "keeps": step.kept > NUMBER,
                "has at one time": step.peak > PICTURE * step.images,
                "makes": sum(step.made) > TRIES * step.uploaded + 2 * NUMBER,
            }
            found += [f"step {number} of {name} {verb} too much: {step}" for verb, wrong in checks.items() if wrong]
    return found


class Watch(TorchDispatchMode):
    """Refuses an operation on tensors of two devices, and copies to the device but by `UPLOADS`; notes host tensors.

    Torch itself refuses some of the former on this device: sums, `cat` and `where`, but not products, convolutions and
    indices. A host tensor of no dimension is a number, which a device takes with its command.

    steps: by the pass that they are of. reads: how often a function has read the device, and how.
    """

    def __init__(self):
        super().__init__()
        self.steps, self.reads, self._seen = {}, Counter(), []

    def begin_pass(self, name):
        self._seen.clear()
        self.steps[name], self._now = [], Step(0)  # before the first batch
        self._name = name

    def begin_step(self, images):
        self._now = Step(images, self._alive())
        self.steps[self._name].append(self._now)

    def _alive(self):
        """Bytes of the host tensors that are still there; views and their bases share them."""
        self._seen = [reference for reference in self._seen if reference() is not None]
        storages = [reference().untyped_storage() for reference in self._seen]
        return sum({storage._cdata: storage.nbytes() for storage in storages}.values())

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        inputs = tensors_in((arguments, options))
        if operation not in COPIES and len({tensor.device for tensor in inputs if tensor.ndim}) > 1:
            raise PassError(f"{operation} of tensors on two devices, in {caller()}")
        found = operation(*arguments, **(options or {}))
        outputs = tensors_in(found)
        self._note(operation, [one for one in inputs if one.device == HOST], outputs)
        if reason := self.wrong(operation, inputs, outputs):
            raise PassError(f"{operation} {reason}, in {caller()}")
        return found

    def wrong(self, operation, inputs, outputs):
        """What else is wrong with an operation of tensors; None if nothing is."""

    def _note(self, operation, inputs, outputs):
        if operation in COPIES and inputs and outputs[0].device == META and max(one.ndim for one in inputs):
            if (by := caller()) not in UPLOADS:
                raise PassError(f"{by} copies a host tensor to the device")
            self._now.uploaded += sum(one.nbytes for one in inputs) if by not in ONCE else 0
        found = [one for one in outputs if one.device == HOST]
        if found and caller() not in ONCE:
            fresh = operation is torch.ops.aten.lift_fresh.default  # torch.tensor, from_numpy
            known = set() if fresh else {one.untyped_storage()._cdata for one in inputs}
            self._now.made += [one.nbytes for one in found if one.untyped_storage()._cdata not in known]
            self._seen += map(weakref.ref, found)
            self._now.peak = max(self._now.peak, self._alive())


def tensors_in(tree):
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


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


def made_up(tensor, function, method):
    """What a read returns: there is nothing that is not finite, and half of the views are of each kind."""
    if method == "nonzero":
        count = len(tensor) // 2 if function == "first_of_kind" else 0
        return torch.zeros(count, tensor.ndim, dtype=torch.int64, device=META)
    if method == "cpu":
        draws = np.random.default_rng(len(tensor)).normal(size=tuple(tensor.shape))
        return torch.from_numpy(draws if tensor.is_floating_point() else np.zeros_like(draws, int))
    return getattr(np.ones(tuple(tensor.shape)), method)()


@contextmanager
def let_through(reads, watch):
    """Let these functions read the device in these ways; every other read of it raises, as torch has it.

    What becomes a device tensor on its way, without an operation that could be seen, is refused.
    """
    with pytest.MonkeyPatch.context() as patch:
        for method in ("item", "tolist", "nonzero", "cpu"):
            patch.setattr(torch.Tensor, method, reading(method, reads, watch))
        for name in ("tensor", "as_tensor"):
            patch.setattr(torch, name, on_the_host(getattr(torch, name)))
        yield


def reading(method, reads, watch):
    """A method of tensors that reads them, for those `reads` alone that are let through."""
    true = getattr(torch.Tensor, method)

    def read(tensor, *arguments):
        if tensor.device != META or ((by := caller()), method) not in reads:
            return true(tensor, *arguments)
        watch.reads[by, method] += 1
        return made_up(tensor, by, method)

    return read


def on_the_host(make):
    """A function that makes a tensor of numbers, if it does not have to copy them to the device."""

    def made(*arguments, **options):
        if torch.device(options.get("device") or HOST) == META:
            raise PassError(f"{caller()} copies numbers to the device")
        return make(*arguments, **options)

    return made


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
