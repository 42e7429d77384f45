"""What the tests of the hypergradient share: small problems, and plain autograd as the oracle, in float64."""

import torch
import torch.nn.functional as F
from hyperopt.estimators.directions import HyperSettings
from torch import Tensor, nn

from custom_models.frozen import freeze
from hyperopt.augmentation.warps import make_warp
from hyperopt.estimators.hyper_pass import clean_features, clean_gradient, hyper_step
from hyperopt.head.hypergradient import HeadBatch
from hyperopt.head.losses import LOSSES, Loss
from hyperopt.options.setting import Setting
from hyperopt.rows.rows import Rows


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

    def batch(self) -> HeadBatch:
        return HeadBatch(self.loss, self.features, self.target, self.weight, self.bias)

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


class TinyClassifier(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.CELU(), nn.Flatten(), nn.Linear(64, 6))
        self.head = nn.Linear(6, classes)

    def features(self, images):
        return self.encoder(images)

    def forward(self, images):
        return self.head(self.features(images))


def tiny_hyper_problem(aug_model, los_model, distorted, warp="paper"):
    """A model, rows in float64 away from their start, a training and a validation batch."""
    random = torch.Generator().manual_seed(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TinyClassifier(4).double()
    labels = torch.randint(4, (20,), generator=random)
    row = Setting(los_model=los_model, imbalance_ratio=2 if distorted else 1)
    hyper = Rows(labels, 4, aug_model, los_model, make_warp(warp, 4), row.training_loss)
    for table in hyper.tables.values():
        table.square = table.square.double()
        table.values = table.values.double() + 0.3 * torch.randn(table.values.shape, generator=random).double()
    if "augmentation" in hyper.tables:
        hyper.tables["augmentation"].values[:, :7] += 2  # most operations happen
    images = torch.rand(40, 1, 6, 6, generator=random).double()
    index = torch.randperm(20, generator=random)[:9]
    return model, hyper, (images[index], labels[index], index), (images[20:], labels, index)


def hypergradient(model, hyper, batch, valid, settings: HyperSettings):
    """The program's hypergradient, augmented under seed 3, against one batch of clean images."""
    network = freeze(model)
    clean = clean_gradient(*clean_features(network, hyper, [valid]), network.head.bias)
    return hyper_step(network, hyper, batch, clean, settings, torch.Generator().manual_seed(3))
