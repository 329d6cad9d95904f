"""Searches are scikit-learn estimators: fit, predict and score, and what pipelines, grids and copies ask of them."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import warnings

import joblib
import numpy as np
import pytest
from conftest import blobs, needs_jit, refused
from sklearn.base import OutlierMixin, clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils import estimator_html_repr
from sklearn.utils.estimator_checks import check_estimator

import numbaconc as nc

GOAL = {"epsilon": 0.1, "alpha": 0.2}
X, Y = blobs(60, 4, 1, spread=40), blobs(40, 4, 2, spread=40)

# One of each, small; what one has as `search` or `searches` stands for what can be nested.
SEARCHES = {
    "rectangles": nc.RectangleSearch(n_sets=3, seed=1),
    "balls": nc.BallSearch(n_sets=3),
    "free_balls": nc.FreeBallSearch(n_sets=2, n_points=9, n_starts=2, max_iter=4),
    "faces": nc.FaceSearch(n_sets=2),
    "halfspaces": nc.HalfSpaceSearch(norm="l1", n_components=3, n_starts=2, max_iter=5),
    "hyperplane": nc.HyperplaneSearch(),
    "best": nc.BestSearch(searches=[nc.RectangleSearch(n_sets=2), nc.FaceSearch(n_sets=2)], seed=1),
    "restarts": nc.Restarts(nc.RectangleSearch(n_sets=3), 2),
}
DEFAULTS = [
    nc.RectangleSearch,
    nc.BallSearch,
    nc.FreeBallSearch,
    nc.FaceSearch,
    nc.HalfSpaceSearch,
    nc.HyperplaneSearch,
    nc.BestSearch,
]
SLOW = ("balls", "best")  # in plain Python
each = pytest.mark.parametrize("name", [pytest.param(one, marks=[needs_jit] * (one in SLOW)) for one in SEARCHES])
each_class = pytest.mark.parametrize("cls", [*DEFAULTS, nc.Restarts], ids=lambda cls: cls.__name__)


def search(name, **settings):
    """A copy of one of the searches, with a goal and other settings."""
    return clone(SEARCHES[name]).set_params(**GOAL | settings)


def bits(fitted, points):
    """All that a fitted search says of points, as bytes."""
    said = fitted.decision_function(points), fitted.predict(points), fitted.score(points)
    return [np.asarray(one).tobytes() for one in (*said, fitted.risk_, fitted.adversarial_risk_)]


def frame(points, **options):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(points, columns=[f"pixel {i}" for i in range(points.shape[1])], **options)


# Settings


@each_class
def test_settings_are_keywords_and_have_defaults(cls):
    made = cls()
    assert (made.epsilon, made.alpha) == (None, None)
    assert getattr(made, "seed", 0) == 0
    parameters = inspect.signature(cls).parameters.values()
    by_place = [one.name for one in parameters if one.kind is not one.KEYWORD_ONLY]
    assert by_place == (["search", "n"] if cls is nc.Restarts else [])
    assert made.get_params(deep=False).keys() == {one.name for one in parameters} == cls.settings().keys()


@each_class
def test_nothing_is_checked_before_fit(cls):
    nonsense = object()
    made = cls(**dict.fromkeys(cls.settings(), nonsense))
    assert all(value is nonsense for value in made.get_params(deep=False).values())
    with pytest.raises(nc.InputError):
        made.fit(X)


@each
def test_fit_needs_a_goal(name):
    refused(lambda: search(name, epsilon=None).fit(X), "epsilon is None", "allowed: a positive number")
    refused(lambda: search(name, alpha=None).fit(X), "alpha is None", "allowed: a number in (0, 1)")
    refused(lambda: search(name, alpha=1.5).fit(X), "alpha is 1.5")
    refused(lambda: search(name, epsilon=-0.1).fit(X), "epsilon is -0.1")
    refused(lambda: search(name, margin="auto").fit(X), "margin is 'auto'; allowed: a number of at least 0")


@each
def test_a_fraction_is_a_strength(name):
    """8/255 is exactly eight gray levels."""
    assert bits(search(name, epsilon="8/255").fit(X), Y) == bits(search(name, epsilon=8 / 255).fit(X), Y)


@pytest.mark.parametrize(("norm", "p"), [("linf", np.inf), ("l2", 2), ("l1", 1), ("l2", 2.0)])
def test_norms_have_names_and_numbers(norm, p):
    for cls, settings in ((nc.HalfSpaceSearch, {"max_iter": 3, "n_starts": 2}), (nc.BestSearch, {"n_sets": None})):
        searches = {"searches": ["halfspaces"]} if cls is nc.BestSearch else {}
        named, numbered = (cls(norm=one, **GOAL | settings | searches).fit(X) for one in (norm, p))
        assert bits(named, Y) == bits(numbered, Y)
        assert named.region_.p == numbered.region_.p == p
        assert numbered.norm is p  # as it was given


@pytest.mark.parametrize("norm", ["l3", 3, 0, -np.inf, np.nan, None, True, "L2", ["l2"]])
def test_other_norms_are_refused(norm):
    for cls in (nc.HalfSpaceSearch, nc.BestSearch):
        refused(lambda cls=cls: cls(norm=norm, **GOAL).fit(X), "norm is ", "allowed: linf, l2, l1")


def test_norms_are_settings_where_there_is_a_choice():
    assert [cls for cls in DEFAULTS if "norm" in cls.settings()] == [nc.HalfSpaceSearch, nc.BestSearch]


# Fitting


@each
def test_what_fit_leaves(name):
    made = search(name)
    before, points = made.get_params(), X.copy()
    assert made.fit(points, y=np.zeros(len(points))) is made
    assert made.get_params() == before
    np.testing.assert_array_equal(points, X)
    assert isinstance(made.region_, nc.Region)
    measured = made.region_.measure(X, GOAL["epsilon"])
    assert (made.risk_, made.adversarial_risk_) == (measured.risk, measured.adversarial_risk)
    assert type(made.risk_) is type(made.adversarial_risk_) is float
    assert made.risk_ >= GOAL["alpha"] or name == "hyperplane"
    assert made.n_features_in_ == 4
    assert isinstance(made.trace_, tuple)
    documented = re.findall(r"^(\w+_(?:, \w+_)*) :", type(made).__doc__.partition("Attributes")[2], re.MULTILINE)
    expected = {one for names in documented for one in names.split(", ")} | {"n_features_in_"}
    expected -= {"mean_uncertainty_"}  # only where γ is asked for
    told = {"q_", "n_neighbors_"} if name == "restarts" else set()  # by the search that is repeated
    assert {one for one in vars(made) if one.endswith("_")} == expected | told


def test_what_searches_tell_beside():
    found = {name: search(name).fit(X) for name in SEARCHES}
    assert 0 < found["rectangles"].q_ < 1
    assert found["rectangles"].n_neighbors_ == 50
    assert found["faces"].n_faces_ in (1, 2)
    balls = found["balls"]
    centers = X[balls.center_indices_] / 255
    np.testing.assert_allclose(balls.region_.centers, centers, rtol=1e-12)
    for one in (balls, found["free_balls"]):
        assert one.covered_[-1] == round(one.risk_ * len(X))
        assert one.expanded_[-1] == round(one.adversarial_risk_ * len(X))
        assert len(one.covered_) == len(one.expanded_) == len(one.region_.radii)
    best = found["best"]
    assert list(dict.fromkeys(one.search for one in best.table_)) == ["rectangles", "faces"]
    assert best.search_ in ("rectangles", "faces")
    assert (best.search_, best.margin_) in [(one.search, one.margin) for one in best.table_]
    assert found["restarts"].seed_ in (0, 1)
    assert not hasattr(found["hyperplane"], "q_")


@each
def test_fit_again_is_as_if_for_the_first_time(name):
    again = search(name).fit(blobs(60, 3, 7, spread=40)).fit(X)
    assert bits(again, Y) == bits(search(name).fit(X), Y)


@each
def test_decisions(name):
    """The signed gap; and membership as the region has it, which also is what was counted."""
    made = search(name).fit(X)
    for points in (X, Y):
        gaps, labels = made.decision_function(points), made.predict(points)
        np.testing.assert_array_equal(gaps, made.region_.gap(points))
        inside = made.region_.contains(points)
        np.testing.assert_array_equal(labels, np.where(inside, -1, 1))
        assert (gaps[inside] <= 0).all()
        assert (gaps[~inside] >= 0).all()
    assert np.count_nonzero(made.predict(X) == -1) == round(made.risk_ * len(X))
    assert labels.dtype.kind == "i"
    assert gaps.dtype == np.float64


def test_points_on_the_border():
    """Their gap is 0; a closed region has them, an open one does not."""
    points = np.array([[0], [0], [1], [2], [9]], np.uint8)
    closed = nc.BallSearch(n_sets=1, epsilon="1/255", alpha=0.6).fit(points)
    border = np.flatnonzero(closed.decision_function(points) == 0)
    assert len(border) > 0
    assert (closed.predict(points)[border] == -1).all()
    opened = nc.HyperplaneSearch(epsilon="1/255", alpha=0.2).fit(points)
    border = np.flatnonzero(opened.decision_function(points) == 0)
    assert len(border) > 0
    assert (opened.predict(points)[border] == 1).all()


def test_no_sign_of_a_rounded_gap():
    """A point so little inside an open region that its gap is 0 on epsilon's scale is inside."""
    made = search("hyperplane").fit(X)
    made.region_ = nc.HalfSpace([1.0, 0, 0, 0], 0.0)
    sample = nc.Sample(np.array([[1e-44, 0, 0, 0], [-1e-44, 0, 0, 0]], np.float32), unit=1e-300)
    assert made.predict(sample).tolist() == [-1, 1]
    assert made.decision_function(sample).tolist() == [0, 0]


