"""Orders against exact probabilities of sequential sampling; sets that differ against enumerated determinants."""

from collections import Counter
from itertools import combinations, permutations
from math import prod

import numpy as np
import pytest
from scipy.stats import chisquare

from hyperopt.estimators import point_process, set_size
from hyperopt.estimators.order_names import ORDERS
from hyperopt.estimators.orders import make_order, stratify
from hyperopt.estimators.point_process import DPP, choose_eigenvalues, log_symmetric_polynomials
from hyperopt.estimators.set_size import TooManyImagesError, check_set_size

DRAWS = 200_000
SCORES = np.array([1.0, 2, 4, 0.5])


def generator(seed=0):
    return np.random.default_rng(seed)


def sequential(weights):
    """The probability of every order that is drawn image by image in proportion to the weights left."""
    places = range(len(weights))
    return {
        order: prod(weights[list(order[i : i + 1])].sum() / weights[list(order[i:])].sum() for i in places)
        for order in permutations(places)
    }


def p_value(drawn, expected):
    """Of a chi-square test that tuples were drawn with the expected probabilities."""
    counts = Counter(map(tuple, drawn))
    assert counts.keys() <= expected.keys()
    total = len(drawn) / sum(expected.values())
    return chisquare([counts[key] for key in expected], [total * value for value in expected.values()]).pvalue


