"""Regions whose faces are taken one after the other, and others whose members grow in a way of their own."""

from __future__ import annotations

import copy
import math
import pickle
from collections import Counter
from fractions import Fraction

import numpy as np
import oracles_domain
import pytest
from conftest import blobs, needs_jit, refused
from hypothesis import example, given, strategies as st
from scipy.stats import beta

import numbaconc as nc
from numbaconc.data.sample import Sample
from numbaconc.regions import FaceComplement, RectangleComplement, Sublevel
from numbaconc.tolerance import tolerance

KINDS = {
    "bytes": (lambda X: Sample(X.astype(np.uint8), 1 / 255), 255),
    "tenths": (lambda X: nc.as_sample(X / 10, min_rows=1), 10),
    "whole float32": (lambda X: Sample(X.astype(np.float32)), 1),
    "whole float64": (lambda X: Sample(X.astype(np.float64)), 1),
}
kinds = pytest.mark.parametrize("kind", KINDS)
seeds = st.integers(0, 99_999)
strengths = st.sampled_from([1000, 2500, 3000, 8000, 25_500, 31_365])  # in thousandths of a level
MILLE = 1000
pytestmark = pytest.mark.filterwarnings("ignore::numbaconc.UnitWarning")


# Whole numbers, where everything can be said exactly: lengths are in thousandths of a level


def order_of(x, faces, epsilon):
    """Where a point of whole numbers stands in the chain; the least come first."""
    d = len(x)
    depths = [MILLE * (int(x[r]) - c) if r < d else MILLE * (c - int(x[r - d])) for r, c in faces]
    beyond = [(k, -(depth - epsilon)) for k, depth in enumerate(depths) if depth > epsilon]
    return min(beyond, default=(len(faces), epsilon - max(depths)))


