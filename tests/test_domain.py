"""Half spaces and balls whose points cannot leave the domain: distances against solvers and exact sums, and laws."""

from __future__ import annotations

import itertools
import math
import pickle
from fractions import Fraction

import numpy as np
import oracles_domain as oracles
import pytest
from conftest import examples, needs_jit, refused
from hypothesis import example, given, strategies as st

import numbaconc as nc
from numbaconc.kernels.reaches import into_ball, into_half_space
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.regions.domain import SLACK

NORMS = (1.0, 2.0, math.inf)
UNIT = (0.0, 1.0)
GRID = np.array(list(itertools.product(range(5), repeat=3)), np.uint8)  # all points of a small domain
CUBE = nc.Sample(GRID, 1.0, (0, 4))
NOISE = 2e-6  # how much wider the domain of floats is taken to be
OVER = 1 + 1e-12  # no distance may be larger than the true one, but for the last bits
norms = pytest.mark.parametrize("p", NORMS)
seeds = st.integers(0, 99_999)


def awkward(rng, shape):
    """Numbers in [0, 1], many of them on the edges."""
    X = rng.random(shape)
    return np.where(rng.random(shape) < 0.4, np.rint(X), X)


def normal(rng, d):
    """A normal with coordinates of different sizes, some of them 0."""
    w = rng.normal(size=d) * 10.0 ** rng.integers(-3, 1, d) * (rng.random(d) < 0.8)
    return w if w.any() else np.eye(d)[0]


def needed(region, x):
    """How much w·x must grow, exactly."""
    return Fraction(region.b) - sum(Fraction(float(a)) * Fraction(float(c)) for a, c in zip(x, region.w, strict=True))


# Against solvers


@examples(25)
@given(seed=seeds, d=st.integers(1, 5), p=st.sampled_from(NORMS), infinite=st.booleans())
def test_the_exact_sums_are_what_solvers_find(seed, d, p, infinite):
    rng = np.random.default_rng(seed)
    x, w, center = awkward(rng, d), np.where(rng.random(d) < 0.7, rng.normal(size=d), 0.0), rng.normal(0.5, 1, d)
    w[0] = 1.0
    lower, upper = (-math.inf, math.inf) if infinite else UNIT
    most = float(np.maximum(w, 0).sum())
    b = float(w @ x) + (rng.random() * 2 if infinite else rng.uniform(0, 1.1) * (most - w @ x) + 1e-3)
    exact = oracles.into_half_space(x, w, needed(nc.HalfSpace(w, b), x), p, lower, upper)
    corner = x + 9 * w if infinite else (w > 0).astype(float)
    if p == 2:
        solved = oracles.nearest_in_l2(x, lambda z: w @ z - b, corner, lower, upper)
    else:
        solved = oracles.nearest_of_half_space(x, w, b, p, *((None, None) if infinite else UNIT))
    assert float(exact) == pytest.approx(solved, rel=1e-6, abs=1e-7)
    radius = rng.random() * math.dist(x, center)
    solved = oracles.nearest_in_l2(
        x, lambda z: radius**2 - ((z - center) ** 2).sum(), np.clip(center, lower, upper), lower, upper
    )
    assert oracles.into_ball(x, center, radius, lower, upper) == pytest.approx(solved, rel=1e-5, abs=1e-6)


# Against exact sums


@given(seed=seeds, d=st.integers(1, 7), p=st.sampled_from(NORMS), dtype=st.sampled_from([np.float32, np.float64]))
def test_half_spaces_among_floats(seed, d, p, dtype):
    """Never too far, and no nearer than with the little more room that floats have on the edges."""
    rng = np.random.default_rng(seed)
    X, w = awkward(rng, (6, d)).astype(dtype), normal(rng, d)
    region = nc.HalfSpace(w, float(rng.uniform(-0.3, 1.1) * np.maximum(w, 0).sum()), p, UNIT)
    gaps, plain = region.gap(nc.Sample(X, 1.0, UNIT)), nc.HalfSpace(w, region.b, p).gap(nc.Sample(X, 1.0, UNIT))
    assert (gaps >= plain).all()
    for x, gap, without in zip(X, gaps, plain, strict=True):
        missing = needed(region, x)
        if missing <= 0:
            assert gap == without
        else:
            assert gap <= float(oracles.into_half_space(x, w, missing, p, *UNIT)) * OVER
            rounded = missing * (1 - Fraction(2, 10**12)) - Fraction(1, 10**12)
            assert gap >= float(oracles.into_half_space(x, w, max(rounded, 0), p, -NOISE, 1 + NOISE)) * (1 - 1e-9)


