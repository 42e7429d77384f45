"""What the tests of the hypergradient share: small problems, and plain autograd as the oracle, in float64."""

from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from custom_models.frozen import freeze
from hyperopt.augmentation.warps import make_warp
from hyperopt.estimators.hyper_pass import clean_features, clean_gradient, hyper_step
from hyperopt.estimators.table import find_estimator
from hyperopt.head.hypergradient import HeadBatch
from hyperopt.head.losses import LOSSES, Loss
from hyperopt.options.setting import Setting
from hyperopt.rows.rows import make_rows
from utils.draws import Draws
from utils.group import ALONE
from utils.passes import Batch


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
    rows = rows_of_setting(labels, 4, aug_model, los_model, warp, imbalance_ratio=2 if distorted else 1)
    # The draws go to the tables in this order.
    for holder in (rows.holders[letter] for letter in "AWS" if letter in rows.holders):
        holder.square = holder.square.double()
        holder.values = holder.values.double() + 0.3 * torch.randn(holder.values.shape, generator=random).double()
    if "A" in rows.holders:
        rows.holders["A"].values[:, :7] += 2  # most operations happen
    images = torch.rand(40, 1, 6, 6, generator=random).double()
    index = torch.randperm(20, generator=random)[:9]
    return model, rows, Batch(images[index], labels[index], index), Batch(images[20:], labels, index)


def rows_of_setting(given, classes, aug_model="NONE", los_model="NONE", warp="paper", **setting):
    """Rows at their start, as a run of this setting has them."""
    setting = Setting(aug_model=aug_model, los_model=los_model, **setting)
    loss, warp = LOSSES[setting.training_loss], make_warp(warp, 4)
    return make_rows(given, classes, setting.row_parts, aug_model == "SHA", loss, warp, given.device)


def as_it_is(images):
    return images


def at_work(model, rows, seed=3):
    """What of a training the hyper pass takes: rows, a network at rest, images seen as they are, and draws."""
    views = SimpleNamespace(training=as_it_is, clean=as_it_is, evaluation=as_it_is)
    draws = Draws()
    draws.manual_seed(seed)
    strong = lambda batch: rows.only_first(batch.index, views.training(batch.images), lambda: batch.images)  # noqa: E731
    seen = lambda batch, view: view(batch.images)  # noqa: E731
    parts = {"rows": rows, "frozen": freeze(model), "views": views, "draws": draws, "strong": strong, "seen": seen}
    return SimpleNamespace(**parts, group=ALONE)


def estimator(name, training=None, **options):
    """An estimator by its name and its own options."""
    kind = find_estimator(name)
    return kind(kind.Options(**options), training)


def hypergradient(model, rows, batch, valid, name, **options):
    """The program's hypergradient by letter, augmented under seed 3, against one batch of clean images."""
    training = at_work(model, rows)
    found = estimator(name, training, **options)
    clean = clean_gradient(*clean_features(training, [valid], as_it_is), training.frozen.head.bias)
    return hyper_step(training, batch, clean, found.direction, found.options.hyper_steps)
