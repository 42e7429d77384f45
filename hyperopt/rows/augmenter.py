"""The augmentation part as an augmenter holds it, instead of a table.

The augmenter is a network. The leaves of a batch are its transformation parameters, as the augmenter makes them from
noise, so that every estimator moves it as it moves a table: it takes the gradient of the leaves, and the holder sends
that through the augmenter.
N: training images, B: images of a batch, P: weights, k: parameters.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from custom_transforms.normalise import Normalise
from custom_transforms.upload import upload
from hyperopt.augmentation.augmenter import STN_NOISE, NoiseAugmenter, SpatialTransformer, Weights, transform
from hyperopt.augmentation.augmenter_names import RESIDUAL, Form
from hyperopt.rows.parts import Part
from utils.draws import uniform
from utils.errors import DivergenceError, UserError
from utils.seeds import generator
from utils.share import ALL, Share

MOMENTUM = 0.9  # as published
MEASURED = 16384  # images, at most, behind the figures of an epoch
# Mean distance of an unbounded parameter from the identity, in half sides, that no picture survives.
FARTHEST_MEAN = 4
TINY = torch.finfo(torch.float32).tiny


class Descent(NamedTuple):
    """Stochastic gradient descent of an augmenter: rate, weight decay, and the largest norm of a gradient."""

    rate: float
    decay: float
    clip: float


class Parameters(Part):
    """A: the transformation parameters of a batch, by these names. The rows file has no columns of them.

    Parameters are drawn anew for every view, and one augmenter draws those of all images: it has a file of its own.
    """

    letter, columns, published = "A", {}, "augment_state_dict"

    def __init__(self, names: tuple[str, ...]):
        self._names = names

    def to_columns(self, leaves: Tensor) -> dict[str, Tensor]:
        """None."""
        return {}

    def to_leaves(self, columns: dict[str, Tensor]) -> Tensor:
        """None, which the holder refuses."""
        return torch.zeros(0, len(self._names))

    def describe(self, leaves: Tensor, given: Tensor) -> dict[str, Tensor]:
        """Each parameter."""
        return {f"Parameter/{name}": leaves[:, k] for k, name in enumerate(self._names)}


class AugmenterHolder:
    """What holders with an augmenter have in common; also the effect of its parameters on images.

    Args:
        weights: the augmenter.
        normalise: of the images, for colours.
        shown: names of the parameters that figures show.

    """

    blurs_still = takes_rate = per_image = False
    rate_flag = "--unroll-lr"

    def __init__(self, weights: Weights, normalise: Normalise, shown: tuple[str, ...]):
        self.form: Form = weights.form
        self.part = Parameters(shown)
        self._weights, self._normalise = weights, normalise

    @property
    def values(self) -> Tensor:
        """The weights (P,)."""
        raise NotImplementedError

    def still(self, images: Tensor) -> Tensor:
        """Images without learned augmentation: they stay as they are."""
        return images

    def shown(self, index: Tensor) -> Tensor:
        """Leaves of the images `index` (n,) for pictures and figures; their draws affect no other."""
        raise NotImplementedError

    def host_rows(self, index: Tensor) -> Tensor:
        """The same on the host."""
        return self.shown(index).cpu()

    def fill(self, index: Tensor, values: Tensor) -> None:
        """Refuse rows: an augmenter has none. `take` takes weights."""
        raise UserError("--aug-model NET has a network, which rows cannot fill; take SHA or SEP")

    def take(self, weights: dict[str, Tensor]) -> None:
        """Replace the weights by others of the same form, by name."""
        self.values.copy_(self._weights.join(weights))

    def content(self) -> dict[str, Tensor]:
        """A copy of the weights on the host, by name, in float32, as their file has them."""
        return {name: weight.clone() for name, weight in self._weights.split(self.values.cpu().float()).items()}

    def measures(self, index: Tensor) -> dict[str, float]:
        """Nothing."""
        return {}


class NoiseHolder(AugmenterHolder):
    """A network from noise, NET: DABO (arXiv 2006.14699) section 3. It is moved by stochastic gradient descent.

    Dropout stays on in every view of training images and in pictures of these, as the augmenter has been learned.

    Args:
        weights: the augmenter.
        given: the given labels of all N training images, (N,) int64, on the run's device.
        normalise: of the images, for colours; the weights are of its type.
        seed: of its start and its draws.
        identity: whether it starts without any effect.
        descent: how it is moved.

    """

    def __init__(
        self, weights: NoiseAugmenter, given: Tensor, normalise: Normalise, seed: int, identity: bool, descent: Descent
    ):
        super().__init__(weights, normalise, weights.form.parameters)
        self._augmenter, self._given, self._seed, self._descent = weights, given, seed, descent
        # The uses of the seed are part of the draws, so that they keep their names.
        start = weights.start(generator(seed, "augmentation network"), identity)
        self._values = start.to(given.device, normalise.dtype)
        self.velocity = torch.zeros_like(self._values)
        self._draws = generator(seed, "noise of the augmentation network")
        self._graph: tuple[Tensor, Tensor] | None = None  # weights and parameters of the last batch with a gradient

    @property
    def values(self) -> Tensor:
        """The weights (P,)."""
        return self._values

    def leaves(self, index: Tensor, share: Share = ALL) -> Tensor:
        """New parameters (B, k) for the images `index` (B,), without a graph.

        Where gradients are enabled, the augmenter's own graph is kept for the next `move`.
        """
        self._draws.share = share
        weights = self._values.detach()
        if not torch.is_grad_enabled():
            return self._parameters(weights, index, self._draws)
        parameters = self._parameters(weights.requires_grad_(), index, self._draws)
        self._graph = weights, parameters
        return parameters.detach()

    @torch.no_grad()
    def shown(self, index: Tensor) -> Tensor:
        """Parameters (n, k) for pictures and figures, from the same noise every time."""
        return self._parameters(self._values, index, generator(self._seed, "shown parameters"))

    def _parameters(self, weights: Tensor, index: Tensor, draws: torch.Generator) -> Tensor:
        noise = uniform((len(index), self._augmenter.draws), draws).to(weights.dtype)
        return self._augmenter.parameters(weights, upload(noise, weights.device), self._given[index])

    def __call__(self, images: Tensor, leaves: Tensor, draws: torch.Generator) -> Tensor:
        """Normalised images (B, C, H, W) under their parameters (B, k)."""
        return transform(images, leaves, self.form, self._normalise, draws)

    def move(self, index: Tensor, gradient: Tensor, learning_rate: float, share: Share = ALL) -> None:
        """Take one step with the gradient (B, k) of what `leaves` returned last, at the augmenter's own rate.

        `learning_rate` is that of tables, which is not used.
        """
        if self._graph is None:
            raise RuntimeError("an augmenter moves after `leaves` with gradients enabled, once")
        (weights, parameters), self._graph = self._graph, None
        (found,) = share.group.total(torch.autograd.grad(parameters, weights, gradient))
        rate, decay, clip = self._descent
        found = found * (clip / found.norm().clamp(min=TINY)).clamp(max=1)
        self.velocity.mul_(MOMENTUM).add_(found + decay * self._values)
        self._values.sub_(rate * self.velocity)

    def measures(self, index: Tensor) -> dict[str, float]:
        """Mean and standard deviation of every parameter over the images `index` (n,), or some of them."""
        parameters = self.shown(index[:: math.ceil(len(index) / MEASURED)])
        means, deviations = parameters.mean(0).tolist(), parameters.std(0, correction=0).tolist()
        self._refuse_divergence(means)
        found: dict[str, float] = {}
        for name, mean, deviation in zip(self.form.parameters, means, deviations, strict=True):
            found |= {f"{name}_mean": mean, f"{name}_std": deviation}
        return found

    def _refuse_divergence(self, means: list[float]) -> None:
        unbounded = self.form.parameters == RESIDUAL
        far = [mean for mean in means if not math.isfinite(mean) or (unbounded and abs(mean) > FARTHEST_MEAN)]
        if far:
            other = "--net-start identity, whose parameters have bounds, or " if unbounded else ""
            raise DivergenceError(
                f"the augmentation network has come to a mean parameter of {far[0]:.3g}; "
                f"start over with --fresh and {other}a lower --unroll-lr or --unroll-clip"
            )

    def parameters(self) -> list[Tensor]:
        """None: an estimator moves the augmenter, in `move`."""
        return []

    def state(self) -> dict[str, Any]:
        """The state besides the weights, for `load`."""
        return {"velocity": self.velocity, "draws": self._draws.get_state()}

    def load(self, values: Tensor, state: dict[str, Any]) -> None:
        """Restore weights and state of a holder of the same form."""
        self._values.copy_(values)
        self.velocity.copy_(state["velocity"])
        self._draws.set_state(state["draws"])

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and of their velocity."""
        return self._values.nbytes + self.velocity.nbytes


