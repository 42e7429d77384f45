import math

import pytest
import torch

from utils.schedule import Cosine, Steps, make_schedule


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


def test_schedules_by_their_names():
    assert make_schedule("cosine", 0.1, 20, 0.2, "3,6", 5) == Cosine(0.1, 20, 0.2, 5)
    assert make_schedule("steps", 0.1, 20, 0.2, "3,16", 5) == Steps(0.1, 0.2, (3, 16), 5)