@each
def test_score(name):
    made = search(name).fit(X)
    for points in (X, Y, X[:1], X[:7], np.full((3, 4), 255, np.uint8), np.zeros((3, 4), np.uint8)):
        measured = made.region_.measure(points, GOAL["epsilon"])
        lacking = max(0.0, GOAL["alpha"] - measured.risk) / GOAL["alpha"]
        assert made.score(points) == made.score(points, np.zeros(len(points))) == -measured.adversarial_risk - lacking
        assert -2 <= made.score(points) <= 0


def test_restarts_score_by_the_goal_of_what_they_repeat():
    nested = nc.Restarts(nc.RectangleSearch(n_sets=3, **GOAL), 2).fit(X)
    assert bits(nested, Y) == bits(search("restarts").fit(X), Y)
    other = nc.Restarts(nc.RectangleSearch(n_sets=3, alpha=0.3, epsilon=0.1), 2, epsilon=0.1, alpha=0.2)
    refused(lambda: other.fit(X), "alpha is 0.2", "0.3")


@each
def test_before_fit(name):
    made = search(name)
    for call in (made.predict, made.decision_function, made.score):
        with pytest.raises(NotFittedError):
            call(X)


@each
def test_points_of_another_width_are_refused(name):
    made = search(name).fit(X)
    for call in (made.predict, made.decision_function, made.score):
        refused(lambda call=call: call(X[:, :3]), "3 features", "4 features")
        refused(lambda call=call: call(nc.as_sample(X[:, :3])), "3 coordinates")