@given(seed=seeds, d=st.integers(1, 7), dtype=st.sampled_from([np.float32, np.float64]), n_balls=st.integers(1, 3))
@example(seed=4486, d=5, dtype=np.float32, n_balls=2)  # a radius of which a part in 10^12 matters
def test_balls_among_floats(seed, d, dtype, n_balls):
    rng = np.random.default_rng(seed)
    X, centers = awkward(rng, (6, d)).astype(dtype), rng.normal(0.5, 2, (n_balls, d))
    radii = rng.random(n_balls) * np.linalg.norm(centers - 0.5, axis=1)
    sample = nc.Sample(X, 1.0, UNIT)
    gaps, plain = nc.BallUnion(centers, radii, domain=UNIT).gap(sample), nc.BallUnion(centers, radii).gap(sample)
    assert (gaps >= plain).all()
    np.testing.assert_array_equal(gaps[plain <= 0], plain[plain <= 0])
    for x, gap in zip(X[plain > 0], gaps[plain > 0], strict=True):
        pairs = list(zip(centers, radii, strict=True))
        assert gap <= min(oracles.into_ball(x, c, r, *UNIT) for c, r in pairs) * OVER + 1e-15
        wider = [oracles.into_ball(x, c, r * (1 + 2 * SLACK) + 1e-13, -NOISE, 1 + NOISE) for c, r in pairs]
        assert gap >= min(wider) * (1 - 1e-9) - 1e-12


@pytest.mark.parametrize("bits", [2, 10, 19])
@given(seed=seeds, p=st.sampled_from([1.0, math.inf]), d=st.integers(1, 5))
def test_half_spaces_among_bytes(bits, seed, p, d):
    """Whole numbers leave no room but that which distances are reduced by, however different the weights are."""
    rng = np.random.default_rng(seed)
    X = rng.choice([0, 1, 60, 254, 255, rng.integers(0, 256)], (4, d)).astype(np.uint8)
    w = rng.integers(1, 2 ** rng.integers(1, bits + 1, d), endpoint=True) * rng.choice([-1, 0, 1], d, p=[0.4, 0.2, 0.4])
    w[0] = w[0] or 1
    low, high = (255 * int(part.sum()) for part in (np.minimum(w, 0), np.maximum(w, 0)))
    region = nc.HalfSpace(w, (b := int(rng.integers(low, high))) / 255, p, UNIT)
    for x, gap in zip(X.tolist(), region._signed(nc.as_sample(X, min_rows=1))[0], strict=True):
        missing = b - sum(a * c for a, c in zip(x, w.tolist(), strict=True))
        if missing > 0:
            true = oracles.into_half_space(x, w, missing, p, 0, 255)
            assert Fraction(float(gap)) <= true * Fraction(1 + 1e-15) if math.isfinite(true) else gap == math.inf
            assert gap >= float(oracles.into_half_space(x, w, missing * (1 - 1.1e-12), p, 0, 255)) * (1 - 1.1e-12)


def test_a_tie_that_many_bits_hide():
    """Sums of such weights and half-way steps need more bits than there are: the way is 99 levels, and no more."""
    X = np.array([[127, 199, 193]], np.uint8)
    w = np.array([1, 83008, 16])
    region = nc.HalfSpace(w, float((w * [226, 255, 255]).sum()) / 255, math.inf, UNIT)
    assert region._signed(nc.as_sample(X, min_rows=1))[0][0] <= 99
    assert region.measure(X, "99/255").adversarial_risk == 1
    assert region.measure(X, 98.9 / 255).adversarial_risk == 0


# All points of a small domain, and all moves


def regions(rng):
    """Half spaces of whole numbers in each norm, and balls, in the cube."""
    w = rng.integers(-3, 4, 3)
    w[0] = w[0] or 1
    b = int(rng.integers(-4 * 9, 4 * 9)) / 2
    yield from (nc.HalfSpace(w, b, p, (0, 4)) for p in NORMS)
    centers = rng.integers(-6, 11, (2, 3))
    yield nc.BallUnion(centers, rng.integers(0, 7, 2), domain=(0, 4))


def distances(p):
    """Between all points of the cube."""
    apart = np.abs(GRID[:, np.newaxis].astype(int) - GRID[np.newaxis].astype(int))
    return apart.max(axis=2) if p == math.inf else (apart ** int(p)).sum(axis=2) ** (1 / p)


