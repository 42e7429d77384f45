"""Orders of images: whom to augment first, given a score for each.

n: images. Orders are permutations (n,) of 0..n - 1, int64, and every prefix of one is a set of its own law: that of
sequential sampling without replacement. `random` is a generator of the caller.
"""

import numpy as np


def make_order(kind: str, scores: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """An order of one of the kinds in `ORDERS` by scores (n,).

    Images are drawn one after the other without replacement, in proportion to the score or to its inverse, by sorting
    keys: the logarithm plus Gumbel noise (Vieira 2014; Kool et al. 2019, arXiv 1903.06059). Images of score 0 come last
    for `proportional` and first for `inverse`, in random order. `top` and `bottom` sort, ties by place.

    Raises ValueError when a score is negative or not finite.
    """
    scores = np.asarray(scores, np.float64)
    if not (np.isfinite(scores) & (scores >= 0)).all():
        raise ValueError("scores must be finite and not negative")
    if kind == "top":
        return np.argsort(-scores, kind="stable")
    if kind == "bottom":
        return np.argsort(scores, kind="stable")
    if kind == "random":
        return random.permutation(len(scores))
    sign = {"proportional": 1, "inverse": -1}[kind]
    noise = random.gumbel(size=len(scores))
    with np.errstate(divide="ignore"):
        logarithm = np.log(scores)
    # The second key orders scores of 0, whose first ones are all infinite.
    return np.lexsort((-noise, -(sign * logarithm + noise)))


def stratify(order: np.ndarray, clusters: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """An order that takes the clusters in turn, those within each cluster as in the given order.

    A round has the next image of every cluster that has one left, the clusters in an order that is drawn anew for each
    round, so that no budget favours a cluster by its number. For drawn orders the images of a cluster are drawn as
    they would be without the others.

    Args:
        order: of all images, (n,).
        clusters: the cluster of each image, (n,) int.
        random: draws the orders of clusters.

    """
    by_cluster = order[np.argsort(clusters[order], kind="stable")]
    _, counts = np.unique(clusters, return_counts=True)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    rounds = np.arange(len(order)) - starts
    return by_cluster[np.lexsort((random.random(len(order)), rounds))]
