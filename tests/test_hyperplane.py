"""Half spaces and the hyperplane baseline: by definition, in closed form, and where the answer is known."""

from __future__ import annotations

import math

import numpy as np
import oracles_l2 as oracles
import pytest
from conftest import blobs, examples, grey, images, needs_jit, refused
from hypothesis import assume, given, strategies as st
from scipy.stats import norm

import numbaconc as nc
from numbaconc.cli.main import main

NEAR = 1e-9  # no call closer than this is left to rounding
NORMS = (1, 1.5, 2, 3, math.inf)


def stretched(n, d, seed):
    """uint8 points, much longer along one direction than along the others, and not symmetric."""
    rng = np.random.default_rng(seed)
    along = rng.normal(size=d)
    X = 120 + rng.normal(0, 6, (n, d)) + 25 * rng.exponential(1, (n, 1)) * along / np.linalg.norm(along)
    return np.rint(X).clip(0, 255).astype(np.uint8)


def search(points, epsilon, alpha, **settings):
    return nc.HyperplaneSearch(epsilon=epsilon, alpha=alpha, **settings).fit(points)


def risks(fitted):
    return fitted.risk_, fitted.adversarial_risk_


# The search


def check_search(X, epsilon, alpha, unit=255):
    """Equal to the better of the two cuts; False if a call is too close to compare."""
    best, other = oracles.hyperplane(np.asarray(X.X if isinstance(X, nc.Sample) else X) / unit, epsilon, alpha)
    if min(best.margin, other.margin) < NEAR:
        return False
    n = len(X)
    found = search(X, epsilon, alpha)
    assert risks(found) == (best.inside / n, best.expanded / n)
    length = np.linalg.norm(found.region_.w)
    cosine = found.region_.w @ best.w / length
    if best.expanded < other.expanded:
        assert cosine == pytest.approx(1, abs=1e-6)
    better = best if cosine > 0 else other
    assert abs(cosine) == pytest.approx(1, abs=1e-6)
    assert found.region_.b / length == pytest.approx(better.b, abs=1e-6)
    on_train = found.region_.measure(X, epsilon)
    assert (on_train.risk, on_train.adversarial_risk) == risks(found)
    assert round(found.risk_ * n) == oracles.target(n, alpha, 0)
    return True


@examples(240)
@given(
    n=st.integers(6, 40),
    d=st.integers(1, 8),
    seed=st.integers(0, 9999),
    count=st.integers(1, 4),
    levels=st.sampled_from([0.7, 3, 8, 20.3, 60]),
)
def test_the_search_is_the_definition(n, d, seed, count, levels):
    X = stretched(n, d, seed)
    values = np.linalg.eigvalsh(np.cov(X.T.astype(float)).reshape(d, d))
    assume(d == 1 or values[-1] > 2 * values[-2])
    assume(check_search(X, levels / 255, count / n))


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_better_side_is_taken(seed, negated):
    """A long tail on one side and a steep end on the other."""
    X = stretched(300, 5, seed)
    X = 255 - X if negated else X
    best, other = oracles.hyperplane(X / 255, 10 / 255, 0.05)
    assert best.expanded < other.expanded - 10
    assert check_search(X, 10 / 255, 0.05)


@pytest.mark.parametrize("alpha", [0.05, 0.07, 0.29, 0.1234, 0.98])
def test_how_many_points_lie_above(alpha):
    """⌈n α⌉ of 100, where 0.07 x 100 and 0.29 x 100 are whole."""
    X = nc.Sample(np.random.default_rng(0).permutation(100).astype(np.float32)[:, np.newaxis] ** 2, 1.0)
    found = search(X, 0.5, alpha)
    assert round(found.risk_ * 100) == math.ceil(round(100 * alpha, 6))


@pytest.mark.parametrize("seed", range(3))
def test_the_search_among_floats(seed):
    rng = np.random.default_rng(seed)
    X = (0.5 + 0.02 * rng.normal(size=(80, 4)) * [1, 5, 1, 2]).astype(np.float32)
    assert check_search(X, 0.02, 0.1, unit=1)


