"""The oracle of the hypergradient tests: plain autograd, twice over, in float64."""

import torch
import torch.nn.functional as F
from torch import Tensor

from hyperopt.losses import CrossEntropy, Loss, SoftCrossEntropy, SymmetricKL

LOSSES = {"cross-entropy": CrossEntropy(), "KL": SoftCrossEntropy(), "symmetric KL": SymmetricKL()}


def loss_by_definition(name: str, logits: Tensor, target: Tensor) -> Tensor:
    """Each loss as torch's own functions define it, (B,)."""
    if name == "cross-entropy":
        return F.cross_entropy(logits, target, reduction="none")
    p, s = logits.softmax(1), target.softmax(1)
    forward = F.kl_div(p.log(), s, reduction="none").sum(1)
    return forward if name == "KL" else 0.5 * (forward + F.kl_div(s.log(), p, reduction="none").sum(1))


class Problem:
    """A random batch at a head: features (B, F), head (C, F) and (C,), weights (B,), targets."""

    def __init__(self, loss: str, seed: int = 0, images: int = 23, classes: int = 5, features: int = 7):
        random = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=random, dtype=torch.float64)

        self.name = loss
        self.loss: Loss = LOSSES[loss]
        self.features, self.W, self.bias = normal(images, features), normal(classes, features), normal(classes)
        self.weight = normal(images).exp()
        labels = torch.randint(classes, (images,), generator=random)
        self.target = labels if loss == "cross-entropy" else 2 * normal(images, classes)
        self.direction = normal(classes, features)
        self.valid_features = normal(images, features)
        self.valid_labels = torch.randint(classes, (images,), generator=random)

    def logits(self, W: Tensor | None = None) -> Tensor:
        return self.features @ (self.W if W is None else W).T + self.bias

    def train_loss(self, W: Tensor) -> Tensor:
        return (self.weight * loss_by_definition(self.name, self.logits(W), self.target)).mean()

    def gradient(self) -> Tensor:
        W = self.W.clone().requires_grad_()
        return torch.autograd.grad(self.train_loss(W), W)[0]

    def hessian(self) -> Tensor:
        """Dense head Hessian (C F, C F)."""
        size = self.W.numel()
        return torch.autograd.functional.hessian(self.train_loss, self.W).reshape(size, size)


def relative_error(value: Tensor, reference: Tensor) -> float:
    return ((value - reference).norm() / reference.norm()).item()
