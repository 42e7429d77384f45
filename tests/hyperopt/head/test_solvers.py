"""The solvers against dense float64 solves."""

import pytest
import torch
from oracle import relative_error

from benchmarks.kronecker import kronecker_inverse
from hyperopt.head.solvers import conjugate_gradients

CLASSES, FEATURES = 4, 6
SIZE = CLASSES * FEATURES


def positive(size, rank, seed):
    factor = torch.randn(size, rank, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return factor @ factor.T / rank


def right_hand_side():
    return torch.randn(CLASSES, FEATURES, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def by(matrix):
    """Products with a dense matrix (C F, C F)."""
    return lambda V: (matrix @ V.flatten()).view_as(V)


@pytest.fixture
def matrix():
    return positive(SIZE, SIZE, seed=0) + 0.1 * torch.eye(SIZE, dtype=torch.float64)


def test_conjugate_gradients_reach_the_dense_solution(matrix):
    g = right_hand_side()
    dense = torch.linalg.solve(matrix, g.flatten()).view_as(g)
    errors = [relative_error(conjugate_gradients(by(matrix), g, n), dense) for n in (0, 5, 2 * SIZE)]
    assert errors[0] == 1
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-8


def test_iterates_are_the_best_of_their_krylov_space(matrix):
    """What defines conjugate gradients: the least error in the matrix's norm over span(g, G g, .., G^{n-1} g)."""
    g = right_hand_side()
    basis = torch.stack([torch.linalg.matrix_power(matrix, k) @ g.flatten() for k in range(5)], 1)
    best = basis @ torch.linalg.solve(basis.T @ matrix @ basis, basis.T @ g.flatten())
    assert relative_error(conjugate_gradients(by(matrix), g, 5).flatten(), best) < 1e-6


def test_preconditioner_keeps_the_solution_and_the_exact_one_needs_a_single_iteration(matrix):
    g, inverse = right_hand_side(), torch.linalg.inv(matrix)
    dense = by(inverse)(g)
    assert relative_error(conjugate_gradients(by(matrix), g, 1, by(inverse)), dense) < 1e-8
    other = positive(SIZE, SIZE, seed=1) + torch.eye(SIZE, dtype=torch.float64)
    assert relative_error(conjugate_gradients(by(matrix), g, 3 * SIZE, by(other)), dense) < 1e-8


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_conjugate_gradients_stop_by_themselves(dtype):
    """Zero gradient, exact convergence after one step, and far more iterations than needed: finite, and right."""
    zero, g = torch.zeros(CLASSES, FEATURES, dtype=dtype), right_hand_side().to(dtype)
    dense = (positive(SIZE, SIZE, seed=0) + 0.1 * torch.eye(SIZE)).to(dtype)
    assert torch.equal(conjugate_gradients(by(dense), zero, 10), zero)
    assert torch.equal(conjugate_gradients(lambda V: 2 * V, g, 10), g / 2)
    assert torch.equal(conjugate_gradients(lambda V: 0 * V, g, 10), zero)  # no curvature, no damping: no step
    long = conjugate_gradients(by(dense), g, 1000)
    assert relative_error(long, torch.linalg.solve(dense, g.flatten()).view_as(g)) < (
        1e-3 if dtype == torch.float32 else 1e-8
    )


@pytest.mark.parametrize("rank", [2, CLASSES])
def test_kronecker_inverse_is_the_dense_one(rank):
    left, right, g = positive(CLASSES, rank, 2), positive(FEATURES, 3, 3), right_hand_side()
    dense = torch.linalg.solve(torch.kron(left, right) + 0.01 * torch.eye(SIZE, dtype=torch.float64), g.flatten())
    assert relative_error(kronecker_inverse(left, right, 0.01)(g).flatten(), dense) < 1e-8
