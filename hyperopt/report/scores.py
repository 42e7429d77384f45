"""How well an audit finds wrong labels, if these are known."""

import numpy as np


def score(wrong: np.ndarray, quality: np.ndarray) -> dict[str, float]:
    """How well a low quality (n,) tells wrong labels (n,) from right ones; empty if all are wrong or all are right."""
    from sklearn.metrics import average_precision_score, roc_auc_score  # slow to import

    if wrong.all() or not wrong.any():
        return {}
    return {
        "area under the ROC curve": roc_auc_score(wrong, -quality),
        "average precision": average_precision_score(wrong, -quality),
    }


def precision_and_recall(wrong: np.ndarray, suspects: np.ndarray) -> dict[str, float]:
    """The share of the suspects (n,) that are wrong (n,), and the share of the wrong labels that are suspects."""
    both = (wrong & suspects).sum()
    shares = {"precision": (both, suspects.sum()), "recall": (both, wrong.sum())}
    return {name: part / whole for name, (part, whole) in shares.items() if whole}