class ImageHolder(AugmenterHolder):
    """A network that sees the image, STN, and that the training itself moves, down its own loss.

    The leaves are the weights, which all images share. There is no look-ahead and no estimator: the classifier's
    optimiser has these weights among its own. It is DABO's baseline (arXiv 2006.14699, section 4), here with bounded
    parameters.

    Args:
        weights: the augmenter.
        device: of the run.
        normalise: of the images; the weights are of its type.
        seed: of its start.

    """

    rate_flag = "--lr"

    def __init__(self, weights: SpatialTransformer, device: torch.device, normalise: Normalise, seed: int):
        super().__init__(weights, normalise, ())
        self._augmenter = weights
        start = weights.start(generator(seed, "augmentation network"), identity=True)
        self._values = torch.nn.Parameter(start.to(device, normalise.dtype))

    @property
    def values(self) -> Tensor:
        """The weights (P,), without a graph."""
        return self._values.detach()

    def leaves(self, index: Tensor, share: Share = ALL) -> Tensor:
        """The weights (1, P), with their graph."""
        return self._values[None]

    def shown(self, index: Tensor) -> Tensor:
        """The weights (1, P)."""
        return self.values[None]

    def __call__(self, images: Tensor, leaves: Tensor, draws: torch.Generator) -> Tensor:
        """Normalised images (B, C, H, W) under the parameters that the weights (1, P) have for them."""
        noise = upload(uniform((len(images), STN_NOISE), draws).to(leaves.dtype), images.device)
        parameters = self._augmenter.parameters(leaves[0], images, noise)
        return transform(images, parameters, self.form, self._normalise, draws)

    def move(self, index: Tensor, gradient: Tensor, learning_rate: float, share: Share = ALL) -> None:
        """Refuse an estimator."""
        raise UserError("--aug-model STN is trained with the classifier; take --hyper-opt NONE")

    def parameters(self) -> list[Tensor]:
        """The weights."""
        return [self._values]

    def state(self) -> dict[str, Any]:
        """Nothing: the classifier's optimiser has the state."""
        return {}

    def load(self, values: Tensor, state: dict[str, Any]) -> None:
        """Restore the weights."""
        self.values.copy_(values)

    @property
    def nbytes(self) -> int:
        """Bytes of the weights."""
        return self._values.nbytes