@examples(15)
@given(seed=seeds, rank=st.integers(1, 125))
def test_whoever_can_move_into_the_region_is_counted(seed, rank):
    """Also at exactly ε; the same of the region whose border was put at a point."""
    for region in regions(np.random.default_rng(seed)):
        moved = region.at_rank(CUBE, rank)
        for one, epsilon in itertools.product((region, moved), (1, 2, 3)):
            counted = one._within(CUBE)(one._strengths([epsilon], CUBE)[0])
            reach = (distances(region.p)[:, one.contains(CUBE)] <= epsilon + 1e-12).any(axis=1)
            assert counted[reach].all()
            assert one.measure(CUBE, epsilon).adversarial_risk == counted.mean()
        assert moved.contains(CUBE).sum() >= rank


@examples(15)
@given(seed=seeds)
def test_whoever_cannot_is_not(seed):
    """Real moves may go where no whole point is, so exact sums say who can; on the border itself either is right."""
    for region in regions(np.random.default_rng(seed)):
        if region.p == 2:
            continue
        for x, counted in zip(GRID.tolist(), region._within(CUBE)(2.0), strict=True):
            missing = needed(region, x)
            way = oracles.into_half_space(x, region.w, missing, region.p, 0, 4) if missing > 0 else 0
            assert counted == (way < 2) or way == 2 or missing == 0


@norms
def test_what_cannot_be_reached_never_is(p):
    X = GRID.astype(np.float32)
    sample = nc.Sample(X, 1.0, (0, 4))
    beyond, corner = nc.HalfSpace([1, 1, 1], 12.5, p, (0, 4)), nc.HalfSpace([1, 1, 1], 11.5, p, (0, 4))
    assert (beyond.gap(sample) == np.inf).all()
    assert beyond.measure(sample, 1e6).adversarial_risk == 0
    assert np.isfinite(corner.gap(sample)).all()
    assert corner.measure(sample, 1e6).adversarial_risk == 1
    assert nc.HalfSpace([1, 1, 1], 12.5, p).measure(sample, 1.0).adversarial_risk > 0
    ball = nc.BallUnion([[-5, 0, 0], [9, 9, 9]], [4.9, 8.6], domain=(0, 4))  # the corner is √75 = 8.66 away
    assert (ball.gap(sample) == np.inf).all()
    assert ball.measure(sample, 1e6).adversarial_risk == 0


def test_a_ball_that_touches_the_domain_is_reached_there():
    """In one point, where rounding alone would keep everything out."""
    ball = nc.BallUnion([[-3, -4, 0]], [5], domain=(0, 4))
    assert ball.contains(CUBE).sum() == 1
    np.testing.assert_allclose(ball.gap(CUBE), np.linalg.norm(GRID, axis=1), atol=1e-5)  # √1e-12, for rounding
    assert (ball.gap(CUBE) <= np.linalg.norm(GRID, axis=1)).all()


# Random moves


@examples(20)
@given(seed=seeds, d=st.integers(1, 12), p=st.sampled_from([*NORMS, "ball"]), epsilon=st.sampled_from([0.03, 0.3, 2.0]))
def test_random_moves_end_where_points_are_counted(seed, d, p, epsilon):
    rng = np.random.default_rng(seed)
    Z = awkward(rng, (300, d))
    if p == "ball":
        center = rng.normal(0.5, 1, d)
        region = nc.BallUnion([center], [np.quantile(np.linalg.norm(Z - center, axis=1), 0.3)], domain=UNIT)
    else:
        w = normal(rng, d)
        region = nc.HalfSpace(w, np.quantile(Z @ w, 0.7), p, UNIT)
    inside = Z[region.contains(nc.Sample(Z, 1.0, UNIT))]
    step = rng.normal(size=inside.shape) * (rng.random(inside.shape) < 0.5)
    length = np.linalg.norm(step, region.p, axis=1, keepdims=True)
    step *= epsilon * (1 - 1e-9) / np.where(length > 0, length, 1)
    ends = np.clip(inside + step, *UNIT)
    if len(ends):
        assert region.measure(nc.Sample(ends, 1.0, UNIT), epsilon).adversarial_risk == 1


