import torch

from utils.seeds import generator


def draw(*arguments):
    return torch.rand(5, generator=generator(*arguments)).tolist()


def test_one_generator_per_seed_and_use():
    assert draw(0, "a") == draw(0, "a")
    assert draw(0, "a") != draw(1, "a")
    assert draw(0, "a") != draw(0, "b")