# Estimator checks


@needs_jit
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::numbaconc.UnitWarning")
@pytest.mark.parametrize("cls", [*DEFAULTS, nc.Restarts], ids=lambda cls: cls.__name__)
def test_estimator_checks(cls):
    """All of them, with default settings. The one that is skipped is about array libraries other than NumPy."""
    made = cls(nc.RectangleSearch(), 2) if cls is nc.Restarts else cls()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", SkipTestWarning)
        check_estimator(made.set_params(epsilon=0.2, alpha=0.2))
    said = [str(one.message) for one in caught if issubclass(one.category, SkipTestWarning)]
    assert [one for one in said if "array_api" not in one and "pandas" not in one] == []


@each_class
def test_they_are_no_outlier_detectors(cls):
    """A share of outliers, and 1 for what is normal, would be promised."""
    assert not issubclass(cls, OutlierMixin)


# In scikit-learn's company


@pytest.mark.slow
@each
def test_in_a_pipeline(name):
    pipeline = make_pipeline(StandardScaler(), PCA(3, random_state=0), MinMaxScaler(clip=True), search(name))
    assert pipeline.fit(X.astype(float)) is pipeline
    by_hand = pipeline[:-1].transform(X.astype(float))
    alone = search(name).fit(by_hand)
    assert bits(pipeline[-1], by_hand) == bits(alone, by_hand)
    np.testing.assert_array_equal(pipeline.predict(Y.astype(float)), alone.predict(pipeline[:-1].transform(Y)))
    assert pipeline.score(Y) == alone.score(pipeline[:-1].transform(Y))
    assert pipeline[-1].n_features_in_ == 3


