"""No pass reads from the device before its end.

Torch's `meta` device has shapes and no numbers, so that to read one raises. Every pass gets there as far as its one
read at the end, on any machine.
"""

import traceback
from contextlib import nullcontext
from dataclasses import replace
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
from custom_transforms.names import PLANTED_NAMES, POLICY_NAMES
from hyperopt.estimators.table import ESTIMATORS
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.rows.rows import Rows
from hyperopt.runs import set_up
from utils.speed import Cost

META = torch.device("meta")
IMAGES, CLASSES = 812, 10
VALID, TRAIN = np.arange(300), np.arange(300, IMAGES)  # the latter are two batches
LEARNED = ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt")
FIS = (*LEARNED, "FIS", "--hyper-iters", "2", "--hyper-steps", "2")
ROWS = {
    "NONE": (),
    **{name: ("--aug-model", name) for name in POLICY_NAMES},
    "cutout": ("--cutout", "16"),
    "NET HES": ("--aug-model", "NET", "--hyper-opt", "HES"),
    "NET/BOTH FIS, colours and labels": (
        *("--aug-model", "NET", "--net-kind", "affine-colour", "--net-labels", "--net-start", "published"),
        *("--los-model", "BOTH", "--hyper-opt", "FIS", "--hyper-iters", "2", "--hyper-steps", "2"),
    ),
    "NET, untrained": ("--aug-model", "NET", "--net-start", "published"),
    "STN": ("--aug-model", "STN"),
    "SHA HES": ("--aug-model", "SHA", "--hyper-opt", "HES"),
    "SEP/BOTH HES": (*LEARNED, "HES"),
    "SEP/BOTH HES, --warp original": (*LEARNED, "HES", "--warp", "original"),
    **{f"planted {name}": ("--view-valid", name) for name in PLANTED_NAMES[1:]},
    "SEP/BOTH FIS": FIS,
    "SEP/BOTH FIS, clean batches": (*FIS, "--hyper-valid", "batch"),
    "SEP/BOTH UNR": (*LEARNED, "UNR", "--unroll-balanced", "--unroll-look", "published"),
    "SEP/BOTH UNR, difference": (*LEARNED, "UNR", "--unroll-form", "difference", "--unroll-bn", "update"),
    "RAND/BOTH GMM": ("--aug-model", "RAND", "--los-model", "BOTH", "--hyper-opt", "GMM"),
    "SEP/SOFT GMM, released": (*LEARNED[:3], "SOFT", "--hyper-opt", "GMM", "--mixture-form", "released"),
    "RAND/SOFT GMM, distilled": (
        "--aug-model",
        "RAND",
        "--los-model",
        "SOFT",
        "--hyper-opt",
        "GMM",
        "--distil",
        "corrected",
    ),
    "NET UNR": ("--aug-model", "NET", "--hyper-opt", "UNR", "--net-kind", "affine-colour", "--net-labels"),
    "SEP/BOTH CON": (*LEARNED, "CON", "--rows", "finished"),
    "RAND, some": ("--aug-model", "RAND", "--rows", "finished", "--augmented", "50%"),
    "SEP/BOTH FIS, some": (*FIS, "--rows", "finished", "--augmented", "100"),
}
# The project's pass, its function that reads, and how.
READS = {
    "hyper": ("hyper_pass", "refuse_non_finite", ".nonzero()"),
    "fit": ("fit", "fit", ".numpy()"),
    "train": ("train_pass", "refuse_non_finite", ".nonzero()"),
    "evaluation": ("evaluate", "evaluate", ".tolist()"),
    "evaluation for a hyper pass": ("evaluate", "evaluate", ".tolist()"),
}
STEPS = dict.fromkeys(READS, 2)
OF_FIS = [name for name in READS if name != "fit"]


def as_it_is(images):
    return images


class Counted:
    """Batches that are counted, and go through `change` first."""

    def __init__(self, batches, seen, change):
        self.batches, self.seen, self.change = batches, seen, change

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        for batch in self.batches:
            assert {part.device for part in batch} == {META}
            self.seen.append(self.batches)
            yield replace(batch, images=self.change(batch.images))


