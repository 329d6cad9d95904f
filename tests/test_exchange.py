"""Local search for balls around data points, against plain loops that try every ball."""

from __future__ import annotations

import numpy as np
import oracles_l2 as oracles
import pytest
from conftest import blobs, examples, grey, needs_jit
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from test_balls import (
    BLOCKS,
    LEVELS,
    Stop,
    cloud,
    coarsened,
    identical,
    lumps,
    run_search,
    same,
    search_balls,
    search_settings,
    stopping,
)

import numbaconc as nc
from numbaconc.kernels import balls as kernels
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.search import exchange, greedy
from numbaconc.search.distances import Distances


def check(X, epsilon, alpha, n_sets, delta=0.0):
    """The very balls of the plain loops; returns what was found with and without a local search."""
    squared = X.dtype == np.uint8
    points = X if squared else nc.Sample(X, 1.0)
    plain, found = (search_balls(points, epsilon, alpha, n_sets, delta, local_search=on) for on in (False, True))
    start, wanted = oracles.search_balls(X, epsilon, alpha, n_sets, delta), oracles.target(len(X), alpha, delta)
    assert plain.center_indices_.tolist() == start.centers
    balls = oracles.local_search(X, epsilon, zip(start.centers, start.radii, strict=True), wanted, n_sets)
    assert found.center_indices_.tolist() == [center for center, _ in balls]
    radii = np.array([radius for _, radius in balls], float)
    np.testing.assert_allclose(found.region_.radii, np.sqrt(radii) / 255 if squared else radii, rtol=4e-15, atol=0)
    check_laws(points, epsilon, wanted, n_sets, plain, found)
    return plain, found


def check_laws(points, epsilon, wanted, n_sets, plain, found):
    n = len(points)
    assert found.covered_[-1] >= wanted
    assert 1 <= len(found.covered_) == len(found.region_.radii) <= n_sets
    assert found.adversarial_risk_ <= found.unrefined_ == plain.unrefined_ == plain.adversarial_risk_
    assert (found.risk_, found.adversarial_risk_) == (found.covered_[-1] / n, found.expanded_[-1] / n)
    measured = found.region_.measure(points, epsilon)
    assert (measured.risk, measured.adversarial_risk) == (found.risk_, found.adversarial_risk_)
    for t in range(len(found.covered_)):
        part = nc.BallUnion(found.region_.centers[: t + 1], found.region_.radii[: t + 1]).measure(points, epsilon)
        assert (part.risk, part.adversarial_risk) == (found.covered_[t] / n, found.expanded_[t] / n)
    expanded, covered = (np.diff(counts, prepend=0) for counts in (found.expanded_, found.covered_))
    assert found.objective_.tolist() == (expanded - covered).tolist()


# Bounds


@given(data=st.data(), n_buckets=st.integers(2, 12), n=st.integers(1, 4))
def test_bounds_of_expansions(data, n_buckets, n):
    counts = data.draw(hnp.arrays(np.int32, (n, n_buckets), elements=st.integers(0, 5)))
    counts[:, data.draw(st.integers(0, n_buckets - 1))] += 3
    rank = data.draw(st.integers(1, int(counts.sum(axis=1).min())))
    tops = np.arange(n_buckets) + data.draw(hnp.arrays(np.int64, n_buckets, elements=st.integers(-1, 14)))
    arguments = counts, tops, rank
    for ours, theirs in zip(kernels.bound_expansions(*arguments), oracles.bound_expansions(*arguments), strict=True):
        same(ours, theirs)


@given(
    distances=hnp.arrays(np.int32, st.tuples(st.integers(0, 6), st.integers(0, 6)), elements=st.integers(0, 9)),
    seed=st.integers(0, 99),
    as_float=st.booleans(),
)
def test_weights_within_reach(distances, seed, as_float):
    rng = np.random.default_rng(seed)
    distances = np.sqrt(distances) if as_float else distances
    reaches = rng.choice([0.5, 3.0, 3.0**0.5, 7.0, np.inf], distances.shape[1])
    weights = rng.choice([-1, 1], len(distances)).astype(np.int64)
    same(kernels.count_within(distances, reaches, weights), oracles.count_within(distances, reaches, weights))


