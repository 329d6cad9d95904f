"""Bounds on h from below: unions of neighborhoods against all subsets, what they prove against the truth, and what is said."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from conftest import AVX2, AVX512, needs_jit, on_processor, refused
from scipy.sparse import csr_array
from scipy.stats import binom

import numbaconc as nc
from numbaconc import lower
from numbaconc.groundtruth import Gaussian, HammingCube, Line, SeparatedClusters, Sphere
from numbaconc.kernels import apart
from numbaconc.kernels.threads import using_threads
from numbaconc.results.files import open_results, save_results
from numbaconc.results.join import join_results
from numbaconc.show.pictures.plots import plot_measurement
from numbaconc.show.records import as_json
from numbaconc.show.words import describe
from numbaconc.spectral import by_spectrum, sigma_at_most
from numbaconc.unions import Apart, by_counts, greedy, halved

NORMS = {1.0: "l1", 2.0: "l2", math.inf: "linf"}
CLUSTERS = SeparatedClusters([([0.0, 0.0], 0.5), ([10.0, 0.0], 0.25), ([20.0, 0.0], 0.25)], 0.5)
KNOWN = {
    "normal, d = 1": (Gaussian(np.ones(1)), 1.0),
    "normal, d = 2": (Gaussian(np.ones(2)), 2.0),
    "normal, d = 5": (Gaussian(np.ones(5)), 3.0),
    "normal, linf": (Gaussian(np.ones(2), p=math.inf), 1.5),
    "normal, l1": (Gaussian(np.ones(2), p=1), 2.0),
    "sphere": (Sphere(3), 1.0),
    "Laplace": (Line("laplace"), 1.0),
    "uniform": (Line("uniform"), 0.3),
    "cube": (HammingCube(8), 2.0),
    "clusters": (CLUSTERS, 2.0),
}


def graph_of(X, epsilon):
    within = np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2)) <= epsilon
    graph = within.copy()
    np.fill_diagonal(graph, False)
    return within, csr_array(graph)


def least_unions(within):
    """The least union of the neighborhoods of any x points, by all of them."""
    n = len(within)
    subsets = ((x, itertools.combinations(range(n), x)) for x in range(1, n + 1))
    return np.array([0, *(min(int(within[list(one)].any(axis=0).sum()) for one in every) for x, every in subsets)])


def small(trial):
    rng = np.random.default_rng(trial)
    X = rng.normal(size=(int(rng.integers(4, 11)), int(rng.integers(1, 4))))
    return X, *graph_of(X, rng.uniform(0.3, 2.5))


@pytest.mark.parametrize("trial", range(6))
def test_unions_against_all_subsets(trial):
    X, within, graph = small(trial)
    n, truth = len(X), least_unions(within)
    counted, found = by_counts(within.sum(axis=1)), greedy(graph, n)
    assert (counted <= truth).all()
    assert (found >= truth).all()
    pairs = Apart(graph, X)
    for x in range(1, n + 1):
        assert counted[x] <= pairs.at_least(x, int(counted[x]), int(found[x])) <= truth[x]
    for _, least in by_spectrum(graph, 0.5):
        assert (least <= truth).all()


@needs_jit
def test_each_method_proves_what_the_others_cannot():
    X = np.random.default_rng(0).normal(size=(300, 2))
    within, graph = graph_of(X, 2.0)
    counted, found = by_counts(within.sum(axis=1)), greedy(graph, 75)
    proved = Apart(graph, X).at_least(75, int(counted[75]), int(found[75]))
    assert counted[75] < 180 < 250 < proved <= found[75]
    _, sparse = graph_of(np.random.default_rng(0).normal(size=(300, 20)), 5.5)
    spectral = max(int(least[75]) for _, least in by_spectrum(sparse, 0.25))
    assert Apart(sparse, X).at_least(75, 75, 300) < 100 < 150 < spectral <= greedy(sparse, 75)[75]


def test_sigma_is_no_less_than_the_eigenvalues_have_it():
    """Of a cycle with loops all weights are alike, so that the eigenvalues are known; of complete graphs σ is 0."""
    n = 12
    cycle = np.eye(n) + np.roll(np.eye(n), 1, axis=0) + np.roll(np.eye(n), -1, axis=0)
    eigenvalues = [2 - 2 * math.cos(2 * math.pi * k / n) for k in (1, n // 2)]
    exact = (eigenvalues[1] - eigenvalues[0]) / (eigenvalues[1] + eigenvalues[0])
    assert exact <= sigma_at_most(cycle) <= exact * 1.01
    assert 0 <= sigma_at_most(np.ones((20, 20))) <= 0.01
    assert sigma_at_most(np.kron(np.eye(2), np.ones((5, 5)))) == 1  # two pieces


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 200])
def test_points_in_an_order_by_halves(n):
    X = np.random.default_rng(n).normal(size=(n, 3))
    assert sorted(halved(X)) == list(range(n))
    assert sorted(halved(np.zeros((n, 2), np.uint8))) == list(range(n))


def plain_prune(far, these, those, x, z):
    """The oracle of `take_out`, until nothing changes, on sets."""
    while True:
        kept = {i for i in these if len(far[i] & those) >= z}
        others = {j for j in those if len(far[j] & kept) >= x}
        if len(kept) < x or len(others) < z:
            return None
        if (kept, others) == (these, those):
            return kept, others
        these, those = kept, others


def plain_probe(far, these, those, x, z, finest):
    kept, size = set(these), 64
    while size >= finest:
        for first in range(0, 64 * (1 + max(these) // 64), size):
            group = {i for i in kept if first <= i < first + size}
            reached = set().union(*(far[i] for i in group)) & those
            pruned = plain_prune(far, set(these), reached, x, z) if group else None
            if group and (pruned is None or not pruned[0] & group):
                kept -= group
        size //= 2
    return kept


def masks(n, seed):
    """A random symmetric relation on n points, in words and in sets, and two sets of points."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) < 0.45, 1)
    relation = upper | upper.T
    there = rng.random((2, n)) < 0.9
    return to_words(relation), [set(np.flatnonzero(row).tolist()) for row in relation], to_words(there), there