@pytest.mark.slow
@each
def test_in_a_pipeline_that_leaves_the_unit_interval(name):
    """Then epsilon is in the components' own units, which is said."""
    pipeline = make_pipeline(StandardScaler(), PCA(2, random_state=0), search(name, epsilon=0.3))
    with pytest.warns(nc.UnitWarning, match="epsilon is in the data's own units"):
        pipeline.fit(X)
    with pytest.warns(nc.UnitWarning, match="epsilon is in the data's own units"):
        assert np.isfinite(pipeline.score(Y))


def scores(grid):
    """The scores of a grid as bytes, and where it ended."""
    names = [name for name in grid.cv_results_ if "score" in name and "time" not in name]
    return (
        [grid.cv_results_[name].tobytes() for name in sorted(names)],
        grid.best_params_,
        bits(grid.best_estimator_, Y),
    )


GRIDS = {
    "rectangles": {"n_sets": [2, 3], "seed": [0, 1]},
    "balls": {"n_sets": [2, 3], "delta": [0, 0.1]},
    "halfspaces": {"norm": ["l2", np.inf], "powers": [(1.0,), (0.0, 2.0)]},
    "restarts": {"n": [1, 2], "search__n_sets": [2, 3]},
    "best": {"faces__n_sets": [1, 2], "rectangles__seed": [0, 1], "seed": [0]},
}


@needs_jit
@pytest.mark.slow
@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_in_two_processes_has_the_same_bits(name):
    made = search(name)
    before = repr(made)
    one, two = (GridSearchCV(made, GRIDS[name], cv=3, n_jobs=n, return_train_score=True).fit(X) for n in (1, 2))
    assert scores(one) == scores(two)
    assert np.isfinite(one.cv_results_["mean_test_score"]).all()
    assert repr(made) == before
    for key, value in one.best_params_.items():
        assert one.best_estimator_.get_params()[key] == value


@needs_jit
@pytest.mark.slow
def test_a_grid_in_two_threads_has_the_same_bits():
    with joblib.parallel_backend("threading"):
        found = [GridSearchCV(search("restarts"), GRIDS["restarts"], cv=2, n_jobs=n).fit(X) for n in (1, 2)]
    assert scores(found[0]) == scores(found[1])


@needs_jit
@pytest.mark.slow
def test_a_grid_over_a_pipeline():
    pipeline = make_pipeline(MinMaxScaler(clip=True), nc.Restarts(nc.RectangleSearch(**GOAL), 2))
    grid = {"restarts__search__n_sets": [2, 3], "restarts__search__centers": ["mean", "median"]}
    found = GridSearchCV(pipeline, grid, cv=2).fit(X)
    assert found.best_params_.keys() == grid.keys()
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()


@each
def test_cross_validation(name):
    found = cross_validate(search(name), X, cv=3, return_train_score=True, return_estimator=True)
    for split in ("train", "test"):
        assert np.isfinite(found[f"{split}_score"]).all()
        assert (found[f"{split}_score"] <= 0).all()
    ends = [0, 20, 40, 60]
    for i, fitted in enumerate(found["estimator"]):
        apart = np.arange(ends[i], ends[i + 1])
        alone = search(name).fit(np.delete(X, apart, axis=0))
        assert bits(fitted, X[apart]) == bits(alone, X[apart])


# Frames


@each
def test_frames(name):
    """They are what their values are, with names that are remembered."""
    table = frame(X)
    made = search(name).fit(table)
    assert made.feature_names_in_.tolist() == list(table.columns)
    assert bits(made, frame(Y)) == bits(search(name).fit(X), Y)
    renamed, swapped = frame(Y).rename(columns={"pixel 0": "other"}), frame(Y)[list(table.columns[::-1])]
    for other in (renamed, swapped):
        for call in (made.predict, made.decision_function, made.score):
            refused(lambda call=call, other=other: call(other), "feature names")
    refused(lambda: made.predict(frame(Y).iloc[:, :3]), "feature names")
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        made.predict(Y)
    for other in (X, nc.as_sample(X)):
        assert not hasattr(search(name).fit(table).fit(other), "feature_names_in_")


@pytest.mark.slow
def test_frames_with_columns_of_different_types():
    """Whole numbers beside floats are floats."""
    table = frame(X).astype({"pixel 1": "float32", "pixel 2": "int16"})
    with pytest.warns(nc.UnitWarning):
        made = search("faces", epsilon=9).fit(table)
    with pytest.warns(nc.UnitWarning):
        other = search("faces", epsilon=9).fit(X.astype(float))
    with pytest.warns(nc.UnitWarning):
        assert bits(other, Y.astype(float)) == bits(other, Y.astype(np.float32))
    assert made.adversarial_risk_ == other.adversarial_risk_


