"""The Fisher matrix of the head and its hypergradients against autograd and dense solves, in float64."""

import pytest
import torch
import torch.nn.functional as F
from oracle import LOSSES, Problem, as_it_is, at_work, estimator, hypergradient, relative_error, tiny_hyper_problem

from benchmarks.kronecker import kronecker_factors, kronecker_inverse
from hyperopt.estimators.hyper_pass import clean_features, clean_gradient, gradients_of_all, gradients_of_batches
from hyperopt.head.fisher import head_fisher_product, mean_eigenvalue
from hyperopt.head.hypergradient import HeadBatch
from hyperopt.head.losses import CrossEntropy
from utils.passes import Batch


def dense_fisher(features, W, bias, weight):
    """Gauss-Newton matrix (C F, C F), image by image: J^T H J, J of the logits by W, H of the log-sum-exp."""
    total = torch.zeros(W.numel(), W.numel(), dtype=W.dtype)
    for h, w in zip(features, weight, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda W, h=h: W @ h + bias, W).flatten(1)
        hessian = torch.autograd.functional.hessian(lambda z: z.logsumexp(0), W @ h + bias)
        total += w * jacobian.T @ hessian @ jacobian
    return total / len(features)


def at_head(problem):
    return problem.logits().softmax(1), problem.features, problem.weight


@pytest.fixture
def problem():
    return Problem("cross-entropy")


@pytest.fixture
def dense(problem):
    return dense_fisher(problem.features, problem.W, problem.bias, problem.weight)


def test_product_is_that_of_the_gauss_newton_matrix(problem, dense):
    reference = (dense @ problem.direction.flatten()).view_as(problem.direction)
    assert relative_error(head_fisher_product(*at_head(problem), problem.direction), reference) < 1e-8


@pytest.mark.parametrize("name", ["cross-entropy", "KL"])
def test_it_is_the_hessian_where_the_loss_is_linear_in_the_log_probabilities(name):
    problem = Problem(name)
    reference = (problem.hessian() @ problem.direction.flatten()).view_as(problem.direction)
    assert relative_error(head_fisher_product(*at_head(problem), problem.direction), reference) < 1e-8


def test_it_is_positive_semi_definite_where_the_hessian_is_not():
    problem = Problem("symmetric KL")
    fisher = torch.linalg.eigvalsh(dense_fisher(problem.features, problem.W, problem.bias, problem.weight))
    hessian = torch.linalg.eigvalsh(problem.hessian())
    assert fisher[0] > -1e-12 * fisher[-1]
    assert hessian[0] < -1e-3 * hessian[-1]


def test_mean_eigenvalue_is_that_of_the_dense_matrix(problem, dense):
    assert mean_eigenvalue(*at_head(problem)).item() == pytest.approx(dense.trace().item() / len(dense), rel=1e-12)


@pytest.mark.parametrize("same", ["probabilities", "features"])
def test_kronecker_factors_are_exact_where_there_is_one_structure(problem, same):
    p, features, weight = at_head(problem)
    if same == "probabilities":
        p = p[:1].expand_as(p)
    else:
        features = features[:1].expand_as(features)
    S, A = kronecker_factors(p, features, weight)
    reference = head_fisher_product(p, features, weight, problem.direction)
    assert relative_error(S @ problem.direction @ A, reference) < 1e-8
    damping = 0.1 * mean_eigenvalue(p, features, weight)
    V = kronecker_inverse(S, A, damping)(problem.direction)
    assert relative_error(head_fisher_product(p, features, weight, V) + damping * V, problem.direction) < 1e-8


def hypergradient_by_dense_solve(model, rows, batch, valid, damping):
    """V from the dense damped matrix, then the mixed second derivative by autograd twice over."""
    images, _, index = batch
    leaves = {letter: leaf.requires_grad_() for letter, leaf in rows.leaves(index).items()}
    W, bias = model.head.weight, model.head.bias
    features = model.encoder(rows.augment(images, index, leaves, torch.Generator().manual_seed(3)))
    fisher = dense_fisher(features.detach(), W.detach(), bias.detach(), rows.weight(index, leaves).detach())
    damped = fisher / (fisher.trace() / len(fisher)) + damping * torch.eye(len(fisher), dtype=torch.float64)
    loss = rows.loss(F.linear(features, W, bias), index, leaves)
    (gradient,) = torch.autograd.grad(loss, W, create_graph=True)
    (clean,) = torch.autograd.grad(F.cross_entropy(model(rows.still(valid.images)), valid.given), W)
    V = torch.linalg.solve(damped, clean.flatten()).view_as(W)
    return dict(zip(leaves, torch.autograd.grad(gradient, list(leaves.values()), -V), strict=True))