@pytest.fixture
def on_meta(monkeypatch, tmp_path):
    """on_meta(row, dataset, model, change) -> (a run's estimator without numbers, the batches that it has taken)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which knows no such device
    monkeypatch.setattr(set_up, "matrix_product_peak", lambda *_: 1.0)
    monkeypatch.setattr(set_up, "count_cost", lambda *_: Cost(1, 1, 1, 1))

    def make(row, dataset="SVHN", model="smallnet", change=as_it_is):
        options = options_of(row, dataset, model)
        images = torch.zeros(IMAGES, len(BUILT_IN[dataset].mean), 32, 32, dtype=torch.uint8)
        table = ImageTable(images, torch.arange(IMAGES) % CLASSES)
        data = Dataset(table, table, CLASSES).to(META)
        seen = []
        watch = lambda batches: Counted(batches, seen, change)  # noqa: E731
        split = Split(VALID, TRAIN, np.arange(IMAGES) % CLASSES)
        training = set_up.make_training(options, data, split, META, watch)
        estimator = options.estimator_class(options.estimator, training)
        if options.hyper_opt == "GMM":
            estimator.begin(SimpleNamespace(network=training.published))
        return estimator, seen

    return make


def options_of(row, dataset="SVHN", model="smallnet"):
    flags = ("--dataset", dataset, "--model", model, "--precision", "fp32", "--batch-size", "256")
    return resolve(parse_options(RunOptions, "", [*flags, *row]))


class OneDevice(TorchDispatchMode):
    """Refuses what has tensors of two devices, which not every operation does by itself; to copy is allowed."""

    COPIES = (torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default)

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        tensors = [leaf for leaf in tree_leaves((arguments, options)) if isinstance(leaf, torch.Tensor) and leaf.ndim]
        if operation not in self.COPIES and len({tensor.device for tensor in tensors}) > 1:
            raise NotImplementedError(f"{operation} of tensors on two devices")
        return operation(*arguments, **(options or {}))


def end_of(name, estimator):
    """The project's functions, from the outermost, and the line where an estimator's pass needs numbers to go on."""
    plan = estimator.training.plan
    passes = {
        "hyper": lambda: estimator.epoch(plan.hyper_start + 1),  # begins with the hyper pass
        "fit": lambda: estimator.epoch(1),
        "train": lambda: estimator.epoch(1 + fits(estimator)),  # has no hyper pass yet
        "evaluation": lambda: estimator.evaluate(plan.epochs),
        "evaluation for a hyper pass": lambda: estimator.evaluate(plan.hyper_start),
    }
    with OneDevice(), pytest.raises((RuntimeError, NotImplementedError, TypeError)) as stop:
        passes[name]()
    frames = traceback.extract_tb(stop.value.__traceback__)
    rooms = [path.parent for path in ROOT.glob("*/__init__.py")]
    ours = [frame for frame in frames if any(room in Path(frame.filename).parents for room in rooms)]
    return [frame.name for frame in ours], ours[-1].line


def fits(estimator):
    """Whether an estimator fits something before its first train pass."""
    return getattr(estimator, "detector", None) is not None and estimator.options.fits


def ends_with_its_read(name, estimator):
    functions, line = end_of(name, estimator)
    within, function, how = READS[name]
    return within in functions and functions[-1] == function and how in line


def test_every_estimator_is_among_the_rows():
    """But for SEL, which fits on the host."""
    assert {options_of(row).hyper_opt for row in ROWS.values()} == set(ESTIMATORS) - {"SEL"}


@pytest.mark.parametrize("row", ROWS)
def test_every_pass_gets_to_its_one_read(on_meta, row):
    for name, steps in STEPS.items():
        estimator, seen = on_meta(ROWS[row])
        if (name == "hyper" and "hyper_batch_size" not in estimator.hyper_options) or (
            name == "fit" and not fits(estimator)
        ):
            continue
        assert ends_with_its_read(name, estimator), end_of(name, estimator)
        assert len(seen) >= steps


@pytest.mark.parametrize(("dataset", "model"), [("CIFAR10", "wresnet10_1"), ("MNIST", "resnet18thin")])
def test_every_network_and_standard_augmentation_does(on_meta, dataset, model):
    for name in OF_FIS:
        assert ends_with_its_read(name, on_meta(FIS, dataset, model)[0])


def ones(*shape, like=None):
    return torch.ones(*shape, device=like.device if like is not None else "cpu")


# Changes of stored images that are bytes again.
PLANTS = {
    "a read": lambda images: images * int(images.sum().item()),
    "a condition": lambda images: images if images.sum() > 0 else 255 - images,
    "a host tensor": lambda images: images + ones(images.shape).byte(),
    "an index on the host": lambda images: images[torch.arange(len(images))],
    "a host matrix": lambda images: (images.float() @ ones(images.shape[-1], images.shape[-1])).byte(),
    "a choice": lambda images: images[images.sum((1, 2, 3)) == 0],
}
# The same without what makes a pass wait.
HARMLESS = {
    "a product": lambda images: images * images.sum(),
    "a device tensor": lambda images: images + ones(images.shape, like=images).byte(),
    "an index on the device": lambda images: images[torch.arange(len(images), device=images.device)],
    "a device matrix": lambda images: (images.float() @ ones(*images.shape[-1:] * 2, like=images)).byte(),
}


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("name", OF_FIS)
def test_planted_read_or_host_tensor_ends_a_pass_earlier(on_meta, name, plant):
    estimator, _ = on_meta(FIS, change=PLANTS[plant])
    assert not ends_with_its_read(name, estimator)


@pytest.mark.parametrize("plant", HARMLESS)
@pytest.mark.parametrize("name", OF_FIS)
def test_what_stays_on_the_device_ends_no_pass(on_meta, name, plant):
    estimator, _ = on_meta(FIS, change=HARMLESS[plant])
    assert ends_with_its_read(name, estimator), end_of(name, estimator)


@pytest.mark.parametrize("name", ["hyper", "train"])
@pytest.mark.parametrize("row", ["SEP/BOTH HES", "SEP/BOTH FIS"])
@pytest.mark.parametrize(
    "plant", [lambda weight: weight * weight.sum().item(), lambda weight: weight * ones(weight.shape)]
)
def test_planted_read_or_host_tensor_among_the_rows_ends_a_step(on_meta, monkeypatch, row, name, plant):
    weight = Rows.weight
    monkeypatch.setattr(Rows, "weight", lambda *arguments: plant(weight(*arguments)))
    assert not ends_with_its_read(name, on_meta(ROWS[row])[0])
