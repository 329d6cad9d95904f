"""Half spaces in the three norms: counts against plain loops, cases whose answer is known, and laws of the search."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import oracles_domain
import pytest
from conftest import blobs, examples, grey, needs_jit, refused
from hypothesis import assume, given, strategies as st
from scipy.stats import norm

import numbaconc as nc
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.search import descent, halfspaces as module
from numbaconc.search.components import principal_components

NEAR = 1e-9  # no call closer than this is left to rounding
POWERS = {"l1": 1, "l2": 2, "linf": math.inf}
FEWER = {"n_components": 3, "n_starts": 2, "max_iter": 8}


def search(points, epsilon, alpha, norm="linf", **settings):
    return nc.HalfSpaceSearch(norm=norm, epsilon=epsilon, alpha=alpha, **settings).fit(points)


def risks(fitted):
    return fitted.risk_, fitted.adversarial_risk_


# Plain versions; they use nothing of ours


def cut(values, n_inside, strength):
    level = sorted(values, reverse=True)[n_inside - 1]
    return sum(value >= level - strength for value in values), level


def heights(rows, w):
    """w·x / ‖w‖_q of each point, summed exactly but for one rounding."""
    return [math.fsum(x * c for x, c in zip(row, w, strict=True)) for row in rows]


def dual_norm(w, p):
    if p == 1:
        return max(abs(c) for c in w)
    q = 1.0 if math.isinf(p) else p / (p - 1)
    return math.fsum(abs(c) ** q for c in w) ** (1 / q)


# Scores


@given(
    values=st.lists(st.integers(-20, 20), min_size=2, max_size=30),
    share=st.floats(0.01, 0.99),
    strength=st.sampled_from([0, 1, 2.5, 8]),
)
def test_a_cut_is_counted_exactly(values, share, strength):
    n_inside = max(1, int(share * len(values)))
    for dtype in (np.float32, np.float64):
        assert descent.cut(np.array(values, dtype), n_inside, strength) == cut(values, n_inside, strength)


@given(X=grey(n=(2, 20), d=(1, 8)), seed=st.integers(0, 99))
def test_products_of_whole_levels_are_exact(X, seed):
    """So that the counts of signs and of single coordinates are."""
    W = np.random.default_rng(seed).integers(-1, 2, (X.shape[1], 3))
    points = descent.Points(X)
    expected = (X.astype(int) - points.middle.astype(int)) @ W
    np.testing.assert_array_equal(points.times(W), expected)
    weights = np.random.default_rng(seed).integers(-2, 3, (len(X), 2)).astype(float)
    expected = weights.T @ (X.astype(int) - points.middle.astype(int))
    np.testing.assert_array_equal(points.sum(weights), expected)
    np.testing.assert_array_equal(points.squares, ((X.astype(int) - points.middle.astype(int)) ** 2).sum(axis=1))


def test_blocks_are_put_together():
    X = np.random.default_rng(0).integers(0, 256, (2 * descent.BLOCK + 7, 3)).astype(np.uint8)
    points = descent.Points(X)
    centered = X.astype(int) - points.middle.astype(int)
    np.testing.assert_array_equal(points.times(np.eye(3)), centered)
    many = np.tile(np.eye(3), descent.MANY)  # for BLAS
    np.testing.assert_array_equal(points.times(many), np.tile(centered, descent.MANY))
    np.testing.assert_array_equal(points.sum(np.ones((len(X), 1)))[0], centered.sum(axis=0))


@pytest.mark.parametrize("d", [1, 4, 9])
def test_components_are_those_of_the_covariance(d):
    X = blobs(300, d, seed=d)
    vectors = np.linalg.eigh(np.cov(X.T.astype(float)).reshape(d, d))[1]
    points = descent.Points(X)
    found = principal_components(points.X - points.middle, min(5, d))
    assert found.shape == (min(5, d), d)
    for k, v in enumerate(found):
        assert abs(v @ vectors[:, -1 - k]) == pytest.approx(1, abs=1e-6)


def test_powers_of_a_component():
    v = np.array([[0.5, -1.0, 0.0, 0.25]])
    np.testing.assert_array_equal(module._power(v, 0), [[1, -1, 1, 1]])
    np.testing.assert_array_equal(module._power(v, 1), v)
    np.testing.assert_array_equal(module._power(v, 2), [[0.25, -1, 0, 0.0625]])
    np.testing.assert_array_equal(module._power(v, math.inf), [[0, -1, 0, 0]])


# The search


@examples(25)
@given(
    n=st.integers(5, 60),
    d=st.integers(1, 6),
    seed=st.integers(0, 9999),
    norm=st.sampled_from(list(POWERS)),
    share=st.sampled_from([0.05, 0.21, 0.5]),
    margin=st.sampled_from([0.0, 0.1]),
    levels=st.sampled_from([0.7, 3, 8, 40.3]),
)
def test_the_risks_are_what_plain_loops_count(n, d, seed, norm, share, margin, levels):
    X = blobs(n, d, seed)
    assume((X[1:] != X[:-1]).any() and share * n >= 1)
    found, p = search(X, levels / 255, share, norm, margin=margin, unbounded=True, **FEWER), POWERS[norm]
    w = found.region_.w.tolist()
    assert (found.region_.p, found.region_.domain) == (p, None)
    assert dual_norm(w, p) == pytest.approx(1, abs=1e-9)
    values = heights(X.tolist(), w)
    n_inside = math.ceil((share + margin) * n - NEAR)
    _, level = cut(values, n_inside, 0)
    assert round(found.risk_ * n) >= n_inside
    low, high = (sum(v >= level - levels * dual_norm(w, p) + side for v in values) for side in (1e-6, -1e-6))
    assert low <= round(found.adversarial_risk_ * n) <= high
    if p in (1, math.inf) and all(c in (-1, 0, 1) for c in w) and levels in (3, 8):  # whole numbers: no rounding
        assert round(found.adversarial_risk_ * n) == cut(values, n_inside, levels)[0]
    assert [one.moved for one in found.trace_] == [found.adversarial_risk_] <= [found.trace_[0].candidate]


@examples(25)
@given(
    n=st.integers(5, 40),
    d=st.integers(1, 6),
    seed=st.integers(0, 9999),
    norm=st.sampled_from(list(POWERS)),
    levels=st.sampled_from([0.7, 8, 40.3, 900]),
)
def test_the_risks_within_the_domain_are_what_plain_loops_count(n, d, seed, norm, levels):
    """Many points are on the edges, some columns are constant, and some strengths reach beyond the domain."""
    rng = np.random.default_rng(seed)
    X = np.clip(3 * blobs(n, d, seed).astype(int) - 250, 0, 255).astype(np.uint8)
    X[:, rng.random(d) < 0.2] = 255
    assume((X[1:] != X[:-1]).any())
    found, p = search(X, levels / 255, 0.3, norm, **FEWER), POWERS[norm]
    region = found.region_
    assert region.domain == (0, 1)
    level = Fraction(region.threshold(nc.as_sample(X)))
    missing = [level - sum(x * Fraction(c) for x, c in zip(row, region.w.tolist(), strict=True)) for row in X.tolist()]
    ways = [
        oracles_domain.into_half_space(x, region.w, m, p, 0, 255) if m > 0 else 0
        for x, m in zip(X, missing, strict=True)
    ]
    assert round(found.risk_ * n) == sum(m < 0 for m in missing) >= 0.3 * n
    low, high = (sum(way < levels * side for way in ways) for side in (1 - 1e-9, 1 + 1e-9))
    assert low <= round(found.adversarial_risk_ * n) <= high
    assert found.adversarial_risk_ <= nc.HalfSpace(region.w, region.b, p).measure(X, levels / 255).adversarial_risk


def test_points_may_leave_a_domain_only_if_it_is_known():
    X = blobs(60, 3, 1)
    assert search(X, 0.05, 0.1, **FEWER).region_.domain == (0, 1)
    assert search(nc.Sample(X, 1 / 255, (0, 2)), 0.05, 0.1, **FEWER).region_.domain == (0, 2)
    floats = nc.Sample(X.astype(np.float32) / 7)
    assert search(floats, 0.5, 0.1, **FEWER).region_.domain is None
    said = refused(lambda: search(floats, 0.5, 0.1, unbounded=True, **FEWER))
    assert said == "unbounded is True for points whose domain is not known; allowed: without it"


# How far beyond the points inside the expansion must reach while a region is moved


@given(
    values=st.lists(st.integers(-20, 20), min_size=2, max_size=30),
    share=st.floats(0.01, 0.99),
    strength=st.sampled_from([0, 1, 8]),
    beyond=st.sampled_from([0.0, 0.3, 0.5, 2.0, 1e308]),
)
def test_a_strength_is_widened_until_enough_points_are_beyond(values, share, strength, beyond):
    n_inside = max(1, int(share * len(values)))
    wide = descent.widened(np.array(values, np.float32), n_inside, strength, beyond)
    enough = n_inside + min((len(values) - n_inside) / 2, n_inside * beyond)
    assert wide >= strength
    assert cut(values, n_inside, wide)[0] >= enough
    assert wide == strength or cut(values, n_inside, wide - 1)[0] < enough
    assert wide == strength or beyond > 0


@needs_jit
def test_borders_that_few_points_moved_are_worse_on_others():
    """Of 1,000 points, 100 to be inside, hardly any lie within so small an ε: what is won among them is lost elsewhere."""
    risks = {0: [], 0.5: []}
    for seed, beyond in itertools.product(range(4), risks):
        rng = np.random.default_rng(seed)
        axes = np.where(np.arange(20) == 0, 1.5, 1.0)
        train, test = (nc.Sample((rng.normal(size=(n, 20)) * axes).astype(np.float32)) for n in (1000, 20_000))
        found = search(train, 0.1, 0.1, "l2", beyond=beyond, n_components=3, n_starts=2, max_iter=40)
        elsewhere = found.region_.at_rank(test, 2000).measure(test, 0.1)
        risks[beyond].append((found.adversarial_risk_, elsewhere.adversarial_risk))
    (train_0, test_0), (train_half, test_half) = (np.mean(one, axis=0) for one in risks.values())
    assert train_0 < train_half
    assert test_half < test_0 - 0.001


@pytest.mark.parametrize("norm", POWERS)
@pytest.mark.parametrize("seed", range(3))
def test_moving_never_makes_it_worse(norm, seed):
    X = blobs(250, 6, seed)
    left = search(X, "12/255", 0.1, norm, n_components=3, max_iter=0)
    moved = search(X, "12/255", 0.1, norm, **FEWER)
    assert left.trace_ == (descent.Moved(left.adversarial_risk_, left.adversarial_risk_),)
    assert moved.trace_ == (descent.Moved(left.adversarial_risk_, moved.adversarial_risk_),)
    assert moved.adversarial_risk_ <= left.adversarial_risk_
    assert min(left.risk_, moved.risk_) >= 0.1


def test_moving_finds_what_no_component_shows():
    """The long axis has tails, a combination of the two others has none."""
    rng = np.random.default_rng(0)
    u = rng.uniform(-40, 40, 2000)
    X = np.stack([u + rng.normal(0, 9, 2000), -u, 60 * rng.normal(size=2000)], axis=1)
    X = nc.Sample((128 + X).astype(np.float32), 1.0)
    found = search(X, 8, 0.1, "l2", n_starts=6, beyond=0)
    assert found.adversarial_risk_ < 0.95 * found.trace_[0].candidate


FULL = np.array([[4.0, 1.0, 0.5], [1.0, 2.0, 0.0], [0.5, 0.0, 1.0]])
DIAGONAL = np.diag([4.0, 1.0, 2.0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "covariance", "spread"),
    [
        ("l2", FULL, math.sqrt(np.linalg.eigvalsh(FULL)[-1])),
        ("linf", FULL, 2.0),
        ("l1", DIAGONAL, math.sqrt(7)),
    ],
    ids=["l2", "linf", "l1"],
)
def test_on_a_normal_distribution_the_answer_is_the_truth(name, covariance, spread):
    """Φ(Φ⁻¹(α) + ε / ‖Σ^½‖_{2→p}), within four deviations of 20,000 points."""
    rng = np.random.default_rng(1)
    root = np.linalg.cholesky(covariance)
    train, test = (nc.Sample((rng.normal(size=(20_000, 3)) @ root.T).astype(np.float32), 1.0) for _ in range(2))
    found = search(train, 1.5, 0.05, name, n_starts=4, max_iter=20)
    truth = norm.cdf(norm.ppf(0.05) + 1.5 / spread)
    measured = found.region_.measure(test, 1.5)
    assert found.risk_ == 0.05
    assert found.adversarial_risk_ == pytest.approx(truth, abs=0.013)
    assert measured.risk == pytest.approx(0.05, abs=0.009)
    assert measured.adversarial_risk == pytest.approx(truth, abs=0.013)


CUBE = (np.arange(1024)[:, np.newaxis] >> np.arange(10) & 1).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize(("k", "t"), [(0, 1), (1, 1), (2, 1), (2, 2), (3, 2), (4, 3)])
def test_on_the_hamming_cube_the_answer_is_harpers(k, t):
    ball, expanded = (sum(math.comb(10, i) for i in range(m + 1)) for m in (k, k + t))
    found = search(nc.Sample(CUBE, 1.0), t, ball / 1024, "l1", n_components=10)
    assert risks(found) == (ball / 1024, expanded / 1024)
    assert set(np.abs(found.region_.w)) == {1}


def test_a_face_with_ties_is_counted_to_the_level():
    """All points of the level that α reaches are inside, and those exactly ε below in the expansion."""
    X = np.array([[0], [0], [0], [90], [192], [192], [199], [200], [200], [200]], np.uint8)
    found = search(X, "8/255", 0.2)
    assert risks(found) == (0.3, 0.3)  # the other side: 0 with nothing near
    found = search(X[3:], "8/255", 2 / 7)
    assert risks(found) == (2 / 7, 2 / 7) or found.risk_ == 3 / 7


@pytest.mark.parametrize("norm", POWERS)
def test_a_norm_is_given_by_its_name_or_its_p(norm):
    X = blobs(60, 3, 0)
    a, b = (search(X, 0.05, 0.1, given, **FEWER).region_ for given in (norm, POWERS[norm]))
    assert (a.w.tobytes(), a.b, a.p) == (b.w.tobytes(), b.b, b.p)


@needs_jit
def test_any_number_of_threads_gives_the_same():
    X = blobs(3000, 20, 5)
    regions = []
    for n_threads in {1, available_threads()}:
        with using_threads(n_threads):
            regions.append(search(X, 0.05, 0.1, "l2").region_)
    assert {(region.w.tobytes(), region.b) for region in regions} == {(regions[0].w.tobytes(), regions[0].b)}


def test_more_points_than_candidates_are_compared_on(monkeypatch):
    monkeypatch.setattr(descent, "FEW", 50)
    X = blobs(333, 4, 2)
    found = search(X, 0.05, 0.1, "l2", **FEWER)
    assert found.risk_ * 333 >= 34
    assert [one.moved for one in found.trace_] == [found.adversarial_risk_] <= [found.trace_[0].candidate]
    on_train = found.region_.measure(X, 0.05)
    assert (on_train.risk, on_train.adversarial_risk) == risks(found)


# Bad input

X60 = blobs(60, 6, seed=0)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("epsilon", value) for value in (0, -1, float("nan"), "a", None)),
        *(("alpha", value) for value in (0, 1, float("nan"), "a", 0.01, 0.99)),
        *(("norm", value) for value in (1.5, 3, float("nan"), "two", "L2", None, True)),
        *(("margin", value) for value in (-0.1, 0.9, float("nan"), "a", "auto")),
        *(("n_components", value) for value in (0, 1.5)),
        *(("powers", value) for value in ((), (-1,), ("a",))),
        *(("n_starts", value) for value in (0, "a")),
        *(("max_iter", value) for value in (-1, 0.5)),
        *(("beyond", value) for value in (-0.1, math.inf, float("nan"), "a", None)),
        *(("unbounded", value) for value in (2, "a", None)),
    ],
)
def test_impossible_settings(name, bad):
    said = refused(lambda: search(X60, **({"epsilon": 0.1, "alpha": 0.1} | {name: bad})), "allowed: ")
    assert said.startswith(f"{name} is {bad!r}")


def test_nothing_is_widened_where_nothing_is_moved():
    said = refused(lambda: search(X60, 0.1, 0.1, max_iter=0, beyond=0.2))
    assert said == "beyond is 0.2 with max_iter 0, which moves nothing; allowed: with a larger max_iter"


def test_identical_points_are_refused():
    refused(lambda: search(np.full((20, 3), 9, np.uint8), 0.1, 0.1), "X", "identical")
