"""Balls centered anywhere: counts against plain loops, cases whose answer is known, and laws of the search."""

from __future__ import annotations

import math

import numpy as np
import oracles_domain
import pytest
from conftest import blobs, examples, needs_jit, refused
from hypothesis import assume, given, strategies as st
from scipy.stats import norm

import numbaconc as nc
from numbaconc.goal import Goal
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.search import descent, free_balls as search
from numbaconc.search.run import Run

NEAR = 1e-6  # levels; no call closer than this is left to rounding
FEWER = {"n_points": 8, "n_starts": 3, "max_iter": 8}


def fit(X, epsilon, alpha, n_sets=1, **settings):
    return nc.FreeBallSearch(n_sets=n_sets, epsilon=epsilon, alpha=alpha, **settings).fit(X)


def growing(X, n_inside, strength, n_points, max_iter):
    return search._Growth(search._Neighborhoods(nc.Sample(X, 1.0), n_points), n_inside, strength, max_iter)


# Plain versions; they use nothing of ours


def distance(x, center):
    return math.sqrt(math.fsum((a - c) ** 2 for a, c in zip(x, center, strict=True)))


def cut(gaps, n_inside, strength):
    """Points within `strength` of a level that `n_inside` gaps are at most; and how close a call it was."""
    level = sorted(gaps)[n_inside - 1]
    edge = level + strength
    return sum(gap <= edge for gap in gaps), min(abs(gap - edge) for gap in gaps)


def neighbors_mean(rows, i, count):
    near = sorted(range(len(rows)), key=lambda j: distance(rows[i], rows[j]))[:count]
    return [math.fsum(rows[j][c] for j in near) / count for c in range(len(rows[0]))]


# Candidates


