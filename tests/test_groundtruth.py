"""Known concentration functions: the numbers, against brute force and Monte Carlo, and the searches against them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from conftest import needs_jit, refused
from hypothesis import given, strategies as st
from scipy.stats import norm

import numbaconc as nc
from numbaconc.certify import certify
from numbaconc.groundtruth import Gaussian, HammingCube, Line, SeparatedClusters, Sphere, centered_cubes
from numbaconc.norms import NORMS
from numbaconc.search.base import known_searches, search_named

COVARIANCE = np.array([[2.0, 0.5, 0.2], [0.5, 1.0, -0.3], [0.2, -0.3, 0.5]])
CLUSTERS = [((0.0, 0.0), 0.1), ((1.0, 0.0), 0.3), ((0.0, 1.0), 0.6)]
LAWS = {
    "gaussian l2": Gaussian(COVARIANCE, [1.0, 2.0, 3.0]),
    "gaussian linf": Gaussian(COVARIANCE, p=math.inf),
    "gaussian l1": Gaussian([1.0, 4.0, 0.25], p=1),
    "gaussian l3": Gaussian([1.0, 4.0, 0.25], p=3),
    "sphere": Sphere(5),
    "normal": Line("normal"),
    "laplace": Line("laplace"),
    "uniform": Line("uniform"),
    "cube": HammingCube(6),
    "cube l2": HammingCube(6, 2),
    "clusters": SeparatedClusters(CLUSTERS, 0.02, math.inf),
}
EPSILON = dict.fromkeys(LAWS, 0.5) | {"cube": 2.0, "cube l2": 1.5}


# The numbers


def test_gaussian_numbers():
    for p in (2, 3, math.inf):
        assert Gaussian(np.ones(4), p=p).concentration(0.05, 1) == pytest.approx(0.2595, abs=5e-5)
    steps = {1: math.sqrt(5.25), 2: 2.0, math.inf: 2.0, 4 / 3: (1 + 2**4 + 0.5**4) ** 0.25}
    for p, step in steps.items():
        h = Gaussian([1.0, 4.0, 0.25], p=p).concentration(0.1, 0.7)
        assert h == pytest.approx(norm.cdf(norm.ppf(0.1) + 0.7 / step))
    step = math.sqrt(np.linalg.eigvalsh(COVARIANCE)[-1])
    assert Gaussian(COVARIANCE).concentration(0.1, 0.7) == pytest.approx(norm.cdf(norm.ppf(0.1) + 0.7 / step))
    assert Gaussian(COVARIANCE, p=math.inf).concentration(0.1, 0.7) == pytest.approx(
        norm.cdf(norm.ppf(0.1) + 0.7 / math.sqrt(2))
    )


@pytest.mark.parametrize(("d", "reached"), [(1, 0.337), (10, 0.526), (784, 0.886)])
def test_centered_cubes_are_far_above(d, reached):
    assert centered_cubes(d, 0.05, 1) == pytest.approx(reached, abs=5e-4)
    assert centered_cubes(d, 0.05, 1) > Line("normal").concentration(0.05, 1)
    assert centered_cubes(d, 0.05, 20) == 1


@pytest.mark.parametrize(("d", "h"), [(3, 0.0740), (50, 0.1731), (500, 0.7223)])
def test_sphere_numbers(d, h):
    assert Sphere(d).concentration(0.05, 0.1) == pytest.approx(h, abs=5e-5)


def test_ambient_expansions_on_the_sphere_are_strictly_above():
    sphere = Sphere(50)
    assert sphere.ambient_ball(0.05, 0.1) == pytest.approx(0.2337, abs=5e-5)
    assert sphere.ambient_half_space(0.05, 0.1) == pytest.approx(0.1762, abs=5e-5)
    assert (
        Sphere(3).ambient_ball(0.3, 3) == Sphere(3).ambient_half_space(0.3, 3) == Sphere(3).concentration(0.3, 2) == 1
    )


def test_a_sphere_in_space_is_a_cylinder():
    """Archimedes: in three dimensions a cap of angle θ has measure (1 - cos θ)/2."""
    for angle in (0.1, 1, math.pi / 2, 2, 3):
        assert Sphere(3).cap(angle) == pytest.approx((1 - math.cos(angle)) / 2)
        assert Sphere(3).angle(Sphere(3).cap(angle)) == pytest.approx(angle)
    assert Sphere(2).concentration(0.1, 2 * math.sin(0.05 * math.pi)) == pytest.approx(0.2)  # arcs of a circle


def test_line_numbers():
    assert Line("normal").concentration(0.05, 1) == pytest.approx(0.2595, abs=5e-5)
    assert Line("laplace").concentration(0.1, 0.5) == pytest.approx(0.1 * math.exp(0.5))
    assert Line("uniform").concentration(0.1, 0.5) == pytest.approx(0.6)
    assert Line("uniform").concentration(0.7, 0.5) == 1


@pytest.mark.parametrize("d", [1, 2, 3])
def test_cubes_by_all_their_sets(d):
    """Harper's theorem for every number of points and every distance; d = 4 takes longer, and holds too."""
    n = 1 << d
    balls = [[sum(1 << j for j in range(n) if (i ^ j).bit_count() <= t) for i in range(n)] for t in range(d + 1)]
    for t in range(1, d + 1):
        least = dict.fromkeys(range(1, n + 1), n)
        for chosen in range(1, 1 << n):
            union = 0
            for i in range(n):
                union |= balls[t][i] if chosen >> i & 1 else 0
            least[chosen.bit_count()] = min(least[chosen.bit_count()], union.bit_count())
        for size in range(1, n):
            assert HammingCube(d).concentration(size / n, t) == least[size] / n