def case(seed, epsilon, kind="bytes", n=40, d=2):
    """Whole numbers with ties, their sample, the faces of a chain, how many are the box's own, and the region."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 40, (n, d))
    X[0], X[1] = 0, 1  # so that the step of tenths is seen
    make, scale = KINDS[kind]
    deepest = -(-epsilon // MILLE)
    faces = [
        (int(r), int(c - deepest if r < d else deepest + 40 - c))
        for r, c in zip(rng.integers(0, 2 * d, 5), rng.integers(20, 40, 5), strict=True)
    ]
    n_own = int(rng.integers(1, 6))
    return X, make(X), faces, n_own, made(faces, n_own, epsilon, d, scale)


def made(faces, n_own, epsilon, d, scale):
    lower, upper = np.full(d, -np.inf), np.full(d, np.inf)
    for r, c in faces[:n_own]:
        if r < d:
            upper[r] = min(upper[r], c / scale)
        else:
            lower[r - d] = max(lower[r - d], c / scale)
    rows, places = zip(*faces, strict=True)
    return FaceComplement([lower], [upper], epsilon / MILLE / scale, rows, np.array(places) / scale)


@kinds
@given(seed=seeds, epsilon=strengths, strength=strengths)
def test_as_a_set_it_is_the_complement_of_its_box(kind, seed, epsilon, strength):
    _, sample, _, _, region = case(seed, epsilon, kind)
    plain = RectangleComplement(region.lower, region.upper, region.epsilon)
    e = strength / MILLE / KINDS[kind][1]
    np.testing.assert_array_equal(region.gap(sample), plain.gap(sample))
    np.testing.assert_array_equal(region.contains(sample), plain.contains(sample))
    assert region.measure(sample, e).adversarial_risk == plain.measure(sample, e).adversarial_risk
    held = [one.holding(sample, 7) for one in (region, plain)]
    assert [repr(one) for one in held] == [repr(held[1])] * 2
    assert repr(region.at(e)) == repr(plain.at(e))
    assert region.at(e).measure(sample, e).risk == plain.at(e).measure(sample, e).risk
    assert region.vc_dimension() == plain.vc_dimension()


@kinds
@given(seed=seeds, epsilon=strengths, rank=st.integers(1, 40))
def test_a_border_holds_what_is_no_later_in_the_chain(kind, seed, epsilon, rank):
    X, sample, faces, _, region = case(seed, epsilon, kind)
    orders = [order_of(x, faces, epsilon) for x in X]
    last = sorted(orders)[rank - 1]
    moved = region.at_rank(sample, rank)
    expected = np.array([order <= last for order in orders])
    np.testing.assert_array_equal(moved.contains(sample), expected)
    np.testing.assert_array_equal(moved.gap(sample) <= 0, expected)
    assert (moved.gap(sample)[[order == last for order in orders]] == 0).all()
    assert moved.measure(sample, "1/255").risk == expected.mean()
    for i in (0, rank - 1):
        assert moved.contains(sample.take(np.array([i])))[0] == expected[i]


@kinds
@given(seed=seeds, epsilon=strengths)
def test_members_grow_and_the_own_faces_make_the_region(kind, seed, epsilon):
    _, sample, _, n_own, region = case(seed, epsilon, kind)
    scale = float(sample.to_levels(region.epsilon))
    member = lambda level: Sublevel(region, level, sample.unit)  # noqa: E731
    np.testing.assert_array_equal(member(n_own * scale).contains(sample), region.contains(sample))
    own = [member(n_own * scale), region]
    assert len({one.measure(sample, region.epsilon).adversarial_risk for one in own}) == 1
    before = np.zeros(len(sample), bool), np.zeros(len(sample), bool)
    for level in np.sort(np.append(np.linspace(-1, 50 + 6 * scale, 40), scale * np.arange(7))):
        now = member(level).contains(sample), member(level).gap(sample) <= region.epsilon
        for less, more in zip(before, now, strict=True):
            assert not (less & ~more).any()
        before = now
    assert before[0].all()


def whole_points(low, high, d):
    return np.stack(np.meshgrid(*[np.arange(low, high)] * d), axis=-1).reshape(-1, d)


@needs_jit
@kinds
@given(seed=seeds, epsilon=strengths, strength=strengths, rank=st.integers(1, 40))
def test_the_expansion_is_exactly_what_lies_within_epsilon_of_a_member(kind, seed, epsilon, strength, rank):
    """Against all whole points near the data: each is asked whether it is in the member, and how far away it is."""
    X, sample, faces, _, region = case(seed, epsilon, kind, n=25)
    rank = min(rank, 25)
    last = sorted(order_of(x, faces, epsilon) for x in X)[rank - 1]
    everywhere = whole_points(-40, 81, 2)
    member = np.array([z for z in everywhere if order_of(z, faces, epsilon) <= last])
    expected = [bool((MILLE * np.abs(member - x).max(axis=1) <= strength).any()) for x in X]
    moved, e = region.at_rank(sample, rank), strength / MILLE / KINDS[kind][1]
    assert round(25 * moved.measure(sample, e).adversarial_risk) == sum(expected)
    each = [moved.measure(sample.take(np.array([i])), e).adversarial_risk for i in range(25)]
    assert each == expected


def test_beyond_the_last_face_all_are_moved_at_once():
    faces = [(0, 20), (1, 30), (2, 5)]
    region = made(faces, 1, 2000, 2, 255)
    last = region.at_rank(np.array([[19, 12]], np.uint8), 1)  # three levels inside the nearest of the enlarged faces
    assert last.contains(np.array([[19, 12], [0, 29], [6, 10], [18, 28]], np.uint8)).tolist() == [
        True,
        True,
        True,
        False,
    ]


# Floats: exact arithmetic on the numbers that floats are


def exact_depths(x, region):
    d, epsilon = len(x), Fraction(region.epsilon)
    signs = [1 if r < d else -1 for r in region.rows]
    return [
        s * (Fraction(float(x[r % d])) - Fraction(c)) - epsilon
        for s, r, c in zip(signs, region.rows, region.faces.tolist(), strict=True)
    ]


def floats(seed, dtype, epsilon, offset, n=30, d=3):
    rng = np.random.default_rng(seed)
    X = (offset + rng.normal(size=(n, d))).astype(dtype)
    rows = rng.integers(0, 2 * d, 4)
    signs = np.where(rows < d, 1, -1)
    faces = signs * ((signs[:, np.newaxis] * X.T[rows % d].astype(float)).max(axis=1) - rng.random(4) - epsilon)
    region = FaceComplement(np.full((1, d), -np.inf), np.full((1, d), np.inf), epsilon, rows, faces)
    return Sample(X), region


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0, 1000, -1e6])
@given(
    seed=seeds,
    epsilon=st.sampled_from([0.1, 1 / 3, 1e-3, 50.0]),
    rank=st.integers(1, 30),
    near=st.sampled_from([0.1, 1 / 3, 2.0]),
)
def test_floats_within_epsilon_are_counted_and_hardly_any_others(dtype, offset, seed, epsilon, rank, near):
    sample, region = floats(seed, dtype, epsilon, offset)
    moved = region.at_rank(sample, rank)
    inside = moved.contains(sample)
    assert inside.sum() >= rank
    n_faces, d = len(region.rows), 3
    needed = [
        Fraction(10**9)
    ] * n_faces  # how deep the points of the member are beyond each face, by those that are seen
    for x in sample.X[inside]:
        depths = exact_depths(x, region)
        k = next((k for k, depth in enumerate(depths) if depth > 0), None)
        if k is None:
            needed = [min(a, max(depths)) for a in needed]
        else:
            needed = [min(a, 0 if j < k else depths[k] if j == k else a) for j, a in enumerate(needed)]
        for row in region.rows:
            y = x.astype(np.float64)
            sign, c = (1 if row < d else -1), row % d
            steps = (near * (1 - i * 2.0**-52) for i in [0, *2 ** np.arange(30)])
            y[c] = next(
                z
                for z in (y[c] - sign * s for s in steps)
                if abs(Fraction(z) - Fraction(float(x[c]))) <= Fraction(near)
            )
            assert moved.measure(Sample(y[np.newaxis]), near).adversarial_risk == 1
    counted = moved.gap(sample) <= near
    for x in sample.X[counted & ~inside]:
        distance = min(a - b for a, b in zip(needed, exact_depths(x, region), strict=True))
        assert float(distance) <= near + 1e-9 * (abs(offset) + epsilon + 10)


@needs_jit
@given(seed=seeds)
def test_the_search_on_floats_makes_a_chain_whose_own_faces_are_the_region(seed):
    rng = np.random.default_rng(seed)
    for X in (
        rng.normal(size=(200, 3)),
        rng.normal(size=(200, 3)).astype(np.float32) + 9,
        rng.integers(0, 30, (200, 3)) / 10,
    ):
        sample = nc.as_sample(X)
        region = nc.FaceSearch(n_sets=4, epsilon=0.2, alpha=0.1).fit(sample).region_
        if not isinstance(region, FaceComplement):
            continue
        n_own = int(np.isfinite(region.lower).sum() + np.isfinite(region.upper).sum())
        member = Sublevel(region, n_own * float(sample.to_levels(0.2)), sample.unit)
        np.testing.assert_array_equal(member.contains(sample), region.contains(sample))
        assert member.measure(sample, 0.2).adversarial_risk == region.measure(sample, 0.2).adversarial_risk


@pytest.mark.parametrize("epsilon", [1e-300, 1e-12, 1e-6, 1e6, 1e300])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_tiny_and_huge_strengths(dtype, epsilon):
    """Points that are too deep to be told apart go in together; nothing overflows, and no point is missed."""
    rng = np.random.default_rng(0)
    X = Sample(
        rng.integers(0, 200, (60, 2)).astype(dtype) if dtype == np.uint8 else rng.normal(size=(60, 2)).astype(dtype)
    )
    region = FaceComplement([[-np.inf, -np.inf]], [[0.5, np.inf]], epsilon, [0, 1], [0.5, 0.6])
    with np.errstate(all="raise", under="ignore"):
        for rank in range(1, 61):
            moved = region.at_rank(X, rank)
            inside, gaps = moved.contains(X), moved.gap(X)
            assert inside.sum() >= rank
            np.testing.assert_array_equal(gaps <= 0, inside)
            apart = np.abs(X.X[:, np.newaxis].astype(float) - X.X[inside].astype(float)).max(axis=2).min(axis=1)
            assert (gaps <= apart * (1 + 1e-12) + 1e-12).all()


def test_steps_much_smaller_than_the_data():
    """Billions of whole levels: numbers in the chain no longer tell all of them apart, and no point may be missed."""
    X = Sample(np.random.default_rng(1).integers(-(10**9), 10**9, (400, 2)).astype(np.float64))
    region = FaceComplement([[-np.inf, -np.inf]], [[9e8, np.inf]], 1.0, [0, 1], [9e8, -8e8])
    for rank in range(1, 400, 13):
        moved = region.at_rank(X, rank)
        on_border = X.X[region._numbers(X) == moved.level][:9]
        for y in (x - 30.0 * step for x in on_border for step in np.eye(2)):
            assert moved.measure(Sample(y[np.newaxis]), 30.0).adversarial_risk == 1
        assert moved.measure(X, 30.0).adversarial_risk < 1 or rank > 300


@given(seed=seeds, levels=st.integers(1, 30), n_sets=st.integers(1, 6))
def test_the_search_takes_first_what_holds_few_points_for_each_that_it_covers(seed, levels, n_sets):
    X = blobs(150, 4, seed)
    region = nc.FaceSearch(n_sets=n_sets, epsilon=levels / 255, alpha=0.2).fit(X).region_
    if not isinstance(region, FaceComplement):
        return
    n_own = int(np.isfinite(region.lower).sum() + np.isfinite(region.upper).sum())
    faces = [(int(r), round(255 * c)) for r, c in zip(region.rows, region.faces, strict=True)]
    beyond = lambda r, c, x: int(x[r]) - c if r < 4 else c - int(x[r - 4])  # noqa: E731
    covers, holds = [{f: {i for i, x in enumerate(X) if beyond(*f, x) > e} for f in faces} for e in (levels, 0)]
    assert {i for f in faces[:n_own] for i in covers[f]} == set(np.flatnonzero(region.contains(X)))
    covered, held = set(), set()
    for k, face in enumerate(faces[:n_own]):
        prices = [len(holds[f] - held) / max(len(covers[f] - covered), 0.5) for f in faces[k:n_own]]
        assert prices[0] == min(prices)
        covered, held = covered | covers[face], held | holds[face]
    reserve = set().union(*(covers[f] for f in faces))
    assert len(faces) == n_own or len(reserve) >= 1.5 * len(covered)


# Borders that are moved again, copies, files


@given(seed=seeds, epsilon=strengths, rank=st.integers(1, 39), again=st.integers(1, 39))
def test_a_border_that_is_moved_again_holds_as_many_as_are_asked_for(seed, epsilon, rank, again):
    X, sample, faces, _, region = case(seed, epsilon)
    moved = region.at_rank(sample, rank)
    orders = [order_of(x, faces, epsilon) for x in X]
    expected = [order <= sorted(orders)[again - 1] for order in orders]
    for other in (moved.at_rank(sample, again), moved.holding(sample, again)):
        np.testing.assert_array_equal(other.contains(sample), expected)
        assert other.base is region


def test_copies_and_files(tmp_path):
    _, sample, _, _, region = case(3, 2500)
    region.in_space(sample.space)
    assert repr(region).startswith("FaceComplement(")
    moved = region.at_rank(sample, 9)
    other = Sample(np.random.default_rng(5).integers(0, 40, (90, 2)).astype(np.uint8), 1 / 255)
    region.save(tmp_path / "a.nc")
    moved.save(tmp_path / "b.nc")
    for same in (nc.load_region(tmp_path / "a.nc"), pickle.loads(pickle.dumps(region)), copy.deepcopy(region)):
        assert (repr(same), same.space, same.epsilon) == (repr(region), region.space, region.epsilon)
        np.testing.assert_array_equal(same.gap(other), region.gap(other))
        np.testing.assert_array_equal(same.at_rank(other, 30).gap(other), region.at_rank(other, 30).gap(other))
    for same in (nc.load_region(tmp_path / "b.nc"), pickle.loads(pickle.dumps(moved))):
        assert (repr(same), same.space, same.level) == (repr(moved), moved.space, moved.level)
        np.testing.assert_array_equal(same.gap(other), moved.gap(other))
    found = nc.certify(region, other, "4/255", 0.2)
    found.region.save(tmp_path / "c.nc")
    for points in (sample, other):
        a, b = (one.measure(points, "4/255") for one in (found.region, nc.load_region(tmp_path / "c.nc")))
        assert (a.risk, a.adversarial_risk) == (b.risk, b.adversarial_risk)


def test_points_in_another_unit_stand_where_they_stood():
    """A region made by hand fits bytes and floats; a border put among the ones is about the same among the others."""
    X, sample, _, _, region = case(8, 3000, n=60)
    for rank in (3, 20, 40, 60):
        moved = region.at_rank(sample, rank)
        on_floats = moved.measure(Sample(X / 255), "3/255")
        on_bytes = moved.measure(sample, "3/255")
        deeper = moved.gap(sample)
        ties = ((deeper == 0) | (deeper == 1 / 255)).mean()
        assert abs(on_floats.risk - on_bytes.risk) <= ties
        assert on_floats.adversarial_risk >= on_bytes.risk


@pytest.mark.parametrize(
    ("rows", "faces", "words"),
    [
        ([4], [0.1], ("rows holds 4 and 4", "from 0 to 3")),
        ([-1, 0], [0.1, 0.2], ("rows holds -1 and 0", "from 0 to 3")),
        ([0.5], [0.1], ("rows has dtype float64",)),
        (["a"], [0.1], ("rows",)),
        ([True], [0.1], ("rows has dtype bool",)),
        ([], [], ("rows", "shape (0,)")),
        ([[0]], [[0.1]], ("rows", "shape (1, 1)")),
        ([0, 1], [0.1], ("(2,) and (1,)",)),
        ([0], [math.inf], ("faces holds infinity",)),
        ([0], [math.nan], ("faces holds NaN",)),
        ([0], ["a"], ("faces",)),
    ],
)
def test_what_are_no_faces(rows, faces, words):
    refused(lambda: FaceComplement([[0, 0]], [[1, 1]], 0.1, rows, faces), "allowed", *words)


def test_more_than_one_box_has_no_chain():
    refused(lambda: FaceComplement([[0], [1]], [[1], [2]], 0.1, [0], [1]), "allowed: (1, d)")
    refused(lambda: FaceComplement([[0]], [[1]], 0, [0], [1]), "epsilon")
    refused(lambda: FaceComplement([[0]], [[1]], 0.1, [0], [1]).at_rank(np.zeros((3, 2), np.uint8), 1), "2 coordinates")


# Certificates


@given(seed=seeds, epsilon=strengths, strength=strengths)
def test_certificates_count_what_is_counted_by_hand(seed, epsilon, strength):
    X, sample, faces, _, region = case(seed, epsilon, n=100)
    found = nc.certify(region, sample, strength / MILLE / 255, 0.3)
    orders = sorted(order_of(x, faces, epsilon) for x in X)
    m = next(m for m in range(1, 101) if beta.ppf(0.025, m, 101 - m) >= 0.3)
    everywhere = whole_points(-40, 81, 2)
    member = np.array([z for z in everywhere if order_of(z, faces, epsilon) <= orders[m - 1]])
    within = sum(bool((MILLE * np.abs(member - x).max(axis=1) <= strength).any()) for x in X)
    tau = tolerance(100, m, 0.025)
    upper = 1.0 if within == 100 else beta.ppf(1 - tau, within + 1, 100 - within)
    assert (found.m, found.m + found.K) == (m, within)
    assert pytest.approx(upper, rel=1e-9) == found.U


def test_coverage():
    """2,000 draws of whole numbers; the measures of every member, and of its expansion, are sums over all points."""
    side, n, alpha, e = 8, 60, 0.2, 1 / 255
    weights = np.random.default_rng(0).random((side, side)) ** 3
    weights /= weights.sum()
    everywhere = whole_points(0, side, 2)
    chances = weights[everywhere[:, 0], everywhere[:, 1]]
    region = made([(0, 4), (3, 2), (1, 5)], 2, 1000, 2, 255)
    points, truths, right = Sample(everywhere.astype(np.uint8), 1 / 255), {}, Counter()
    rng = np.random.default_rng(1)
    for _ in range(2000):
        drawn = everywhere[rng.choice(side * side, n, p=chances)]
        found = nc.certify(region, Sample(drawn.astype(np.uint8), 1 / 255), e, alpha)
        if (level := found.region.level) not in truths:
            moved, orders = found.region, [order_of(z, [(0, 4), (3, 2), (1, 5)], 1000) for z in everywhere]
            inside = moved.contains(points)
            assert {order for order, one in zip(orders, inside, strict=True) if one}.isdisjoint(
                order for order, one in zip(orders, inside, strict=True) if not one
            )
            apart = np.abs(everywhere[:, np.newaxis] - everywhere[inside]).max(axis=2).min(axis=1)
            truths[level] = chances[inside].sum(), chances[apart <= 1].sum()
        measure, expanded = truths[level]
        right[measure >= alpha, expanded <= found.U + 1e-12] += 1
    assert len(truths) > 3
    assert right[True, True] >= 0.95 * 2000
    assert right[False, True] + right[False, False] <= 0.025 * 2000 + 3 * math.sqrt(0.025 * 2000)


# Half spaces and balls within a domain, whose border is moved

UNIT = (0.0, 12 / 255)
WAYS = [(1, (1, -2, 3), 3), (math.inf, (1, -2, 4), 7), (2, (2, -1, 2), 3)]


@pytest.mark.parametrize(("p", "w", "dual"), WAYS)
@given(seed=seeds, rank=st.integers(1, 30), levels=st.integers(1, 6))
def test_half_spaces_within_a_domain(p, w, dual, seed, rank, levels):
    rng = np.random.default_rng(seed)
    X, w = rng.integers(0, 13, (30, 3)), np.array(w)
    sample, b = Sample(X.astype(np.uint8), 1 / 255, UNIT), int(rng.integers(-10, 40))
    region = nc.HalfSpace(w, b / 255, p, UNIT)
    moved = region.at_rank(sample, rank)
    heights = X @ w
    border = np.sort(heights)[::-1][rank - 1]
    inside = heights >= border
    np.testing.assert_array_equal(moved.contains(sample), inside)
    exact = lambda x, h: float(oracles_domain.into_half_space(x, w, Fraction(int(border - h)), p, 0, 12))  # noqa: E731
    expected = np.array([exact(x, h) if h < border else 0 for x, h in zip(X, heights, strict=True)])
    np.testing.assert_allclose(255 * moved.gap(sample)[~inside], expected[~inside], rtol=1e-9)
    everywhere = whole_points(0, 13, 3)
    member = everywhere[everywhere @ w >= border]
    within = (
        np.linalg.norm(X[:, np.newaxis] - member, p, axis=2).min(axis=1) if len(member) < 2000 else expected
    ) <= levels
    counted = np.array([moved.measure(sample.take(np.array([i])), levels / 255).adversarial_risk for i in range(30)])
    assert (counted >= within).all()
    held = moved.holding(sample, min(rank, 29)), region.holding(sample, min(rank, 29))
    at_least = np.sort(heights)[::-1][min(rank, 29) - 1]
    for other in held:
        np.testing.assert_array_equal(other.contains(sample), heights >= at_least)


@pytest.mark.parametrize("scale", [255, 10])
@example(
    seed=0, rank=1, levels=1, square=2
)  # whose root is no longer what it was once it has been to epsilon's scale and back
@given(seed=seeds, rank=st.integers(1, 30), levels=st.integers(1, 6), square=st.integers(0, 40))
def test_balls_within_a_domain(scale, seed, rank, levels, square):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 13, (30, 3))
    centers = np.array([X[0], rng.integers(-9, 22, 3)])  # the border may shrink a ball to a single point
    domain = 0.0, 12 / scale
    sample = Sample(X.astype(np.uint8 if scale == 255 else np.float64), 1 / scale, domain)
    radii = np.sqrt([square, square])
    region = nc.BallUnion(centers / scale, radii / scale, domain=domain)
    moved = region.at_rank(sample, rank)
    squares = ((X[:, np.newaxis] - centers) ** 2).sum(axis=2).min(axis=1)
    border = int(np.sort(squares)[rank - 1])  # both balls have this square radius
    inside = squares <= border
    np.testing.assert_array_equal(moved.contains(sample), inside)
    found = scale * moved.gap(sample)[~inside]
    for wider, compare in (
        (0, np.less_equal),
        (1e-9, np.greater_equal),
    ):  # that may reach the domain where this one does not
        radius = math.sqrt(border) + wider
        expected = np.array([min(oracles_domain.into_ball(x, c, radius, 0, 12) for c in centers) for x in X[~inside]])
        assert compare(found, expected * (1 + (1e-12 if wider == 0 else -1e-9))).all()
    everywhere = whole_points(0, 13, 3)
    member = everywhere[((everywhere[:, np.newaxis] - centers) ** 2).sum(axis=2).min(axis=1) <= border]
    within = ((X[:, np.newaxis] - member) ** 2).sum(axis=2).min(axis=1) <= levels**2
    counted = np.array([moved.measure(sample.take(np.array([i])), levels / scale).adversarial_risk for i in range(30)])
    assert (counted >= within).all()
    held = moved.holding(sample, min(rank, 29)), region.holding(sample, min(rank, 29))
    for other in held:
        np.testing.assert_array_equal(other.contains(sample), squares <= np.sort(squares)[min(rank, 29) - 1])


# Searches on data that leaves them little to find


def awkward():
    rng = np.random.default_rng(0)
    yield "one column", rng.integers(0, 256, (120, 1)).astype(np.uint8)
    yield "constant", np.full((120, 3), 7, np.uint8)
    yield "two values", np.repeat(np.array([[0, 255], [255, 0]], np.uint8), 60, axis=0)
    yield "duplicates", rng.integers(0, 256, (6, 4)).astype(np.uint8)[rng.integers(0, 6, 120)]
    yield "constant floats", np.full((120, 2), 0.123)
    yield "normal", rng.normal(size=(120, 2))
    yield "integers", rng.integers(-9, 9, (120, 2))
    yield "unit floats", rng.random((120, 3)).astype(np.float32)


@pytest.mark.parametrize(("name", "X"), list(awkward()), ids=lambda one: one if isinstance(one, str) else "")
@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 300.0])
@pytest.mark.parametrize(("alpha", "n_sets"), [(0.02, 1), (0.2, 50), (0.97, 3)])
def test_awkward_data(name, X, epsilon, alpha, n_sets):
    search = nc.FaceSearch(epsilon=epsilon, alpha=alpha, n_sets=n_sets)
    region = search.fit(X).region_
    sample = nc.as_sample(X, like=region.space)
    assert search.risk_ == region.contains(sample).mean() >= alpha
    least = 120 if alpha == 0.97 else 1
    for rank in {1, 17, 119, 120} - {0}:
        moved = region.at_rank(sample, rank)
        inside = moved.contains(sample)
        assert inside.sum() >= rank
        levels = sample.X.astype(float)
        apart = np.abs(levels[:, np.newaxis] - levels[inside]).max(axis=2).min(axis=1)
        strength = float(sample.to_levels(epsilon))
        assert round(120 * moved.measure(sample, epsilon).adversarial_risk) >= (apart <= strength).sum()
    if least == 120:
        refused(lambda: nc.certify(region, sample, epsilon, alpha), "n_points is 120")
    else:
        found = nc.certify(region, sample, epsilon, alpha)
        assert found.m <= found.m + found.K <= 120
        assert isinstance(found.sentence, str)


def test_a_face_that_covers_all_has_no_chain():
    X = blobs(100, 3, 0)
    fitted = nc.FaceSearch(epsilon=0.99, alpha=0.5).fit(X)
    assert fitted.adversarial_risk_ == 1
    assert type(fitted.region_) is RectangleComplement
    assert nc.certify(fitted.region_, X, 0.99, 0.2).U == 1