@needs_jit
@pytest.mark.parametrize("shape", [(30, 300), (520, 510)])
def test_wide_data_get_the_same_answer_every_time(shape):
    X = stretched(*shape, seed=1)
    X = np.minimum(X, 250)
    assert check_search(X, 15 / 255, 0.1)
    a, b = (search(X, 15 / 255, 0.1).region_ for _ in range(2))
    assert a.w.tobytes() == b.w.tobytes()
    assert a.b == b.b


def test_ties_at_the_threshold_are_outside():
    """Of two directions, the points at the threshold are never above it: here four tie for the top two."""
    X = np.array([[0], [0], [0], [0], [90], [100], [160], [200], [200], [200]], np.uint8)
    found = search(X, 1 / 255, 0.2)  # up: b = 200, nothing above; down: b = 0, the same
    assert found.risk_ == 0
    assert found.adversarial_risk_ == 0.3  # the three at 200, not the four at 0


def test_duplicates_are_on_the_same_side():
    X = np.random.default_rng(3).random((25, 37)).astype(np.float32)
    X = X[np.arange(100) % 25]
    for alpha in (0.04, 0.05, 0.2):
        found = search(X, 0.1, alpha)
        gap = found.region_.gap(X)
        np.testing.assert_array_equal(gap[:25], gap[25:50])
        assert round(found.risk_ * 100) == 4 * (math.ceil(round(100 * alpha, 6)) // 4)


def test_data_of_grey_levels_may_be_floats():
    X = stretched(60, 5, 0)
    a, b = search(X, "8/255", 0.1), search(X / 255, 8 / 255, 0.1)
    assert risks(a) == risks(b)
    assert a.region_.w.tobytes() == b.region_.w.tobytes()


@pytest.mark.parametrize(("alpha", "epsilon"), [(0.05, 1.0), (0.1, 0.5), (0.3, 1.0)])
def test_on_a_normal_distribution_a_half_space_is_what_theory_says(alpha, epsilon):
    rng = np.random.default_rng(0)
    X = nc.Sample(rng.normal(size=(40_000, 4)).astype(np.float32), 1.0)
    found = search(X, epsilon, alpha)
    truth = norm.cdf(norm.ppf(alpha) + epsilon)
    assert found.risk_ == pytest.approx(alpha, abs=1e-4)
    assert found.adversarial_risk_ == pytest.approx(truth, abs=0.012)  # three deviations
    fresh = nc.Sample(rng.normal(size=(40_000, 4)).astype(np.float32), 1.0)
    measured = found.region_.measure(fresh, epsilon)
    assert measured.risk == pytest.approx(alpha, abs=0.012)
    assert measured.adversarial_risk == pytest.approx(truth, abs=0.012)


# Half spaces


@given(
    X=grey(n=(1, 12), d=(1, 6)),
    seed=st.integers(0, 999),
    p=st.sampled_from(NORMS),
    scale=st.sampled_from([1e-3, 1, 50]),
    as_float=st.booleans(),
)
def test_the_gap_is_in_closed_form(X, seed, p, scale, as_float):
    rng = np.random.default_rng(seed)
    w, b = scale * rng.normal(size=X.shape[1]), scale * rng.normal()
    region = nc.HalfSpace(w, b, p)
    points = nc.Sample((X / 255).astype(np.float32) * np.float32(0.99), 1.0) if as_float else X
    rows = points.X.tolist() if as_float else (X / 255).tolist()
    heights = [math.fsum(x * c for x, c in zip(row, w.tolist(), strict=True)) for row in rows]
    expected = np.array([(b - height) / oracles.dual_norm(w.tolist(), p) for height in heights])
    gap = region.gap(points)
    assert gap.dtype == np.float64
    np.testing.assert_allclose(gap, expected, rtol=1e-10, atol=1e-12)
    for epsilon in (0.01, 0.2, 0.7):
        assume((np.abs(expected) > NEAR).all() and (np.abs(expected - epsilon) > NEAR).all())
        measured = region.measure(points, epsilon)
        assert (measured.risk, measured.adversarial_risk) == (np.mean(expected < 0), np.mean(expected < epsilon))


@pytest.mark.parametrize("p", NORMS)
def test_the_gap_is_the_least_way_in(p):
    """A step of the gap's length in the dual direction ends on the border, and no random one goes farther."""
    rng = np.random.default_rng(4)
    w, b, x = rng.normal(size=5), 0.7, np.zeros((1, 5), np.uint8)
    gap = nc.HalfSpace(w, b, p).gap(x)[0]
    steps = rng.normal(size=(4000, 5))
    steps[:10] = np.eye(5)[np.arange(10) % 5] * np.where(np.arange(10) < 5, 1, -1)[:, np.newaxis]
    steps[10] = np.sign(w)
    q = math.inf if p == 1 else 1 if p == math.inf else p / (p - 1)
    if 1 < p < math.inf:
        steps[11] = np.sign(w) * np.abs(w) ** (q - 1)
    steps *= gap / np.linalg.norm(steps, ord=p, axis=1)[:, np.newaxis]
    assert (steps @ w).max() == pytest.approx(b, rel=1e-12)


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("length", [1, 3, -2])
def test_points_on_the_border_are_outside(p, length):
    """The half space x > 100 (or below) and its expansion by eight levels are open."""
    X = np.arange(80, 121, dtype=np.uint8)[:, np.newaxis] * np.array([1, 0], np.uint8)
    region = nc.HalfSpace([length, 0], length * 100 / 255, p)
    measured = region.measure(X, ["8/255", 8.001 / 255])
    assert measured.risk.tolist() == [20 / 41] * 2
    assert measured.adversarial_risk.tolist() == [28 / 41, 29 / 41] if length > 0 else [27 / 41, 28 / 41]


@pytest.mark.parametrize("length", [1, 3, 7])
def test_a_border_at_any_level_is_outside(length):
    """Even where `length` times the level over 255 does not come back exactly."""
    X = np.arange(256, dtype=np.uint8)[:, np.newaxis]
    for level in range(256):
        for b in (length * (level / 255), length * level / 255):
            measured = nc.HalfSpace([length], b).measure(X, "8/255")
            assert measured.risk * 256 == 255 - level
            assert measured.adversarial_risk * 256 == min(256, 255 - level + 8)


def test_euclidean_is_the_default():
    assert nc.HalfSpace([3, 4], 1).gap(np.zeros((1, 2), np.uint8))[0] == pytest.approx(0.2)


@pytest.mark.parametrize("p", NORMS)
def test_a_saved_half_space_is_the_same(p, tmp_path):
    region = nc.HalfSpace([0.1, -2 / 3, 5], 0.3, p)
    region.save(tmp_path / "r.nc")
    again = nc.load_region(tmp_path / "r.nc")
    assert isinstance(again, nc.HalfSpace)
    assert (again.w.tobytes(), again.b, again.p) == (region.w.tobytes(), 0.3, p)
    X = images(50, 3, 0)
    np.testing.assert_array_equal(again.gap(X), region.gap(X))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0.0, 0.0], 0.1), ("w",)),
        (([0.0, math.nan], 0.1), ("w",)),
        (([[0.0, 1.0]], 0.1), ("w",)),
        (([], 0.1), ("w",)),
        (([0.0, 1.0], math.nan), ("b", "nan")),
        (([0.0, 1.0], math.inf), ("b", "inf")),
        (([0.0, 1.0], 0.1, 0.5), ("p", "0.5")),
        (([0.0, 1.0], 0.1, math.nan), ("p", "nan")),
        (([0.0, 1.0], 0.1, "two"), ("p", "'two'")),
    ],
)
def test_impossible_half_spaces(arguments, words):
    refused(lambda: nc.HalfSpace(*arguments), *words)


