"""Sets of k images that differ: a determinantal point process of fixed size (Kulesza and Taskar 2012, arXiv 1207.6083).

Every set S of k images has a probability proportional to the determinant of L_S, with L = q q^T * (phi phi^T) + 1e-3 I:
phi are features of length 1000, q is the quality (Kuchnik and Smith 2019, arXiv 1810.05222). n: images, F: features.
"""

import numpy as np
from scipy.linalg import qr

LENGTH, JITTER = 1e3, 1e-3  # as published


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

        Raises ValueError unless k is in 0..n.
        """
        if not 0 <= k <= len(self._eigenvalues):
            raise ValueError(f"{k} images cannot be drawn of {len(self._eigenvalues)}")
        chosen = choose_eigenvalues(np.log(self._eigenvalues), k, random)
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
    of the rows drawn before (Hough et al. 2006, algorithm 18).
    """
    k = vectors.shape[1]
    left = np.square(vectors).sum(1)
    span = np.zeros((k, k))
    chosen = np.zeros(k, np.int64)
    for number in range(k):
        chosen[number] = image = random.choice(len(left), p=left / left.sum())
        direction = vectors[image]
        for _ in range(2):  # Gram and Schmidt, twice for its rounding errors
            direction = direction - span[:number].T @ (span[:number] @ direction)
        span[number] = direction / np.linalg.norm(direction)
        left = (left - np.square(vectors @ span[number])).clip(0)
        left[chosen[: number + 1]] = 0
    return chosen