@examples(100)
@given(
    data=st.data(),
    X=st.one_of(grey(n=(3, 24), d=(1, 3)), grey(n=(3, 14), d=(17, 17))),
    levels=st.sampled_from((1e-300, 1e-5, *LEVELS, 1e9)),
    steps=st.sampled_from([1, 2, 24, 100]),
    buckets=st.sampled_from([1, 2, 9, 1024]),
    as_float=st.booleans(),
)
def test_first_bounds_hold(data, X, levels, steps, buckets, as_float):
    """No ball of so many points expands fewer than is said, and all of them are within the reach that is said."""
    n = len(X)
    sample = nc.Sample(X.astype(np.float32) if as_float else X, 1.0)
    target = data.draw(st.integers(1, n - 1))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"STEPS": steps, "BUCKETS": buckets, "FEW": 2}.items():
            patch.setattr(greedy, name, value)
        coarsened(patch, data)
        local = exchange.Exchange(greedy.Greedy(Distances(sample), levels, target, 2), progress=False)
    to = oracles.distances(sample.X, sample.X).tolist()
    for rank in range(1, target + 1):
        bounds = local._first_bounds(rank)
        for least, reach, row in zip(bounds.least, bounds.reach, to, strict=True):
            expansion = oracles.expand_radius(sorted(row)[rank - 1], levels, not as_float)
            assert least <= sum(distance <= min(expansion, reach) for distance in row)


# The search


@examples(150)
@given(
    data=st.data(),
    X=st.one_of(lumps(n=(4, 20)), grey(n=(4, 20), d=(1, 3))),
    levels=st.sampled_from(LEVELS),
    sizes=st.sampled_from(({}, *BLOCKS)),
    as_float=st.booleans(),
)
def test_the_balls_of_the_plain_loops(data, X, levels, sizes, as_float):
    chosen = data.draw(search_settings(len(X)))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sizes.items():
            for module in (greedy, exchange):
                if hasattr(module, name):
                    patch.setattr(module, name, value)
        if as_float:
            check(X.astype(np.float32), levels, *chosen)
        else:
            check(X, levels / 255, *chosen)


@pytest.fixture
def fills(monkeypatch):
    """Numbers of balls that took the place of one; -1 where it stayed."""
    numbers, work = [], exchange.Exchange._instead

    def noting(*arguments):
        instead = work(*arguments)
        numbers.append(-1 if instead is None else len(instead))
        return instead

    monkeypatch.setattr(exchange.Exchange, "_instead", noting)
    return numbers


@needs_jit
@pytest.mark.parametrize("as_float", [False, True])
@pytest.mark.parametrize(
    ("d", "seed", "levels", "alpha", "n_sets"), [(2, 0, 40, 0.2, 6), (2, 2, 20, 0.2, 6), (3, 2, 40, 0.2, 6)]
)
def test_more_points(d, seed, levels, alpha, n_sets, as_float, fills, monkeypatch):
    """Several exchanges, some of two balls for one, on any number of threads."""
    for module in (greedy, exchange):
        monkeypatch.setattr(module, "FEW", 4)
        monkeypatch.setattr(module, "BATCH", 16)
    X = cloud(90, d, seed)
    points, unit = (X / np.float32(7), 7) if as_float else (X, 255)
    regions = set()
    for threads in {1, available_threads()}:
        with using_threads(threads):
            plain, found = check(points, levels / unit, alpha, n_sets)
        regions.add((found.region_.centers.tobytes(), found.region_.radii.tobytes()))
    assert len(regions) == 1
    assert found.adversarial_risk_ < plain.adversarial_risk_
    assert 2 in fills


