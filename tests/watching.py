"""What the passes of a training do with host and device, watched while they run on torch's `meta` device.

That has shapes and no numbers, so that to read one raises, on any machine.
"""

import sys
import weakref
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

META, HOST = torch.device("meta"), torch.device("cpu")
ROOMS = [path.parent for path in ROOT.glob("*/__init__.py")]
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
