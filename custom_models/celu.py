"""CELU (Barron 2017) with alpha = 1, the activation of AutoDO's networks."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _ExpCELU(torch.autograd.Function):
    """max(x, e^min(x, 0) - 1) from the exponential instead of expm1, whose CPU kernel takes several times as long.

    The difference is below 1e-7 absolute in float32, which is what the next layer's sums carry anyway; in bfloat16 it
    would be felt.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, inplace: bool) -> Tensor:
        y = x.clamp(max=0).exp_().sub_(1)
        y = torch.maximum(x, y, out=x if inplace else y)
        if inplace:
            ctx.mark_dirty(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        # ELU's derivative is y + 1 below zero, as CELU's at alpha = 1; from the result, in one pass, differentiable.
        return torch.ops.aten.elu_backward(gradient, 1, 1, 1, True, y), None


class CELU(nn.Module):
    """max(x, 0) + min(e^x - 1, 0), elementwise; `inplace` writes the result over the input."""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as `x`."""
        inplace = self.inplace and not torch.compiler.is_compiling()  # a compiler plans its memory itself
        if x.device.type == "cpu" and x.dtype.itemsize >= 4:
            return _ExpCELU.apply(x, inplace)
        return F.celu(x, inplace=inplace)