@pytest.mark.parametrize("d", [4, 11, 60])
def test_balls_of_flips_grow_into_balls(d):
    cube = HammingCube(d)
    for k, t in itertools.product(range(0, d, 3), (1, 2, 5)):
        if 0 < cube.ball(k) < 1:
            grown = pytest.approx(cube.ball(k + t), rel=0 if d < 53 else 1e-6)  # where 2^d points are no float
            assert cube.concentration(cube.ball(k), t) == grown
            assert cube.concentration(cube.ball(k), t + 0.9) == grown
            assert HammingCube(d, 2).concentration(cube.ball(k), math.sqrt(t)) == grown
    assert cube.concentration(0.3, 0.5) == pytest.approx(0.3, abs=2.0**-d, rel=0)
    assert cube.concentration(0.3, 1000) == HammingCube(d, math.inf).concentration(0.3, 1) == 1


def test_half_spaces_attain_the_cube_in_l1():
    cube = HammingCube(10)
    X = cube.points()
    assert len(np.unique(X.X, axis=0)) == 1024
    signs = np.random.default_rng(0).choice([-1.0, 1.0], 10)
    low = np.minimum(signs, 0).sum()
    for k, t in itertools.product(range(9), (1, 2, 3)):
        region = nc.HalfSpace(-signs, -(low + k + 0.5), p=1)  # at most k coordinates against the corner
        measured = region.measure(X, t)
        assert measured.risk == cube.ball(k)
        assert measured.adversarial_risk == cube.concentration(measured.risk, t)


def test_ambient_expansions_of_the_cube_are_strictly_above():
    cube = HammingCube(10, 2)
    X, corner = cube.points(), np.zeros((1, 10))
    for k in (1, 2, 4):
        ball = nc.BallUnion(corner, [math.sqrt(k)]).measure(X, 1)
        assert (ball.risk, ball.adversarial_risk) == (cube.ball(k), cube.ambient_ball(k, 1))
        plane = nc.HalfSpace(-np.ones(10), -(k + 1e-6)).measure(X, 1)
        assert (plane.risk, plane.adversarial_risk) == (cube.ball(k), cube.ambient_half_space(k, 1))
        assert min(ball.adversarial_risk, plane.adversarial_risk) > cube.concentration(cube.ball(k), 1)