def draw_many(kind, scores):
    """Orders of disjoint groups with the same scores, which are as if each were drawn alone."""
    order = make_order(kind, np.tile(scores, DRAWS), generator())
    by_group = order[np.argsort(order // len(scores), kind="stable")]
    return (by_group % len(scores)).reshape(DRAWS, -1).tolist()


@pytest.mark.parametrize(
    ("kind", "weights"), [("random", np.ones(4)), ("proportional", SCORES), ("inverse", 1 / SCORES)]
)
def test_orders_are_drawn_without_replacement(kind, weights):
    expected = sequential(weights)
    assert sum(expected.values()) == pytest.approx(1)
    many = p_value(draw_many(kind, SCORES), expected)
    random = generator(1)
    alone = p_value([make_order(kind, SCORES, random).tolist() for _ in range(10_000)], expected)
    print(f"{kind}: p {many:.3f} of {DRAWS} draws, {alone:.3f} of single ones")
    assert min(many, alone) > 0.01


@pytest.mark.parametrize("kind", ORDERS)
def test_order_is_a_permutation_that_follows_from_the_seed(kind):
    scores = generator(3).exponential(size=500)
    order = make_order(kind, scores, generator(1))
    assert order.dtype == np.int64
    assert sorted(order) == list(range(500))
    assert (order == make_order(kind, scores, generator(1))).all()
    is_drawn = (order != make_order(kind, scores, generator(2))).any()
    assert is_drawn == (kind not in ("top", "bottom"))


@pytest.mark.parametrize("kind", ORDERS)
@pytest.mark.parametrize("scale", [1e-200, 2**-20, 1e12])
def test_scale_of_the_scores_does_not_matter(kind, scale):
    scores = generator(3).exponential(size=200)
    assert (make_order(kind, scale * scores, generator(1)) == make_order(kind, scores, generator(1))).all()


def test_inverse_order_is_the_proportional_one_of_inverse_scores():
    scores = generator(3).exponential(size=200)
    for kind, other in (("inverse", "proportional"), ("proportional", "inverse")):
        assert (make_order(kind, 1 / scores, generator(1)) == make_order(other, scores, generator(1))).all()


def test_sorted_orders():
    scores = np.array([2.0, 0, 5, 2, 0, 5])
    assert make_order("top", scores, generator()).tolist() == [2, 5, 0, 3, 1, 4]
    assert make_order("bottom", scores, generator()).tolist() == [1, 4, 0, 3, 2, 5]
    distinct = generator(3).exponential(size=100)
    assert (make_order("top", distinct, generator()) == make_order("bottom", distinct, generator())[::-1]).all()


@pytest.mark.parametrize(("kind", "places"), [("proportional", slice(3, 6)), ("inverse", slice(0, 3))])
def test_images_without_a_score_are_at_an_end_in_random_order(kind, places):
    scores, random = np.array([0, 1, 0, 3, 5e-324, 0]), generator()
    ends = [tuple(make_order(kind, scores, random)[places]) for _ in range(6000)]
    assert p_value(ends, dict.fromkeys(permutations((0, 2, 5)), 1 / 6)) > 0.01


@pytest.mark.parametrize("kind", ["proportional", "inverse"])
def test_no_scores_at_all_are_a_random_order(kind):
    assert p_value(draw_many(kind, np.zeros(3)), dict.fromkeys(permutations(range(3)), 1 / 6)) > 0.01


@pytest.mark.parametrize("score", [-1.0, np.nan, np.inf])
def test_wrong_scores_are_refused(score):
    with pytest.raises(ValueError, match="finite and not negative"):
        make_order("top", np.array([1, score]), generator())


@pytest.mark.parametrize("order_seed", range(3))
def test_clusters_take_turns(order_seed):
    random = generator(order_seed)
    clusters = random.choice([7, 2, 9, 30], size=40, p=[0.1, 0.2, 0.3, 0.4])
    order = make_order("random", np.ones(40), random)
    found = stratify(order, clusters, random)
    assert sorted(found) == list(range(40))
    for cluster in np.unique(clusters):
        assert found[clusters[found] == cluster].tolist() == order[clusters[order] == cluster].tolist()
    rounds, left = [], list(clusters[found])
    while left:
        count = len(set(left))
        assert len(set(left[:count])) == count, "an image of every cluster that has one left"
        rounds.append(left[:count])
        left = left[count:]
    assert len({tuple(line) for line in rounds if len(line) == 4}) > 1


def test_no_cluster_is_favoured():
    order, clusters, random = np.arange(9), np.repeat([0, 1, 2], 3), generator()
    starts = [tuple(clusters[stratify(order, clusters, random)[3:6]]) for _ in range(6000)]
    assert p_value(starts, dict.fromkeys(permutations(range(3)), 1 / 6)) > 0.01


def test_one_cluster_changes_nothing_and_single_images_are_shuffled():
    order, random = generator(1).permutation(20), generator()
    assert (stratify(order, np.full(20, 4), random) == order).all()
    alone = [tuple(stratify(np.arange(3), np.array([5, 1, 3]), random)) for _ in range(6000)]
    assert p_value(alone, dict.fromkeys(permutations(range(3)), 1 / 6)) > 0.01


def enumerated(features, quality, k):
    """The probability of every set of k images, by determinants."""
    phi = 1e3 * features / np.linalg.norm(features, axis=1, keepdims=True)
    kernel = np.outer(quality, quality) * (phi @ phi.T) + 1e-3 * np.eye(len(phi))
    sets = list(combinations(range(len(phi)), k))
    determinants = [np.linalg.det(kernel[np.ix_(chosen, chosen)]) for chosen in sets]
    return dict(zip(sets, np.array(determinants) / sum(determinants), strict=True))


@pytest.mark.parametrize(("k", "block"), [(2, 64), (3, 64), (3, 2), (4, 1), (5, 64)])
@pytest.mark.parametrize(
    ("dimensions", "plain"),
    [
        pytest.param(dimensions, plain, marks=[] if plain == (dimensions == 3) else [pytest.mark.slow])
        for dimensions in (8, 3, 2)
        for plain in (True, False)
    ],
)
def test_sets_have_the_probability_of_their_determinant(dimensions, k, block, plain, monkeypatch):
    """Two dimensions have no three independent directions, so that the jitter has a part in sets of three.

    Of sets with more than three of the six images it is the rest that is drawn.
    """
    monkeypatch.setattr(point_process, "BLOCK", block)
    random = generator(4)
    features, quality = random.normal(size=(6, dimensions)), random.uniform(0.3, 2, 6)
    process = DPP(features, None if plain else quality)
    expected = enumerated(features, np.ones(6) if plain else quality, k)
    drawn = [tuple(sorted(process.sample(k, random))) for _ in range(5000)]
    frequent = {chosen: value for chosen, value in expected.items() if value > 1e-3}
    p = p_value([chosen for chosen in drawn if chosen in frequent], frequent)
    counts = Counter(drawn)
    distance = sum(abs(counts[chosen] / len(drawn) - value) for chosen, value in expected.items()) / 2
    print(f"{dimensions} dimensions, k {k}: p {p:.3f}, total variation {distance:.3f}")
    assert p > 0.01
    assert distance < 0.04


@pytest.mark.parametrize("images", [3, 6])
def test_every_order_of_a_set_is_equally_probable(images):
    process, random = DPP(np.eye(images) + 0.3), generator()
    drawn = [tuple(np.argsort(process.sample(3, random))) for _ in range(5000)]
    assert p_value(drawn, dict.fromkeys(permutations(range(3)), 1 / 6)) > 0.01


def test_sets_that_are_too_large_are_refused(monkeypatch):
    for k in (0, 625, 40_000 - 625, 40_000):
        check_set_size(40_000, k)
    for k in (626, 40_000 - 626):
        with pytest.raises(TooManyImagesError, match=f"a set of {k} of 40000 images is too large to draw; 625 are"):
            check_set_size(40_000, k)
    monkeypatch.setattr(set_size, "MOST_NUMBERS", 24)
    process = DPP(generator().normal(size=(10, 3)))
    assert len(process.sample(8, generator())) == 8
    with pytest.raises(TooManyImagesError):
        process.sample(7, generator())


def test_perpendicular_features_leave_the_quality():
    """L is diagonal: a set's probability is proportional to the product of its squared qualities."""
    quality, random = np.array([1.0, 2, 0.5, 1.5, 0.8]), generator()
    process = DPP(np.eye(5), quality)
    products = {chosen: prod(quality[list(chosen)] ** 2) for chosen in combinations(range(5), 2)}
    drawn = [tuple(sorted(process.sample(2, random))) for _ in range(5000)]
    assert p_value(drawn, products) > 0.01


def test_images_that_are_nearly_the_same_are_never_together():
    random = generator()
    features = random.normal(size=(5, 12))
    twins = DPP(np.concatenate((features, features + 1e-9)))
    for _ in range(300):
        chosen = twins.sample(4, random)
        assert len(set(chosen % 5)) == 4
    assert len(set(twins.sample(10, random))) == 10


def test_logarithms_of_polynomials_are_those_of_sums():
    values = generator(5).exponential(size=7)
    found = log_symmetric_polynomials(np.log(values), 4)
    for m in range(8):
        for j in range(5):
            direct = sum(prod(values[list(chosen)]) for chosen in combinations(range(m), j))
            assert np.exp(found[m, j]) == pytest.approx(direct, rel=1e-12)


def test_chosen_eigenvalues_have_the_probability_of_their_product():
    values, random = np.array([0.2, 3, 1, 0.7]), generator()
    drawn = [tuple(choose_eigenvalues(np.log(values), 2, random)) for _ in range(5000)]
    assert p_value(drawn, {chosen: prod(values[list(chosen)]) for chosen in combinations(range(4), 2)}) > 0.01


@pytest.mark.parametrize("quality", [None, np.geomspace(1e-6, 1, 1000)])
def test_large_sets_are_sets(quality):
    """Products of 250 eigenvalues exceed float64 by far."""
    process, random = DPP(generator().normal(size=(1000, 256)).clip(0), quality), generator()
    for k in (0, 1, 250, 400, 1000):
        chosen = process.sample(k, random)
        assert chosen.dtype == np.int64
        assert len(set(chosen)) == k
        assert k == 0 or 0 <= chosen.min() <= chosen.max() < 1000
    assert np.isfinite(log_symmetric_polynomials(np.log(process._eigenvalues), 250)[250:, 1:]).all()
    with pytest.raises(ValueError, match="1001 images cannot be drawn of 1000"):
        process.sample(1001, random)


def test_images_without_features_or_quality_come_last():
    features, random = generator().normal(size=(30, 10)), generator()
    features[3] = 0
    quality = np.where(np.arange(30) == 7, 0.0, 1.0)
    for _ in range(50):
        assert not {3, 7} & set(DPP(features, quality).sample(5, random))