def test_frames_that_hold_no_numbers_are_refused():
    table = frame(X).astype({"pixel 1": "object"})
    table.loc[3, "pixel 1"] = "seven"
    refused(lambda: search("faces").fit(table))
    table = frame(X / 255)
    table.loc[3, "pixel 1"] = np.nan
    refused(lambda: search("faces").fit(table), "NaN")


@pytest.mark.slow
def test_frames_from_a_pipeline():
    pytest.importorskip("pandas")
    pipeline = make_pipeline(MinMaxScaler(clip=True), search("rectangles")).set_output(transform="pandas")
    assert pipeline.fit(frame(X))[-1].feature_names_in_.tolist() == list(frame(X).columns)
    assert set(pipeline.predict(frame(Y))) <= {-1, 1}


# Copies


@each
def test_copies(name):
    made = search(name)
    for other in (clone(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert repr(other) == repr(made)
        assert other is not made
        assert not hasattr(other, "region_")
    made.fit(X)
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert bits(other, Y) == bits(made, Y)
        assert vars(other).keys() == vars(made).keys()
    assert not hasattr(clone(made), "region_")
    assert bits(clone(made).fit(X), Y) == bits(made, Y)


def test_clones_share_no_searches():
    for name, nested in (("restarts", "search"), ("best", "searches")):
        made = search(name)
        other = clone(made)
        assert getattr(made, nested) is not getattr(other, nested)
    assert made.searches[0] is not other.searches[0]
    other.set_params(faces__n_sets=9)
    assert (made.searches[1].n_sets, other.searches[1].n_sets) == (2, 9)


def test_words_for_people():
    assert repr(nc.FaceSearch()) == "FaceSearch()"
    assert repr(nc.FaceSearch(n_sets=3, epsilon="8/255")) == "FaceSearch(epsilon='8/255', n_sets=3)"
    assert repr(nc.Restarts(nc.RectangleSearch(q=0.5), 3)) == "Restarts(n=3, search=RectangleSearch(q=0.5))"


@each
def test_html_for_people(name):
    made = search(name)
    for one in (made, made.fit(X)):
        for text in (one._repr_html_(), estimator_html_repr(one)):
            assert type(one).__name__ in text
            assert "epsilon" in text


@each
def test_parameters(name):
    made = search(name)
    assert made.set_params(alpha=0.3, epsilon="1/2") is made
    assert (made.alpha, made.epsilon) == (0.3, "1/2")
    for unknown in ("nope", "nope__n_sets", "alpha__n_sets"):
        with pytest.raises((ValueError, AttributeError)):
            made.set_params(**{unknown: 1})
    for key in made.get_params():
        assert made.set_params(**{key: made.get_params()[key]}) is made


def test_nested_parameters():
    restarts = nc.Restarts(nc.RectangleSearch(seed=4), 2)
    assert restarts.get_params()["search__seed"] == 4
    assert "search__seed" not in restarts.get_params(deep=False)
    restarts.set_params(search=nc.RectangleSearch(), search__seed=7, n=3)
    assert (restarts.search.seed, restarts.n) == (7, 3)
    best = nc.BestSearch(searches=[nc.FaceSearch(n_sets=2), nc.FaceSearch(n_sets=3), "rectangles"])
    assert {key: value for key, value in best.get_params().items() if key.endswith("__n_sets")} == {
        "faces__n_sets": 2,
        "faces_2__n_sets": 3,
    }
    best.set_params(faces_2__n_sets=5, n_sets=4)
    assert [one.n_sets for one in best.searches[:2]] == [2, 5]
    assert (best.n_sets, best.searches[2]) == (4, "rectangles")
    best.set_params(halfspaces__n_starts=3, searches=(nc.HalfSpaceSearch(), nc.Restarts(nc.RectangleSearch(), 2)))
    best.set_params(restarts__search__n_sets=4)
    assert (best.searches[0].n_starts, best.searches[1].search.n_sets) == (3, 4)


@needs_jit
def test_searches_in_searches():
    best = nc.BestSearch(searches=[nc.Restarts(nc.RectangleSearch(n_sets=2), 2), "faces"], **GOAL).fit(X)
    assert list(dict.fromkeys(one.search for one in best.table_)) == ["restarts", "faces"]
    repeated = nc.Restarts(nc.BestSearch(searches=["rectangles", "faces"]), 2, **GOAL).fit(X)
    assert repeated.seed_ in (0, 1)
    again = nc.BestSearch(searches=["rectangles", "faces"], seed=repeated.seed_, **GOAL).fit(X)
    assert bits(repeated, Y) == bits(again, Y)


# Data


@needs_jit
@each
def test_one_answer_for_bytes_samples_and_multiples(name):
    """Fitted on one of them, asked about another; bit for bit."""
    kinds = {
        "bytes": lambda points: points,
        "sample": nc.as_sample,
        "single": lambda points: (points / 255).astype(np.float32),
        "double": lambda points: points / 255,
        "list": lambda points: (points / 255).tolist(),
        "by columns": np.asfortranarray,
    }
    expected = bits(search(name).fit(X), Y)
    for kind, given in kinds.items():
        made = search(name).fit(given(X))
        assert bits(made, given(Y)) == expected, kind
        assert bits(made, Y) == expected, kind
    measured = [nc.measure(search(name), kinds[kind](X), kinds[kind](Y)) for kind in ("bytes", "sample", "double")]
    for one in measured[1:]:
        for variable in measured[0].data_vars:
            assert one[variable].values.tobytes() == measured[0][variable].values.tobytes(), variable


@pytest.mark.parametrize("given", [X, X.tolist(), X.astype(float) / 255, nc.as_sample(X)], ids=str)
def test_bytes_stay_bytes(given):
    seen = []

    class Spy(nc.FaceSearch):
        def prepare(self, sample, how):
            seen.append(sample.X.dtype)
            return super().prepare(sample, how)

    if isinstance(given, list):
        with pytest.warns(nc.UnitWarning):  # the integers of a list are Python's
            Spy(**GOAL).fit(given)
        assert seen == [np.float32]
    else:
        Spy(**GOAL).fit(given)
        assert seen == [np.uint8]


@pytest.mark.slow
@each
@pytest.mark.parametrize(
    "dtype", [np.int64, *(pytest.param(one, marks=needs_jit) for one in (np.int16, np.uint16, np.uint64))]
)
def test_other_integers_are_floats_in_their_own_units(name, dtype):
    def warned(call):
        with pytest.warns(nc.UnitWarning, match=r"lies in \[\d+, \d+\], not in \[0, 1\]"):
            return call()

    whole, single = X.astype(dtype), X.astype(np.float32)
    made, other = (search(name, epsilon=12), search(name, epsilon=12))
    warned(lambda: made.fit(whole))
    warned(lambda: other.fit(single))
    assert warned(lambda: bits(made, Y.astype(dtype))) == warned(lambda: bits(other, Y.astype(np.float32)))


@each
def test_truth_values_are_black_and_white(name):
    assert bits(search(name).fit(X > 128), Y > 128) == bits(search(name).fit((X > 128) * 1.0), (Y > 128) * 1.0)


@needs_jit
@each
def test_images(name):
    flat, gray, color = X, X.reshape(-1, 2, 2), X.reshape(-1, 2, 1, 2)
    expected = bits(search(name).fit(flat), Y)
    for images, others in ((gray, Y.reshape(-1, 2, 2)), (color, Y.reshape(-1, 2, 1, 2))):
        made = search(name).fit(images)
        assert made.n_features_in_ == 4
        assert bits(made, others) == bits(made, Y) == expected
        assert bits(search(name).fit(images / 255), others / 255) == expected
    measured = [nc.measure(search(name), *pair) for pair in ((flat, Y), (gray, Y.reshape(-1, 2, 2)))]
    assert measured[0]["adversarial_risk"].values.tobytes() == measured[1]["adversarial_risk"].values.tobytes()


@pytest.mark.parametrize(
    "given",
    [
        X[0],
        X[:1],
        X[:0],
        X.reshape(-1, 2, 1, 2, 1),
        np.zeros((3, 0, 2), np.uint8),
        [[1, 2], [3]],
        [["a", "b"], ["c", "d"]],
        X.astype(complex),
        [[0.5, np.nan], [0.1, 0.2]],
        [[0.5, np.inf], [0.1, 0.2]],
        None,
        7,
    ],
    ids=[
        "a point",
        "one row",
        "no rows",
        "5 axes",
        "no columns",
        "ragged",
        "text",
        "complex",
        "NaN",
        "inf",
        "None",
        "7",
    ],
)
def test_what_is_no_data_set_is_refused(given):
    refused(lambda: search("faces").fit(given))


def test_a_sample_has_a_unit_and_a_domain():
    """The 8x8 digits have levels of 1/16, and epsilon is on that scale."""
    sample = nc.as_sample(X // 16, unit=1 / 16, domain=(0.0, 1.0))
    made = nc.FaceSearch(epsilon=2 / 16, alpha=0.2).fit(sample)
    as_levels = nc.FaceSearch(epsilon="2/255", alpha=0.2).fit(X // 16)
    assert (made.risk_, made.adversarial_risk_) == (as_levels.risk_, as_levels.adversarial_risk_)
    np.testing.assert_allclose(made.decision_function(sample) * 16, as_levels.decision_function(X // 16) * 255)
    assert nc.RectangleSearch(n_sets=2, extend=True, epsilon=2 / 16, alpha=0.2).fit(sample).risk_ >= 0.2
    floats = np.random.default_rng(0).random((30, 3))
    refused(lambda: nc.RectangleSearch(n_sets=2, extend=True, **GOAL).fit(floats), "the domain of X is not known")


# Neighbors


@pytest.mark.parametrize(("n", "used"), [(30, 30), (50, 50), (60, 50)])
def test_neighbors_among_few_points(n, used):
    made = search("rectangles").fit(X[:n])
    assert made.n_neighbors is None
    assert made.n_neighbors_ == used
    assert nc.measure(search("rectangles"), X[:n], Y).attrs["n_neighbors"] == used
    assert nc.measure("rectangles", X[:n], Y, n_sets=3, **GOAL).attrs["n_neighbors"] == used
    if used < n:
        assert bits(search("rectangles", n_neighbors=used).fit(X[:n]), Y) == bits(made, Y)


@pytest.mark.parametrize("k", [60, 61, 1000])
def test_neighbors_that_are_not_there_are_refused(k):
    refused(lambda: search("rectangles", n_neighbors=k).fit(X), f"n_neighbors is {k}", "59", "60 points")
    refused(lambda: search("restarts", search__n_neighbors=k).fit(X), f"n_neighbors is {k}")
    refused(lambda: nc.measure("rectangles", X, Y, n_neighbors=k, **GOAL), f"n_neighbors is {k}")
    assert search("rectangles", n_neighbors=59).fit(X).n_neighbors_ == 59


# What is shared


@pytest.mark.slow
@each
def test_measure_is_fit_at_every_goal(name):
    """Work that goals share changes nothing."""
    epsilons, alphas = [0.05, "20/255", 0.15], [0.1, 0.25]
    made = search(name, epsilon=None, alpha=None)
    found = nc.find_regions(made, X, Y, epsilon=epsilons, alpha=alphas)
    ds = nc.measure(made, X, Y, epsilon=epsilons, alpha=alphas)
    assert len(found.regions) == 6
    for epsilon, value in zip(epsilons, [0.05, 20 / 255, 0.15], strict=True):
        for alpha in alphas:
            alone = search(name, epsilon=epsilon, alpha=alpha).fit(X)
            region = found.regions[value, alpha]
            for points in (X, Y):
                assert region.gap(points).tobytes() == alone.decision_function(points).tobytes()
            kept = ds.sel(epsilon=value, alpha=alpha)
            if name == "restarts":
                assert int(kept["kept_seed"].item()) == alone.seed_
                kept = kept.sel(seed=alone.seed_)
            on_test = alone.region_.measure(Y, value)
            assert kept["risk"].values.ravel().tolist() == [alone.risk_, on_test.risk]
            assert kept["adversarial_risk"].values.ravel().tolist() == [
                alone.adversarial_risk_,
                on_test.adversarial_risk,
            ]
    assert not [one for one in vars(made) if one.endswith("_")]  # it is left as it was


@each
def test_a_goal_is_given_once(name):
    own = nc.measure(search(name), X, Y)
    beside = nc.measure(search(name, epsilon=None, alpha=None), X, Y, **GOAL)
    assert own["adversarial_risk"].values.tobytes() == beside["adversarial_risk"].values.tobytes()
    refused(lambda: nc.measure(search(name), X, Y, **GOAL), "epsilon is 0.1", "0.1", "allowed: one of them")
    refused(lambda: nc.measure(search(name), X, Y, n_sets=3), "n_sets is 3 beside a search")