def test_clusters_do_not_grow():
    law = SeparatedClusters(CLUSTERS, 0.02, math.inf)
    assert law.separation == pytest.approx(0.96)
    assert law.diameter == pytest.approx(0.04)
    for alpha, h in [(0.05, 0.1), (0.1, 0.1), (0.2, 0.3), (0.39, 0.4), (0.61, 0.7), (0.95, 1)]:
        assert law.concentration(alpha, 0.5) == pytest.approx(h)
    wide = SeparatedClusters(CLUSTERS, 0.2)
    assert wide.concentration(0.4, 0.1) == pytest.approx(0.4)
    refused(lambda: wide.concentration(0.35, 0.1), "alpha is 0.35")
    refused(lambda: law.concentration(0.1, 1), "epsilon is 1", "0.96")


@pytest.mark.parametrize("name", LAWS)
@given(alpha=st.floats(0.01, 0.9), more=st.floats(0, 0.09), factor=st.floats(1e-3, 1))
def test_h_is_at_least_alpha_and_grows(name, alpha, more, factor):
    law, epsilon = LAWS[name], EPSILON[name]
    law = SeparatedClusters(CLUSTERS, 0.0) if name == "clusters" else law
    h = law.concentration(alpha, factor * epsilon)
    assert alpha * (1 - 1e-9) <= h <= 1
    assert h <= law.concentration(alpha + more, factor * epsilon) * (1 + 1e-9)
    assert h <= law.concentration(alpha, epsilon) * (1 + 1e-9)


# Monte Carlo


def near(fraction, measure, n):
    return abs(fraction - measure) <= 4 * math.sqrt(measure * (1 - measure) / n) + 1e-12


@pytest.mark.parametrize("name", LAWS)
def test_samples_are_seeded(name):
    law = LAWS[name]
    X = law.sample(50, 3)
    assert X.X.shape == (50, law.n_features)
    assert X.unit == 1
    np.testing.assert_array_equal(X.X, law.sample(50, 3).X)
    assert (X.X != law.sample(50, 4).X).any()


@pytest.mark.parametrize("name", [name for name in LAWS if name.startswith("gaussian")])
def test_half_spaces_of_a_gaussian(name):
    """The best normal reaches h on a sample; others what is said, which is more."""
    law, n = LAWS[name], 40_000
    X, h = law.sample(n, 0), law.concentration(0.1, 0.5)
    rng = np.random.default_rng(0)
    for w in (law.normal, -law.normal, *rng.normal(size=(3, 3))):
        b = w @ law.mean - math.sqrt(w @ law.covariance @ w) * norm.ppf(0.1)
        measured = nc.HalfSpace(w, b, law.p).measure(X, 0.5)
        reached = law.half_space(w, 0.1, 0.5)
        assert near(measured.risk, 0.1, n)
        assert near(measured.adversarial_risk, reached, n)
        assert reached >= h - 1e-12
    assert law.half_space(law.normal, 0.1, 0.5) == pytest.approx(h)
    for w in rng.normal(size=(200, 3)):
        assert law.half_space(w, 0.1, 0.5) >= h - 1e-12


def test_the_moments_of_a_gaussian():
    X = LAWS["gaussian l2"].sample(40_000, 1).X.astype(float)
    np.testing.assert_allclose(X.mean(axis=0), [1, 2, 3], atol=0.03)
    np.testing.assert_allclose(np.cov(X.T), COVARIANCE, atol=0.06)


def test_centered_cubes_on_a_sample():
    n, d = 20_000, 10
    X = Gaussian(np.ones(d), p=math.inf).sample(n, 2)
    b = norm.isf((1 - 0.95 ** (1 / d)) / 2)
    cubes = nc.RectangleComplement(np.full((1, d), 1 - b), np.full((1, d), b - 1), 1)
    measured = cubes.measure(X, 1)
    assert near(measured.risk, 0.05, n)
    assert near(measured.adversarial_risk, centered_cubes(d, 0.05, 1), n)