def test_two_balls_for_one(fills):
    """The best single ball lies over half of a line, though there are points enough at its two ends."""
    X = np.array([0, 0, 0, 0, 40, 41, 42, 43, 44, 45, 46, 80, 80, 80, 80], np.uint8)[:, np.newaxis]
    local = exchange.Exchange(greedy.Greedy(Distances(nc.as_sample(X)), 5 / 255, 8, 2), progress=False)
    local.balls = [local._ball(7, 37.0**2)]
    local._count(local.balls[0], 1)
    assert local.run() == [(0, 0.0), (11, 0.0)]
    assert fills == [2, -1, -1]


def test_a_ball_that_covers_nothing_of_its_own_goes(fills):
    X = np.array([5, 5, 5, 5, 90, 150, 220], np.uint8)[:, np.newaxis]
    local = exchange.Exchange(greedy.Greedy(Distances(nc.as_sample(X)), 5 / 255, 4, 2), progress=False)
    local.balls = [local._ball(0, 0.0), local._ball(1, 0.0)]
    for one in local.balls:
        local._count(one, 1)
    assert local.run() == [(1, 0.0)]
    assert fills == [0, -1]


@pytest.mark.slow
@examples(25)
@given(
    n=st.integers(30, 120),
    d=st.integers(1, 6),
    seed=st.integers(0, 9999),
    n_sets=st.integers(1, 8),
    margin=st.sampled_from([0.0, 0.05]),
    delta=st.sampled_from([0.0, 0.25]),
    levels=st.sampled_from(LEVELS),
)
def test_it_is_never_worse(n, d, seed, n_sets, margin, delta, levels):
    X = blobs(n, d, seed)
    given = (X, levels / 255, 0.2, n_sets, delta)
    plain, found = (search_balls(*given, margin=margin, local_search=on) for on in (False, True))
    check_laws(X, levels / 255, int(np.ceil(n * (0.2 * (1 + delta) + margin) - 1e-9)), n_sets, plain, found)


@needs_jit
def test_few_centers_are_looked_at(monkeypatch):
    """Though every exchange is the best of all."""
    X, looked, choices = cloud(1500, 6, 1), [], []
    work, choose = exchange.best_balls, exchange.Exchange._choose
    monkeypatch.setattr(exchange, "best_balls", lambda to, *rest: (looked.append(len(to)), work(to, *rest))[1])
    monkeypatch.setattr(exchange.Exchange, "_choose", lambda *given: (choices.append(1), choose(*given))[1])
    search_balls(X, 30 / 255, 0.05, 12, local_search=True)
    assert len(choices) > 12
    assert sum(looked) / 2 < len(choices) * len(X) / 8


# Checkpoints


@needs_jit
@pytest.mark.parametrize("as_float", [False, True])
@pytest.mark.parametrize("calls", [0, 1, 3, 10**9])
def test_a_checkpoint_is_continued_with_a_local_search(calls, as_float, tmp_path, monkeypatch):
    X = cloud(90, 3, 2)
    X = nc.Sample(X / np.float32(255) * np.float32(0.99), 1.0) if as_float else X
    long = {"epsilon": "40/255", "alpha": 0.2, "n_sets": 6}
    plain, whole = (run_search(X, **long, local_search=on) for on in (False, True))
    assert whole.adversarial_risk < plain.adversarial_risk
    path = tmp_path / "search.ckpt"
    with monkeypatch.context() as patch:
        stopping(patch, "expand_radius", calls)
        if calls < 9:
            with pytest.raises(Stop):
                run_search(X, path, **long)
        else:
            run_search(X, path, **long)
    identical(run_search(X, path, **long, local_search=True), whole)
    kept = path.read_bytes()
    identical(run_search(X, path, **long, local_search=True), whole)
    identical(run_search(X, path, **long), plain)
    assert path.read_bytes() == kept
