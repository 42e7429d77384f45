"""RA, SEVERE and AA: what they draw, and what the drawn steps do, against PIL and torchvision."""

from collections import Counter

import pytest
import torch
from scipy import stats
from test_operations import by_pil, distance_to_edge, from_pil, random_images, to_pil
from test_policies import IMAGES, UNLIKELY, count_operations, fits, seeded
from torchvision.transforms import AutoAugment, AutoAugmentPolicy, InterpolationMode, autoaugment

from custom_transforms.operations import NAMES, OPERATIONS, Steps, apply_steps
from custom_transforms.policies import auto_augment, rand_augment, severe
from custom_transforms.published import auto_augment_table

CHANNELS = pytest.mark.parametrize("channels", [1, 3])
AT_28 = {
    **dict.fromkeys(("Identity", "AutoContrast", "Invert", "Equalize"), 0),
    **dict.fromkeys(("ShearX", "ShearY"), 0.28),
    **dict.fromkeys(("TranslateX", "TranslateY"), 0.42),
    **dict.fromkeys(("Color", "Brightness", "Sharpness"), 1.78),
    "Rotate": 28,
    "Solarize": 238.933,
    "Posterize": 7.733,
}
SEVERE_AT_5 = {"ShearX": 1, "ShearY": 1, "TranslateX": 0.5, "TranslateY": 0.5, "Cutout": 0.5**0.5}


@pytest.mark.parametrize(("policy", "values"), [(rand_augment(2, 28), AT_28), (severe(2, 5), SEVERE_AT_5)])
def test_operations_are_equally_likely_and_have_their_magnitudes_value(policy, values):
    steps = policy.draw(IMAGES, seeded())
    assert steps.operation.shape == (2, IMAGES)
    shares = torch.tensor([(name in values) / len(values) for name in NAMES])
    pairs = torch.bincount(steps.operation[0] * len(NAMES) + steps.operation[1], minlength=len(NAMES) ** 2)
    assert fits(pairs, torch.outer(shares, shares).flatten())
    for name, value in values.items():
        found = steps.value[steps.operation == NAMES.index(name)]
        torch.testing.assert_close(found.abs(), torch.full_like(found, value), atol=1e-3, rtol=0)
        negative = (found < 0).sum().item()
        if OPERATIONS[name].geometric:
            assert stats.binomtest(negative, len(found)).pvalue > UNLIKELY
        else:
            assert negative == 0


def test_the_extreme_magnitudes_are_the_ends_of_the_ranges():
    for magnitude, end in ((0, "low"), (30, "high")):
        steps = rand_augment(1, magnitude).draw(2000, seeded())
        for name in set(AT_28) - {"Identity", "AutoContrast", "Invert", "Equalize"}:
            values = steps.value[steps.operation == NAMES.index(name)].abs().unique()
            low = 0 if OPERATIONS[name].geometric else OPERATIONS[name].low
            torch.testing.assert_close(values, torch.tensor([{"low": low, "high": OPERATIONS[name].high}[end]]).float())


@CHANNELS
def test_drawn_operations_at_magnitude_28_are_pils(channels):
    images = random_images(channels, (32, 32), 280)
    steps = rand_augment(1, 28).draw(len(images), seeded())
    done, seen = apply_steps(images, steps), Counter()
    for image, found, place, value in zip(images, done, steps.operation[0], steps.value[0], strict=True):
        name = NAMES[place]
        (expected,) = by_pil(name, image[None], value[None])
        decided = torch.ones(32, 32, dtype=torch.bool)
        if OPERATIONS[name].geometric:  # between two pixels, rounding chooses
            decided = distance_to_edge(name, value.item(), 32, 32) > 0.01
        assert decided.float().mean() > 0.8
        assert torch.equal(found[:, decided], expected[:, decided]), name
        seen[name] += 1
    assert seen.keys() == AT_28.keys()


def torchvisions(image, name, value, height, width):
    """The operation of torchvision's AutoAugment on a PIL image (which it has from PIL), for a value of ours."""
    if name == "Identity":
        return image
    if name in ("Color", "Brightness", "Contrast", "Sharpness"):
        value -= 1
    # Ours is PIL's direction, from destination to source; theirs moves the content to the right or downwards.
    value *= {"TranslateX": -width, "TranslateY": -height}.get(name, 1)
    if name in ("TranslateX", "TranslateY"):
        assert value == pytest.approx(round(value), abs=1e-4)
        value = round(value)
    return autoaugment._apply_op(image, name, value, InterpolationMode.NEAREST, None)