@pytest.mark.parametrize("d", [3, 20])
def test_caps_on_a_sample(d):
    """The true expansion of a cap by chords, and the two ambient ones."""
    sphere, n = Sphere(d), 40_000
    X, pole = sphere.sample(n, 0), np.eye(d)[0]
    np.testing.assert_allclose(np.linalg.norm(X.X, axis=1), 1, atol=1e-6)
    angle = sphere.angle(0.1)
    nearest = 2 * np.sin(np.maximum(np.arccos(X.X[:, 0].clip(-1, 1).astype(float)) - angle, 0) / 2)
    assert near(np.mean(nearest == 0), 0.1, n)
    assert near(np.mean(nearest <= 0.2), sphere.concentration(0.1, 0.2), n)
    plane = nc.HalfSpace(pole, math.cos(angle)).measure(X, 0.2)
    ball = nc.BallUnion(pole[np.newaxis], [2 * math.sin(angle / 2)]).measure(X, 0.2)
    assert near(plane.adversarial_risk, sphere.ambient_half_space(0.1, 0.2), n)
    assert near(ball.adversarial_risk, sphere.ambient_ball(0.1, 0.2), n)


@pytest.mark.parametrize("name", ["normal", "laplace", "uniform"])
def test_half_lines_on_a_sample(name):
    law, n = Line(name), 40_000
    X = law.sample(n, 0)
    measured = nc.HalfSpace([-1.0], -law.distribution.ppf(0.2)).measure(X, 0.3)
    assert near(measured.risk, 0.2, n)
    assert near(measured.adversarial_risk, law.concentration(0.2, 0.3), n)


def test_balls_of_flips_on_a_sample():
    cube, n = HammingCube(9), 40_000
    flips = cube.sample(n, 0).X.sum(axis=1)
    assert all(near(np.mean(flips <= k), cube.ball(k), n) for k in range(10))


def test_masses_of_clusters_on_a_sample():
    law, n = LAWS["clusters"], 20_000
    X = law.sample(n, 0).X
    for center, mass in CLUSTERS:
        assert near(np.mean(np.abs(X - np.array(center)).max(axis=1) <= 0.0201), mass, n)


# Searches


def check_search(find, law, alpha, epsilon, n=2000, within=None, n_test=20_000):
    """What is found on train is measured on test: never below the truth there, and near it if `within` is given.

    Whatever region is found, μ(E_ε) >= h(μ, μ(E), ε): compared at bounds that hold but once in a million.

    Parameters
    ----------
    find : callable
        (train, epsilon, alpha) -> region.
    within : float, optional
        For a collection that contains the optimum: how far above h(μ, test risk, ε) it may be, and the test
        risk from α (a set of nearly everything is always near the truth).
    """
    region = find(law.sample(n, 0), epsilon, alpha)
    test = law.sample(n_test, 2**20)
    found = certify(region, test, epsilon, confidence=1 - 1e-6)
    assert found.L > 0
    assert law.concentration(found.L, epsilon) <= found.U
    measured = region.measure(test, epsilon)
    if within is not None:
        assert measured.adversarial_risk <= law.concentration(measured.risk, epsilon) + within
        assert measured.risk == pytest.approx(alpha, abs=0.03)
    return measured


def by(norm, search, n_sets=1, **settings):
    """One of the searches, by its name; with so many sets if it takes a number of them in this norm."""
    if "n_sets" in search_named(search, norm).settings() and (norm, search) != ("l1", "best"):
        settings |= {"n_sets": n_sets}

    def find(X, epsilon, alpha):
        goal = {"epsilon": epsilon, "alpha": alpha}
        return nc.find_regions(search, X, X, norm=norm, **goal, **settings).regions[epsilon]

    return find


faces, halfspaces_linf = by("linf", "faces"), by("linf", "halfspaces")
balls, halfspaces, hyperplane = by("l2", "balls"), by("l2", "halfspaces"), by("l2", "hyperplane")
halfspaces_l1 = by("l1", "halfspaces")
OURS = {name: cls for name, cls in known_searches().items() if cls.__module__.startswith("numbaconc.")}
ALL = [(norm, name) for norm in NORMS for name, cls in OURS.items() if norm in cls.norms]