def test_a_half_space_refuses_points_of_another_width():
    refused(lambda: nc.HalfSpace([0.0, 1.0], 0.1).measure(images(5, 3, 0), 0.1), "3", "2")


# Bad input

X60 = blobs(60, 6, seed=0)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("epsilon", value) for value in (0, -1, float("nan"), float("inf"), "a", "1/0", None)),
        *(("alpha", value) for value in (0, 1, -0.1, 1.5, float("nan"), "a", None, 0.01, 0.99)),
    ],
)
def test_impossible_settings(name, bad):
    refused(lambda: search(X60, **({"epsilon": 0.1, "alpha": 0.1} | {name: bad})), f"{name} is {bad!r}", "allowed: ")


def test_bad_data_are_refused():
    refused(lambda: search(np.full((20, 3), 9, np.uint8), 0.1, 0.1), "X", "identical")
    refused(lambda: search(np.full((20, 3), 0.3), 0.1, 0.1), "X", "identical")
    refused(lambda: search(X60[:1], 0.1, 0.1), "1 sample", "minimum of 2")
    refused(lambda: search(np.full((9, 2), np.inf), 0.1, 0.1), "X contains infinity")


# Measured end to end

TRAIN, TEST = stretched(120, 4, 1), stretched(80, 4, 2)