@CHANNELS
@pytest.mark.parametrize("table", ["CIFAR10", "SVHN", "IMAGENET"])
def test_drawn_sub_policies_do_what_torchvisions_do(table, channels):
    """Each step on its own, so that pixels that rounding chooses do not hide the next one."""
    height, width = 28, 36
    images = random_images(channels, (height, width), 480)
    steps = auto_augment(table, height, width).draw(len(images), seeded())
    for operation, value, centre in zip(*steps, strict=True):
        done = apply_steps(images, Steps(operation[None], value[None], centre[None]))
        for image, found, place, amount in zip(images, done, operation, value.tolist(), strict=True):
            name = NAMES[place]
            expected = from_pil(torchvisions(to_pil(image), name, amount, height, width))
            decided = torch.ones(height, width, dtype=torch.bool)
            if OPERATIONS[name].geometric:
                decided = distance_to_edge(name, amount, height, width) > 0.01
            assert decided.float().mean() > 0.75
            assert torch.equal(found[:, decided], expected[:, decided]), (name, amount)
        images = done


@pytest.mark.parametrize("table", ["CIFAR10", "SVHN", "IMAGENET"])
def test_sub_policies_are_drawn_as_torchvision_does(table):
    """Each entry by its probability, with either sign of its magnitude where it has one."""
    height, width = 28, 36
    theirs = AutoAugment(AutoAugmentPolicy[table])
    ranges = theirs._augmentation_space(10, (height, width))
    steps = auto_augment(table, height, width).draw(IMAGES // 4, seeded(1))
    for k in range(2):
        shares = Counter()
        for name, probability, level in (sub_policy[k] for sub_policy in theirs.policies):
            magnitudes, signed = ranges[name]
            magnitude = 0.0 if level is None else float(magnitudes[level])
            shares["Identity", 0.0] += 1 - probability
            for sign in (-1, 1):
                value = sign * magnitude if signed else magnitude
                if name in ("TranslateX", "TranslateY"):
                    value = int(value) / {"TranslateX": width, "TranslateY": height}[name]
                if name in ("Color", "Brightness", "Contrast", "Sharpness"):
                    value += 1
                shares[name, round(value, 4)] += probability / 2
        amounts = [round(value, 4) for value in steps.value[k].tolist()]
        names = [NAMES[place] for place in steps.operation[k]]
        counts = Counter((n, 0.0 if n == "Identity" else v) for n, v in zip(names, amounts, strict=True))
        assert counts.keys() <= shares.keys()
        assert fits(torch.tensor([counts[key] for key in shares]), torch.tensor(list(shares.values())))


def test_tables_are_those_of_the_data_or_else_of_the_recipe():
    assert {auto_augment_table(name, name) for name in ("CIFAR10", "CIFAR100", "MNIST", "DIGITS")} == {"CIFAR10"}
    assert {auto_augment_table(name, name) for name in ("SVHN", "SVHN_extra")} == {"SVHN"}
    assert auto_augment_table("ImageNet", "ImageNet") == "IMAGENET"
    assert auto_augment_table("mine", "SVHN") == "SVHN"
    assert auto_augment_table("SVHN", "CIFAR10") == "SVHN"


def test_severe_cutouts_cover_up_to_the_whole_picture():
    images = torch.zeros(2000, 1, 20, 20, dtype=torch.uint8)
    for magnitude, area in ((10, 1), (1, 0.1)):
        steps = severe(1, magnitude).draw(len(images), seeded())
        cut = steps.operation[0] == NAMES.index("Cutout")
        central = Steps(steps.operation, steps.value, torch.full_like(steps.centre, 0.5))
        covered = (apply_steps(images, central)[cut] == 125).float().mean((1, 2, 3))
        assert covered.unique().item() == pytest.approx(area, abs=0.011)  # whole pixels: 6 of 20 x 20 for 6.3
        assert count_operations(steps.operation[0])[NAMES.index("Cutout")] > 300
