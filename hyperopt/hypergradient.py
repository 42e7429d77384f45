"""The hypergradient at the linear head, in closed form: no graph of a graph.

theta is the weight matrix W (C, F) of the head; its bias is not part of theta, as published. With features h
(B, F), logits z = W h + b, image weights w (B,) and a loss with residual delta and curvature J (see
`hyperopt.losses`):

    grad_W L      = mean_i w_i delta_i h_i^T                                    (C, F)
    H V           = mean_i w_i (J_i V h_i) h_i^T                                (C, F)
    d L_valid / d lambda = - d/d lambda  mean_i w_i delta_i . (V h_i),          V = (approximate) H^-1 grad_W L_valid

AutoDO (arXiv 2103.05863) section 3.2; how V is found stands in `hyperopt.estimators`.
B: images, C: classes, F: features.
"""

import torch
from torch import Tensor

from hyperopt.losses import CrossEntropy, Loss


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


def hessian_product(loss: Loss, logits: Tensor, target: Tensor, features: Tensor, weight: Tensor, V: Tensor) -> Tensor:
    """Product (C, F) of the training loss's head Hessian with V (C, F)."""
    return head_gradient(loss.curvature(logits, target, features @ V.T), features, weight)


def surrogate(loss: Loss, logits: Tensor, target: Tensor, features: Tensor, weight: Tensor, V: Tensor) -> Tensor:
    """Scalar whose ordinary gradient with respect to any hyperparameter is the hypergradient, V held fixed.

    It is -mean_i w_i delta_i . (V h_i), that is -<V, grad_W L_train>: differentiating it once replaces the mixed
    second derivative. The graph may run through weight, target, and (for augmentation) through features and logits.
    """
    per_image = (loss.residual(logits, target) * (features @ V.T)).sum(1)
    return -(weight * per_image).mean()


def descend_head(
    loss: Loss, W: Tensor, bias: Tensor, target: Tensor, features: Tensor, weight: Tensor, steps: int
) -> Tensor:
    """Weight matrix (C, F) after `steps` gradient steps on the training loss, towards grad_W L_train = 0.

    Implicit differentiation assumes a stationary point. The step is 1 / lambda_max(mean_i w_i h_i h_i^T), a
    quarter of the step up to which cross-entropy and KL are certain to descend: their logit Hessian is at most 1/2.
    """
    if steps == 0:
        return W
    second_moment = head_gradient(features, features, weight)
    step = 1.0 / torch.linalg.eigvalsh(second_moment)[-1]
    for _ in range(steps):
        residual = loss.residual(features @ W.T + bias, target)
        W = W - step * head_gradient(residual, features, weight)
    return W
