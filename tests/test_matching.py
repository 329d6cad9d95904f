"""What every classifier must lose: against brute force over classifiers, and over the fractions of the linear program."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from conftest import images, needs_jit, refused
from hypothesis import given, strategies as st
from scipy.optimize import linprog

import numbaconc as nc
from numbaconc.data.sample import Sample
from numbaconc.labels import hyperedges, matching
from numbaconc.labels.matching import classifier_bound

pytestmark = pytest.mark.usefixtures("one_thread")

P = {"linf": math.inf, "l2": 2, "l1": 1}
NORMS = list(P)


# Oracles: plain loops over whole numbers


def power(a, b, norm):
    """A distance of points with whole coordinates; squared in ℓ2."""
    apart = [abs(int(s) - int(t)) for s, t in zip(a, b, strict=True)]
    return max(apart) if norm == "linf" else sum(apart) if norm == "l1" else sum(x * x for x in apart)


def conflicts(X, y, reach, norm):
    """Pairs of different labels at a distance of at most `reach` levels, sorted by distance, then by index."""
    most = reach * reach if norm == "l2" else reach
    pairs = [(i, j) for i, j in itertools.combinations(range(len(X)), 2) if y[i] != y[j]]
    near = [(power(X[i], X[j], norm), i, j) for i, j in pairs]
    return sorted(one for one in near if one[0] <= most)


def deterministic_loss(n, sets):
    """The least loss of a classifier that is right in whole balls or wrong: of each set, at most one can be right."""
    best = 0
    for right in itertools.product((0, 1), repeat=n):
        if all(sum(right[i] for i in one) <= 1 for one in sets):
            best = max(best, sum(right))
    return 1 - best / n


def half_integral_loss(n, sets):
    """One less the largest mean of q in {0, 1/2, 1}^n with at most 1 in each set."""
    best = 0
    for q in itertools.product((0, 1, 2), repeat=n):
        if all(sum(q[i] for i in one) <= 2 for one in sets):
            best = max(best, sum(q))
    return 1 - best / (2 * n)


def have_common_point(points, reach, norm):
    """Whether balls of diameter `reach` (ℓ∞, ℓ1) have a common point, by a linear program for it."""
    points = np.array(points, dtype=float)
    k, d = points.shape
    # variables: the point, then |x - z| of each ball and coordinate
    n_variables = d + k * d
    rows, limits = [], []
    for ball, axis in itertools.product(range(k), range(d)):
        for sign in (1, -1):
            row = np.zeros(n_variables)
            row[axis], row[d + ball * d + axis] = sign, -1
            rows.append(row)
            limits.append(sign * points[ball, axis])
    for ball in range(k):
        groups = [range(d)] if norm == "l1" else [[axis] for axis in range(d)]
        for group in groups:
            row = np.zeros(n_variables)
            row[[d + ball * d + axis for axis in group]] = 1
            rows.append(row)
            limits.append(reach / 2)
    bounds = [(None, None)] * d + [(0, None)] * (k * d)
    return linprog(np.zeros(n_variables), np.array(rows), np.array(limits), bounds=bounds).status == 0


def smallest_ball(points):
    """The radius of a ball (ℓ2) around some points, hardly larger than the smallest: ever smaller steps to the farthest."""
    points = np.array(points, dtype=float)
    center = points.mean(axis=0)
    for k in range(1, 2000):
        far = np.linalg.norm(points - center, axis=1)
        center += (points[far.argmax()] - center) / (k + 1)
    return np.linalg.norm(points - center, axis=1).max()


# Data


@st.composite
def labeled(draw, n_labels, n=(4, 9), norms=NORMS):
    """Whole points in few dimensions, their labels, a norm, and a reach in levels, among which many conflict."""
    n, d = draw(st.integers(*n)), draw(st.integers(1, 3))
    X = np.array(draw(st.lists(st.lists(st.integers(0, 12), min_size=d, max_size=d), min_size=n, max_size=n)), np.uint8)
    y = np.arange(n) % n_labels
    return X, np.array(draw(st.permutations(y.tolist()))), draw(st.sampled_from(norms)), draw(st.integers(1, 9))


def bound(X, y, reach, norm, **settings):
    return classifier_bound(X, y, epsilon=reach / 510, norm=norm, **settings)


# Two labels


@given(labeled(2, n=(4, 8)))
def test_two_labels_are_the_best_classifier(case):
    X, y, norm, reach = case
    near = conflicts(X, y, reach, norm)
    found = bound(X, y, reach, norm)
    assert found.loss == pytest.approx(deterministic_loss(len(X), [one[1:] for one in near]), abs=1e-12)
    assert found.n_conflicts == len(near)
    assert found.pairs.dtype == np.int64
    assert found.pairs.tolist() == [[i, j] for _, i, j in near]
    lengths = [math.sqrt(length) if norm == "l2" else length for length, *_ in near]
    assert found.distances.tolist() == pytest.approx([length / 255 for length in lengths], rel=1e-15)


@pytest.mark.parametrize("norm", NORMS)
def test_exactly_two_epsilon_conflict(norm):
    """16/255 is twice 8/255, and one level more is too far; so it is for floats that are such bytes."""
    X = np.array([[0, 9], [16, 9], [33, 9]], np.uint8)
    for points in (X, X / np.float32(255), X / 255):
        found = classifier_bound(points, [0, 1, 0], epsilon="8/255", norm=norm)
        assert (found.n_conflicts, found.pairs.tolist(), found.loss) == (1, [[0, 1]], 1 / 3)
        assert found.distances[0] == 16 / 255


def test_a_matching_is_not_the_number_of_conflicts():
    """A star has many conflicts, and one classifier that is wrong in the middle only."""
    X = np.array([[100], [98], [99], [101], [102]], np.uint8)
    found = bound(X, [1, 0, 0, 0, 0], 2, "linf")
    assert (found.n_conflicts, found.loss) == (4, 1 / 5)


# More labels


@given(labeled(3, n=(4, 8)))
def test_more_labels_are_the_best_half_integral_fractions(case):
    X, y, norm, reach = case
    sets = [one[1:] for one in conflicts(X, y, reach, norm)]
    loss = bound(X, y, reach, norm).loss
    assert loss == pytest.approx(half_integral_loss(len(X), sets), abs=1e-12)
    assert loss <= deterministic_loss(len(X), sets) + 1e-12


def test_two_labels_as_three_with_one_missing():
    """What labels are called does not matter."""
    X, y = images(40, 3, 0), np.arange(40) % 2
    one = bound(X, y, 60, "l2")
    for names in (np.where(y, 7, -3), np.where(y, "dog", "cat")):
        assert bound(X, names, 60, "l2").loss == one.loss > 0


def sets_with_common_points(X, y, reach, norm, most):
    """All sets of points of different labels whose balls have a common point, up to a size."""
    sets = [one[1:] for one in conflicts(X, y, reach, norm)]
    for size in range(3, most + 1):
        for one in itertools.combinations(range(len(X)), size):
            if len({y[i] for i in one}) == size and have_common_point(X[list(one)], reach, norm):
                sets.append(one)
    return sets


def fractional(n, sets):
    if not sets:
        return 0.0
    A = np.array([[float(i in one) for i in range(n)] for one in sets])
    return 1 + linprog(-np.ones(n), A, np.ones(len(sets)), bounds=(0, 1)).fun / n


@needs_jit
@pytest.mark.parametrize(("norm", "most"), [("linf", 3), ("linf", 4), ("l1", 3)])
@pytest.mark.parametrize("seed", range(6))
def test_hyperedges_where_every_two_are_enough(norm, most, seed):
    """Helly in ℓ∞; in ℓ1 three balls of one radius. Both are found by a linear program for the common point."""
    X, y = images(12, 3, seed, 0, 14), np.arange(12) % 4
    reach = 8 if norm == "linf" else 14
    sets = sets_with_common_points(X, y, reach, norm, most)
    found = bound(X, y, reach, norm, hyperedges=most).loss
    assert found == pytest.approx(fractional(12, sets), abs=1e-7)
    assert found >= bound(X, y, reach, norm).loss
    assert found <= deterministic_loss(12, sets) + 1e-9


def test_hyperedges_bound_more():
    X, y = images(30, 2, 1, 0, 60), np.arange(30) % 5
    two, three, four = (bound(X, y, 20, "linf", hyperedges=k).loss for k in (2, 3, 4))
    assert two < three < four


# An equilateral triangle of side √2 · 6 in three dimensions: the smallest ball around it has a diameter of √96 = 9.798.
TRIANGLE = np.array([[6, 0, 0], [0, 6, 0], [0, 0, 6]], np.uint8)


def test_a_triangle_without_a_common_point():
    """Every two balls meet, all three do not: half of the points, where two thirds would be wrong otherwise."""
    assert bound(TRIANGLE, [0, 1, 2], 9, "l2").loss == 0.5
    assert bound(TRIANGLE, [0, 1, 2], 9, "l2", hyperedges=3).loss == 0.5
    assert bound(TRIANGLE, [0, 1, 2], 9.79, "l2", hyperedges=3).loss == 0.5
    assert bound(TRIANGLE, [0, 1, 2], 9.8, "l2", hyperedges=3).loss == pytest.approx(2 / 3)
    assert bound(TRIANGLE, [0, 1, 2], 9.8, "l2").loss == 0.5


def test_a_ball_with_two_points_at_its_ends_is_compared_exactly():
    """Three on a line, and a right angle: the diameter is the longest side, which is exactly 2 ε."""
    for X in ([[0, 0], [6, 8], [3, 4]], [[0, 0], [6, 8], [6, 0]]):
        X = np.array(X, np.uint8)
        assert bound(X, [0, 1, 2], 10, "l2", hyperedges=3).loss == pytest.approx(2 / 3)
        assert bound(X, [0, 1, 2], 9.999, "l2", hyperedges=3).loss == pytest.approx(1 / 3)
    # points at one place are no reason to miss it
    X = np.array([[5, 5], [5, 5], [5, 9]], np.uint8)
    assert bound(X, [0, 1, 2], 4, "l2", hyperedges=3).loss == pytest.approx(2 / 3)


@pytest.mark.parametrize("size", [3, 4])
def test_smallest_balls(size):
    rng = np.random.default_rng(size)
    sets = [rng.normal(size=(size, d)) for d in (1, 2, 3, 5) for _ in range(4)]
    sets.append(np.repeat(sets[0][:1], size, axis=0))
    squares = np.array([((X[:, np.newaxis] - X) ** 2).sum(axis=2) for X in sets])
    radii = np.sqrt(hyperedges.squared_diameters(squares)) / 2
    assert radii[-1] == np.inf or radii[-1] == 0  # points at one place conflict anyhow
    for X, radius in zip(sets[:-1], radii, strict=False):
        assert 0.998 * smallest_ball(X) <= radius <= smallest_ball(X) + 1e-9


def test_four_points_whose_balls_meet():
    """The corners of a regular simplex of side √72: its smallest ball has a radius of √27 = 5.196."""
    X = np.array([[6, 0, 0, 0], [0, 6, 0, 0], [0, 0, 6, 0], [0, 0, 0, 6]], np.uint8)
    assert bound(X, [0, 1, 2, 3], 10.5, "l2", hyperedges=4).loss == pytest.approx(3 / 4)
    assert bound(X, [0, 1, 2, 3], 10.39, "l2", hyperedges=4).loss == pytest.approx(2 / 3)
    assert bound(X, [0, 1, 2, 3], 10.5, "l2", hyperedges=3).loss == pytest.approx(2 / 3)
    assert bound(X, [0, 1, 2, 3], 10.5, "l2").loss == 0.5


# What is said of the distribution


def test_what_survives_of_the_population():
    X, y = np.zeros((400, 2), np.uint8), np.arange(400) % 2
    found = classifier_bound(X, y, epsilon=0.1, norm="l2")
    assert found.loss == 0.5
    assert found.population == pytest.approx(0.5 - math.sqrt(math.log(20) / 800))
    assert classifier_bound(X, y, epsilon=0.1, norm="l2", confidence=0.9).population > found.population
    assert classifier_bound(X[:4], y[:4], epsilon=0.1, norm="l2").population == 0


@needs_jit
def test_the_population_is_bounded_as_often_as_it_says():
    """One place where a tenth has the other label: the best classifier loses .1 of the law, and samples more and less."""
    rng = np.random.default_rng(0)
    X = np.zeros((100, 1), np.uint8)
    found = [classifier_bound(X, rng.random(100) < 0.1, epsilon=0.1, norm="l2", max_pairs=0) for _ in range(100)]
    assert sum(one.loss > 0.1 for one in found) > 20
    assert sum(one.population > 0.1 for one in found) <= 5


def test_the_sentence():
    X, y = np.zeros((400, 2), np.uint8), np.arange(400) % 2
    said = classifier_bound(X, y, epsilon="8/255", norm="l2").sentence
    assert "every classifier gets at least 200 of these 400 points wrong within ℓ2 8/255 (50.00%)" in said
    assert "if their labels are true; at least 43.88%, with 95% confidence" in said
    assert said.endswith("h is another question")
    apart = bound(np.array([[0], [200]], np.uint8), [0, 1], 100, "linf").sentence
    assert "these 2 points show no loss that every classifier has" in apart
    assert "2 ε = 100/255" in apart
    three = bound(TRIANGLE, [0, 1, 2], 9, "l2").sentence
    assert "at least 1.5 of these 3 points wrong" in three
    assert "too few to say anything, with 95% confidence" in three


# Many conflicts, and what is refused


def test_the_closest_of_many_conflicts(monkeypatch):
    X, y = images(60, 3, 5), np.arange(60) % 2
    every = bound(X, y, 250, "l2")
    for most in (0, 1, 7, 50):
        found = bound(X, y, 250, "l2", max_pairs=most)
        assert found.pairs.tolist() == every.pairs[:most].tolist()
        assert found.distances.tolist() == every.distances[:most].tolist()
        assert (found.n_conflicts, found.loss) == (every.n_conflicts, every.loss)
    assert len(every.pairs) == every.n_conflicts > 700


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n_labels", [2, 5])
def test_the_closest_pairs(norm, n_labels):
    X, y = images(80, 3, 6, 0, 12), np.random.default_rng(1).integers(0, n_labels, 80)
    sample = nc.as_sample(X, y=y)
    pairs, distances = matching.closest_pairs(sample, norm, nc.separation(sample, None, norm=norm), 10)
    every = conflicts(X, y, 1000, norm)
    lengths = [math.sqrt(length) if norm == "l2" else length for length, *_ in every[:10]]
    assert distances.tolist() == pytest.approx([length / 255 for length in lengths])
    assert len({tuple(pair) for pair in pairs.tolist()}) == 10
    for (i, j), length in zip(pairs.tolist(), every, strict=False):
        assert y[i] != y[j]
        assert i < j
        assert power(X[i], X[j], norm) == length[0]


def test_fewer_pairs_than_asked_for():
    sample = nc.as_sample(np.array([[1], [2], [9]], np.uint8), y=[0, 1, 1])
    pairs, _ = matching.closest_pairs(sample, "l2", nc.separation(sample, None, norm="l2"), 10)
    assert pairs.tolist() == [[0, 1], [0, 2]]


def test_a_sample_has_its_own_labels():
    X, y = images(30, 2, 0), np.arange(30) % 3
    sample = Sample(X, 1 / 255, (0.0, 1.0), y=y)
    one = classifier_bound(sample, epsilon=0.1, norm="l2")
    assert one.loss == classifier_bound(X, y, epsilon=0.1, norm="l2").loss > 0
    refused(lambda: classifier_bound(X, epsilon=0.1, norm="l2"), "y is None", "allowed: integers or texts")


def test_scaled_data_give_the_same():
    X = np.random.default_rng(3).random((50, 3))
    y = np.arange(50) % 3
    one = classifier_bound(X / 1000, y, epsilon=0.0001, norm="l2", hyperedges=3)
    with pytest.warns(nc.UnitWarning):
        other = classifier_bound(X * 1e6, y, epsilon=1e5, norm="l2", hyperedges=3)
    assert other.loss == one.loss > 0
    assert other.pairs.tolist() == one.pairs.tolist()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"epsilon": 0}, "epsilon is 0"),
        ({"norm": "l3"}, "norm is 'l3'"),
        ({"hyperedges": 5}, "hyperedges is 5"),
        ({"hyperedges": 1}, "hyperedges is 1"),
        ({"hyperedges": 4, "norm": "l1"}, "four balls in ℓ1"),
        ({"confidence": 1}, "confidence is 1"),
        ({"max_pairs": -1}, "max_pairs is -1"),
        ({"y": [0] * 20}, "y has no label but 0"),
        ({"y": [0, 1]}, "y has shape (2,)"),
        ({"y": [0.5] * 20}, "allowed: labels"),
    ],
)
def test_bad_arguments(settings, says):
    given_all = {"X": images(20, 2, 0), "y": np.arange(20) % 2, "epsilon": 0.1, "norm": "l2"} | settings
    refused(lambda: classifier_bound(**given_all), says, "allowed: ")


@needs_jit
def test_too_many_conflicts_for_hyperedges(monkeypatch):
    monkeypatch.setattr(hyperedges, "MOST_SETS", 300)
    X, y = images(40, 2, 0, 0, 10), np.arange(40) % 4
    assert bound(X, y, 200, "linf").n_conflicts == 600
    refused(lambda: bound(X, y, 200, "linf", hyperedges=3), "more than 300 conflicts of up to 3 points", "allowed: 2")
    few = X[:24], y[:24]  # 216 conflicts of two, and as many of three again that are too many
    assert bound(*few, 200, "linf").n_conflicts == 216
    refused(lambda: bound(*few, 200, "linf", hyperedges=3), "more than 300 conflicts of up to 3 points")
