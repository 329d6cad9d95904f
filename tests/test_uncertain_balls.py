"""Balls whose points people find hard, against plain loops that try every ball, and what a γ means everywhere else."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import oracles_l2 as oracles
import pytest
from conftest import blobs, grey, lines, needs_jit, refused
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from test_balls import BLOCKS, LEVELS, Stop, cloud, identical, lumps, same, search_settings, states, stopping

import numbaconc as nc
from numbaconc.cli import main
from numbaconc.data.files import sha256_of_array
from numbaconc.kernels import balls as kernels
from numbaconc.kernels.threads import available_threads, using_threads
from numbaconc.numerals import at_least
from numbaconc.search import exchange, greedy
from numbaconc.search.run import Run
from numbaconc.search.settings import Count
from numbaconc.search.uncertain import ROUNDING, Constraint, UncertainSearch
from numbaconc.show.records import as_json
from numbaconc.show.words import describe

EIGHTHS = st.integers(0, 16).map(lambda number: number / 8)  # sums of these are exact, so that a mean may be γ itself
MOST = np.iinfo(np.int64).max


# Plain loops


class Plain:
    """All balls around the points, with all that is asked of them; points are in levels."""

    def __init__(self, X, epsilon, wanted, n_sets, uncertainty, gamma):
        self.squared = X.dtype == np.uint8
        self.strength = oracles.strength_in_levels(epsilon) if self.squared else epsilon
        self.to = oracles._distances(X, X, self.squared)
        self.n, self.wanted, self.n_sets = len(X), wanted, n_sets
        self.uncertainty, self.gamma = [Fraction(one) for one in uncertainty], Fraction(gamma)

    def covered(self, balls):
        return {j for u, radius in balls for j in range(self.n) if self.to[u][j] <= radius}

    def expanded(self, balls):
        reaches = [(u, oracles.expand_radius(radius, self.strength, self.squared)) for u, radius in balls]
        return {j for u, reach in reaches for j in range(self.n) if self.to[u][j] <= reach}

    def mean(self, balls):
        inside = self.covered(balls)
        return sum(self.uncertainty[j] for j in inside) / len(inside)

    def allowed(self, balls):
        return self.mean(balls) >= self.gamma

    def candidates(self, balls, fewest):
        """Every ball that covers enough more, and how many points are then covered and expanded."""
        inside = self.covered(balls)
        most = self.wanted - len(inside)
        for u in range(self.n):
            uncovered = sorted(self.to[u][j] for j in range(self.n) if j not in inside)
            for radius in uncovered[fewest - 1 : most]:
                more = [*balls, (u, radius)]
                yield u, radius, len(self.covered(more)), len(self.expanded(more)), more

    def greedy(self):
        """Centers and radii; the largest mean where there is no ball."""
        balls = []
        while (missing := self.wanted - len(self.covered(balls))) > 0:
            every = list(self.candidates(balls, -(-missing // (self.n_sets - len(balls)))))
            left = [
                (expanded - covered, u, radius) for u, radius, covered, expanded, more in every if self.allowed(more)
            ]
            if not left:
                return max(self.mean(more) for *_, more in every)
            balls.append(min(left)[1:])
        return balls

    def exchanged(self, balls):
        """As `oracles.local_search`, among the balls that are allowed."""
        balls, idle = list(balls), 0
        while idle < len(balls):
            dropped, *others = balls
            kept = [*others, dropped]
            for number in range(1, min(2, self.n_sets - len(others)) + 1):
                other = self._filled(others, number)
                if other is not None and self.rank(other) < self.rank(kept) and self.allowed(other):
                    kept, idle = other, -1
                    break
            balls, idle = kept, idle + 1
        return balls

    def rank(self, balls):
        return len(self.expanded(balls)), -len(self.covered(balls)), len(balls)

    def _filled(self, others, number):
        other = list(others)
        while (missing := self.wanted - len(self.covered(other))) > 0:
            every = self.candidates(other, -(-missing // (number + len(others) - len(other))))
            left = [
                (expanded, -covered, u, radius) for u, radius, covered, expanded, more in every if self.allowed(more)
            ]
            if not left:
                return None
            other.append(min(left)[2:])
        return other


def check(X, epsilon, chosen, uncertainty, gamma):
    """The very balls of the plain loops, or the mean that they say; returns what was found with and without exchanges."""
    alpha, n_sets, delta = chosen
    points = X if X.dtype == np.uint8 else nc.Sample(X, 1.0)
    plain = Plain(X, epsilon, oracles.target(len(X), alpha, delta), n_sets, uncertainty, gamma)
    start = plain.greedy()
    asked = {"epsilon": epsilon, "alpha": alpha, "n_sets": n_sets, "delta": delta}
    searches = [nc.BallSearch(gamma=gamma, uncertainty=uncertainty, local_search=on, **asked) for on in (False, True)]
    if not isinstance(start, list):
        said = refused(
            lambda: searches[0].fit(points), f"gamma is {gamma:g}; allowed: less", "has a mean uncertainty of "
        )
        assert float(start) - 1e-3 < float(said.rpartition(" ")[2]) <= float(start)
        return None
    for search, balls in zip(searches, (start, plain.exchanged(start)), strict=True):
        search.fit(points)
        assert search.center_indices_.tolist() == [u for u, _ in balls]
        radii = np.array([radius for _, radius in balls], float)
        radii = np.sqrt(radii) / 255 if plain.squared else radii
        np.testing.assert_allclose(search.region_.radii, radii, rtol=4e-15, atol=0)
        inside = search.region_.contains(points)
        assert search.mean_uncertainty_ == np.asarray(uncertainty)[inside].mean() >= gamma
    return searches


@settings(max_examples=60)
@given(
    data=st.data(),
    X=st.one_of(lumps(n=(4, 11)), grey(n=(4, 11), d=(1, 3))),
    levels=st.sampled_from(LEVELS),
    sizes=st.sampled_from(({}, *BLOCKS)),
    as_float=st.booleans(),
)
def test_the_balls_of_the_plain_loops(data, X, levels, sizes, as_float):
    chosen = data.draw(search_settings(len(X)))
    uncertainty = data.draw(hnp.arrays(np.float64, len(X), elements=EIGHTHS))
    gamma = data.draw(EIGHTHS)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sizes.items():
            for module in (greedy, exchange):
                if hasattr(module, name):
                    patch.setattr(module, name, value)
        if as_float:
            check(X.astype(np.float32), levels, chosen, uncertainty, gamma)
        else:
            check(X, levels / 255, chosen, uncertainty, gamma)


@needs_jit
@pytest.mark.parametrize("as_float", [False, True])
def test_more_points(as_float, monkeypatch):
    """Several balls and exchanges, on any number of threads; bounds are of use, and a constraint costs."""
    for module in (greedy, exchange):
        monkeypatch.setattr(module, "FEW", 4)
        monkeypatch.setattr(module, "BATCH", 16)
    X = cloud(60, 2, 8)
    uncertainty = np.random.default_rng(3).integers(0, 17, 60) / 8
    points, epsilon = (X / np.float32(7), 20 / 7) if as_float else (X, 20 / 255)
    regions = set()
    for threads in {1, available_threads()}:
        with using_threads(threads):
            plain, found = check(points, epsilon, (0.25, 4, 0), uncertainty, 1.25)
        regions.add((found.region_.centers.tobytes(), found.region_.radii.tobytes()))
    assert len(regions) == 1
    free = nc.BallSearch(epsilon=epsilon, alpha=0.25, n_sets=4).fit(nc.Sample(points, 1.0) if as_float else points)
    assert free.adversarial_risk_ < found.adversarial_risk_ < plain.adversarial_risk_
    assert uncertainty[free.predict(nc.Sample(points, 1.0) if as_float else points) < 0].mean() < 1.25


@settings(max_examples=100)
@given(state=states(), data=st.data())
def test_the_kernel(state, data):
    to, squared, uncovered, unexpanded, strength, k_low, k_high, _, _, cost = state
    n = len(uncovered)
    excess = data.draw(hnp.arrays(np.int64, n, elements=st.integers(-9, 9)))
    held = data.draw(st.integers(-9, 9))
    found = kernels.best_hard_balls(*state[:7], excess, held, cost)
    expected = [], [], []
    for row in to.tolist():
        balls = []
        for radius in sorted(d for d, free in zip(row, uncovered, strict=True) if free)[k_low - 1 : k_high]:
            reach = oracles.expand_radius(radius, strength, squared)
            inside = [j for j in range(n) if uncovered[j] and row[j] <= radius]
            total = held + sum(int(excess[j]) for j in inside)
            expands = sum(bool(unexpanded[j]) and row[j] <= reach for j in range(n))
            balls.append((cost * expands - len(inside), radius, total, total / (n - sum(uncovered) + len(inside))))
        best = min(((worth, radius) for worth, radius, total, _ in balls if total >= 0), default=(MOST, 0.0))
        for column, value in zip(expected, (*best, max(mean for *_, mean in balls)), strict=True):
            column.append(value)
    for ours, theirs, dtype in zip(found, expected, (np.int64, np.float64, np.float64), strict=True):
        same(ours, np.array(theirs, dtype))


@given(
    uncertainty=hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 2)),
    gamma=st.floats(0, 2),
)
def test_a_constraint_in_whole_numbers(uncertainty, gamma):
    """It is never missed by a mean of γ, and never met by one that lacks more than the rounding."""
    mean = sum(map(Fraction, uncertainty.tolist())) / len(uncertainty)
    for asked in (gamma, float(mean)):
        constraint = Constraint.of(uncertainty, asked)
        total = int(constraint.excess.sum())
        assert total >= 0 if mean >= Fraction(asked) else True
        assert mean >= Fraction(asked) - Fraction(ROUNDING) if total >= 0 else True
        assert Fraction(constraint.mean(total / len(uncertainty))) <= mean + Fraction(1e-15)


def test_a_constraint_on_very_many_points_does_not_overflow():
    excess = Constraint.of(np.full(1 << 22, 2.0), 0.0).excess
    assert int(excess[0]) * len(excess) < 2**63


def test_gamma_0_asks_for_nothing():
    X = blobs(80, 3, 0)
    plain, same_again = (
        nc.BallSearch(epsilon=0.05, alpha=0.2, **more).fit(nc.as_sample(X, uncertainty=np.zeros(80)))
        for more in ({}, {"gamma": 0})
    )
    np.testing.assert_array_equal(plain.region_.centers, same_again.region_.centers)
    np.testing.assert_array_equal(plain.region_.radii, same_again.region_.radii)
    assert same_again.mean_uncertainty_ == 0
    assert not hasattr(plain, "mean_uncertainty_")


# What is refused


X, TEST = np.split(blobs(140, 3, 1, spread=20), [80])
RNG = np.random.default_rng(0)
HARD, HARD_TEST = RNG.integers(0, 17, 80) / 8, RNG.integers(0, 17, 60) / 8
TRAIN_SAMPLE, TEST_SAMPLE = nc.as_sample(X, uncertainty=HARD), nc.as_sample(TEST, uncertainty=HARD_TEST)
ASKED = {"epsilon": 0.05, "alpha": 0.2, "n_sets": 3}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gamma": 0.5}, ("gamma is 0.5 without uncertainty",)),
        ({"uncertainty": HARD}, ("uncertainty is given without gamma",)),
        ({"gamma": -0.1, "uncertainty": HARD}, ("gamma is -0.1; allowed: a number from 0 to 2",)),
        ({"gamma": 2.1, "uncertainty": HARD}, ("gamma is 2.1",)),
        ({"gamma": True, "uncertainty": HARD}, ("gamma is True",)),
        ({"gamma": "much", "uncertainty": HARD}, ("gamma is 'much'",)),
        ({"gamma": 1, "uncertainty": HARD[:-1]}, ("uncertainty has shape (79,); allowed: (80,)",)),
        ({"gamma": 1, "uncertainty": HARD[:, np.newaxis]}, ("uncertainty has shape (80, 1)",)),
        ({"gamma": 1, "uncertainty": HARD + 1}, ("uncertainty lies in [1, 3]; allowed: numbers from 0 to 2",)),
        ({"gamma": 1, "uncertainty": np.full(80, np.nan)}, ("uncertainty holds NaN",)),
        ({"gamma": 1, "uncertainty": 1.5}, ("uncertainty has shape ()",)),
        ({"gamma": 1, "uncertainty": "nowhere.npy"}, ("'nowhere.npy'", "No such file")),
        ({"gamma": 1, "uncertainty": "."}, ("'.'",)),
        (
            {"gamma": 2, "uncertainty": HARD},
            ("gamma is 2; allowed: less, since no more than that is found", "a ball of 6"),
        ),
    ],
)
def test_what_is_no_constraint(settings, words):
    refused(lambda: nc.BallSearch(**settings, **ASKED).fit(X), *words)


def test_the_message_says_which_mean_is_the_largest_beside_earlier_balls():
    """The first ball takes all the hard points that there are."""
    line = np.array([0, 1, 2, 90, 100, 110, 120, 130, 140, 150], np.uint8)[:, np.newaxis]
    hard = np.array([2.0, 2, 2, 0, 0, 0, 0, 0, 0, 0])
    found = nc.BallSearch(epsilon=5 / 255, alpha=0.6, n_sets=2, gamma=1.0, uncertainty=hard).fit(line)
    assert found.mean_uncertainty_ == 1
    search = nc.BallSearch(epsilon=5 / 255, alpha=0.6, n_sets=2, gamma=1.001, uncertainty=hard)
    said = refused(lambda: search.fit(line), "gamma is 1.001", "beside the 1 before it has a mean uncertainty of ")
    assert said.endswith(("0.9999", "1.0000"))


def test_the_uncertainty_of_the_sample_is_used_and_another_is_refused():
    own = nc.BallSearch(gamma=1.2, **ASKED).fit(TRAIN_SAMPLE)
    given_alone = nc.BallSearch(gamma=1.2, uncertainty=HARD.tolist(), **ASKED).fit(X)
    assert own.center_indices_.tolist() == given_alone.center_indices_.tolist()
    other = nc.BallSearch(gamma=1.2, uncertainty=HARD[::-1], **ASKED)
    refused(lambda: other.fit(TRAIN_SAMPLE), "uncertainty has", "allowed: the Sample's own")
    other.fit(X)
    assert HARD[::-1][other.predict(X) < 0].mean() == other.mean_uncertainty_ >= 1.2


# Checkpoints


def resumed(path, sample=TRAIN_SAMPLE, **settings):
    """What goes on from a checkpoint."""
    search = nc.BallSearch(**ASKED | settings).checked()
    return Run(search, sample, nc.How(progress=False)).find(search.goal(), path)


@needs_jit
@pytest.mark.parametrize("calls", [1, 2])
def test_a_checkpoint_is_continued(calls, tmp_path, monkeypatch):
    whole, path = resumed(None, gamma=1.2), tmp_path / "search.ckpt"
    with monkeypatch.context() as patch:
        for name, value in {"SAVE_EVERY": -1.0, "FEW": 4, "BATCH": 8}.items():
            patch.setattr(greedy, name, value)
        stopping(patch, "best_hard_balls", calls)
        with pytest.raises(Stop):
            resumed(path, gamma=1.2)
    identical(resumed(path, gamma=1.2), whole)
    for other, words in (
        ({}, "made with gamma 1.2, not None"),
        ({"gamma": 1.1}, "made with gamma 1.2, not 1.1"),
    ):
        refused(lambda other=other: resumed(path, **other), "search.ckpt", words)
    refused(lambda: resumed(path, nc.as_sample(X, uncertainty=HARD[::-1]), gamma=1.2), "search.ckpt")
    identical(resumed(path, gamma=1.2, uncertainty=HARD), whole)  # the same numbers, given another way
    path.unlink()
    resumed(path)
    refused(lambda: resumed(path, gamma=1.2), "made with gamma None, not 1.2")


# The best of several, measurements, sweeps, the command line


def test_the_best_of_several_uses_what_rides_with_the_rows():
    member = nc.BallSearch(n_sets=3, gamma=1.1)
    best = nc.BestSearch(searches=[member, "balls"], norm="l2", epsilon=0.05, alpha=0.2, margin=0.0)
    best.fit(TRAIN_SAMPLE)
    if best.search_ == "balls":
        assert best.mean_uncertainty_ >= 1.1
    assert nc.BestSearch(searches=[member], norm="l2").checked().described()["balls_gamma"] == 1.1
    with_array = nc.BallSearch(gamma=1.1, uncertainty=HARD)
    refused(
        lambda: nc.BestSearch(searches=[with_array], norm="l2", epsilon=0.05, alpha=0.2).fit(TRAIN_SAMPLE),
        "uncertainty is ",
        "as_sample(X, uncertainty=...)",
    )


class Drawn(UncertainSearch):
    """Keep the hardest of some random half spaces."""

    norms = ("l2",)

    seed: int = nc.setting(default=0, check=Count(0), help="of the directions", coordinate="seed")

    def find(self, prepared, goal, how):
        n_inside = goal.n_inside(len(prepared))
        directions = np.random.default_rng(self.seed).normal(size=(20, prepared.n_features))
        tried = [nc.HalfSpace(w, 0.0).holding(prepared, n_inside) for w in directions]
        found = [self.found(region, prepared, goal) for region in tried]
        excess = self.constraint(prepared).excess
        assert [excess[one.region.contains(prepared)].sum() >= 0 for one in found] == [
            one.attributes["mean_uncertainty"] >= self.gamma for one in found
        ]
        return max(found, key=lambda one: one.attributes["mean_uncertainty"])


def test_restarts_of_a_search_for_hard_points():
    """The uncertainty is the setting's, or else that of the sample, with every seed."""
    asked = {"epsilon": 0.05, "alpha": 0.2, "gamma": 0.9}
    own = nc.Restarts(Drawn(**asked), 2).fit(TRAIN_SAMPLE)
    given_alone = nc.Restarts(Drawn(**asked, uncertainty=HARD), 2).fit(X)
    for found in (own, given_alone):
        assert HARD[found.predict(X) < 0].mean() == found.mean_uncertainty_ >= 0.9
    np.testing.assert_array_equal(own.region_.w, given_alone.region_.w)
    refused(
        lambda: nc.BestSearch(searches=[nc.Restarts(Drawn(gamma=1, uncertainty=HARD), 2)], norm="l2").checked(),
        "uncertainty is ",
        "as_sample(X, uncertainty=...)",
    )
    ds = nc.measure(nc.Restarts(Drawn(gamma=0.9), 2), TRAIN_SAMPLE, TEST_SAMPLE, epsilon=0.05, alpha=0.2)
    assert ds.uncertainty.sel(split="train").min() >= 0.9
    assert ds.uncertainty_at_least.dims == ("dataset", "epsilon", "gamma", "seed")
    best = nc.BestSearch(searches=[Drawn(gamma=0.9)], norm="l2", epsilon=0.05, alpha=0.2, margin=0.0).fit(TRAIN_SAMPLE)
    assert best.mean_uncertainty_ == HARD[best.predict(X) < 0].mean()


