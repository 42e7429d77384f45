import pytest
import torch
from torch import nn

from custom_models.classifier import build_model
from utils import speed
from utils.speed import Cost, Meter, _measure_peak, count_cost, matrix_product_peak, peak_memory
from utils.tf32 import products_use_tf32

CPU = torch.device("cpu")


def test_cost_of_a_model_that_can_be_counted_by_hand():
    """Convolution 2 -> 3 with 3 x 3 kernels on 5 x 4 pixels, head 60 -> 7; a multiply-add is two operations.

    Backward, a layer costs its forward again for its weights and again for its input.
    """
    model = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.Flatten(), nn.Linear(60, 7))
    convolution, head = 2 * 5 * 4 * 2 * 3 * 9, 2 * 60 * 7
    forward = convolution + head
    assert count_cost(model, (2, 5, 4), (2, 5, 4)) == Cost(
        forward=forward,
        training=forward + convolution + 2 * head,  # nobody wants the gradient of the pixels
        to_pixels=forward + convolution + head,
        tested=forward,
    )


def test_cost_of_test_images_of_another_size():
    """A mean over places takes any size; 10 x 8 pixels are four times as many as 5 x 4."""
    model = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 7))
    convolution, head = 2 * 5 * 4 * 2 * 3 * 9, 2 * 3 * 7
    cost = count_cost(model, (2, 5, 4), (2, 10, 8))
    assert (cost.forward, cost.tested) == (convolution + head, 4 * convolution + head)


def test_counting_leaves_the_model_alone():
    model = build_model("smallnet", 1, 10, seed=0).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    count_cost(model, (1, 8, 8), (1, 8, 8))
    assert model.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.fixture
def clock(monkeypatch):
    """clock(10, 12, ...): what the clock shows, one after the other."""
    return lambda *times: monkeypatch.setattr("utils.speed.time.perf_counter", iter(times).__next__)


def test_speed_in_words(clock):
    clock(10, 12)
    meter = Meter(CPU, peak=1e10)
    meter.lap("train", images=5000, operations=3e9)
    assert meter.speeds == {"train": "2,500 images/s, 15.0 % of peak"}


def test_passes_are_timed_from_one_to_the_next_and_anew_in_every_epoch(clock):
    clock(10, 20, 21, 24, 40)
    meter = Meter(CPU, peak=1e10)
    meter.start()
    meter.lap("hyper", images=10, operations=1)
    meter.lap("train", images=10, operations=1)
    assert meter.seconds == {"hyper": 1, "train": 3}
    meter.start()
    assert (meter.seconds, meter.speeds) == ({"hyper": 0}, {})  # as of an epoch without a hyper pass


@pytest.fixture
def unmeasured():
    """No peak is known, before the test and after it."""
    _measure_peak.cache_clear()
    yield
    _measure_peak.cache_clear()


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_peak_is_that_of_the_fastest_product_of_those_that_begin_in_time(clock, unmeasured, precision):
    """They take 1/8, 1/16 and 1/2 of a second; another one would begin too late."""
    clock(10, 10.125, 10.1875, 10.6875)
    assert matrix_product_peak(CPU, precision) == 2 * 512**3 * 16


def test_peak_is_measured_once_for_each_number_of_threads(monkeypatch, unmeasured):
    monkeypatch.setattr(speed, "PROBE_SECONDS", 1e-9)
    monkeypatch.setattr(torch, "get_num_threads", iter([1, 2, 1]).__next__)
    peaks = [matrix_product_peak(CPU, torch.float32) for _ in range(3)]
    assert peaks[0] == peaks[2]
    assert _measure_peak.cache_info().misses == 2


def test_peak_is_measured_in_the_arithmetic_of_convolutions(monkeypatch, unmeasured):
    def fastest(work, device):
        assert products_use_tf32()
        return 2 * 512**3

    assert not products_use_tf32()
    monkeypatch.setattr(speed, "_fastest", fastest)
    assert matrix_product_peak(CPU, torch.float32) == 1


def test_memory_counts_what_was_used():
    used = torch.ones(2**28)  # a GiB
    assert peak_memory(CPU) > used.nbytes / 2**30
