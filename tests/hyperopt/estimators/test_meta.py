"""No pass of any estimator reads from the device before its end, nor leaves a tensor on the host.

Torch's `meta` device has shapes and no numbers, so that to read one raises: every pass runs there, on any machine. SEL
is not among them, which fits on the host.
"""

from collections import Counter

import pytest
import torch
from on_meta import AT_THE_END, IN_A_STEP, ON_THE_HOST, STEPS, options_of, run, run_once
from watching import PassError, mistakes

from custom_transforms.names import PLANTED_NAMES, POLICY_NAMES, STANDARD_NAMES
from hyperopt.estimators.estimator import Estimator
from hyperopt.estimators.table import ESTIMATORS
from hyperopt.rows.rows import Rows

NET = ("--aug-model", "NET", "--net-kind", "affine-colour", "--net-labels")
PARTS = {
    "SHA": ("--aug-model", "SHA"),
    "SEP": ("--aug-model", "SEP"),
    "NET": NET,
    "WGHT": ("--los-model", "WGHT"),
    "SOFT": ("--los-model", "SOFT"),
    "BOTH": ("--los-model", "BOTH"),
    "SEP/BOTH": ("--aug-model", "SEP", "--los-model", "BOTH"),
    "NET/BOTH": (*NET, "--los-model", "BOTH"),
}
BOTH = PARTS["SEP/BOTH"]
HES = (*BOTH, "--hyper-opt", "HES")
FIS = ("--hyper-opt", "FIS", "--hyper-iters", "2", "--hyper-steps", "2")
UNR = ("--hyper-opt", "UNR")
DIFFERENCE = (*UNR, "--unroll-form", "difference")
HYPERGRADIENTS = {"HES": HES[4:], "FIS": FIS, "UNR": UNR, "UNR, difference": DIFFERENCE}
GMM = ("--aug-model", "RAND", "--hyper-opt", "GMM", "--los-model")
COMPARE = (*GMM, "BOTH", "--mixture-originals", "0", "--compare-views")
CON = ("--hyper-opt", "CON", "--rows", "finished", "--los-model")
ROWS = {
    "NONE": (),
    **{name: ("--aug-model", name) for name in POLICY_NAMES},
    "cutout": ("--cutout", "4"),
    "every standard": ("--standard", ",".join(STANDARD_NAMES)),
    "no standard": ("--standard", "none"),
    **{f"planted {name}": ("--view-valid", name) for name in PLANTED_NAMES[1:]},
    "SEP/BOTH, untrained": BOTH,
    "NET, untrained": ("--aug-model", "NET", "--net-start", "published"),
    "STN": ("--aug-model", "STN"),
    "STN/BOTH": ("--aug-model", "STN", "--los-model", "BOTH"),
    **{f"{parts} {name}": (*PARTS[parts], *HYPERGRADIENTS[name]) for name in HYPERGRADIENTS for parts in PARTS},
    "SEP/BOTH HES, --warp original": (*HES, "--warp", "original", "--hyper-steps", "2"),
    "SEP/BOTH HES, all clean images": (*HES, "--hyper-valid", "full"),
    "SEP/BOTH FIS, again": (*BOTH, *FIS, "--epochs", "2"),  # with the outputs of the evaluation before
    "SEP/BOTH FIS, clean batches": (*BOTH, *FIS, "--hyper-valid", "batch"),
    "SEP/BOTH FIS, planted": (*BOTH, *FIS, "--view-valid", "rotation"),
    "SEP/BOTH UNR, published": (*BOTH, *UNR, "--unroll-balanced", "--unroll-look", "published"),
    "SEP/BOTH UNR, every second": (*BOTH, *UNR, "--unroll-every", "2"),
    "SEP/BOTH UNR, update": (*BOTH, *DIFFERENCE, "--unroll-bn", "update"),
    **{f"RAND/{loss} GMM": (*GMM, loss) for loss in ("WGHT", "SOFT", "BOTH")},
    "SEP/SOFT GMM, released": (*PARTS["SEP"], *GMM[2:], "SOFT", "--mixture-form", "released"),
    "SEP/BOTH GMM, released fit": (*PARTS["SEP"], *GMM[2:], "BOTH", "--mixture-fit", "released"),
    "RAND/SOFT GMM, ood": (*GMM, "SOFT", "--mixture-posterior", "ood"),
    "RAND/BOTH GMM, originals": (*GMM, "BOTH", "--mixture-smooth-originals"),
    **{f"RAND/BOTH GMM, {name}": (*GMM, "BOTH", "--mixture-weighting", name) for name in ("random", "uniform")},
    **{f"RAND/SOFT GMM, {form} distilled": (*GMM, "SOFT", "--distil", form) for form in ("corrected", "released")},
    "SEP/WGHT CON": (*PARTS["SEP"], *CON, "WGHT"),
    "BOTH CON": (*CON, "BOTH", "--confidence-fills", "WS", "--confidence-form", "threshold"),
    "RAND, some": ("--aug-model", "RAND", "--rows", "finished", "--augmented", "50%"),
    "SEP/BOTH FIS, some": (*BOTH, *FIS, "--rows", "finished", "--augmented", "100"),
}
NETWORKS = [("CIFAR10", "wresnet10_1"), ("MNIST", "resnet18thin")]