@needs_jit
def test_a_measurement_tells_how_hard_the_points_are(tmp_path):
    ds = nc.measure("balls", TRAIN_SAMPLE, TEST_SAMPLE, epsilon=[0.02, 0.05], alpha=0.2, n_sets=3, gamma=1.1)
    assert ds.gamma.values.tolist() == [1.1]
    for epsilon in (0.02, 0.05):
        here = ds.sel(epsilon=epsilon, gamma=1.1, T=3, dataset="data")
        found = nc.BallSearch(**ASKED | {"epsilon": epsilon, "gamma": 1.1}).fit(TRAIN_SAMPLE)
        inside = found.region_.contains(TEST)
        assert here.uncertainty.values.tolist() == [found.mean_uncertainty_, HARD_TEST[inside].mean()]
        proven = nc.certify(found.region_, TEST, epsilon, 0.2, uncertainty=HARD_TEST)
        assert here.uncertainty_at_least == proven.uncertainty_at_least
        assert (here.certified, here.certified_count) == (proven.U, proven.n_expanded)
        assert here.n_tied == proven.n_tied
    nc.save_results(ds, tmp_path / "r.nc")
    again = nc.open_results(tmp_path / "r.nc")
    told = as_json(again)["cases"][1]
    assert [told[f"uncertainty_{split}"] for split in ("train", "test")] == here.uncertainty.values.tolist()
    assert told["certified"]["uncertainty_at_least"] == proven.uncertainty_at_least
    assert f"label uncertainty {found.mean_uncertainty_:18.4f}" in describe(again)
    assert (
        f"by a region whose labels have a mean uncertainty of at least {at_least(proven.uncertainty_at_least)}"
        in describe(again)
    )
    np.testing.assert_array_equal(again.uncertainty, ds.uncertainty)
    assert nc.open_results(tmp_path / "r.nc").sel(gamma=1.1, epsilon=0.05).certified.size == 1


