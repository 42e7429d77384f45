"""TF32 of matrix products, allowed for a while by the settings that this version of torch has."""

import itertools

import pytest
import torch

from utils import tf32
from utils.tf32 import convolutions_use_tf32, products_as_convolutions, products_use_tf32

HAS_NEW_NAMES = hasattr(torch.backends.cuda.matmul, "fp32_precision")


def settings():
    """All that torch says of TF32: the earlier names, which raise an error in a mix of both, and the new ones."""
    backends = torch.backends
    found = [backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()]
    if HAS_NEW_NAMES:
        parts = (backends, backends.cuda.matmul, backends.cudnn, backends.cudnn.conv, backends.cudnn.rnn)
        found += [part.fp32_precision for part in parts]
    return found


@pytest.fixture(autouse=True)
def as_before():
    """Settings by the earlier names, which also set the new ones."""
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    new = torch.backends.cuda.matmul.fp32_precision if HAS_NEW_NAMES else None
    yield
    torch.set_float32_matmul_precision(products)
    torch.backends.cudnn.allow_tf32 = convolutions
    if HAS_NEW_NAMES:
        torch.backends.cuda.matmul.fp32_precision = new


def test_torch_allows_it_for_convolutions_alone():
    assert convolutions_use_tf32()
    assert not products_use_tf32()


@pytest.mark.parametrize("wanted", [None, *itertools.product(("highest", "high", "medium"), (True, False))])
def test_products_may_what_convolutions_may_and_the_settings_are_put_back(wanted):
    if wanted:
        precision, torch.backends.cudnn.allow_tf32 = wanted
        torch.set_float32_matmul_precision(precision)
    before = settings()
    with products_as_convolutions():
        assert products_use_tf32() is (before[0] or before[1])
    assert settings() == before


def test_settings_are_put_back_after_an_error():
    before = settings()
    with pytest.raises(ValueError, match="within"), products_as_convolutions():
        raise ValueError("within")
    assert settings() == before


@pytest.mark.skipif(not HAS_NEW_NAMES, reason="torch before 2.9")
@pytest.mark.parametrize("products", ["none", "ieee", "tf32"])
@pytest.mark.parametrize("convolutions", ["ieee", "tf32"])
def test_settings_by_the_new_names(products, convolutions):
    matmul, conv = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    before = conv.fp32_precision
    try:
        matmul.fp32_precision, conv.fp32_precision = products, convolutions
        assert convolutions_use_tf32() is (convolutions == "tf32")
        with products_as_convolutions():
            assert matmul.fp32_precision == ("tf32" if convolutions == "tf32" else products)
        assert (matmul.fp32_precision, conv.fp32_precision) == (products, convolutions)
    finally:
        conv.fp32_precision = before


@pytest.mark.skipif(not HAS_NEW_NAMES, reason="torch before 2.9")
def test_settings_by_the_earlier_names(monkeypatch):
    """Which are the only ones of earlier versions."""
    monkeypatch.setattr(tf32, "_has_new_names", lambda: False)
    test_products_may_what_convolutions_may_and_the_settings_are_put_back(("medium", True))