def to_words(rows):
    words = np.zeros((len(rows), -(-rows.shape[1] // 64)), np.uint64)
    for r, i in zip(*np.nonzero(rows), strict=True):
        words[r, i // 64] |= np.uint64(1 << (int(i) % 64))
    return words


def to_set(words):
    return {64 * i + bit for i, word in enumerate(words.tolist()) for bit in range(64) if word >> bit & 1}


def check_kernels(sizes=(5, 64, 70, 130)):
    for n in sizes:
        far, related, (these, those), there = masks(n, n)
        sets = [set(np.flatnonzero(row).tolist()) for row in there]
        for threads in (1, 2):
            with using_threads(min(threads, lower_threads())):
                for fewest in (1, n // 3, n // 2):
                    left = these.copy()
                    apart.take_out(far, left, those, fewest)
                    assert to_set(left) == {i for i in sets[0] if len(related[i] & sets[1]) >= fewest}
                for x, z, finest in ((1, n // 4, 64), (n // 6 + 1, n // 6 + 1, 1), (n // 5 + 1, n // 5 + 1, 4)):
                    found = apart.probe(far, these, those, x, z, finest)
                    assert found.dtype == np.uint64
                    assert to_set(found) == plain_probe(related, *sets, x, z, finest)


def lower_threads():
    from numbaconc.kernels.threads import available_threads

    return available_threads()


def test_kernels_against_sets():
    check_kernels((5, 70))


@needs_jit
def test_kernels_against_larger_sets():
    check_kernels()


@needs_jit
@pytest.mark.slow
@pytest.mark.parametrize("features", [(), AVX2, AVX512], ids=["portable", "avx2", "avx512"])
def test_kernels_on_other_processors(features):
    assert on_processor(features, "-c", "import test_lower; test_lower.check_kernels(); print('done')") == "done"


@pytest.mark.parametrize(("n", "alpha"), [(40, 0.25), (200, 0.05)])
def test_what_unions_prove_holds_as_often_as_it_is_said(n, alpha):
    """By exact sums over how many points lie in a set and in its expansion, whatever the least unions are."""
    delta = 0.05
    curve = lower._Curve(n, alpha, delta)
    for slope, start in ((1.0, 0.0), (1.5, 5.0), (3.0, 0.0), (0.5, n / 3), (0.0, n * 0.8)):
        least = np.clip(np.ceil(start + slope * np.arange(n + 1)), np.arange(n + 1), n).astype(np.int64)
        value = curve.worst(least)[1]
        assert alpha <= value <= 1
        if value == alpha:
            continue
        # were h a little less, the sample would have to have (x, c) with c >= least[x]: that is so with probability <= δ
        v = alpha + (value - alpha) * 0.999
        x = np.arange(n + 1)
        p = (v - alpha) / (1 - alpha)
        wrong = (binom.pmf(x, n, alpha) * binom.sf(least - x - 1, n - x, p)).sum()
        assert wrong <= delta


def test_the_quantile_of_products():
    kappa = lower._product_quantile(0.05)
    assert kappa * (1 - math.log(kappa)) == pytest.approx(0.05, rel=1e-9)
    assert kappa * (1 - math.log(kappa)) <= 0.05


@needs_jit
def test_far_more_than_neighbor_counts_prove():
    X = Gaussian(np.ones(2)).sample(500, 0)
    found = nc.lower_bound(X, epsilon=2, alpha=0.25, norm="l2")
    assert 0.8 <= found.value <= 0.9075
    assert found.value < found.h_hat_at_least <= found.h_hat_at_most
    assert found.h_hat_at_most - found.h_hat_at_least < 0.05
    assert found.method == "sets apart"
    assert found.isolated < 10
    assert found.sentence.startswith("with 95% confidence h(μ, 0.25, 2) ≥ 0.8")


@needs_jit
def test_counts_alone_where_pairs_are_not_stored(monkeypatch):
    X, asked = Gaussian(np.ones(2)).sample(500, 0), {"epsilon": 3, "alpha": 0.25, "norm": "l2"}
    most = nc.lower_bound(X, **asked)
    monkeypatch.setattr(lower, "MOST_GRAPH", 499)
    found = nc.lower_bound(X, **asked)
    assert 0.25 < found.value < most.value
    assert (found.method, found.h_hat_at_most) == ("neighbor counts", 1)
    monkeypatch.setattr(lower, "MOST_GRAPH", 500)
    monkeypatch.setattr("numbaconc.neighborhoods.MOST_BYTES", 10_000)
    assert nc.lower_bound(X, **asked) == found


@needs_jit
@pytest.mark.parametrize("name", KNOWN)
def test_the_truth_lies_between(name):
    law, epsilon = KNOWN[name]
    truth, norm = law.concentration(0.25, epsilon), NORMS[law.p]
    for seed in range(3):
        train, test = law.sample(80, 2 * seed), law.sample(120, 2 * seed + 1)
        ds = nc.measure("halfspaces", train, test, epsilon=epsilon, alpha=0.25, norm=norm, lower=True)
        assert 0.25 <= ds["lower_bound"].item() <= truth <= ds["certified"].item()


def test_isolated_points_prove_nothing_and_it_says_so():
    X = np.arange(100.0)[:, np.newaxis] * 3
    X[90:] = X[:10] + 0.5
    found = nc.lower_bound(nc.as_sample(X, unit=1.0), epsilon=1, alpha=0.2, norm="l1")
    assert (found.value, found.h_hat_at_least, found.h_hat_at_most, found.isolated) == (0.2, 0.2, 0.2, 80)
    assert found.sentence == (
        "nothing is proved beyond h(μ, 0.2, 1) ≥ 0.2: 80 of 100 points have no other within 1, so that 20 of them, a share of "
        "α, do not grow at all"
    )
    assert str(found) == found.sentence


@needs_jit
def test_scale_does_not_matter_nor_does_the_order_of_points():
    X = np.random.default_rng(3).normal(size=(120, 2))
    asked = {"alpha": 0.25, "norm": "l2"}
    first = nc.lower_bound(nc.as_sample(X, unit=1.0), epsilon=2, **asked)
    scaled = nc.lower_bound(nc.as_sample(X * 1024, unit=1.0), epsilon=2048, **asked)
    assert (first.value, first.m, first.N) == (scaled.value, scaled.m, scaled.N)
    assert first.value >= nc.lower_bound(nc.as_sample(X, unit=1.0), epsilon=2, confidence=0.99, **asked).value
    assert first.value <= nc.lower_bound(nc.as_sample(X, unit=1.0), epsilon=2.5, **asked).value


def test_what_is_refused():
    X = np.random.default_rng(0).random((30, 2))
    asked = {"epsilon": 0.1, "alpha": 0.1, "norm": "l2"}
    refused(lambda: nc.lower_bound(X, **asked | {"alpha": 1}), "alpha is 1")
    refused(lambda: nc.lower_bound(X, **asked | {"norm": "l3"}), "norm is 'l3'")
    refused(lambda: nc.lower_bound(X, **asked | {"epsilon": -1}), "epsilon is -1")
    refused(lambda: nc.lower_bound(X, **asked, confidence=0), "confidence is 0")
    train_test = {"X_train": X, "X_test": X}
    refused(lambda: nc.measure("halfspaces", **train_test, **asked, lower="yes"), "lower is 'yes'")


# Measured, stored, said and drawn


@pytest.fixture(scope="module")
def measured():
    law = Gaussian(np.ones(2))
    samples = law.sample(100, 0), law.sample(150, 1)

    def measure(epsilon=(1.5, 2.0), **told):
        return nc.measure("halfspaces", *samples, epsilon=epsilon, alpha=0.25, norm="l2", **told)

    return {
        "plain": measure(),
        "lower": measure(lower=True),
        "together": measure(lower=True, simultaneous=True),
        "one": measure(2.0, lower=True),
        "test": samples[1],
    }


@needs_jit
def test_either_side_has_half_of_what_may_go_wrong(measured):
    assert "lower_bound" not in measured["plain"]
    for name, shares in (("lower", 2), ("together", 4)):
        ds = measured[name]
        assert set(ds["n_compared"].values.ravel()) == {shares}
        for epsilon in (1.5, 2.0):
            here = ds.sel(epsilon=epsilon)
            asked = {"epsilon": epsilon, "alpha": 0.25, "norm": "l2", "confidence": 1 - (1 - 0.95) / shares}
            bound = nc.lower_bound(measured["test"], **asked)
            assert (here["lower_bound"].item(), here["isolated"].item()) == (bound.value, bound.isolated)
    plain, wider, widest = (measured[name].sel(epsilon=2.0) for name in ("plain", "lower", "together"))
    assert plain["certified"].item() <= wider["certified"].item() <= widest["certified"].item()
    assert wider["lower_bound"].item() >= widest["lower_bound"].item()


@needs_jit
def test_files_slices_and_joins_keep_it(measured, tmp_path):
    ds = measured["lower"]
    save_results(ds, tmp_path / "both.nc")
    again = open_results(tmp_path / "both.nc")
    parts = [again.sel(epsilon=epsilon) for epsilon in (1.5, 2.0)]
    for number, part in enumerate(parts):
        save_results(part, tmp_path / f"{number}.nc")
    joined = join_results([again.sel(epsilon=[1.5]), again.sel(epsilon=[2.0])])
    for name in ("lower_bound", "certified", "isolated", "n_compared"):
        np.testing.assert_array_equal(joined[name], ds[name])
    assert describe(again) == describe(joined)
    assert describe(parts[1]).splitlines()[:7] == describe(ds.sel(epsilon=[2.0])).splitlines()[:7]
    mixed = join_results([measured["plain"].sel(epsilon=[1.5]), again.sel(epsilon=[2.0])])
    assert mixed["lower_bound"].isnull().sum() == 1
    assert "certified for data: with 95% confidence h(μ, 0.25, 1.5) ≤" in describe(mixed)


@needs_jit
def test_what_is_said(measured):
    low, high = (measured["one"][name].item() for name in ("lower_bound", "certified"))
    text = describe(measured["one"])
    line = next(line for line in text.splitlines() if "  certified for data:" in line)
    assert line.startswith(
        f"  certified for data: with 95% confidence {math.floor(low * 1e4) / 1e4:.4f} ≤ h(μ, 0.25, 2) ≤ "
    )
    assert float(line.split("≤ ")[2].split()[0]) == pytest.approx(high, abs=1e-4)
    assert "each bound, from below and from above, is wrong with a probability of at most 2.5%." in text
    assert "at most 1.25%." in describe(measured["together"])
    assert "all together" in describe(measured["together"])
    assert "each by itself" in describe(measured["lower"])
    assert "each bound" not in describe(measured["plain"])
    plain = as_json(measured["lower"])
    assert not plain["certified_together"]
    assert as_json(measured["together"])["certified_together"]
    assert plain["cases"][1]["lower_bound"]["value"] == measured["lower"]["lower_bound"].values.ravel()[1]
    assert as_json(measured["plain"])["cases"][0]["lower_bound"] is None


@needs_jit
def test_isolated_test_points_are_said(measured):
    ds = measured["one"].assign(lower_bound=measured["one"]["lower_bound"] * 0 + 0.25)
    ds["isolated"] = ds["isolated"] * 0 + 90
    text = describe(ds)
    assert "certified for data: with 95% confidence 0.25 ≤ h(μ, 0.25, 2) ≤" in text
    assert "nothing is proved beyond α: 90 of 150 test points have no other within 2, so that 38 of them" in text


@needs_jit
def test_it_is_drawn(measured, tmp_path, monkeypatch):
    import matplotlib.axes

    bands = []
    fill = matplotlib.axes.Axes.fill_between

    def kept(axes, x, low, high, **style):
        bands.append((np.ravel(x), np.ravel(low), np.ravel(high)))
        return fill(axes, x, low, high, **style)

    monkeypatch.setattr(matplotlib.axes.Axes, "fill_between", kept)
    ds = measured["one"]
    plot_measurement(ds, tmp_path / "one.svg")
    ours = [band for band in bands if (band[1] == ds["lower_bound"].item()).all()]
    assert len(ours) == 1
    assert (ours[0][2] == ds["certified"].item()).all()
    assert ours[0][0].min() < 2 < ours[0][0].max()
    bands.clear()
    plot_measurement(measured["lower"], tmp_path / "two.svg")
    both = measured["lower"].squeeze()
    low, high = both["lower_bound"].values, both["certified"].values
    assert any(np.array_equal(band[1], [low[0]] * 2) and np.array_equal(band[2], [high[1]] * 2) for band in bands)


@needs_jit
def test_the_command(tmp_path, capsys):
    from numbaconc.cli.main import main

    np.savez(
        tmp_path / "own.npz",
        X_train=np.random.default_rng(0).random((60, 2)),
        X_test=np.random.default_rng(1).random((90, 2)),
    )
    given = ["--norm", "l2", "--search", "halfspaces", "--epsilon", "0.4", "--alpha", "0.25", "--lower", "--quiet"]
    out = tmp_path / "own.nc"
    assert main(["measure", str(tmp_path / "own.npz"), *given, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "≤ h(μ, 0.25, 0.4) ≤" in said
    assert open_results(out)["lower_bound"].item() > 0.25
    assert main(["show", str(out)]) == 0
    assert "≤ h(μ, 0.25, 0.4) ≤" in capsys.readouterr().out