@examples(25)
@given(seed=st.integers(0, 9999), n=st.integers(8, 40), d=st.integers(2, 5), levels=st.sampled_from([2.3, 9.1, 30.7]))
def test_candidates_are_scored_as_plain_loops_count(seed, n, d, levels):
    X = np.random.default_rng(seed).integers(0, 256, (n, d)).astype(np.uint8)
    n_inside = max(1, n // 5)
    assume((X[1:] != X[:-1]).any())
    growth = growing(X, n_inside, levels, 4, 0)
    rows, middle = X.tolist(), growth.points.middle.tolist()
    ranked = growth.ranked(search._NONE)
    assert [one.score for one in ranked] == sorted(one.score for one in ranked)
    for one in ranked:
        push, mean = one.newest
        scores = {}
        for other in search.PUSHES:
            center = [m + other * c for m, c in zip(middle, growth.means[mean].tolist(), strict=True)]
            scores[other], margin = cut([distance(x, center) for x in rows], n_inside, levels)
            assume(margin > 0.05)  # float32 products
        assert one.score == min(scores.values())
        assert push == min(other for other in scores if scores[other] == one.score)
        np.testing.assert_allclose(one.centers[0], push * growth.means[mean])


@pytest.mark.parametrize("seed", range(3))
def test_candidates_are_means_of_neighbors(seed):
    X = np.random.default_rng(seed).normal(size=(40, 3)).astype(np.float32)
    growth = growing(X, 8, 0.1, 5, 0)
    rows = X.tolist()
    expected = [neighbors_mean(rows, i, count) for i in (0, 9, 19, 29, 39) for count in (2, 4, 16)]
    found = growth.means + growth.points.middle
    for mean in expected:
        assert np.abs(found - mean).max(axis=1).min() < 1e-5
    assert len(found) == len(np.unique(np.round(expected, 4), axis=0))


# The search


@examples(25)
@given(
    n=st.integers(5, 60),
    d=st.integers(1, 6),
    seed=st.integers(0, 9999),
    n_sets=st.integers(1, 3),
    share=st.sampled_from([0.05, 0.21, 0.5]),
    margin=st.sampled_from([0.0, 0.1]),
    levels=st.sampled_from([0.7, 3, 8, 40.3]),
    as_float=st.booleans(),
)
def test_the_risks_are_what_plain_loops_count(n, d, seed, n_sets, share, margin, levels, as_float):
    X = blobs(n, d, seed)
    assume((X[1:] != X[:-1]).any() and share * n >= 1)
    points = nc.Sample(X.astype(np.float32), 1 / 255) if as_float else X
    found = fit(points, levels / 255, share, n_sets, margin=margin, unbounded=not as_float, **FEWER)
    assert isinstance(found.region_, nc.BallUnion)
    assert 1 <= len(found.region_.radii) <= n_sets
    assert (found.region_.center_indices == -1).all()
    n_inside = math.ceil((share + margin) * n - 1e-9)
    pairs = list(zip((found.region_.centers * 255).tolist(), (found.region_.radii * 255).tolist(), strict=True))
    gaps = [min(distance(x, center) - radius for center, radius in pairs) for x in X.tolist()]
    assert round(found.risk_ * n) >= n_inside
    near = 1e-3 if as_float else NEAR  # floats are compared with centers in float32
    for risk, strength in ((found.risk_, 0), (found.adversarial_risk_, levels)):
        low, high = (sum(gap <= strength + side for gap in gaps) for side in (-near, near))
        assert low <= round(risk * n) <= high
    assert abs(sorted(gaps)[n_inside - 1]) < near  # no larger than it must be
    assert found.adversarial_risk_ <= found.trace_[0].candidate
    on_train = found.region_.measure(points, levels / 255)
    assert (on_train.risk, on_train.adversarial_risk) == (found.risk_, found.adversarial_risk_)
    assert (found.covered_[-1] / n, found.expanded_[-1] / n) == (found.risk_, found.adversarial_risk_)
    for t in range(len(pairs)):
        part = [min(distance(x, center) - radius for center, radius in pairs[: t + 1]) for x in X.tolist()]
        for count, strength in ((found.covered_[t], 0), (found.expanded_[t], levels)):
            low, high = (sum(gap <= strength + side for gap in part) for side in (-near, near))
            assert low <= count <= high
    assert found.covered_.dtype == found.expanded_.dtype == np.int64
    assert len(found.covered_) == len(found.expanded_) == len(pairs)
    assert [one.moved for one in found.trace_] == [found.adversarial_risk_]


@examples(20)
@given(n=st.integers(5, 40), d=st.integers(1, 5), seed=st.integers(0, 9999), levels=st.sampled_from([3, 40.3, 900]))
def test_the_risks_within_the_domain_are_what_plain_loops_count(n, d, seed, levels):
    """Many points are on the edges, some columns are constant, and centers lie outside."""
    rng = np.random.default_rng(seed)
    X = np.clip(3 * blobs(n, d, seed).astype(int) - 250, 0, 255).astype(np.uint8)
    X[:, rng.random(d) < 0.2] = 255
    assume((X[1:] != X[:-1]).any())
    found = fit(X, levels / 255, 0.3, 2, **FEWER)
    assert found.region_.domain == (0, 1)
    pairs = list(zip(found.region_.centers * 255, found.region_.radii * 255, strict=True))
    gaps = [min(distance(x, center) - radius for center, radius in pairs) for x in X.tolist()]
    assert round(found.risk_ * n) == sum(gap <= NEAR for gap in gaps)
    outside = [x for x, gap in zip(X, gaps, strict=True) if gap > NEAR]
    for side in (-1, 1):  # rounding of the radii, and what that does where a ball touches the domain
        ways = [min(oracles_domain.into_ball(x, c, r + side * NEAR, 0, 255) for c, r in pairs) for x in outside]
        count = n - len(outside) + sum(way <= levels + side * NEAR for way in ways)
        assert side * count >= side * round(found.adversarial_risk_ * n)
    anywhere = nc.BallUnion(found.region_.centers, found.region_.radii).measure(X, levels / 255)
    assert found.adversarial_risk_ <= anywhere.adversarial_risk


def test_points_may_leave_a_domain_only_if_it_is_known():
    X = blobs(60, 3, 1)
    assert fit(X, 0.05, 0.1, **FEWER).region_.domain == (0, 1)
    assert fit(X, 0.05, 0.1, unbounded=True, **FEWER).region_.domain is None
    floats = nc.Sample(X.astype(np.float32) / 7)
    assert fit(floats, 0.5, 0.1, **FEWER).region_.domain is None
    said = refused(lambda: fit(floats, 0.5, 0.1, unbounded=True, **FEWER))
    assert said == "unbounded is True for points whose domain is not known; allowed: without it"


def test_balls_are_moved_at_the_strength_that_is_asked_for(monkeypatch):
    """That of ε for a `beyond` of 0; otherwise the one that the best candidate is widened to."""
    moved = []

    def tournament(shapes, n_inside, strength, *others):
        moved.append(strength)
        return descent.tournament(shapes, n_inside, strength, *others)

    monkeypatch.setattr(search, "tournament", tournament)
    X = blobs(200, 4, 3)
    fit(X, "3/255", 0.1, beyond=0, **FEWER)
    assert set(moved) == {3}
    moved.clear()
    fit(X, "3/255", 0.1, beyond=2.0, **FEWER)
    assert all(strength > 3 for strength in moved)
    assert moved


@pytest.mark.parametrize("seed", range(3))
def test_moving_and_more_balls_never_make_it_worse(seed):
    X = blobs(250, 6, seed)
    left = fit(X, "12/255", 0.1, n_points=8, max_iter=0)
    risks = [fit(X, "12/255", 0.1, n_sets, **FEWER).adversarial_risk_ for n_sets in (1, 2, 4)]
    assert left.adversarial_risk_ == left.trace_[0].candidate
    assert left.trace_[0].candidate >= risks[0] >= risks[1]
    assert risks[0] >= risks[2]


@pytest.mark.parametrize("n_sets", [1, 2, 3])
def test_a_ball_that_is_chosen_again_is_not_worse(n_sets):
    growth = growing(blobs(200, 4, 1), 30, 8.0, 10, 5)
    balls = growth.ranked(search._NONE)[0]
    for _ in range(n_sets - 1):
        balls = growth.add(balls)
    assert growth.exchange(balls).score <= balls.score


@pytest.mark.slow
def test_on_a_normal_distribution_a_ball_comes_near_the_truth():
    """A far ball is nearly a half space: Φ(Φ⁻¹(α) + ε), and a hundredth more for the curvature."""
    rng = np.random.default_rng(1)
    train, test = (nc.Sample(rng.normal(size=(20_000, 3)).astype(np.float32), 1.0) for _ in range(2))
    found = fit(train, 1.0, 0.05, n_points=40, n_starts=4)
    truth = norm.cdf(norm.ppf(0.05) + 1.0)
    measured = found.region_.measure(test, 1.0)
    assert found.risk_ == 0.05
    assert found.adversarial_risk_ == pytest.approx(truth, abs=0.02)
    assert measured.risk == pytest.approx(0.05, abs=0.009)
    assert measured.adversarial_risk == pytest.approx(truth, abs=0.025)


@pytest.mark.parametrize("n_sets", [1, 2])
def test_clusters_far_apart_are_held_whole(n_sets):
    """One for each ball, and nothing else within ε."""
    corners = np.array([[0, 0, 0], [200, 0, 0], [0, 200, 0], [0, 0, 200], [200, 200, 200]])
    rng = np.random.default_rng(2)
    X = (corners[np.arange(500) % 5] + rng.integers(20, 30, (500, 3))).astype(np.uint8)
    found = fit(X, "40/255", n_sets / 5, n_sets, n_points=25)
    assert (found.risk_, found.adversarial_risk_) == (n_sets / 5, n_sets / 5)


@needs_jit
def test_any_number_of_threads_gives_the_same():
    X = blobs(3000, 20, 5)
    regions = []
    for n_threads in {1, available_threads()}:
        with using_threads(n_threads):
            regions.append(fit(X, 0.05, 0.1, 2, n_points=40).region_)
    assert len({(region.centers.tobytes(), region.radii.tobytes()) for region in regions}) == 1


def test_more_points_than_candidates_are_compared_on(monkeypatch):
    monkeypatch.setattr(descent, "FEW", 50)
    X = blobs(333, 4, 2)
    found = fit(X, 0.05, 0.1, 2, **FEWER)
    assert found.risk_ * 333 >= 34
    assert found.adversarial_risk_ <= found.trace_[0].candidate


@pytest.mark.parametrize("few", [40, 10_000], ids=["some", "all"])
def test_goals_that_share_what_is_prepared_get_what_each_gets_alone(few, monkeypatch):
    monkeypatch.setattr(descent, "FEW", few)
    X = nc.as_sample(blobs(150, 4, 3))
    one = nc.FreeBallSearch(n_sets=2, margin=0.02, **FEWER).checked()
    together = Run(one, X, nc.How())
    for epsilon, alpha in ((0.05, 0.3), (0.05, 0.1), (0.2, 0.1), (0.05, 0.3)):
        goal = Goal.of(epsilon, alpha, 0.02)
        found = together.find(goal)
        alone = fit(X, epsilon, alpha, 2, margin=0.02, **FEWER)
        for name in ("centers", "radii"):
            assert getattr(found.region, name).tobytes() == getattr(alone.region_, name).tobytes()
        assert (found.risk, found.adversarial_risk, found.trace) == (
            alone.risk_,
            alone.adversarial_risk_,
            alone.trace_,
        )
        for name in ("covered", "expanded"):
            np.testing.assert_array_equal(found.attributes[name], getattr(alone, f"{name}_"))


# Bad input

X60 = blobs(60, 6, seed=0)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("epsilon", value) for value in (0, -1, float("nan"), "a", None)),
        *(("alpha", value) for value in (0, 1, float("nan"), "a", None)),
        *(("margin", value) for value in (-0.1, 0.9, float("nan"), "a", None, "auto")),
        *((name, value) for name in ("n_sets", "n_points", "n_starts") for value in (0, 1.5, "a", None)),
        *(("max_iter", value) for value in (-1, 1.5, "a", None)),
        *(("beyond", value) for value in (-0.1, math.inf, "a", None)),
        *(("unbounded", value) for value in (2, "a", None)),
    ],
)
def test_impossible_settings(name, bad):
    given = {"epsilon": 0.1, "alpha": 0.1} | {name: bad}
    refused(lambda: fit(X60, **given), f"{name} is {bad!r}", "allowed: ")


