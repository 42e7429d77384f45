import math

import pytest
import torch

from utils.schedule import Cosine, Steps, WarmMultiplier, make_schedule


def test_cosine_is_torchs():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.05)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 200, eta_min=0.05 * 0.1**3)
    schedule = Cosine(0.05, 200, 0.1, warm_epochs=0)
    for epoch in range(200):
        assert schedule(epoch) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6)
        optimizer.step()
        reference.step()


def test_warm_up_is_a_line_from_a_tenth_to_the_cosine():
    schedule = Cosine(0.1, 100, 0.1, warm_epochs=5)
    end = 1e-4 + (0.1 - 1e-4) * (1 + math.cos(math.pi * 5 / 100)) / 2
    assert schedule(0) == pytest.approx(0.01)
    assert schedule(2.5) == pytest.approx((0.01 + end) / 2)
    assert schedule(5) == pytest.approx(end)
    assert schedule(5 - 1e-9) == pytest.approx(end)


def test_ends_at_base_times_rate_cubed():
    assert Cosine(0.1, 100, 0.1, 5)(100) == pytest.approx(1e-4)


def test_warm_up_as_long_as_the_schedule_aims_at_the_base():
    schedule = Cosine(0.1, 3, 0.1, warm_epochs=5)
    assert schedule(2) == pytest.approx(0.01 + 0.09 * 2 / 5)


@pytest.mark.parametrize("decays", [(3, 6), (150, 175, 195), (1,)])
def test_steps_are_torchs(decays):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.05)
    reference = torch.optim.lr_scheduler.MultiStepLR(optimizer, decays, gamma=0.3)
    schedule = Steps(0.05, 0.3, decays, warm_epochs=0)
    for epoch in range(200):
        assert schedule(epoch) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        reference.step()


def test_steps_multiply_by_the_rate_once_for_each_epoch_that_is_over():
    schedule = Steps(0.1, 0.5, (2, 4, 4), warm_epochs=0)
    assert [schedule(time) for time in (0, 1.99, 2, 3.99, 4, 100)] == [0.1, 0.1, 0.05, 0.05, 0.0125, 0.0125]


def test_steps_after_a_warm_up_from_a_tenth_to_the_base():
    schedule = Steps(0.1, 0.5, (2, 6), warm_epochs=4)
    assert [schedule(time) for time in (0, 1, 3)] == pytest.approx([0.01, 0.0325, 0.0775])
    assert schedule(4 - 1e-9) == pytest.approx(0.1)
    # What is over by then counts.
    assert [schedule(time) for time in (4, 6)] == pytest.approx([0.05, 0.025])


# Learning rate in the epochs, counted from 1, of the published recipe, and as its package was meant.
PUBLISHED_RATES = {
    "base": {7: 0.1, 50: 0.0890, 100: 0.0555, 150: 0.0187, 200: 0.0003},
    "peak": {7: 0.2, 50: 0.1781, 100: 0.1110, 150: 0.0375, 200: 0.0006},
}


@pytest.mark.parametrize("after", PUBLISHED_RATES)
def test_warm_up_with_a_multiplier_has_the_published_rates(after):
    schedule = WarmMultiplier(0.1, 200, 0, 5, 2.0, after)
    assert [schedule(epoch) for epoch in range(6)] == pytest.approx([0.1, 0.12, 0.14, 0.16, 0.18, 0.2])
    for epoch, rate in PUBLISHED_RATES[after].items():
        assert schedule(epoch - 1) == pytest.approx(rate, abs=6e-5)


@pytest.mark.parametrize(("after", "peak"), [("base", 1), ("peak", 3)])
def test_warm_up_with_a_multiplier_is_torchs_lambda(after, peak):
    def factor(e):
        return 1 + e / 7 * 2 if e <= 7 else peak / 2 * (1 + math.cos(math.pi * (e - 8) / 40))

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.05)
    reference = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    schedule = WarmMultiplier(0.05, 40, 0, 7, 3.0, after)
    for epoch in range(40):
        for part in (0, 0.5, 0.999):  # steps come per epoch
            assert schedule(epoch + part) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        reference.step()


def test_cosine_after_a_multiplier_ends_where_the_decay_says():
    schedule = WarmMultiplier(0.1, 20, 0.5, 4, 2.0, "peak")
    assert schedule(25) == pytest.approx(0.1 * 0.5**3)
    assert schedule(15) == pytest.approx((0.2 + 0.0125) / 2)


def test_schedules_by_their_names():
    assert make_schedule("warm-multiplier", 0.1, 20, 0.2, "3,6", 5, 4, "peak") == WarmMultiplier(
        0.1, 20, 0.2, 5, 4, "peak"
    )
    assert make_schedule("cosine", 0.1, 20, 0.2, "3,6", 5) == Cosine(0.1, 20, 0.2, 5)
    assert make_schedule("steps", 0.1, 20, 0.2, "3,16", 5) == Steps(0.1, 0.2, (3, 16), 5)
