"""Sets of k images that differ: a determinantal point process of fixed size (Kulesza and Taskar 2012, arXiv 1207.6083).

Every set S of k images has a probability proportional to the determinant of L_S, with L = q q^T * (phi phi^T) + 1e-3 I:
phi are features of length 1000, q is the quality (Kuchnik and Smith 2019, arXiv 1810.05222). n: images, F: features.
"""

import numpy as np
from scipy.linalg import qr

from hyperopt.estimators.set_size import check_set_size

LENGTH, JITTER = 1e3, 1e-3  # as published
BLOCK = 64  # images that are drawn between two products of large matrices


class DPP:
    """The k-DPPs of these images for every k; a decomposition serves for all.

    L has at most min(n, F) eigenvalues above the jitter. The other directions are interchangeable, so they are drawn
    when they are needed, and the cost is that of the features' singular values. With k above the rank of the features a
    part of the set is as if drawn by the jitter alone.

    Args:
        features: (n, F); their lengths do not matter.
        quality: the images' qualities q, (n,), such as scores; 1 by default.

    """

    def __init__(self, features: np.ndarray, quality: np.ndarray | None = None):
        factor = np.asarray(features, np.float64)
        factor = LENGTH * factor / np.linalg.norm(factor, axis=1, keepdims=True).clip(np.finfo(float).tiny)
        if quality is not None:
            factor = factor * quality[:, None]
        self._vectors, values, _ = np.linalg.svd(factor, full_matrices=False)
        self._eigenvalues = np.full(len(factor), JITTER)
        self._eigenvalues[: len(values)] += np.square(values)

    def sample(self, k: int, random: np.random.Generator) -> np.ndarray:
        """A set of k different images, (k,) int64; every order of it is equally probable.

        The images that are not in a set are one of the process with the inverse of L, so the smaller one is drawn. One
        core took 0.5 s for 1,000 of 2,000 images, 4 s for 2,000 of 4,000, and 20 s for 2,500 of 10,000.

        Raises:
            TooManyImagesError: neither of them is small enough (`hyperopt.estimators.set_size`).
            ValueError: k is not in 0..n.

        """
        images, logarithms = len(self._eigenvalues), np.log(self._eigenvalues)
        if not 0 <= k <= images:
            raise ValueError(f"{k} images cannot be drawn of {images}")
        check_set_size(images, k)
        if 2 * k <= images:
            return self._draw(logarithms, k, random)
        left_out = self._draw(-logarithms, images - k, random)
        return random.permutation(np.delete(np.arange(images), left_out))

    def _draw(self, logarithms: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
        """A set of the process with these logarithms of eigenvalues, to the eigenvectors of L."""
        chosen = choose_eigenvalues(logarithms, k, random)
        return sample_projection(self._eigenvectors(chosen, random), random)

    def _eigenvectors(self, chosen: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Orthonormal eigenvectors (n, k); a random choice of those to the jitter alone."""
        known = self._vectors
        others = random.standard_normal((len(known), int((chosen >= known.shape[1]).sum())))
        for _ in range(2):  # once leaves rounding errors where nearly nothing is left
            others -= known @ (known.T @ others)
        others, _ = qr(others, mode="economic")
        return np.hstack((known[:, chosen[chosen < known.shape[1]]], others))


def log_symmetric_polynomials(logarithms: np.ndarray, k: int) -> np.ndarray:
    """Logarithms of e_j of the first m of the numbers with these logarithms (n,), as (n + 1, k + 1) by m and j.

    e_j is the sum of the products of j different numbers; it exceeds float64 for a few hundred numbers already.
    """
    table = np.full((len(logarithms) + 1, k + 1), -np.inf)
    table[:, 0] = 0
    for m, logarithm in enumerate(logarithms):
        table[m + 1, 1:] = np.logaddexp(table[m, 1:], logarithm + table[m, :-1])
    return table


def choose_eigenvalues(logarithms: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
    """The places (k,) of k numbers with these logarithms (n,), with probability proportional to their product."""
    table = log_symmetric_polynomials(logarithms, k)
    uniform = random.random(len(logarithms))
    chosen: list[int] = []
    for m in range(len(logarithms), 0, -1):
        left = k - len(chosen)
        if left == 0:
            break
        if uniform[m - 1] < np.exp(logarithms[m - 1] + table[m - 1, left - 1] - table[m, left]) or left == m:
            chosen.append(m - 1)
    return np.array(chosen[::-1], np.int64)


def sample_projection(vectors: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A sample (k,) of the DPP whose kernel projects onto orthonormal vectors (n, k).

    The images are drawn one after the other in proportion to the squared length of what their row has outside the span
    of the rows drawn before (Hough et al. 2006, algorithm 18). Rows are freed of that span for a block of images at
    once. Within a block, an image is drawn by its row at the block's start, and kept with the share of the squared
    length that is left.
    """
    count = vectors.shape[1]
    rows, chosen = vectors.copy(), np.zeros(count, np.int64)
    for start in range(0, count, BLOCK):
        cumulative = np.square(rows).sum(1)
        cumulative[chosen[:start]] = 0
        cumulative = cumulative.cumsum()
        span = np.zeros((min(BLOCK, count - start), count))
        for number in range(len(span)):
            chosen[start + number], span[number] = _draw_outside(rows, cumulative, span[:number], random)
        rows -= (rows @ span.T) @ span
    return chosen


def _draw_outside(
    rows: np.ndarray, cumulative: np.ndarray, span: np.ndarray, random: np.random.Generator
) -> tuple[int, np.ndarray]:
    """An image, in proportion to the squared length of its row outside the span, and that part's direction."""
    while True:
        image = int(np.searchsorted(cumulative, random.random() * cumulative[-1], side="right"))
        outside = rows[image]
        for _ in range(2):  # Gram and Schmidt, twice for its rounding errors
            outside = outside - (span @ outside) @ span
        if random.random() * np.square(rows[image]).sum() < np.square(outside).sum():
            return image, outside / np.linalg.norm(outside)
