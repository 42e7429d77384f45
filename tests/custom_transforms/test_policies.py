"""What policies draw, over 100,000 images, against their definitions."""

from collections import Counter

import pytest
import torch
from scipy import stats

from custom_transforms.geometry import KINDS
from custom_transforms.operations import NAMES, OPERATIONS
from custom_transforms.policies import PARTNER_OPERATIONS, RAND_OPERATIONS, RandPolicy, published_policy, with_levels
from custom_transforms.published import PUBLISHED, read_table
from utils.errors import UserError

CPU = torch.device("cpu")
IMAGES = 100_000
UNLIKELY = 1e-4  # the smallest p-value that passes; the seeds are fixed
EVERY_TABLE = pytest.mark.parametrize(
    ("method", "dataset"), [(m, d) for m, tables in PUBLISHED.items() for d in tables]
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def fits(observed, shares):
    """Chi-square: counts against shares of their sum; the rare share a cell, what has no share must not occur."""
    observed, shares = observed.double(), shares.double() / shares.double().sum()
    assert (observed[shares == 0] == 0).all()
    expected = observed.sum() * shares
    common = expected >= 10
    cells = [torch.cat((count[common], count[~common].sum()[None])) for count in (observed, expected)]
    observed, expected = (cell[cells[1] > 0] for cell in cells)
    return stats.chisquare(observed, expected).pvalue > UNLIKELY


def count_operations(operation):
    return torch.bincount(operation, minlength=len(NAMES))


def test_the_partner_is_rand_without_the_geometric_operations():
    assert set(RAND_OPERATIONS) - set(PARTNER_OPERATIONS) == set(KINDS)
    assert not any(OPERATIONS[name].geometric for name in PARTNER_OPERATIONS)


@pytest.mark.parametrize("names", [RAND_OPERATIONS, PARTNER_OPERATIONS])
def test_rand_draws_each_operation_equally_often(names):
    steps = RandPolicy(3, 7, names).draw(IMAGES, seeded())
    assert steps.operation.shape == steps.value.shape == (3, IMAGES)
    shares = torch.tensor([(name in names) / len(names) for name in NAMES])
    for operation in steps.operation:
        assert fits(count_operations(operation), shares)
    pairs = torch.bincount(steps.operation[0] * len(NAMES) + steps.operation[1], minlength=len(NAMES) ** 2)
    assert fits(pairs, torch.outer(shares, shares).flatten())


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("Color", 0.1, 1.9),
        ("Sharpness", 0.1, 1.9),
        ("Rotate", 0, 30),
        ("ShearX", 0, 0.3),
        ("ShearY", 0, 0.3),
        ("TranslateX", 0, 0.45),
        ("TranslateY", 0, 0.45),
    ],
)
def test_rand_draws_values_uniformly_up_to_the_magnitude(name, low, high):
    magnitude = 7
    steps = RandPolicy(3, magnitude).draw(IMAGES, seeded())
    values = steps.value[steps.operation == NAMES.index(name)]
    if name in KINDS:
        assert stats.binomtest((values < 0).sum().item(), len(values)).pvalue > UNLIKELY
        assert stats.ks_2samp(values[values < 0].abs().numpy(), values[values > 0].numpy()).pvalue > UNLIKELY
        values = values.abs()
    reach = magnitude / 30 * (high - low)
    assert stats.kstest(values.double().numpy(), stats.uniform(low, reach).cdf).pvalue > UNLIKELY


def test_sub_policies_are_drawn_equally_often_and_whole():
    count = 50
    levels = [(i + 1) / 100 for i in range(count)]
    policy = with_levels([[("Color", 1, level), ("Solarize", 1, level)] for level in levels])
    steps = policy.draw(IMAGES, seeded())
    drawn = ((steps.value[0] - 0.1) / 1.8 * 100 - 1).round().long()
    assert fits(torch.bincount(drawn, minlength=count), torch.full((count,), 1 / count))
    torch.testing.assert_close(steps.value[1], 256 * (drawn + 1) / 100)