def test_measure_searches_on_train_and_measures_on_both():
    epsilons = [0.02, 0.1]
    settings = {"norm": "l2", "epsilon": epsilons, "alpha": 0.1}
    found = nc.find_regions("hyperplane", TRAIN, TEST, **settings)
    ds = found.dataset
    assert set(ds["risk"].dims) == {"dataset", "epsilon", "split"}
    assert (ds.attrs["norm"], ds.attrs["search"]) == ("l2", "hyperplane")
    for epsilon in epsilons:
        best, _ = oracles.hyperplane(TRAIN / 255, epsilon, 0.1)
        heights = TEST / 255 @ best.w
        here = ds.sel(epsilon=epsilon, dataset="data")
        assert float(here["risk"].sel(split="train")) == best.inside / 120
        assert float(here["adversarial_risk"].sel(split="train")) == best.expanded / 120
        assert float(here["risk"].sel(split="test")) == np.mean(heights > best.b)
        assert float(here["adversarial_risk"].sel(split="test")) == np.mean(heights > best.b - epsilon)
        assert found.regions[epsilon].p == 2
    assert (
        nc.measure(nc.HyperplaneSearch(), TRAIN, TEST, epsilon=epsilons, alpha=0.1)
        .drop_attrs()
        .identical(ds.drop_attrs())
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"norm": "linf"}, "search is 'hyperplane' with norm 'linf'; allowed with it: "),
        ({"delta": 0.1}, "delta is 0.1 with search 'hyperplane'; allowed: only with balls"),
        ({"q": 0.5}, "q is 0.5 with search 'hyperplane'; allowed: only with rectangles"),
        ({"n_sets": 4}, "n_sets is 4 with search 'hyperplane'; allowed: only with "),
        ({"restarts": 3}, "restarts is 3 with search 'hyperplane'; allowed: epsilon, alpha, margin"),
        ({"how": nc.How(checkpoint="c")}, "checkpoint is 'c' with HyperplaneSearch; allowed: only with balls"),
    ],
)
def test_settings_that_do_not_fit(settings, says):
    goal = {"epsilon": 0.1, "alpha": 0.1}
    said = refused(lambda: nc.measure("hyperplane", TRAIN, TEST, **goal, **({"norm": "l2"} | settings)))
    assert said.startswith(says)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A user's file, in the working folder."""
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", X_train=TRAIN, X_test=TEST)
    return "own.npz"


@pytest.mark.parametrize("more", [[], ["--json"]], ids=str)
def test_the_command_line(own, more, capsys):
    options = ["--norm", "l2", "--search", "hyperplane", "--epsilon", "0.05", "--alpha", "0.1", "--quiet", *more]
    assert main(["measure", own, *options]) == 0
    text = capsys.readouterr().out
    alone = search(TRAIN, 0.05, 0.1)
    if "--json" in more:
        assert f'"adversarial_risk_train": {alone.adversarial_risk_}' in text
    else:
        assert "ℓ2" in text
        assert "ℓ∞" not in text
        assert "T =" not in text
        assert f"{100 * alone.risk_:.2f}%" in text
        assert f"{100 * alone.adversarial_risk_:.2f}%" in text
    region = nc.load_region("own-l2-region.nc")
    assert isinstance(region, nc.HalfSpace)
    np.testing.assert_array_equal(region.w, alone.region_.w)
    assert main(["show", "own-l2.nc"]) == 0
    assert "ℓ2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--norm", "l2", "--delta", "0.1"], ("delta", "0.1")),
        (["--norm", "linf"], ("search", "'hyperplane'")),
        (["--norm", "l2", "--q", "0.5"], ("q", "0.5")),
        (["--n-sets", "4"], ("n_sets", "4")),
    ],
)
def test_a_command_line_that_does_not_fit(own, options, words, capsys, tmp_path):
    assert main(["measure", own, "--quiet", "--search", "hyperplane", *options]) != 0
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1
    for word in words:
        assert word in said.err
    assert [path.name for path in tmp_path.iterdir()] == [own]