def expected_reads(estimator, epochs=1):
    """How often each function reads, and how, whatever the number of steps."""
    fits = getattr(estimator, "fitting", None) is not None
    learns_network = hasattr(estimator.training.rows.holders.get("A"), "velocity")
    return Counter(
        {
            ("train_pass", "item"): epochs,
            ("refuse_non_finite", "nonzero"): epochs * (2 if estimator.hyper_options else 1),  # losses, hypergradients
            ("evaluate", "tolist"): 2 * epochs,  # test and validation images
            ("measures", "tolist"): 2 * epochs * learns_network,  # means and deviations
            ("measures", "item"): 2 * epochs * fits,  # the posteriors' mean, and the share of strange views
            ("fit", "cpu"): 2 * fits,  # losses and labels
        }
    )


def test_every_estimator_is_among_the_rows():
    assert {options_of(row).hyper_opt for row in ROWS.values()} == set(ESTIMATORS) - {"SEL"}


def test_reads_are_known_by_name():
    reads = sum((expected_reads(run_once(ROWS[row])[1]) for row in ("RAND/BOTH GMM", "NET FIS")), Counter())
    assert set(reads) == AT_THE_END | ON_THE_HOST


@pytest.mark.parametrize("row", ROWS)
def test_every_pass_reads_at_its_end_and_makes_nothing_large_on_the_host(row):
    watch, estimator = run_once(ROWS[row])
    assert watch.reads == +expected_reads(estimator, estimator.epochs)
    assert all(len(steps) >= STEPS for name, steps in watch.steps.items() if not name.startswith("figures"))
    assert not mistakes(watch)


@pytest.mark.parametrize("kind", ["id", "ood", "mix"])
def test_compared_views_are_counted_in_every_step(kind):
    """As documented: --compare-views trains on as many views as there are of the rarer kind."""
    watch, estimator = run_once((*COMPARE, kind))
    (read,) = IN_A_STEP
    assert watch.reads == expected_reads(estimator) + Counter({read: 2 * STEPS})
    assert not mistakes(watch)


@pytest.mark.parametrize(("dataset", "model"), NETWORKS)
def test_every_network_does(dataset, model):
    watch, estimator = run(options_of((*BOTH, *FIS), dataset, model))
    assert watch.reads == expected_reads(estimator)


class ReadingTheLoss(Estimator):
    """Reads in every step."""

    def step(self, batch):
        loss = super().step(batch)
        self.largest = max(getattr(self, "largest", 0.0), loss.item())
        return loss


class PriorOnTheHost(Estimator):
    """Multiplies by a host matrix, which torch lets pass on this device."""

    def loss(self, batch):
        images, leaves = self.training.augmented(batch)
        logits = self.training.logits(images, batch.index) @ torch.eye(10)
        return self.training.rows.loss(logits, batch.index, leaves)


class NumbersInAStep(Estimator):
    """Makes a device tensor of numbers, as a copy that waits."""

    def loss(self, batch):
        return super().loss(batch) * torch.tensor([1.0], device=batch.index.device).sum()


class DrawsByThemselves(Estimator):
    """Copies draws to the device in a way of its own."""

    def loss(self, batch):
        weight = torch.empty(len(batch.index), device=batch.index.device)
        weight.copy_(torch.rand(len(batch.index)))
        return super().loss(batch) * weight.mean()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (ReadingTheLoss, r"cannot be called on meta tensors"),
        (PriorOnTheHost, "of tensors on two devices"),
        (NumbersInAStep, "copies numbers to the device"),
        (DrawsByThemselves, "copies a host tensor to the device"),
    ],
)
def test_estimator_that_reads_or_leaves_something_on_the_host_fails(kind, said):
    with pytest.raises((PassError, RuntimeError), match=said):
        run(options_of(()), kind=kind)


def ones(*shape, like=None):
    return torch.ones(*shape, device=like.device if like is not None else "cpu")


# Changes of stored images that are bytes again.
PLANTS = {
    "a read": lambda images: images * int(images.sum().item()),
    "a condition": lambda images: images if images.sum() > 0 else 255 - images,
    "a host tensor": lambda images: images + ones(images.shape).byte(),
    "a host factor": lambda images: images.clone().mul_(ones(images.shape).byte()),
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


PASSES = {
    "hyper": lambda estimator: estimator.move_rows(1),
    "train": lambda estimator: estimator.training.train_pass(1, estimator.step),
    "evaluation": lambda estimator: estimator.evaluate(1),
}


def run_pass(name, row=(*BOTH, *FIS), **changes):
    """One pass alone."""

    def work(estimator, watch):
        watch.begin_pass(name)
        PASSES[name](estimator)

    return run(options_of(row), work=work, **changes)


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("name", PASSES)
def test_planted_read_or_host_tensor_ends_a_pass(name, plant):
    with pytest.raises((PassError, RuntimeError)):
        run_pass(name, change=PLANTS[plant])


@pytest.mark.parametrize("plant", HARMLESS)
@pytest.mark.parametrize("name", PASSES)
def test_what_stays_on_the_device_ends_no_pass(name, plant):
    run_pass(name, change=HARMLESS[plant])


@pytest.mark.parametrize("name", ["hyper", "train"])
@pytest.mark.parametrize("row", [HES, (*BOTH, *FIS)])
@pytest.mark.parametrize(
    "plant", [lambda weight: weight * weight.sum().item(), lambda weight: weight * ones(weight.shape)]
)
def test_planted_read_or_host_tensor_among_the_rows_ends_a_pass(monkeypatch, row, name, plant):
    weight = Rows.weight
    monkeypatch.setattr(Rows, "weight", lambda *arguments: plant(weight(*arguments)))
    with pytest.raises((PassError, RuntimeError)):
        run_pass(name, row)
