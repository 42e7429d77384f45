"""The hypergradient at the linear head, in closed form: no graph of a graph.

theta is the weight matrix W (C, F) of the head; its bias is not part of theta, as published. With features h
(B, F), logits z = W h + b, image weights w (B,) and a loss with residual delta and curvature J (see
`hyperopt.head.losses`):

    grad_W L      = mean_i w_i delta_i h_i^T                                    (C, F)
    H V           = mean_i w_i (J_i V h_i) h_i^T                                (C, F)
    d L_valid / d lambda = - d/d lambda  mean_i w_i delta_i . (V h_i),          V = (approximate) H^-1 grad_W L_valid

AutoDO (arXiv 2103.05863) section 3.2; `hyperopt.estimators.implicit` computes V.
B: images, C: classes, F: features.
"""

from dataclasses import dataclass

from torch import Tensor

from hyperopt.head.losses import CrossEntropy, Loss
from hyperopt.head.solvers import Product


def head_gradient(residual: Tensor, features: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Gradient of the mean weighted loss with respect to the head's weight matrix.

    Args: residual (B, C), features (B, F), weight (B,) or a number. Returns (C, F).
    """
    if isinstance(weight, Tensor):
        residual = residual * weight[:, None]
    return residual.T @ features / len(features)


def validation_gradient(logits: Tensor, features: Tensor, labels: Tensor) -> Tensor:
    """Head gradient (C, F) of the mean cross-entropy on clean images: logits (B, C), labels (B,) int64."""
    return head_gradient(CrossEntropy().residual(logits, labels), features)


@dataclass(frozen=True)
class HeadBatch:
    """A training batch at the head: all that the training loss depends on besides the weight matrix W (C, F)."""

    loss: Loss
    features: Tensor  # (B, F)
    target: Tensor  # (B,) int64 or (B, C), as the loss expects it
    weight: Tensor  # (B,), of the images
    bias: Tensor  # (C,)

    def logits(self, W: Tensor) -> Tensor:
        """Logits (B, C)."""
        return self.features @ W.T + self.bias

    def gradient(self, W: Tensor) -> Tensor:
        """grad_W L_train, (C, F)."""
        return head_gradient(self.loss.residual(self.logits(W), self.target), self.features, self.weight)

    def hessian(self, W: Tensor) -> Product:
        """Products with the training loss's Hessian at W."""
        logits = self.logits(W)

        def product(V: Tensor) -> Tensor:
            curvature = self.loss.curvature(logits, self.target, self.features @ V.T)
            return head_gradient(curvature, self.features, self.weight)

        return product

    def surrogate(self, W: Tensor, V: Tensor) -> Tensor:
        """Scalar whose ordinary gradient with respect to any hyperparameter is the hypergradient, V held fixed.

        It is -mean_i w_i delta_i . (V h_i), that is -<V, grad_W L_train>: differentiating it once replaces the mixed
        second derivative. The graph may run through weight, target, and (for augmentation) through the features.
        """
        per_image = (self.loss.residual(self.logits(W), self.target) * (self.features @ V.T)).sum(1)
        return -(self.weight * per_image).mean()

    def descend(self, W: Tensor, steps: int) -> Tensor:
        """Weight matrix (C, F) after `steps` accelerated gradient steps from W, towards grad_W L_train = 0.

        Implicit differentiation assumes a stationary point, which the network as a whole is far from. Nesterov's method
        in the form of Beck and Teboulle 2009 (SIAM J. Imaging Sciences 2, section 4). The step is 1 / m with m the
        largest row sum of mean_i w_i h_i h_i^T in absolute values, a bound of the largest eigenvalue that needs no
        waiting for a GPU. It is half of the method's usual step for cross-entropy and KL(s || p), whose curvature in
        the logits is at most 1/2; the symmetric KL has no such bound.
        """
        if steps == 0:
            return W
        step = 1.0 / head_gradient(self.features, self.features, self.weight).abs().sum(1).max()
        previous = W
        for k in range(steps):
            ahead = W + k / (k + 3) * (W - previous)
            previous, W = W, ahead - step * self.gradient(ahead)
        return W
