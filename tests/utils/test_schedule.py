import math

import pytest
import torch

from utils.schedule import Cosine


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