# Collections that contain the optimum: near it
REACHED = {
    "hyperplane, l2": (hyperplane, Gaussian([4.0, 1.0, 1.0]), 0.1, 0.5, 0.01),
    "hyperplane, l2, any covariance": (hyperplane, LAWS["gaussian l2"], 0.1, 0.5, 0.01),
    "half spaces, l2": (halfspaces, Gaussian([4.0, 1.0, 1.0]), 0.1, 0.5, 0.01),
    "half spaces, l2, any covariance": (halfspaces, LAWS["gaussian l2"], 0.1, 0.5, 0.01),
    "half spaces, l2, all directions alike": (halfspaces, Gaussian(np.ones(5)), 0.05, 0.5, 0.01),
    "half spaces, linf": (halfspaces_linf, Gaussian([4.0, 1.0, 1.0], p=math.inf), 0.1, 0.5, 0.01),
    "half spaces, linf, any covariance": (halfspaces_linf, LAWS["gaussian linf"], 0.1, 0.5, 0.02),
    "half spaces, l1": (halfspaces_l1, Gaussian([1.0, 1.0], p=1), 0.1, 0.5, 0.02),
    "half spaces, l1, deviations that differ": (halfspaces_l1, LAWS["gaussian l1"], 0.1, 0.5, 0.02),
    "a face, linf": (faces, Gaussian(np.ones(5), p=math.inf), 0.05, 0.5, 0.01),
    "a face, linf, any covariance": (faces, LAWS["gaussian linf"], 0.1, 0.5, 0.01),
    "a face, linf, elsewhere": (faces, Gaussian(COVARIANCE, [1.0, 2.0, 3.0], math.inf), 0.1, 0.5, 0.01),
    "balls, l2, in the plane": (balls, Gaussian([4.0, 1.0]), 0.1, 0.5, 0.03),
    "free balls, l2, in the plane": (by("l2", "free_balls"), Gaussian([4.0, 1.0]), 0.1, 0.5, 0.01),
    # without the margin too few of the points held back are in it, but for boxes that hold twice what α asks for
    "best, linf, on the line": (by("linf", "best", margin=0.02), Line("uniform"), 0.2, 0.1, 0.01),
}
LINE = {"normal": (0.05, 0.5), "laplace": (0.1, 0.5), "uniform": (0.2, 0.1)}
# Half lines, as a face, a half space, or an interval that reaches beyond all points
HALF_LINES = [of for of in ALL if of[1] not in {"rectangles", "best"}]
# Others stay above: centered boxes, expansions in the ambient space
ABOVE = {
    **{
        f"{search}, gaussian {norm}": (by(norm, search), Gaussian(np.ones(5), p=NORMS[norm].p), 0.05, 0.5)
        for norm, search in ALL
        if search != "best"  # one of the others
    },
    "balls, sphere": (balls, Sphere(10), 0.1, 0.2),
    "free balls, sphere": (by("l2", "free_balls"), Sphere(10), 0.1, 0.2),
    "hyperplane, sphere": (hyperplane, Sphere(10), 0.1, 0.2),
    "balls, cube": (balls, HammingCube(12, 2), 0.05, 1),
    "hyperplane, cube": (hyperplane, HammingCube(12, 2), 0.05, 1),
    "half spaces, cube in l1": (halfspaces_l1, HammingCube(12), 0.05, 1),
}


@needs_jit
@pytest.mark.parametrize("case", REACHED)
def test_searches_come_near_the_truth(case):
    find, law, alpha, epsilon, within = REACHED[case]
    check_search(find, law, alpha, epsilon, within=within)


@needs_jit
@pytest.mark.parametrize("name", LINE)
@pytest.mark.parametrize("of", HALF_LINES, ids=" ".join)
def test_half_lines_are_found(of, name):
    check_search(by(*of), Line(name), *LINE[name], 1000, within=0.01)


