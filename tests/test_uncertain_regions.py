"""Half spaces, faces and free balls of hard points: what γ asks for, against plain loops, and cases whose answer is known."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from conftest import blobs, needs_jit, refused
from hypothesis import assume, given, settings, strategies as st

import numbaconc as nc
from numbaconc.goal import Goal
from numbaconc.kernels import faces as kernels
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.search import descent, multiplier
from numbaconc.search.base import Found
from numbaconc.search.components import growing, principal_components
from numbaconc.search.uncertain import Constraint

FEWER = {
    "halfspaces": {"norm": "l2", "n_components": 3, "n_starts": 2, "max_iter": 6},
    "faces": {"n_sets": 3},
    "free_balls": {"n_sets": 2, "n_points": 12, "n_starts": 2, "max_iter": 6},
}
CLASSES = {"halfspaces": nc.HalfSpaceSearch, "faces": nc.FaceSearch, "free_balls": nc.FreeBallSearch}
SEARCHES = pytest.mark.parametrize("name", list(FEWER))
ONE = 1 << 20


def search(name, X, hardness=None, gamma=None, alpha=0.2, epsilon=0.05, **more):
    uncertainty = None if gamma is None else hardness
    made = CLASSES[name](epsilon=epsilon, alpha=alpha, uncertainty=uncertainty, gamma=gamma, **FEWER[name] | more)
    return made.fit(X)


def shape_of(region):
    """Everything that says where a region is."""
    names = ("w", "b", "lower", "upper", "centers", "radii")
    return [np.asarray(getattr(region, one)).tobytes() for one in names if hasattr(region, one)]


def mean_inside(fitted, X, hardness):
    """The mean over the points that are predicted to lie inside, summed exactly."""
    inside = [Fraction(h) for h, side in zip(hardness.tolist(), fitted.predict(X).tolist(), strict=True) if side == -1]
    return sum(inside) / len(inside), len(inside)


def hard_on_one_side(n=200, seed=0):
    """Points (n, 4) in one blob, wide in the first column; where the second one is large, labels are uncertain."""
    rng = np.random.default_rng(seed)
    X = np.clip(128 + rng.normal(size=(n, 4)) * (40, 20, 5, 5), 0, 255).astype(np.uint8)
    return X, np.where(X[:, 1] > 140, 0.9, 0.1)


# The constraint


@needs_jit
@SEARCHES
@settings(max_examples=6)
@given(
    n=st.integers(8, 40), d=st.integers(1, 4), seed=st.integers(0, 9999), gamma=st.sampled_from([0.1, 0.4, 0.8, 1.2])
)
def test_what_is_found_is_as_hard_as_is_asked_for(name, n, d, seed, gamma):
    X, rng = blobs(n, d, seed), np.random.default_rng(seed)
    assume((X[1:] != X[:-1]).any())
    hardness = rng.choice([0.0, 0.25, 1.0, 2.0], n)
    try:
        found = search(name, X, hardness, gamma)
    except nc.InputError as error:
        assert "gamma is" in str(error)  # noqa: PT017
        return
    mean, count = mean_inside(found, X, hardness)
    assert count >= math.ceil(0.2 * n - 1e-9)
    assert mean >= gamma - 1e-9
    assert found.mean_uncertainty_ == pytest.approx(float(mean), abs=1e-12)
    assert round(found.risk_ * n) == count


@SEARCHES
def test_what_asks_for_nothing_changes_nothing(name):
    """At γ = 0, and at the mean that is reached anyway, the region is the one that is found without γ."""
    X, hardness = hard_on_one_side()
    plain = search(name, X)
    assert not hasattr(plain, "mean_uncertainty_")
    reached = float(hardness[plain.predict(X) == -1].mean())
    for gamma in (0.0, reached):
        found = search(name, X, hardness, gamma)
        assert shape_of(found.region_) == shape_of(plain.region_)
        assert (found.risk_, found.adversarial_risk_) == (plain.risk_, plain.adversarial_risk_)
        assert found.trace_ == plain.trace_


@SEARCHES
def test_hard_points_are_found_where_they_are(name):
    """Without γ a region lies where it grows least, with it where the second column is large."""
    X, hardness = hard_on_one_side()
    plain, found = search(name, X), search(name, X, hardness, 0.8)
    assert hardness[plain.predict(X) == -1].mean() < 0.8 <= found.mean_uncertainty_
    assert found.adversarial_risk_ < 0.6
    other, more = hard_on_one_side(seed=1)
    assert more[found.predict(other) == -1].mean() > 0.7


@SEARCHES
def test_it_may_hold_more_points_than_it_must(name):
    """Equal points come in together: the hard ones are 30 of which only 10 are asked for."""
    X = np.repeat(np.array([[0, 0], [100, 10], [110, 0], [250, 0]], np.uint8), [30, 30, 10, 30], axis=0)
    hardness = np.repeat([2.0, 0.0, 0.0, 0.5], [30, 30, 10, 30])
    found = search(name, X, hardness, 1.9, alpha=0.1)
    np.testing.assert_array_equal(found.predict(X) == -1, hardness == 2)


@SEARCHES
def test_what_is_not_found_is_said(name):
    X, hardness = hard_on_one_side()
    said = refused(
        lambda: search(name, X, hardness, 1.5), "gamma is 1.5; allowed: less", "mean uncertainty of at least "
    )
    seen = float(said.partition("at least ")[2].partition(",")[0])
    assert 0.8 < seen <= 0.9
    assert search(name, X, hardness, 0.8).mean_uncertainty_ >= 0.8


@SEARCHES
def test_what_does_not_go_together_is_refused(name):
    X, hardness = hard_on_one_side(30)
    made = CLASSES[name](epsilon=0.1, alpha=0.2, uncertainty=hardness)
    refused(lambda: made.fit(X), "uncertainty is given without gamma")
    refused(lambda: search(name, X, None, 0.1), "gamma is 0.1 without uncertainty")
    refused(lambda: search(name, X, hardness[1:], 0.1), "shape (29,)")
    sample = nc.as_sample(X, uncertainty=np.where(np.arange(30) == 4, 0.125, hardness))
    refused(lambda: search(name, sample, hardness, 0.1), "uncertainty has", "in row 4", "the Sample's own", "0.125")


@SEARCHES
def test_the_uncertainty_of_a_sample_is_known(name):
    X, hardness = hard_on_one_side(60)
    sample = nc.as_sample(X, uncertainty=hardness)
    settings_ = {"epsilon": 0.05, "alpha": 0.2, "gamma": 0.6, **FEWER[name]}
    own, given_ = CLASSES[name](**settings_).fit(sample), CLASSES[name](**settings_, uncertainty=hardness).fit(X)
    assert shape_of(own.region_) == shape_of(given_.region_)
    assert search(name, sample).adversarial_risk_ == search(name, X).adversarial_risk_


@needs_jit
@SEARCHES
def test_no_number_of_threads_changes_it(name):
    X, hardness = hard_on_one_side()
    found = []
    for n_threads in sorted({1, available_threads()}):
        with using_threads(n_threads):
            found.append(shape_of(search(name, X, hardness, 0.7).region_))
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize("norm", ["linf", "l1"])
def test_half_spaces_in_the_other_norms(norm):
    X, hardness = hard_on_one_side()
    found = search("halfspaces", X, hardness, 0.8, norm=norm)
    assert mean_inside(found, X, hardness)[0] >= Fraction(0.8)


# How much a region must hold


@given(data=st.data(), n=st.integers(2, 12), gamma=st.sampled_from([0.0, 0.3, 1.0]))
def test_the_fewest_points_that_meet_a_constraint(data, n, gamma):
    outward = np.array(data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)), float)
    hardness = np.array(data.draw(st.lists(st.sampled_from([0.0, 0.3, 0.5, 2.0]), min_size=n, max_size=n)))
    n_inside = data.draw(st.integers(1, n - 1))
    insides = [outward <= level for level in sorted(set(outward.tolist()))]
    allowed = [one for one in insides if one.sum() >= n_inside]
    hard = [int(one.sum()) for one in allowed if hardness[one].mean() >= gamma - 1e-12]
    found = list(multiplier._ranks(outward, n_inside, Constraint.of(hardness, gamma)))
    if hard:
        assert found == hard
    else:
        (count,) = found
        means = {int(one.sum()): hardness[one].mean() for one in allowed}
        assert means[count] == pytest.approx(max(means.values()), abs=1e-9)


# The multiplier


def attempt_at(needed, X, seen):
    """Find a half space of hard points from a worth on; its expansion grows with the worth."""

    def attempt(worth):
        seen.append(worth)
        region = nc.HalfSpace([1.0], 0.5 if worth >= needed else -0.5)
        mean = 1.0 if worth >= needed else 0.5
        return Found(region, Goal(0.1, 0.5), 0.5, worth, nc.HalfSpaceSearch(), attributes={"mean_uncertainty": mean})

    return attempt


@pytest.mark.parametrize("needed", [0.0, 0.3, 1.0, 7.0, 300.0, 1024.0])
def test_the_least_worth_is_looked_for(needed):
    sample, seen = nc.as_sample(np.array([[0.0], [1.0]])), []
    found = multiplier.least_worth(attempt_at(needed, sample, seen), Constraint.of(np.array([0.0, 1.0]), 0.9), sample)
    assert needed <= found.adversarial_risk <= max(1.2 * needed, 0.5 if needed else 0)
    assert seen[0] == 0
    assert len(seen) == len(set(seen)) <= 10
    seen.clear()
    assert multiplier.least_worth(attempt_at(needed, sample, seen), None, sample).adversarial_risk == 0
    assert seen == [0.0]


def test_no_worth_is_enough():
    sample, seen = nc.as_sample(np.array([[0.0], [1.0]])), []
    constraint = Constraint.of(np.array([0.0, 1.0]), 0.9)
    said = refused(lambda: multiplier.least_worth(attempt_at(5000.0, sample, seen), constraint, sample))
    assert "at least 0.5000," in said
    assert seen[-1] == 1024


# Rewards


@given(
    values=st.lists(st.integers(-20, 20), min_size=2, max_size=30),
    share=st.floats(0.01, 0.99),
    strength=st.sampled_from([0, 1, 8]),
    seed=st.integers(0, 99),
)
def test_rewards_are_taken_from_a_score(values, share, strength, seed):
    n_inside = max(1, int(share * len(values)))
    rewards = np.random.default_rng(seed).integers(-4, 5, len(values)) / 4
    score, level = descent.scored(np.array(values, float), n_inside, strength, reward=rewards)
    assert level == sorted(values, reverse=True)[n_inside - 1]
    expanded = sum(value >= level - strength for value in values)
    assert score == expanded - sum(r for value, r in zip(values, rewards.tolist(), strict=True) if value >= level)


def test_the_pull_of_rewards_is_a_slope():
    """The blurred score falls as the pulls say, while the number of points inside stays the same."""
    rng = np.random.default_rng(0)
    values, rewards, step = rng.normal(size=400), rng.normal(size=400), 1e-5
    width, level, strength = 0.3, 0.9, 0.5

    def blurred(moved):
        def edge(at):
            return np.array([math.erf((value - at) / width / math.sqrt(2)) for value in moved])

        inside = np.array([math.erf((value - level) / width / math.sqrt(2)) for value in values]).sum()
        low, high = level - 1, level + 1
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if edge(middle).sum() > inside else (low, middle)
        return (edge(low - strength) - rewards * edge(low)).sum() / 2

    pulls = descent._pull(values, level, strength, width, 0.0, rewards) / (width * math.sqrt(2 * math.pi))
    for i in np.argsort(-np.abs(pulls))[:5]:
        ahead, behind = values.copy(), values.copy()
        ahead[i] += step
        behind[i] -= step
        assert (blurred(ahead) - blurred(behind)) / (2 * step) == pytest.approx(pulls[i], rel=1e-3)


def test_directions_in_which_numbers_grow_are_ridge_regressions():
    from sklearn.linear_model import Ridge

    X = blobs(200, 5, 3).astype(float)
    numbers = X @ [0.1, 0.0, -0.2, 0.0, 0.3] + np.random.default_rng(0).normal(size=200)
    components = principal_components(X - X.mean(axis=0), 5)
    projections = (X - X.mean(axis=0)) @ components.T
    found = growing(components, projections, numbers)
    np.testing.assert_allclose(found[0], (X - X.mean(axis=0)).T @ numbers, rtol=1e-9)
    largest = (projections**2).sum(axis=0).max()
    for i, direction in enumerate(found[1:]):
        np.testing.assert_allclose(direction, Ridge(alpha=largest / 4**i).fit(X, numbers).coef_, rtol=1e-6, atol=1e-12)
    assert not len(growing(components, projections, np.ones(200)))


# Kernels; the plain versions use nothing of ours


def best_rewarded_faces(inner, rewards, outer, shift, mirrored, fewest, enough, most, cost, worth):
    tables = [inner.tolist(), rewards.tolist(), outer.tolist()]
    if mirrored:
        tables = [[*rows, *(row[::-1] for row in rows)] for rows in tables]
    never = np.iinfo(np.int64).max
    prices, faces = [], []
    for inside, gains, outside in zip(*tables, strict=True):
        best = never, 0
        for i in range(256):
            first = i + shift if i else 0
            covered, gained, held = sum(inside[first:]), sum(gains[first:]), sum(outside[i:])
            price = ONE * (cost * held - worth * min(covered, enough)) - cost * gained
            if covered >= fewest and held <= most and price <= best[0]:
                best = price, i
        prices.append(best[0])
        faces.append(best[1])
    return np.array(prices), np.array(faces)


@given(
    m=st.integers(1, 3),
    shift=st.sampled_from([0, 1, 8, 255, 256]),
    mirrored=st.booleans(),
    price=st.sampled_from([(1, 1), (20, 1), (100, 103)]),
    data=st.data(),
)
def test_best_rewarded_faces(m, shift, mirrored, price, data):
    places = st.tuples(st.integers(0, m - 1), st.integers(0, 255))
    inner, outer, rewards = *np.zeros((2, m, 256), np.int32), np.zeros((m, 256), np.int64)
    for counts, numbers in ((inner, st.integers(0, 5)), (outer, st.integers(0, 5)), (rewards, st.integers(-9, 9))):
        scale = ONE // 4 if counts is rewards else 1
        for place, number in data.draw(st.dictionaries(places, numbers, max_size=12)).items():
            counts[place] = number * scale
    fewest, enough = data.draw(st.integers(0, int(inner.sum()) + 1)), data.draw(st.integers(0, 20))
    most = data.draw(st.integers(0, int(outer.sum()) + 1))
    asked = inner, rewards, outer, shift, mirrored, fewest, enough, most, *price
    for ours, theirs in zip(kernels.best_rewarded_faces(*asked), best_rewarded_faces(*asked), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@needs_jit
def test_rewarded_faces_among_many_points_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    inner, outer = rng.integers(0, 200, (2, 70, 256)).astype(np.int32)
    rewards = rng.integers(-200 * ONE, 200 * ONE, (70, 256))
    codes, numbers = rng.integers(0, 256, (500, 70)).astype(np.uint8), rng.integers(-ONE, ONE, 300)
    rows = rng.permutation(500)[:300]
    sums = np.zeros((70, 256), np.int64)
    for row, number in zip(rows.tolist(), numbers.tolist(), strict=True):
        for c, code in enumerate(codes[row].tolist()):
            sums[c, code] += number
    for n_threads in sorted({1, available_threads()}):
        with using_threads(n_threads):
            for more in ((1, 10**6, 10**6, 1, 1), (9000, 10**4, 12000, 100, 103)):
                asked = inner, rewards, outer, 11, True, *more
                for ours, theirs in zip(kernels.best_rewarded_faces(*asked), best_rewarded_faces(*asked), strict=True):
                    np.testing.assert_array_equal(ours, theirs)
            found = np.zeros((70, 256), np.int64)
            kernels.sum_codes(codes, rows, numbers, found)
            np.testing.assert_array_equal(found, sums)
