"""What stands over the searches: the best of several, restarts, several goals at once, and the rule for what is kept."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from conftest import examples, needs_jit, points, refused
from hypothesis import given, strategies as st
from scipy.stats import binom
from sklearn.base import clone

import numbaconc as nc
from numbaconc.errors import InputError
from numbaconc.goal import kept_index
from numbaconc.regions.told import Source
from numbaconc.search.run import Run
from numbaconc.search.settings import Unchecked, setting

X = points(400, 1)
EDGES = np.clip(2 * (X.astype(int) - 64), 0, 255).astype(np.uint8)  # many points on the edge of the domain
NAMES = {
    "linf": {"faces", "halfspaces"},
    "l2": {"free_balls", "halfspaces"},
    "l1": {"halfspaces"},
}
GOAL = {"epsilon": 0.1, "alpha": 0.1}
GIVEN = GOAL | {"margin": 0.0}  # for a best of several that has no margin to settle


def split(seed, validation=0.3):
    """The points that are searched, and those held back."""
    order = np.random.default_rng(seed).permutation(len(X))
    held = round(len(X) * validation)
    return X[np.sort(order[held:])], X[np.sort(order[:held])]


def contents(region):
    """Everything that a file of the region would hold, to the last bit."""
    held = {name: np.asarray(variable[1]).tobytes() for name, variable in region._variables().items()}
    return type(region).__name__, held


class Told:
    """A region that measures as it is told."""

    source = Source()

    def __init__(self, risk, adversarial_risk):
        self.risk, self.adversarial_risk = risk, adversarial_risk

    def measure(self, *_):
        return nc.Measurement(0.1, self.risk, self.adversarial_risk, 80)

    def at_rank(self, *_):
        return self

    def found_by(self, _):
        return self


class Fixed(nc.Search):
    """A search that finds what it is told, on any points; without a name when it is made, it is not known by one."""

    norms = ("linf",)

    told: Any = setting(default=None, check=Unchecked("risks, or nothing to fail"), help="what is found")
    seed: int = setting(default=0, check=Unchecked("a number"), help="which of several is found", coordinate="seed")

    def find(self, prepared, goal, how):
        told = self.told[self.seed] if isinstance(self.told, list) else self.told
        if told is None:
            msg = "told is None; allowed: risks"
            raise InputError(msg)
        return nc.Found(Told(*told), goal, *told, self, attributes={"q": self.seed})


Fixed.name = "fixed"


# The rule


def kept(risk, adversarial_risk, alpha):
    """The same in a loop: the first of what is kept so far and of what is better."""
    best = None
    for i in range(len(risk)):
        if math.isnan(risk[i]):
            continue
        enough = risk[i] >= alpha
        rank = (not enough, adversarial_risk[i] if enough else -risk[i])
        if best is None or rank < best[0]:
            best = rank, i
    return best and best[1]


RISKS = st.sampled_from([0.0, 0.05, 0.1, 0.2, 1.0, math.nan])


@examples(300)
@given(st.lists(st.tuples(RISKS, st.integers(0, 3)), min_size=1, max_size=6), st.sampled_from([0.05, 0.1, 0.15]))
def test_what_is_kept_is_what_a_loop_keeps(pairs, alpha):
    risk = [risk for risk, _ in pairs]
    adversarial_risk = [risk + 0.1 * more for risk, more in pairs]  # NaN where there is none
    if not all(map(math.isnan, risk)):
        assert kept_index(risk, adversarial_risk, alpha) == kept(risk, adversarial_risk, alpha)


def test_the_rule_holds_along_the_last_axis():
    rng = np.random.default_rng(0)
    risk = rng.choice([0.05, 0.1, 0.2, np.nan], (4, 3, 6), p=[0.4, 0.2, 0.2, 0.2])
    risk[..., 0] = 0.05
    adversarial_risk, alpha = risk + rng.choice([0.1, 0.2], risk.shape), rng.choice([0.1, 0.2, 0.3], (4, 3))
    found = kept_index(risk, adversarial_risk, alpha)
    for at in np.ndindex(4, 3):
        assert found[at] == kept(risk[at], adversarial_risk[at], alpha[at])


# The best of several


@needs_jit
@pytest.mark.parametrize("norm", NAMES)
def test_every_search_is_tried_and_measured_on_points_held_back(norm):
    sets = {} if norm == "l1" else {"n_sets": 3}
    found = nc.BestSearch(norm=norm, seed=5, **sets, **GIVEN).fit(X)
    known = {"rectangles", "faces", "halfspaces", "balls", "free_balls", "hyperplane"}  # other tests make more of them
    assert {one.search for one in found.table_ if one.search in known} == NAMES[norm]
    assert {one.margin for one in found.table_} == {found.margin_} == {0}
    assert found.trace_ == found.table_
    rest, apart = split(5)
    by_hand = {
        "faces": nc.FaceSearch(n_sets=3, **GOAL),
        "halfspaces": nc.HalfSpaceSearch(norm=norm, **GOAL),
        "rectangles": nc.RectangleSearch(n_sets=3, seed=5, **GOAL),
        "balls": nc.BallSearch(n_sets=3, **GOAL),
        "free_balls": nc.FreeBallSearch(n_sets=3, **GOAL),
        "hyperplane": nc.HyperplaneSearch(**GOAL),
    }
    for one in found.table_:
        if one.search in by_hand:
            measured = by_hand[one.search].fit(rest).region_.measure(apart, 0.1)
            assert (one.risk, one.adversarial_risk) == (measured.risk, measured.adversarial_risk)
    assert contents(found.region_) == contents(by_hand[found.search_].fit(X).region_)
    on_train = found.region_.measure(X, 0.1)
    assert (found.risk_, found.adversarial_risk_) == (on_train.risk, on_train.adversarial_risk)


@pytest.mark.parametrize(
    ("told", "chosen"),
    [
        ([(0.10, 0.30), (0.12, 0.20), (0.09, 0.10)], "fixed_2"),  # the third is too small
        ([(0.10, 0.20), (0.10, 0.20)], "fixed"),
        ([(0.05, 0.06), (0.09, 0.50)], "fixed_2"),  # none is enough: the most risk
        ([None, (0.2, 0.5)], "fixed_2"),  # the first fails
    ],
)
def test_the_choice(told, chosen):
    found = nc.BestSearch(searches=[Fixed(told=one) for one in told], **GIVEN).fit(X)
    assert found.search_ == chosen
    assert [one.search for one in found.table_] == ["fixed", "fixed_2", "fixed_3"][: len(told)]
    assert [one.error for one in found.table_] == ["" if one else "told is None; allowed: risks" for one in told]
    best = told[[one.search for one in found.table_].index(chosen)]
    assert (found.risk_, found.adversarial_risk_) == best


def test_all_fail():
    said = refused(lambda: nc.BestSearch(searches=[Fixed(), Fixed()], **GIVEN).fit(X))
    assert said == "no search found a region at epsilon 0.1 and alpha 0.1: fixed: told is None; allowed: risks"


class NotTwice(Fixed):
    """One that finds nothing among all the points."""

    def find(self, prepared, goal, how):
        if len(prepared) == len(X):
            msg = "all points; allowed: fewer"
            raise InputError(msg)
        return super().find(prepared, goal, how)


def test_the_next_best_stands_in_for_one_that_cannot_be_repeated():
    one, other = (0.1, 0.2), (0.1, 0.3)
    found = nc.BestSearch(searches=[NotTwice(told=one), Fixed(told=other)], **GIVEN).fit(X)
    assert (found.search_, found.risk_, found.adversarial_risk_) == ("fixed_2", *other)
    assert [one.error for one in found.table_] == ["all points; allowed: fewer", ""]
    assert found.table_[0].adversarial_risk == 0.2
    said = refused(lambda: nc.BestSearch(searches=[NotTwice(told=one)], **GIVEN).fit(X))
    assert said == "no search found a region at epsilon 0.1 and alpha 0.1: fixed: all points; allowed: fewer"


@needs_jit
def test_searches_may_be_given():
    """As they are, or by name: then they have the norm, the number of sets and the seed of the search over them."""
    mine = nc.RectangleSearch(n_sets=2, seed=9, n_neighbors=7, extend=True)
    found = nc.BestSearch(searches=["rectangles", mine, "faces"], n_sets=3, seed=5, **GIVEN).fit(X)
    assert [one.search for one in found.table_] == ["rectangles", "rectangles_2", "faces"]
    rest, apart = split(5)
    by_hand = {
        "rectangles": nc.RectangleSearch(n_sets=3, seed=5, **GOAL),
        "rectangles_2": clone(mine).set_params(**GOAL),
        "faces": nc.FaceSearch(n_sets=3, **GOAL),
    }
    for one in found.table_:
        measured = by_hand[one.search].fit(rest).region_.measure(apart, 0.1)
        assert (one.risk, one.adversarial_risk) == (measured.risk, measured.adversarial_risk)
    assert contents(found.region_) == contents(by_hand[found.search_].fit(X).region_)
    named = nc.BestSearch(searches="rectangles, faces", n_sets=3, seed=5, **GIVEN).fit(X)
    assert named.table_[0][:3] == found.table_[0][:3]
    assert named.table_[1][:3] == found.table_[2][:3]


def test_a_member_that_fails_is_in_the_table_and_the_result():
    """More boxes than points can be clustered: the search over it says why, and leaves the choice to the others."""
    searches = [nc.RectangleSearch(n_sets=300), nc.HalfSpaceSearch(max_iter=0)]
    ds = nc.measure(nc.BestSearch(searches=searches, margin=0.0), X, X[:50], **GOAL)
    found = nc.BestSearch(searches=searches, **GIVEN).fit(X)
    assert found.search_ == "halfspaces"
    assert found.table_[0].error.startswith("n_sets is 300; allowed: a whole number from 1 to 280")
    assert math.isnan(found.table_[0].risk)
    assert ds["compared"].item() == f"halfspaces of {', '.join(map(str, found.table_))}"
    assert str(found.table_[0]) == f"rectangles {found.table_[0].error}"


def test_settings_of_the_searches_are_its_own_too():
    best = nc.BestSearch(searches=[nc.FaceSearch(n_sets=2), "halfspaces", nc.FaceSearch(n_sets=4)], seed=3)
    params = best.get_params()
    assert (params["faces__n_sets"], params["faces_2__n_sets"], params["seed"]) == (2, 4, 3)
    assert not any("__" in name for name in best.get_params(deep=False))
    assert not any(name.startswith("halfspaces__") for name in params)
    assert best.set_params(faces_2__n_sets=7, seed=4) is best
    assert [one.n_sets for one in (best.searches[0], best.searches[2])] == [2, 7]
    assert best.seed == 4
    copied = clone(best)
    assert copied.searches[2] is not best.searches[2]
    assert copied.get_params()["faces_2__n_sets"] == 7
    copied.set_params(faces_2__n_sets=1)
    assert best.searches[2].n_sets == 7
    refused(lambda: best.set_params(balls__n_sets=1), "balls__n_sets is no setting; allowed: ", "faces__n_sets")
    with pytest.raises(ValueError, match="Invalid parameter 'sets'"):
        best.set_params(sets=1)
    with pytest.raises(ValueError, match="Invalid parameter 'sets'"):
        best.set_params(faces__sets=1)


def test_labels_are_those_of_the_table_where_names_are_among_the_searches():
    best = nc.BestSearch(searches=["faces", nc.FaceSearch(n_sets=2)], **GIVEN)
    best.set_params(faces_2__n_sets=1)
    assert best.get_params()["faces_2__n_sets"] == 1
    assert [one.search for one in best.fit(X).table_] == list(best.members()) == ["faces", "faces_2"]


@needs_jit
def test_a_search_within_a_search_within_a_search():
    best = nc.BestSearch(searches=[nc.Restarts(nc.RectangleSearch(n_sets=2, n_neighbors=7), 3)], **GIVEN)
    (label,) = best.members()
    best.set_params(**{f"{label}__search__n_sets": 3, f"{label}__n": 2})
    assert best.get_params()[f"{label}__search__n_sets"] == 3
    found = best.fit(X)
    alone = nc.Restarts(nc.RectangleSearch(n_sets=3, n_neighbors=7), 2, **GOAL).fit(X)
    assert found.search_ == label
    assert contents(found.region_) == contents(alone.region_)


# A margin that is settled


SMALL = [nc.FaceSearch(n_sets=2), nc.HalfSpaceSearch(n_components=3, n_starts=2, max_iter=4)]


def settled(searches, given, n_compared, seed=0, alpha=0.1, epsilon=0.1):
    """All ways that are tried, as (label, T, margin): risks; in plain Python, by what is said of the choice."""
    order = np.random.default_rng(seed).permutation(len(given))
    held, n = round(0.3 * len(given)), round(0.2 * len(given))
    rest, apart = given[np.sort(order[held:])], nc.as_sample(given[np.sort(order[:held])])
    share = next(m for m in range(n + 1) if binom.sf(m - 1, n, alpha) <= 0.025 / n_compared) / n
    needed = math.ceil(share * held - 1e-9)
    deviation = math.sqrt(needed + needed * held / n)
    table = {}
    for label, search in searches:
        for factor in search.multiples:
            margin = max(share * factor - alpha, 0.0)
            region = clone(search).set_params(epsilon=epsilon, alpha=alpha, margin=margin).fit(rest).region_
            moved = [
                region.at_rank(apart, needed + round(by * deviation)).measure(apart, epsilon) for by in (0, 1.25, 2.5)
            ]
            risks = [sum(getattr(one, name) for one in moved) / 3 for name in ("risk", "adversarial_risk")]
            table[label, getattr(search, "n_sets", None), margin] = risks
    return table


@needs_jit
@pytest.mark.parametrize("n_compared", [1, 5])
def test_what_is_settled_is_what_plain_python_settles(n_compared):
    best = nc.BestSearch(searches=SMALL, seed=3)
    found = Run(best.checked(), nc.as_sample(X), nc.How()).find(nc.Goal.of(0.1, 0.1, None, n_compared))
    expected = settled([("faces", SMALL[0]), ("halfspaces", SMALL[1])], X, n_compared, seed=3)
    table = {(one.search, one.n_sets, one.margin): [one.risk, one.adversarial_risk] for one in found.trace}
    assert list(table) == list(expected)
    np.testing.assert_allclose(list(table.values()), list(expected.values()), rtol=1e-12)
    label, _, margin = min(expected, key=lambda way: expected[way][1])
    assert (found.attributes["search"], found.attributes["margin"], found.goal.margin) == (label, margin, margin)
    again = (
        clone(dict(zip(("faces", "halfspaces"), SMALL, strict=True))[label]).set_params(**GOAL, margin=margin).fit(X)
    )
    assert contents(found.region) == contents(again.region_)
    assert (found.risk, found.adversarial_risk) == (again.risk_, again.adversarial_risk_)


@needs_jit
def test_numbers_of_sets_are_tried_of_searches_given_by_name_alone():
    found = nc.BestSearch(searches=["faces", nc.FaceSearch(n_sets=2)], **GOAL).fit(X)
    tried = {label: {one.n_sets for one in found.table_ if one.search == label} for label in ("faces", "faces_2")}
    assert tried == {"faces": set(nc.FaceSearch.numbers_of_sets), "faces_2": {2}}
    assert len({(one.search, one.n_sets, one.margin) for one in found.table_}) == len(found.table_)
    given = nc.BestSearch(searches=["faces"], n_sets=3, **GOAL).fit(X)
    assert {one.n_sets for one in given.table_} == {3}
    assert {one.margin for one in given.table_} == {one.margin for one in found.table_}


@needs_jit
def test_test_points_have_no_part_in_what_is_settled():
    """Nor has their number: what is measured is what `fit` finds."""
    other = np.random.default_rng(0).permutation(255 - X[:100])
    search = nc.BestSearch(searches=SMALL)
    found = [nc.find_regions(search, X, test, **GOAL) for test in (X[:100], other, other[:40])]
    fitted = clone(search).set_params(**GOAL).fit(X)
    for one in found:
        assert contents(one.regions[0.1]) == contents(fitted.region_)
        assert one.dataset["compared"].item() == found[0].dataset["compared"].item()
        assert one.dataset["margin"].item() == fitted.margin_


def test_searches_that_fail_are_left_out_of_what_is_settled():
    found = nc.BestSearch(searches=[Fixed(), Fixed(told=(0.2, 0.5)), NotTwice(told=(0.2, 0.3))], **GOAL).fit(X)
    assert found.search_ == "fixed_2"
    errors = {
        label: {one.error for one in found.table_ if one.search == label} for label in ("fixed", "fixed_2", "fixed_3")
    }
    assert errors == {
        "fixed": {"told is None; allowed: risks"},
        "fixed_2": {""},
        "fixed_3": {"all points; allowed: fewer"},
    }
    assert len(found.table_) == 3 * len(Fixed.multiples)
    said = refused(lambda: nc.BestSearch(searches=[Fixed()], **GOAL).fit(X))
    assert said == "no search found a region at epsilon 0.1 and alpha 0.1: fixed: told is None; allowed: risks"


class OnlyLittle(Fixed):
    """One that finds nothing where much is asked for."""

    def find(self, prepared, goal, how):
        if goal.share > 0.23:
            msg = "too much; allowed: less"
            raise InputError(msg)
        return super().find(prepared, goal, how)


def test_the_best_way_of_a_search_is_told_though_others_of_it_failed():
    search = nc.BestSearch(searches=[OnlyLittle(told=(0.2, 0.5))])
    found = Run(search.checked(), nc.as_sample(X), nc.How()).find(nc.Goal.of(0.1, 0.1, None))
    assert [bool(one.error) for one in found.trace] == [False, False, True, True]
    assert found.stored["compared"] == "fixed of fixed 20.00% → 50.00%"


@pytest.mark.parametrize(("n", "alpha"), [(4, 0.5), (7, 0.7)])
def test_a_few_points_are_searched(n, alpha):
    """Though so few are held back that not even all of them would certify α."""
    assert nc.BestSearch(searches=["faces"], epsilon=0.1, alpha=alpha).fit(points(n, 3)).risk_ >= alpha


@pytest.mark.parametrize(("n", "alpha"), [(4, 0.3), (5, 0.9), (12, 0.1)])
def test_too_few_points_for_alpha(n, alpha):
    best = nc.BestSearch(searches=["faces"], epsilon=0.1, alpha=alpha)
    refused(lambda: best.fit(points(n, 3)), "no search found a region", f"faces: alpha is {alpha}", "allowed: ")


@needs_jit
def test_restarts_of_a_best_of_several():
    repeated = nc.Restarts(nc.BestSearch(searches=SMALL), 2)
    found = nc.find_regions(repeated, X, X[:100], **GOAL)
    alone = [nc.find_regions(nc.BestSearch(searches=SMALL, seed=seed), X, X[:100], **GOAL) for seed in (0, 1)]
    assert found.dataset["margin"].values.ravel().tolist() == [one.dataset["margin"].item() for one in alone]
    assert found.dataset.attrs["margin"] == alone[0].dataset.attrs["margin"] == "not given"
    assert contents(found.regions[0.1]) in [contents(one.regions[0.1]) for one in alone]


@needs_jit
def test_a_margin_that_is_given_is_kept_as_it_is():
    found = nc.BestSearch(searches=SMALL, margin=0.02, **GOAL).fit(X)
    assert {one.margin for one in found.table_} == {found.margin_} == {0.02}  # not .1 + .02 - .1
    assert found.risk_ >= 0.12
    assert len(found.table_) == 2


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"norm": "l7"}, "norm is 'l7'; allowed: linf, l2, l1"),
        ({"margin": 0.95}, "margin is 0.95; allowed: a number of at least 0 and less than 1 - alpha = 0.9"),
        ({"margin": -1}, "margin is -1; allowed: a number of at least 0 and less than 1"),
        ({"margin": "auto"}, "margin is 'auto'; allowed: a number of at least 0 and less than 1"),
        ({"validation": 1}, "validation is 1; allowed: a number in (0, 1)"),
        ({"seed": -1}, "seed is -1; allowed: a whole number of at least 0"),
        ({"n_sets": 0}, "n_sets is 0; allowed: a whole number of at least 1"),
        ({"norm": "l1", "n_sets": 3}, "n_sets is 3 with search 'halfspaces'; allowed: only with balls, "),
        ({"searches": ["balls"]}, "search is 'balls' with norm 'linf'; allowed with it: "),
        ({"searches": ["cubes"]}, "search is 'cubes'; allowed: "),
        ({"searches": []}, "searches is []; allowed: a list of one or more searches, or of names of them"),
        ({"searches": 5}, "searches is 5; allowed: a list of one or more searches"),
        ({"searches": nc.FaceSearch()}, "searches is FaceSearch(); allowed: a list of one or more searches"),
        (
            {"searches": [nc.BallSearch()]},
            "searches holds BallSearch(); allowed: searches in norm 'linf', none of which",
        ),
        (
            {"searches": [nc.BestSearch()]},
            "searches holds BestSearch(); allowed: searches in norm 'linf', none of which",
        ),
        ({"searches": [nc.FaceSearch(n_sets=0)]}, "n_sets is 0; allowed: a whole number of at least 1"),
        ({"searches": [nc.FaceSearch], "norm": "linf"}, "searches holds <class "),
    ],
)
def test_what_is_refused(given, says):
    assert refused(lambda: nc.BestSearch(**(GOAL | given)).fit(X)).startswith(says)


def test_too_few_points_to_hold_some_back():
    refused(lambda: nc.BestSearch(**(GOAL | {"alpha": 0.4})).fit(X[:3]), "X has 3 rows; allowed: at least 4")


# Restarts


@examples(100)
@given(st.lists(st.tuples(st.sampled_from([0.05, 0.1, 0.2]), st.integers(0, 2)), min_size=1, max_size=6))
def test_restarts_keep_by_the_rule(pairs):
    told = [(risk, risk + 0.1 * more) for risk, more in pairs]
    found = nc.Restarts(Fixed(told=told), len(told), **GOAL).fit(X[:20])
    expected = kept(*zip(*told, strict=True), 0.1)
    assert (found.seed_, found.q_) == (expected, expected)
    assert (found.risk_, found.adversarial_risk_) == told[expected]
    assert [(one.risk, one.adversarial_risk) for one in found.trace_] == told
    assert [one.search.seed for one in found.trace_] == list(range(len(told)))


@needs_jit
def test_restarts_are_the_search_with_other_seeds():
    search = nc.RectangleSearch(n_sets=3, seed=4, q=0.8, n_neighbors=7)
    found = nc.Restarts(search, 4, **GOAL).fit(X)
    alone = [clone(search).set_params(seed=seed, **GOAL).fit(X) for seed in range(4, 8)]
    assert [contents(one.region) for one in found.trace_] == [contents(one.region_) for one in alone]
    assert len({str(contents(one.region_)) for one in alone}) == 4
    best = kept([one.risk_ for one in alone], [one.adversarial_risk_ for one in alone], 0.1)
    assert found.seed_ == 4 + best
    assert contents(found.region_) == contents(alone[best].region_)
    assert (found.q_, found.n_neighbors_) == (0.8, 7)
    assert search.get_params() == nc.RectangleSearch(n_sets=3, seed=4, q=0.8, n_neighbors=7).get_params()


@needs_jit
def test_measure_has_all_seeds_and_keeps_the_region_that_restarts_keep():
    search = nc.RectangleSearch(n_sets=2, seed=1, n_neighbors=7)
    found = nc.find_regions(nc.Restarts(search, 3), X, X[:50], **GOAL)
    alone = nc.Restarts(search, 3, **GOAL).fit(X)
    assert found.dataset["seed"].values.tolist() == [1, 2, 3]
    on_train = found.dataset.sel(dataset="data", split="train", T=2, epsilon=0.1)
    assert on_train["risk"].values.tolist() == [one.risk for one in alone.trace_]
    assert on_train["adversarial_risk"].values.tolist() == [one.adversarial_risk for one in alone.trace_]
    assert contents(found.regions[0.1]) == contents(alone.region_)


def test_settings_within_restarts():
    restarts = nc.Restarts(nc.RectangleSearch(n_sets=2), 3)
    assert restarts.get_params()["search__n_sets"] == 2
    restarts.set_params(search__n_sets=4, n=2)
    assert (restarts.search.n_sets, restarts.n) == (4, 2)
    assert clone(restarts).get_params()["search__n_sets"] == 4


def test_what_is_asked_may_stand_in_the_search_that_is_repeated():
    inner = nc.Restarts(nc.RectangleSearch(n_sets=2, n_neighbors=7, margin=0.02, **GOAL), 2).fit(X)
    outer = nc.Restarts(nc.RectangleSearch(n_sets=2, n_neighbors=7), 2, margin=0.02, **GOAL).fit(X)
    assert contents(inner.region_) == contents(outer.region_)
    assert inner.risk_ >= 0.12


@pytest.mark.parametrize(
    ("search", "n", "says"),
    [
        (None, 2, "search is None; allowed: a search with a seed"),
        ("rectangles", 2, "search is 'rectangles'; allowed: a search with a seed"),
        (nc.FaceSearch(), 2, "search is FaceSearch(); allowed: a search with a seed"),
        (nc.RectangleSearch(), 0, "n is 0; allowed: a whole number from 1 to 10000"),
        (nc.RectangleSearch(n_sets=0), 2, "n_sets is 0; allowed: a whole number of at least 1"),
        (nc.RectangleSearch(alpha=0.2), 2, "alpha is 0.1 with a search whose alpha is 0.2; allowed: given once"),
        (nc.RectangleSearch(seed=-2), 2, "seed is -2; allowed: a whole number of at least 0"),
    ],
)
def test_what_cannot_be_repeated(search, n, says):
    assert refused(lambda: nc.Restarts(search, n, **GOAL).fit(X)).startswith(says)


# Several goals at once

FEW = {"n_components": 3, "n_starts": 2, "max_iter": 8}
EPSILONS, ALPHAS = [4 / 255, 8 / 255, 20.5 / 255], [0.05, 0.1, 0.3]
FLOATS = np.random.default_rng(4).normal(size=(400, 4)).astype(np.float32) / np.float32(9)
SEARCHES = {
    "faces, bytes": (nc.FaceSearch(n_sets=3), X),
    "faces, floats of few values": (nc.FaceSearch(n_sets=3), nc.Sample(X.astype(np.float32) / np.float32(253))),
    "faces, floats of many values": (nc.FaceSearch(n_sets=3), nc.Sample(FLOATS)),
    "faces, with a margin": (nc.FaceSearch(n_sets=2, margin=0.02), nc.Sample(FLOATS)),
    "half spaces, linf": (nc.HalfSpaceSearch(**FEW), X),
    "half spaces, l2": (nc.HalfSpaceSearch(norm="l2", **FEW), nc.Sample(FLOATS)),
    "half spaces, l1": (nc.HalfSpaceSearch(norm="l1", **FEW), X),
    "hyperplane": (nc.HyperplaneSearch(), X),
    "rectangles": (nc.RectangleSearch(n_sets=3, n_neighbors=7), X),
    "rectangles of floats": (nc.RectangleSearch(n_sets=3, n_neighbors=7), nc.Sample(FLOATS)),
    "rectangles, extended": (nc.RectangleSearch(n_sets=3, n_neighbors=7, extend=True), EDGES),
    "rectangles at a fixed q, extended": (nc.RectangleSearch(n_sets=3, n_neighbors=7, q=0.7, extend=True), EDGES),
    "best": (nc.BestSearch(searches=["faces", "rectangles"], n_sets=2), X),
    "restarts": (nc.Restarts(nc.RectangleSearch(n_sets=2, n_neighbors=7), 2), X),
}


@needs_jit
@pytest.mark.parametrize("name", SEARCHES)
def test_several_goals_give_what_one_by_one_gives(name):
    search, given = SEARCHES[name]
    sample = nc.as_sample(given)
    test = sample.take(np.arange(0, 400, 3))
    together = nc.find_regions(search, sample, test, epsilon=EPSILONS, alpha=ALPHAS)
    variables = [one for one in ("risk", "adversarial_risk", "q_found") if one in together.dataset]
    assert len(together.regions) == 9
    for epsilon, alpha in itertools.product(EPSILONS, ALPHAS):
        fresh = nc.Sample(sample.X, sample.unit, sample.domain)  # which knows nothing yet
        alone = nc.find_regions(search, fresh, test, epsilon=epsilon, alpha=alpha)
        assert contents(together.regions[epsilon, alpha]) == contents(alone.regions[epsilon])
        here = together.dataset.sel(epsilon=epsilon, alpha=alpha)
        for variable in variables:
            np.testing.assert_array_equal(here[variable], alone.dataset[variable].sel(epsilon=epsilon))


@needs_jit
@pytest.mark.parametrize("name", SEARCHES)
def test_the_order_of_goals_does_not_matter(name):
    search, given = SEARCHES[name]
    sample = nc.as_sample(given)
    margin = search.asked("margin")  # None for the best of several
    goals = [nc.Goal.of(epsilon, alpha, margin) for epsilon, alpha in itertools.product(EPSILONS, ALPHAS)]
    one_way, other = (Run(search.checked(), sample, nc.How()) for _ in range(2))
    found = {goal: one_way.find(goal) for goal in goals}
    for goal in [goals[i] for i in np.random.default_rng(0).permutation(9)]:
        a, b = found[goal], other.find(goal)
        assert contents(a.region) == contents(b.region)
        assert (a.risk, a.adversarial_risk) == (b.risk, b.adversarial_risk)
