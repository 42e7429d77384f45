"""No pass reads from the device before its end.

Torch's `meta` device has shapes and no numbers, so that to read one raises. Every pass gets there as far as its one
read at the end, on any machine.
"""

import traceback
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from custom_datasets.distortion import Split
from custom_datasets.table import Dataset, ImageTable
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.runs import training
from hyperopt.runs.training import Training
from utils.recipes import RECIPES
from utils.speed import Cost

META = torch.device("meta")
IMAGES, CLASSES = 812, 10
VALID, TRAIN = np.arange(300), np.arange(300, IMAGES)  # the latter are two batches
LEARNED = ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt")
FIS = (*LEARNED, "FIS", "--hyper-iters", "2", "--hyper-steps", "2")
ROWS = {
    "NONE": (),
    "RAND": ("--aug-model", "RAND"),
    "AUTO": ("--aug-model", "AUTO"),
    "DADA": ("--aug-model", "DADA"),
    "SHA HES": ("--aug-model", "SHA", "--hyper-opt", "HES"),
    "SEP/BOTH HES": (*LEARNED, "HES"),
    "SEP/BOTH HES, --warp original": (*LEARNED, "HES", "--warp", "original"),
    "SEP/BOTH FIS": FIS,
    "SEP/BOTH FIS, clean batches": (*FIS, "--hyper-valid", "batch"),
}
# The project's function that reads, and how.
READS = {
    "hyper": ("refuse_non_finite", ".nonzero()"),
    "train": ("refuse_non_finite", ".nonzero()"),
    "evaluation": ("evaluate", ".tolist()"),
}
STEPS = {"hyper": 2, "train": 2, "evaluation": 2}


def as_it_is(images):
    return images


class Counted:
    """Batches that are counted, and go through `change` first."""

    def __init__(self, batches, seen, change):
        self.batches, self.seen, self.change = batches, seen, change

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        for images, labels, index in self.batches:
            assert {images.device, labels.device, index.device} == {META}
            self.seen.append(self.batches)
            yield self.change(images), labels, index


@pytest.fixture
def on_meta(monkeypatch, tmp_path):
    """on_meta(row, dataset, model, change) -> (a run's training without numbers, the batches that it has taken)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which knows no such device
    monkeypatch.setattr(training, "matrix_product_peak", lambda *_: 1.0)
    monkeypatch.setattr(training, "count_cost", lambda *_: Cost(1, 1, 1))

    def make(row, dataset="SVHN", model="smallnet", change=as_it_is):
        flags = ("--dataset", dataset, "--model", model, "--precision", "fp32", "--batch-size", "256")
        options = resolve(parse_options(RunOptions, "", [*flags, *row]))
        images = torch.zeros(IMAGES, len(RECIPES[dataset].mean), 32, 32, dtype=torch.uint8)
        table = ImageTable(images, torch.arange(IMAGES) % CLASSES)
        data = Dataset(table, table, CLASSES).to(META)
        seen = []
        watch = lambda batches: Counted(batches, seen, change)  # noqa: E731
        return Training(options, data, Split(VALID, TRAIN, np.arange(IMAGES) % CLASSES), META, watch), seen

    return make


class OneDevice(TorchDispatchMode):
    """Refuses what has tensors of two devices, which not every operation does by itself; to copy is allowed."""

    COPIES = (torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default)

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        tensors = [leaf for leaf in tree_leaves((arguments, options)) if isinstance(leaf, torch.Tensor) and leaf.ndim]
        if operation not in self.COPIES and len({tensor.device for tensor in tensors}) > 1:
            raise NotImplementedError(f"{operation} of tensors on two devices")
        return operation(*arguments, **(options or {}))


def end_of(name, run):
    """The project's function and line where a pass of a run can go no further without numbers."""
    passes = {
        "hyper": lambda: run.move_rows(run.options.hyper_start + 1),
        "train": lambda: run.move_network(1),
        "evaluation": lambda: run.evaluate(run.options.epochs),
    }
    with OneDevice(), pytest.raises((RuntimeError, NotImplementedError, TypeError)) as stop:
        passes[name]()
    frames = traceback.extract_tb(stop.value.__traceback__)
    rooms = [path.parent for path in ROOT.glob("*/__init__.py")]
    ours = [frame for frame in frames if any(room in Path(frame.filename).parents for room in rooms)]
    return ours[-1].name, ours[-1].line


def ends_with_its_read(name, run):
    function, line = end_of(name, run)
    return function == READS[name][0] and READS[name][1] in line


@pytest.mark.parametrize("row", ROWS)
def test_every_pass_gets_to_its_one_read(on_meta, row):
    for name, steps in STEPS.items():
        run, seen = on_meta(ROWS[row])
        if name == "hyper" and not run.options.moves_rows:
            continue
        assert ends_with_its_read(name, run), end_of(name, run)
        assert len(seen) >= steps


@pytest.mark.parametrize(("dataset", "model"), [("CIFAR10", "wresnet10_1"), ("MNIST", "resnet18thin")])
def test_every_network_and_standard_augmentation_does(on_meta, dataset, model):
    for name in STEPS:
        assert ends_with_its_read(name, on_meta(FIS, dataset, model)[0])


PLANTS = {
    "a read": lambda images: images * images.sum().item(),
    "a condition": lambda images: images if images.sum() > 0 else -images,
    "a host tensor": lambda images: images + torch.ones(images.shape),
    "an index on the host": lambda images: images[torch.arange(len(images))],
    "a host matrix": lambda images: images @ torch.ones(images.shape[-1], images.shape[-1]),
    "a choice": lambda images: images[images.sum((1, 2, 3)) == 0],
}


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("name", STEPS)
def test_planted_read_or_host_tensor_ends_a_pass_earlier(on_meta, name, plant):
    run, _ = on_meta(FIS, change=PLANTS[plant])
    assert not ends_with_its_read(name, run)