@needs_jit
def test_centered_intervals_grow_at_both_ends():
    """On the line all that is missing is the box with one end: that of Algorithm 1 has its center in the middle."""
    at = check_search(by("linf", "rectangles"), Line("uniform"), 0.2, 0.1)
    assert at.adversarial_risk == pytest.approx(at.risk + 0.2, abs=0.01)


PLACED = {  # the least clusters: one beyond a face, in a ball, out of boxes; two on two sides
    "one": ([((0.0, 0.0), 0.5), ((0.0, 1.0), 0.4), ((3.0, 0.5), 0.1)], 0.08),
    "two": ([((-3.0, 0.5), 0.1), ((0.0, 0.0), 0.4), ((0.0, 1.0), 0.4), ((3.0, 0.5), 0.1)], 0.17),
}
UNIONS = [("linf", "rectangles"), ("linf", "faces"), ("linf", "best"), ("l2", "balls")]


@needs_jit
@pytest.mark.parametrize(
    ("of", "n_sets", "placed"),
    [(of, 1, "one") for of in ALL] + [(of, 2, placed) for of in UNIONS for placed in PLACED],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_every_search_finds_separated_clusters(of, n_sets, placed):
    """What is found holds most of the least clusters that together have measure α, and grows into them alone."""
    clusters, alpha = PLACED[placed]
    law = SeparatedClusters(clusters, 0.02, NORMS[of[0]].p)
    given = {"margin": 0.0} if of[1] == "best" else {}  # as much as certifies α would take another cluster
    measured = check_search(by(*of, n_sets, **given), law, alpha, 0.3)
    assert measured.risk > alpha - 0.01
    assert measured.adversarial_risk == pytest.approx(law.concentration(alpha, 0.3), abs=0.01)


@needs_jit
@pytest.mark.parametrize("case", ABOVE)
def test_searches_stay_above_the_truth(case):
    check_search(*ABOVE[case])


@needs_jit
@pytest.mark.parametrize("d", [3, 6, 10])
def test_half_spaces_are_found_that_attain_the_cube_in_l1(d):
    """On all points fractions are measures: α is a ball of k flips, and the truth is reached to the last point."""
    cube = HammingCube(d)
    X = cube.points()
    for k, t in itertools.product(range(0, d, 1 + d // 6), (1, 2, 3)):
        if cube.ball(k) < 1:
            found = nc.HalfSpaceSearch(norm="l1", epsilon=t, alpha=cube.ball(k)).fit(X)
            assert (found.risk_, found.adversarial_risk_) == (cube.ball(k), cube.ball(min(k + t, d)))
            assert found.adversarial_risk_ == cube.concentration(found.risk_, t)


@needs_jit
@pytest.mark.parametrize("alpha", [0.03, 0.4])
def test_no_search_gets_below_harper_on_all_points(alpha):
    """Without any chance in it: whatever set is found, of whatever size (a hyperplane finds none: all points tie)."""
    cube = HammingCube(7, 2)
    X = cube.points()
    for find in (balls, by("l2", "balls", 3), by("l2", "free_balls"), halfspaces):
        for epsilon in (1, math.sqrt(2)):
            found = find(X, epsilon, alpha).measure(X, epsilon)
            assert found.adversarial_risk >= cube.concentration(found.risk, epsilon)
    for t in (1, 2):
        found = halfspaces_l1(X, t, alpha).measure(X, t)
        assert found.adversarial_risk >= HammingCube(7).concentration(found.risk, t)


@needs_jit
def test_more_points_come_nearer():
    law = Gaussian(np.ones(10))
    off = [
        abs(check_search(hyperplane, law, 0.05, 1, n).adversarial_risk - law.concentration(0.05, 1))
        for n in (200, 20_000)
    ]
    assert off[1] < 0.01 < off[0]


@needs_jit
def test_gaps_that_more_points_do_not_close():
    n = 8000
    boxes = check_search(by("linf", "rectangles"), Gaussian(np.ones(10), p=math.inf), 0.05, 1, n)
    assert boxes.adversarial_risk > 0.45  # centered cubes: .526; the truth: .2595
    cube = HammingCube(12, 2)
    level = check_search(balls, cube, 0.05, 1, n)
    assert near(level.risk, cube.ball(3), 20_000)
    assert near(level.adversarial_risk, cube.ambient_ball(3, 1), 20_000)
    assert level.adversarial_risk > cube.concentration(level.risk, 1) + 0.2


@needs_jit
def test_what_is_found_on_the_sphere_reaches_what_an_ambient_expansion_does():
    """Any half space and any ball around a point of it are caps: .1762 and .2337 at α = .05, where the truth is .1731."""
    sphere, n = Sphere(50), 20_000
    X, test = sphere.sample(4000, 0), sphere.sample(n, 2**20)
    plane, ball = hyperplane(X, 0.1, 0.05), balls(X, 0.1, 0.05)
    caps = (
        (plane, sphere.cap(math.acos(plane.b / np.linalg.norm(plane.w))), sphere.ambient_half_space),
        (ball, sphere.cap(2 * math.asin(ball.radii.item() / 2)), sphere.ambient_ball),
    )
    for region, measure, reached in caps:
        at = region.measure(test, 0.1)
        assert near(at.risk, measure, n)
        assert near(at.adversarial_risk, reached(measure, 0.1), n)
        assert reached(measure, 0.1) > sphere.concentration(measure, 0.1)


# Bad input


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize(
    ("alpha", "epsilon", "word"),
    [(0, 0.1, "alpha"), (1, 0.1, "alpha"), ("a", 0.1, "alpha"), (0.1, 0, "epsilon"), (0.1, math.inf, "epsilon")],
)
def test_impossible_arguments(name, alpha, epsilon, word):
    refused(lambda: LAWS[name].concentration(alpha, epsilon), word)


@pytest.mark.parametrize("name", LAWS)
def test_impossible_samples(name):
    refused(lambda: LAWS[name].sample(0, 1), "n is 0")
    refused(lambda: LAWS[name].sample(3, -1), "seed is -1")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Gaussian([1.0, -1.0]), ("covariance", "positive definite")),
        (lambda: Gaussian([[1.0, 0.5], [0.2, 1.0]]), ("covariance", "symmetric")),
        (lambda: Gaussian([1.0, math.nan]), ("covariance",)),
        (lambda: Gaussian(1.0), ("covariance", "()")),
        (lambda: Gaussian(np.ones((2, 3))), ("covariance", "(2, 3)")),
        (lambda: Gaussian([1.0, 1.0], [0.0]), ("mean", "(1,)")),
        (lambda: Gaussian([1.0], p=0.5), ("p is 0.5",)),
        (lambda: Gaussian(COVARIANCE, p=1), ("p is 1", "not diagonal")),
        (lambda: centered_cubes(0, 0.1, 0.1), ("n_features is 0",)),
        (lambda: Sphere(1), ("n_features is 1",)),
        (lambda: Line("norma1"), ("name", "did you mean 'normal'")),
        (lambda: HammingCube(0), ("n_features is 0",)),
        (lambda: HammingCube(3, "a"), ("p is 'a'",)),
        (lambda: HammingCube(21).points(), ("n_features is 21", "too many points")),
        (lambda: HammingCube(4, 2).ambient_ball(-1, 1), ("k is -1",)),
        (lambda: SeparatedClusters(CLUSTERS[:1], 0.1), ("clusters", "1")),
        (lambda: SeparatedClusters([((0.0,), 0.5), ((1.0,), 0.6)], 0.1), ("masses",)),
        (lambda: SeparatedClusters([((0.0,), 0.5), ((1.0,), 0.5)], -1), ("half width -1",)),
        (lambda: SeparatedClusters([((0.0,), 0.5), ((math.nan,), 0.5)], 0), ("centers",)),
    ],
)
def test_impossible_distributions(call, words):
    refused(call, *words)
