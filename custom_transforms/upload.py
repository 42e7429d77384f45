"""Copies numbers drawn on the host to the device."""

import torch
from torch import Tensor


def upload(drawn: Tensor, device: torch.device) -> Tensor:
    """Copy of a small host tensor on the device, without waiting for the device's work."""
    if device.type == "cuda":
        drawn = drawn.pin_memory()
    return drawn.to(device, non_blocking=True)