def test_too_few_or_too_many_points():
    says = "alpha is 0.01; allowed: at least 1/n = 0.0166667, so that a region holds one of the 60 points"
    refused(lambda: fit(X60, 0.1, 0.01), says)
    refused(lambda: fit(X60, 0.1, 0.99), "alpha is 0.99, to hold 60 points; allowed: fewer than the 60 there are")
    refused(lambda: fit(X60, 0.1, 0.5, margin=0.49), "alpha is 0.5 and margin 0.49, to hold 60 points; allowed: fewer")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("local_search", True, "local_search is True with search 'free_balls'; allowed: only with balls"),
        ("delta", 0.1, "delta is 0.1 with search 'free_balls'; allowed: only with balls"),
        ("how", nc.How(checkpoint="c.npz"), "checkpoint is 'c.npz' with FreeBallSearch; allowed: only with balls"),
    ],
    ids=["local_search", "delta", "checkpoint"],
)
def test_what_would_be_ignored_is_refused(name, value, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"epsilon": 0.1, "alpha": 0.1, "n_sets": 1, name: value}
    assert refused(lambda: nc.measure("free_balls", X60, X60, **given)) == says
    assert not list(tmp_path.iterdir())


def test_identical_points_are_refused():
    says = "X holds 20 identical points; allowed: points that differ"
    assert refused(lambda: fit(np.full((20, 3), 9, np.uint8), 0.1, 0.1)) == says