@norms
def test_points_that_rounding_took_out_of_the_domain(p):
    """float32(0.1) is more than 0.1. Points there are in a region that begins there, and others can come near."""
    X = np.array([[0.1], [0.1], [0.095], [0.05]], np.float32)
    sample = nc.Sample(X, 1.0, (0.0, 0.1))
    region = nc.HalfSpace([1.0], float(X[0, 0]) - 1e-10, p, (0.0, 0.1))
    measured = region.measure(sample, 0.01)
    assert (measured.risk, measured.adversarial_risk) == (0.5, 0.75)
    ball = nc.BallUnion([[0.3]], [0.3 - float(X[0, 0]) + 1e-10], domain=(0.0, 0.1))
    assert ball.measure(sample, 0.01).adversarial_risk == 0.75


def test_a_search_is_not_misled_by_such_points():
    """A region of them alone would look as if nothing could ever enter it."""
    rng = np.random.default_rng(0)
    X = (rng.random((1000, 3)) * 0.1).astype(np.float32)
    X[:300, 0] = np.float32(0.1)
    found = nc.HalfSpaceSearch(n_starts=2, max_iter=8, epsilon=0.01, alpha=0.3).fit(nc.Sample(X, 1.0, (0.0, 0.1)))
    assert found.region_.domain == (0.0, 0.1)
    assert found.risk_ == 0.3
    assert found.adversarial_risk_ == pytest.approx((X[:, 0] >= 0.09).mean(), abs=0.01)


# Laws


@norms
def test_a_domain_without_edges_changes_nothing(p):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(50, 4)).astype(np.float32)
    ends = (-math.inf, math.inf)
    w, centers = rng.normal(size=4), rng.normal(size=(2, 4))
    for plain, within in (
        (nc.HalfSpace(w, 0.4, p), nc.HalfSpace(w, 0.4, p, ends)),
        (nc.BallUnion(centers, [0.4, 1.2]), nc.BallUnion(centers, [0.4, 1.2], domain=ends)),
    ):
        np.testing.assert_array_equal(within.gap(nc.Sample(X)), plain.gap(nc.Sample(X)))
        a, b = (one.measure(nc.Sample(X), [0.1, 0.7]) for one in (plain, within))
        assert (a.risk.tolist(), a.adversarial_risk.tolist()) == (b.risk.tolist(), b.adversarial_risk.tolist())


def test_half_a_domain():
    """Only one of the two edges is in the way."""
    X = nc.Sample(np.array([[0.0, 3.0], [1.0, 1.0]], np.float32))
    region = nc.HalfSpace([-1.0, 1.0], 5.0, math.inf, (0, math.inf))
    np.testing.assert_allclose(region.gap(X), [2, 4], rtol=1e-5)  # the first coordinate cannot fall below 0
    assert nc.HalfSpace([-1.0, 1.0], 5.0, math.inf).gap(X).tolist() == [1, 2.5]


@norms
@pytest.mark.parametrize("kind", ["half space", "balls"])
def test_the_same_numbers_of_any_type(kind, p):
    rng = np.random.default_rng(1)
    X = rng.choice([0, 30, 200, 255], (60, 5)).astype(np.uint8)
    made = {
        "half space": nc.HalfSpace([1, -2, 0, 3, 1], 700, p, (0, 255)),
        "balls": nc.BallUnion(200 * np.eye(5), 190 * np.ones(5), domain=(0, 255)),
    }
    gaps = [made[kind].gap(nc.Sample(X.astype(dtype), 1.0, (0, 255))) for dtype in (np.uint8, np.float32, np.float64)]
    assert (gaps[0] > 0).any()
    for other in gaps[1:]:
        np.testing.assert_allclose(other, gaps[0], rtol=1e-11)


@needs_jit
@norms
def test_one_thread_and_many_give_the_same_bits(p):
    if available_threads() < 2:
        pytest.skip("one thread only")
    rng = np.random.default_rng(2)
    X = rng.choice([0, 30, 200, 255], (3000, 20)).astype(np.uint8)
    rows, w = np.flatnonzero(rng.random(3000) < 0.7), rng.normal(size=20)
    edges = np.zeros(20), np.full(20, 255.0)
    order, missing = np.argsort(-np.abs(w), kind="stable"), rng.random(len(rows)) * 900
    found = []
    for n_threads in {1, available_threads()}:
        with using_threads(n_threads):
            way = into_half_space(X, rows, w, order, missing, p, *edges)
            found.append((way.tobytes(), into_ball(X, rows, w * 400, 500.0**2, *edges).tobytes()))
    assert len(set(found)) == 1