@EVERY_TABLE
def test_published_tables_are_drawn_as_they_say(method, dataset):
    """Each entry by its probability, at its value, with either sign where it is geometric."""
    table = read_table(method, dataset)
    steps = published_policy(method, dataset).draw(IMAGES, seeded(1))
    for k, entries in enumerate(zip(*table, strict=True)):
        shares = Counter()
        for name, probability, level in entries:
            operation = OPERATIONS[name]
            value = operation.low + level * (operation.high - operation.low)
            shares["Identity", 0.0] += 1 - probability
            for signed in (-value, value) if operation.geometric else (value, value):
                shares[cell(name, signed)] += probability / 2
        drawn = zip(steps.operation[k].tolist(), steps.value[k].tolist(), strict=True)
        counts = Counter(cell(NAMES[operation], value) for operation, value in drawn)
        assert counts.keys() <= shares.keys()
        assert fits(torch.tensor([counts[key] for key in shares]), torch.tensor(list(shares.values())))


def cell(name, value):
    """An operation with its value as float32 has it; what has no amount has no value."""
    has_amount = OPERATIONS[name].high > 0
    return name, torch.tensor(value).item() if has_amount else 0.0


def test_geometric_levels_get_either_sign_and_others_none():
    policy = with_levels([[("Rotate", 1, 1.0), ("Brightness", 0.3, 0.0)]])
    steps = policy.draw(IMAGES, seeded())
    assert set(steps.value[0].tolist()) == {-30.0, 30.0}
    assert stats.binomtest((steps.value[0] < 0).sum().item(), IMAGES).pvalue > UNLIKELY
    applied = steps.operation[1] == NAMES.index("Brightness")
    assert stats.binomtest(applied.sum().item(), IMAGES, 0.3).pvalue > UNLIKELY
    assert steps.value[1][applied].unique().tolist() == [pytest.approx(0.1)]
    together = applied & (steps.value[0] < 0)
    assert stats.binomtest(together.sum().item(), IMAGES, 0.15).pvalue > UNLIKELY


def test_centres_are_uniform():
    centre = RandPolicy(1, 7).draw(IMAGES, seeded()).centre[0]
    for axis in centre.T:
        assert stats.kstest(axis.double().numpy(), stats.uniform.cdf).pvalue > UNLIKELY
    assert abs(torch.corrcoef(centre.T)[0, 1]) < 0.02


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "policy",
    [RandPolicy(3, 7), RandPolicy(1, 15, PARTNER_OPERATIONS)]
    + [published_policy(method, "CIFAR10") for method in PUBLISHED],
)
def test_a_seed_repeats_a_batch(policy, channels):
    images = torch.randint(256, (200, channels, 24, 32), dtype=torch.uint8, generator=seeded())
    first, again, other = (policy(images, seeded(seed)) for seed in (5, 5, 6))
    assert first.dtype == torch.uint8
    assert first.shape == images.shape
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_batch_of_one():
    images = torch.randint(256, (1, 3, 32, 32), dtype=torch.uint8, generator=seeded())
    policy, random = published_policy("AUTO", "SVHN"), seeded()
    assert all(policy(images, random).shape == images.shape for _ in range(30))


def test_tables_of_operations_that_exist():
    lengths = Counter(
        (method, len(read_table(method, dataset))) for method in PUBLISHED for dataset in PUBLISHED[method]
    )
    assert lengths == {("DADA", 25): 6, ("AUTO", 493): 2, ("AUTO", 497): 2, ("AUTO", 498): 2}


@pytest.mark.parametrize("method", PUBLISHED)
def test_no_policy_is_an_error_that_names_those_there_are(method):
    with pytest.raises(UserError, match=rf"no published {method} policy for MNIST.*SVHN, SVHN_extra, CIFAR10"):
        published_policy(method, "MNIST")
