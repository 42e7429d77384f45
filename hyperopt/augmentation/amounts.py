"""The learned augmentation (A): a probability and a magnitude per operation and row.

AutoDO (arXiv 2103.05863) section 3.3. K: operations, B: images, R: rows (1, or one per training image).
"""

import math

import torch
from torch import Tensor

from custom_transforms.upload import upload
from hyperopt.augmentation.warp import RANGES
from utils.draws import normal, uniform

START_PROBABILITY = 1 / (len(RANGES) - 2)
START_MAGNITUDE = 5 / 10
TEMPERATURE = 1.0  # of the Gumbel-softmax relaxation
TINY = torch.finfo(torch.float32).tiny


def logit(probability: float) -> float:
    """Inverse of the sigmoid."""
    return math.log(probability / (1 - probability))


def start_rows(count: int, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """Augmentation logits (R, 2 K) at their start: K of the probabilities, then K of the magnitudes."""
    start = [logit(START_PROBABILITY)] * len(RANGES) + [logit(START_MAGNITUDE)] * len(RANGES)
    return torch.tensor([start], device=device, dtype=dtype).repeat(count, 1)


def probabilities_and_magnitudes(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Both (R, K) and in 0..1, from augmentation logits (R, 2 K)."""
    probabilities, magnitudes = rows.sigmoid().chunk(2, dim=1)
    return probabilities, magnitudes


def draw_amounts(rows: Tensor, batch: int, generator: torch.Generator) -> Tensor:
    """Random amounts (B, K), in units of each operation's range, differentiable in `rows` (B or 1, 2 K).

    amount = b x m: b is a hard Gumbel-softmax draw of (p, 1 - p) with a straight-through gradient, m = magnitude x n
    with n ~ N(0, 1). For two classes, the Gumbel-softmax is a sigmoid of the logit plus logistic noise. The generator
    is on the CPU and draws in float32, so that the draws are the same on every device and in every precision.
    """
    probability_logits, magnitude_logits = rows.chunk(2, dim=1)
    shape = (batch, probability_logits.shape[1])
    drawn = uniform(shape, generator).clamp(min=TINY)
    noise = normal(shape, generator)
    drawn, noise = upload(torch.stack((drawn, noise)).to(rows.dtype), rows.device)
    soft = ((probability_logits + torch.logit(drawn)) / TEMPERATURE).sigmoid()
    hard = (soft > 0.5).to(soft.dtype) + soft - soft.detach()
    return hard * magnitude_logits.sigmoid() * noise