@norms
def test_the_unit_of_the_points_does_not_matter(p):
    """Very small, usual and very large ones; a power of two, so that nothing is rounded."""
    rng = np.random.default_rng(5)
    X, w = awkward(rng, (40, 3)), rng.normal(size=3)
    b = float(np.quantile(X @ w, 0.8))
    expected = nc.HalfSpace(w, b, p, UNIT).gap(nc.Sample(X, 1.0, UNIT))
    for scale in (2.0**-200, 2.0**-30, 2.0**30, 2.0**200):
        found = nc.HalfSpace(w, b * scale, p, (0, scale)).gap(nc.Sample(X, scale, (0, scale)))
        np.testing.assert_allclose(found / scale, expected, rtol=1e-12)
        ball = nc.BallUnion([w * scale], [0.3 * scale], domain=(0, scale)).gap(nc.Sample(X, scale, (0, scale)))
        np.testing.assert_allclose(
            ball / scale, nc.BallUnion([w], [0.3], domain=UNIT).gap(nc.Sample(X, 1.0, UNIT)), rtol=1e-12
        )


# Copies, files, borders that are moved


def made():
    yield from (nc.HalfSpace([1.0, -2.0, 0.5], 0.9, p, UNIT) for p in NORMS)
    yield nc.BallUnion([[0.2, 2.0, 0.5], [-1, 0, 0]], [1.1, 0.9], domain=UNIT)


@pytest.mark.parametrize("region", list(made()), ids=repr)
def test_the_domain_goes_along(region, tmp_path):
    X = awkward(np.random.default_rng(0), (50, 3))
    sample = nc.Sample(X, 1.0, UNIT)
    assert "domain=[0, 1]" in repr(region)
    region.save(tmp_path / "a.nc")
    same = [nc.load_region(tmp_path / "a.nc"), pickle.loads(pickle.dumps(region))]
    border = region.at_rank(sample, 20)
    border.save(tmp_path / "b.nc")
    same += [nc.load_region(tmp_path / "b.nc").base, border.base]
    for other in same:
        assert (repr(other), other.domain, other.p) == (repr(region), UNIT, region.p)
        np.testing.assert_array_equal(other.gap(sample), region.gap(sample))
    moved = region.holding(sample, 20)
    assert moved.domain == UNIT
    assert moved.contains(sample).sum() >= 20
    assert border.contains(sample).sum() >= 20


def test_without_a_domain_nothing_is_said_of_it(tmp_path):
    for region in (nc.HalfSpace([1.0], 0.4), nc.BallUnion([[0.2]], [0.1])):
        region.save(tmp_path / "a.nc")
        assert nc.load_region(tmp_path / "a.nc").domain is None
        assert "domain" not in repr(region)


@norms
def test_what_is_certified_is_certified_within_the_domain(p):
    rng = np.random.default_rng(4)
    X = rng.choice([0, 10, 250, 255], (400, 6)).astype(np.uint8)
    w = rng.normal(size=6)
    b = float(np.quantile(X @ w / 255, 0.85))
    within, anywhere = (nc.certify(nc.HalfSpace(w, b, p, one), X, 0.3, alpha=0.1) for one in (UNIT, None))
    assert within.L == anywhere.L == 0.1
    assert within.U < anywhere.U
    assert within.region.base.domain == UNIT
    assert within.m + within.K == round(400 * within.region.measure(X, 0.3).adversarial_risk)


# Bad input


@pytest.mark.parametrize("domain", [(1, 0), (0,), (0, 1, 2), (0, math.nan), ("a", 1), "01", 3, (0, 0), np.array(1.0)])
def test_what_is_no_domain(domain):
    for make in (lambda: nc.HalfSpace([1.0], 0.1, 2, domain), lambda: nc.BallUnion([[0.1]], [0.1], domain=domain)):
        assert refused(make).startswith("domain")


def test_other_norms_have_no_domain():
    said = refused(lambda: nc.HalfSpace([1.0], 0.1, 3, UNIT))
    assert said == "domain is (0.0, 1.0) with p 3; allowed: with p 1, 2 or infinity"


@pytest.mark.parametrize("region", list(made()), ids=repr)
def test_points_of_another_domain_are_refused(region):
    X = np.array([[0.2, 0.3, 0.4], [0.5, 0.1, 1.0]])
    refused(
        lambda: region.gap(nc.Sample(X, 1.0, (0, 2))),
        "X has the domain (0.0, 2.0); allowed: (0.0, 1.0), as the region has",
    )
    refused(lambda: region.measure(nc.Sample(9 * X), 0.1), "X lies in [0.9, 9]", "allowed: a domain that X lies in")
    assert np.isfinite(region.gap(nc.Sample(X))).all()  # which lie in it, as far as is known
