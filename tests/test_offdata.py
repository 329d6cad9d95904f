"""Balls off the data: counts against plain loops, cases whose answer is known, and laws of the search."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from conftest import blobs, needs_jit, refused
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm

import numbaconc as nc
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.search import balls, descent
from numbaconc.search import offdata as search

NEAR = 1e-6  # levels; no call closer than this is left to rounding
FEWER = {"n_points": 8, "n_starts": 3, "max_iter": 8}


def find(X, epsilon, alpha, n_sets=1, *, buffer=0.0, **knobs):
    """Search with centers off the data, from so many candidates and so on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(balls, "place_balls", functools.partial(search.place_balls, **knobs))
        return nc.search_balls(X, epsilon, alpha, n_sets, buffer=buffer, centers="neighbours")


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


@settings(max_examples=25)
@given(seed=st.integers(0, 9999), n=st.integers(8, 40), d=st.integers(2, 5), levels=st.sampled_from([2.3, 9.1, 30.7]))
def test_candidates_are_scored_as_plain_loops_count(seed, n, d, levels):
    X = np.random.default_rng(seed).integers(0, 256, (n, d)).astype(np.uint8)
    n_inside = max(1, n // 5)
    growth = search._Growth(descent.Points(X), n_inside, levels, 4, 0)
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
    growth = search._Growth(descent.Points(X), 8, 0.1, 5, 0)
    rows = X.tolist()
    expected = [neighbors_mean(rows, i, count) for i in (0, 9, 19, 29, 39) for count in (2, 4, 16)]
    found = growth.means + growth.points.middle
    for mean in expected:
        assert np.abs(found - mean).max(axis=1).min() < 1e-5
    assert len(found) == len(np.unique(np.round(expected, 4), axis=0))


# The search


@settings(max_examples=25)
@given(
    n=st.integers(5, 60),
    d=st.integers(1, 6),
    seed=st.integers(0, 9999),
    n_sets=st.integers(1, 3),
    share=st.sampled_from([0.05, 0.21, 0.5]),
    buffer=st.sampled_from([0.0, 0.1]),
    levels=st.sampled_from([0.7, 3, 8, 40.3]),
    as_float=st.booleans(),
)
def test_the_risks_are_what_plain_loops_count(n, d, seed, n_sets, share, buffer, levels, as_float):
    X = blobs(n, d, seed)
    assume((X[1:] != X[:-1]).any() and share * n >= 1)
    points = nc.Sample(X.astype(np.float32), 1 / 255) if as_float else X
    found = find(points, levels / 255, share, n_sets, buffer=buffer, **FEWER)
    assert isinstance(found.region, nc.BallUnion)
    assert 1 <= len(found.region.radii) <= n_sets
    assert (found.region.center_indices == -1).all()
    n_inside = math.ceil((share + buffer) * n - 1e-9)
    pairs = list(zip((found.region.centers * 255).tolist(), (found.region.radii * 255).tolist(), strict=True))
    gaps = [min(distance(x, center) - radius for center, radius in pairs) for x in X.tolist()]
    assert round(found.risk * n) >= n_inside
    near = 1e-3 if as_float else NEAR  # floats are compared with centers in float32
    for risk, strength in ((found.risk, 0), (found.adversarial_risk, levels)):
        low, high = (sum(gap <= strength + side for gap in gaps) for side in (-near, near))
        assert low <= round(risk * n) <= high
    assert abs(sorted(gaps)[n_inside - 1]) < near  # no larger than it must be
    assert found.adversarial_risk <= found.unrefined
    on_train = found.region.measure(points, levels / 255)
    assert (on_train.risk, on_train.adversarial_risk) == (found.risk, found.adversarial_risk)
    assert (found.covered[-1] / n, found.expanded[-1] / n) == (found.risk, found.adversarial_risk)
    for t in range(len(pairs)):
        part = [min(distance(x, center) - radius for center, radius in pairs[: t + 1]) for x in X.tolist()]
        for count, strength in ((found.covered[t], 0), (found.expanded[t], levels)):
            low, high = (sum(gap <= strength + side for gap in part) for side in (-near, near))
            assert low <= count <= high
    expanded, covered = (np.diff(counts, prepend=0) for counts in (found.expanded, found.covered))
    assert found.objective.tolist() == (expanded - covered).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_moving_and_more_balls_never_make_it_worse(seed):
    X = blobs(250, 6, seed)
    left = find(X, "12/255", 0.1, **(FEWER | {"max_iter": 0}))
    risks = [find(X, "12/255", 0.1, n_sets, **FEWER).adversarial_risk for n_sets in (1, 2, 4)]
    assert left.adversarial_risk == left.unrefined
    assert left.unrefined >= risks[0] >= risks[1]
    assert risks[0] >= risks[2]


@pytest.mark.parametrize("n_sets", [1, 2, 3])
def test_a_ball_that_is_chosen_again_is_not_worse(n_sets):
    growth = search._Growth(descent.Points(blobs(200, 4, 1)), 30, 8.0, 10, 5)
    balls = growth.ranked(search._NONE)[0]
    for _ in range(n_sets - 1):
        balls = growth.add(balls)
    assert growth.exchange(balls).score <= balls.score


@pytest.mark.slow
def test_on_a_normal_distribution_a_ball_comes_near_the_truth():
    """A far ball is nearly a half space: Φ(Φ⁻¹(α) + ε), and a hundredth more for the curvature."""
    rng = np.random.default_rng(1)
    train, test = (nc.Sample(rng.normal(size=(20_000, 3)).astype(np.float32), 1.0) for _ in range(2))
    found = find(train, 1.0, 0.05, n_points=40, n_starts=4)
    truth = norm.cdf(norm.ppf(0.05) + 1.0)
    measured = found.region.measure(test, 1.0)
    assert found.risk == 0.05
    assert found.adversarial_risk == pytest.approx(truth, abs=0.02)
    assert measured.risk == pytest.approx(0.05, abs=0.009)
    assert measured.adversarial_risk == pytest.approx(truth, abs=0.025)


@pytest.mark.parametrize("n_sets", [1, 2])
def test_clusters_far_apart_are_held_whole(n_sets):
    """One for each ball, and nothing else within ε."""
    corners = np.array([[0, 0, 0], [200, 0, 0], [0, 200, 0], [0, 0, 200], [200, 200, 200]])
    rng = np.random.default_rng(2)
    X = (corners[np.arange(500) % 5] + rng.integers(20, 30, (500, 3))).astype(np.uint8)
    found = find(X, "40/255", n_sets / 5, n_sets, n_points=25)
    assert (found.risk, found.adversarial_risk) == (n_sets / 5, n_sets / 5)


@needs_jit
def test_any_number_of_threads_gives_the_same():
    X = blobs(3000, 20, 5)
    regions = []
    for n_threads in {1, available_threads()}:
        with using_threads(n_threads):
            regions.append(find(X, 0.05, 0.1, 2, n_points=40).region)
    assert len({(region.centers.tobytes(), region.radii.tobytes()) for region in regions}) == 1


def test_more_points_than_candidates_are_compared_on(monkeypatch):
    monkeypatch.setattr(descent, "FEW", 50)
    X = blobs(333, 4, 2)
    found = find(X, 0.05, 0.1, 2, **FEWER)
    assert found.risk * 333 >= 34
    assert found.adversarial_risk <= found.unrefined


# Bad input

X60 = blobs(60, 6, seed=0)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("epsilon", value) for value in (0, -1, float("nan"), "a", None)),
        *(("alpha", value) for value in (0, 1, float("nan"), "a", 0.01, 0.99)),
        *(("buffer", value) for value in (-0.1, 0.9, float("nan"), "a")),
        *(("delta", value) for value in (-0.1, 9, float("nan"), "a")),
        *(("n_sets", value) for value in (0, 1.5, "a")),
        *(("centers", value) for value in ("neighbors", "off", "", None, 1)),
    ],
)
def test_impossible_settings(name, bad):
    given = {"epsilon": 0.1, "alpha": 0.1, "n_sets": 1, "centers": "neighbours"} | {name: bad}
    refused(lambda: nc.search_balls(X60, **given), name, str(bad) if name == "delta" else repr(bad))


@pytest.mark.parametrize(("name", "value"), [("local_search", True), ("checkpoint", "c.npz")])
def test_what_would_be_ignored_is_refused(name, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    says = f"{name} is {value!r} with centers 'neighbours'; allowed: only with centers 'data'"
    refused(lambda: nc.search_balls(X60, 0.1, 0.1, 1, centers="neighbours", **{name: value}), says)
    assert not list(tmp_path.iterdir())


def test_delta_and_buffer_ask_for_the_same():
    delta, buffer = (
        nc.search_balls(X60, 0.1, 0.2, 1, **one, centers="neighbours") for one in ({"delta": 0.5}, {"buffer": 0.1})
    )
    assert delta.covered[-1] == buffer.covered[-1] == 18
    assert delta.region.radii.tobytes() == buffer.region.radii.tobytes()


def test_identical_points_are_refused():
    refused(lambda: find(np.full((20, 3), 9, np.uint8), 0.1, 0.1), "X", "identical")