def test_a_measurement_without_gamma_is_as_it_was():
    with_it, without = (
        nc.measure("balls", train, test, epsilon=0.05, alpha=0.2, n_sets=3)
        for train, test in ((TRAIN_SAMPLE, TEST_SAMPLE), (X, TEST))
    )
    assert with_it.drop_attrs().identical(without.drop_attrs())
    assert "uncertainty" not in with_it
    hashes = {ds.attrs["data_sha256"] for ds in (with_it, without)}
    assert len(hashes) == 2  # what is known of the labels is part of the contents


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A user's files, in the working folder."""
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", X_train=X, X_test=TEST)
    np.save("hard.npy", HARD)
    np.save("short.npy", HARD[:5])
    return "own.npz"


@needs_jit
def test_the_command_line(own, capsys):
    options = ["--norm", "l2", "--epsilon", "0.05", "--alpha", "0.2", "--n-sets", "3", "--quiet"]
    assert main(["measure", own, *options, "--gamma", "1.1", "--uncertainty", "hard.npy"]) == 0
    said = capsys.readouterr().out
    assert "γ = 1.1" in said
    assert "label uncertainty" not in said  # that of the test points is not known
    ds = nc.open_results("own-l2.nc")
    assert ds.gamma.values.tolist() == [1.1]
    assert ds.attrs["uncertainty"] == sha256_of_array(HARD)
    alone = nc.BallSearch(gamma=1.1, uncertainty=HARD, **ASKED).fit(X)
    np.testing.assert_array_equal(nc.load_region("own-l2-region.nc").radii, alone.region_.radii)
    for wrong, words in (
        (["--gamma", "1.1", "--uncertainty", "short.npy"], ("uncertainty has shape (5,)",)),
        (["--gamma", "1.1", "--uncertainty", "no.npy"], ("no.npy",)),
        (["--gamma", "1.1", "--uncertainty", own], ("own.npz",)),
        (["--gamma", "1.1"], ("gamma is 1.1 without uncertainty",)),
        (["--uncertainty", "hard.npy"], ("without gamma",)),
        (["--gamma", "x", "--uncertainty", "hard.npy"], ("gamma is 'x'",)),
        (["--search", "hyperplane", "--gamma", "1.1"], ("gamma is 1.1 with search 'hyperplane'",)),
    ):
        assert (
            main(["measure", own, *options[: 6 if "--search" in wrong else 99], "--quiet", "--out", "b.nc", *wrong])
            == 2
        )
        said = capsys.readouterr()
        assert said.out == ""
        assert len(lines(said.err)) == 1
        for word in words:
            assert word in said.err
    assert not Path("b.nc").exists()


@needs_jit
def test_a_sweep_over_gamma(own):
    """It is a coordinate of results; its uncertainty is one for all of a sweep, by a file or as numbers."""
    grid = {"dataset": own, "norm": "l2", "epsilon": 0.05, "alpha": 0.2, "T": 3, "gamma": [0, 1.0, 1.2]}
    ds = nc.run_sweep(grid | {"uncertainty": "hard.npy"}, "sweep.nc")
    assert ds.gamma.values.tolist() == [0, 1, 1.2]
    risks = ds.adversarial_risk.sel(split="train").squeeze()
    assert risks[0] <= risks[2]
    for gamma in (0, 1.0, 1.2):
        found = nc.BallSearch(gamma=gamma, uncertainty=HARD, **ASKED).fit(X)
        assert float(risks.sel(gamma=gamma)) == found.adversarial_risk_
    again = nc.run_sweep(grid | {"uncertainty": HARD.tolist()}, "sweep.nc")
    assert again.drop_attrs().identical(ds.drop_attrs())
    refused(
        lambda: nc.run_sweep(grid | {"uncertainty": HARD[::-1].tolist()}, "sweep.nc"), "uncertainty is ", "sweep.nc"
    )