CASES = [
    ("SEP", "NONE", True),
    ("SHA", "NONE", True),
    ("NONE", "WGHT", True),
    ("NONE", "SOFT", True),
    ("NONE", "SOFT", False),
    ("SEP", "BOTH", True),
]


@pytest.mark.parametrize("damping", [0.1, 1.0])
@pytest.mark.parametrize(("aug_model", "los_model", "distorted"), CASES)
def test_hypergradients_of_all_rows_against_a_dense_solve(aug_model, los_model, distorted, damping):
    model, rows, batch, valid = tiny_hyper_problem(aug_model, los_model, distorted)
    model.eval()
    reference = hypergradient_by_dense_solve(model, rows, batch, valid, damping)
    options = {"hyper_steps": 0, "hyper_iters": 100, "hyper_damping": damping}
    gradients = hypergradient(model, rows, batch, valid, "FIS", **options)
    assert gradients.keys() == reference.keys() == rows.holders.keys()
    for letter, gradient in gradients.items():
        assert reference[letter].norm() > 0
        assert relative_error(gradient, reference[letter]) < 1e-8, letter


@pytest.mark.parametrize("iterations", [8, 100])
def test_rounding_stays_rounding_before_and_after_conjugacy_is_lost(iterations):
    """A head of DIGITS' size whose features have a mean, so that a few eigenvalues are far above the others.

    In between, two runs that differ in the last bit lose their conjugacy differently, and V by up to the error that
    the iterations have left.
    """
    random = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    features, W, clean = normal(104, 84) + 3, 0.04 * normal(10, 84), normal(10, 84)
    labels, weight, bias = torch.arange(104) % 10, torch.ones(104).double(), torch.zeros(10).double()
    changed = torch.where(normal(104, 84) > 0, features.nextafter(features + 1), features)
    batches = (HeadBatch(CrossEntropy(), seen, labels, weight, bias) for seen in (features, changed))
    fisher = estimator("FIS", hyper_iters=iterations, hyper_damping=1.0)
    V, other = (fisher.direction(batch, W, clean) for batch in batches)
    assert 0 < relative_error(other, V) < 1e-13


@pytest.mark.parametrize("steps", [0, 3])
def test_full_clean_gradient_is_that_of_all_images_together(steps):
    """Batches of unequal length against autograd on their concatenation; with head steps at the moved head."""
    model, rows, batch, (images, labels, _) = tiny_hyper_problem("SEP", "NONE", True, "original")
    batches = [Batch(images[part], labels[part], None) for part in (slice(0, 9), slice(9, 13), slice(13, 20))]
    model.eval()
    W = model.head.weight.detach().clone()
    if steps:
        features = model.encoder(batch.images).detach()
        at_head = HeadBatch(LOSSES["cross-entropy"], features, batch.given, torch.ones(9), model.head.bias)
        W = at_head.descend(W, steps).detach()
    logits = F.linear(model.encoder(rows.still(images)), W.requires_grad_(), model.head.bias)
    (reference,) = torch.autograd.grad(F.cross_entropy(logits, labels), W)
    training = at_work(model, rows)
    seen = clean_features(training, batches, as_it_is)
    gradients = gradients_of_all(training.frozen.head, *seen, head_is_fixed=steps == 0, count=4)
    found = [gradient(W.detach()) for gradient in gradients]
    assert len(found) == 4
    assert all(relative_error(gradient, reference) < 1e-8 for gradient in found)


def test_batch_clean_gradients_are_those_of_the_batches():
    model, rows, _, (images, labels, _) = tiny_hyper_problem("SEP", "NONE", True)
    batches = [Batch(images[part], labels[part], None) for part in (slice(0, 10), slice(10, 20))]
    W = model.head.weight.detach()
    training = at_work(model, rows)
    found = [gradient(W) for gradient in gradients_of_batches(training, batches)]
    seen = [clean_features(training, [batch], as_it_is) for batch in batches]
    expected = [clean_gradient(*one, training.frozen.head.bias)(W) for one in seen]
    assert all(map(torch.equal, found, expected))
    assert not torch.equal(*found)


def test_direction_keeps_its_scale_as_the_network_gets_sure():
    """The Fisher matrix of sure predictions is nearly zero; its inverse must not drive the rows."""
    random = torch.Generator().manual_seed(0)
    classes = F.one_hot(torch.arange(16) % 4, 4).float()
    features = torch.cat((classes, torch.randn(16, 4, generator=random)), 1)
    clean = torch.randn(4, 8, generator=random)
    batch = HeadBatch(CrossEntropy(), features, torch.arange(16) % 4, torch.ones(16), torch.zeros(4))
    fisher = estimator("FIS", hyper_iters=30, hyper_damping=1.0)
    for margin in (1, 10, 20, 60, 200):
        V = fisher.direction(batch, margin * torch.eye(4, 8), clean)
        assert 0.1 * clean.norm() < V.norm() <= clean.norm()
