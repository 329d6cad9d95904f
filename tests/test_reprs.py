"""How objects show themselves, and a sample as an array: indices, equality, hashes."""

from __future__ import annotations

import copy
import dataclasses
import html.parser
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import blobs, examples, images, refused
from hypothesis import given, strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, train_test_split

import numbaconc as nc
from numbaconc.clustering import cluster
from numbaconc.data import sample as sample_module
from numbaconc.data.sample import Sample
from numbaconc.reprs import LONGEST, range_of

HOSTILE = (
    "<script>alert(1)</script>",
    "$x_1$ & <b>",
    "a\nb\r\tc",
    "\x1b[31mred\x07",
    "‮evil",
    '" onload="x',
    "\0\ud800",
)
X = blobs(80, 6, 3, spread=40)


def frame(names=("age", "height")):
    return pd.DataFrame(
        np.random.default_rng(0).normal(size=(30, len(names))), columns=pd.Index(list(names), dtype=object)
    )


def quiet(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nc.UnitWarning)
        return call()


def objects():
    """One of everything that shows itself."""
    sample = nc.as_sample(X, y=np.arange(80) % 3)
    boxes = nc.RectangleComplement([[0.1] * 6, [0.3] * 6], [[0.2] * 6, [0.6] * 6], 0.1)
    found = quiet(lambda: nc.find_regions("faces", X[:50], X[50:], epsilon=[0.1, 0.2], alpha=0.2))
    face, search = found.regions[0.1], nc.FaceSearch(epsilon=0.1, alpha=0.2)
    return {
        "images": sample,
        "table": quiet(lambda: nc.as_sample(frame(HOSTILE))),
        "data": nc.load_dataset("digits"),
        "boxes": boxes,
        "faces": face,
        "balls": nc.BallUnion([[0.1] * 6], [0.3], domain=(0.0, 1.0)),
        "half space": nc.HalfSpace([1.0] * 6, 1 / 3, 3),
        "border": face.at_rank(sample, 9),
        "measurement": boxes.measure(X, 0.1),
        "measurements": boxes.measure(X, np.linspace(0.1, 0.9, 500)),
        "certificate": nc.certify(face, X[50:], 0.1, 0.2),
        "certificate of counts": nc.certify(face, X[50:], 0.1),
        "lower": nc.lower_bound(X, epsilon=0.3, alpha=0.2, norm="linf"),
        "separation": nc.separation(X, np.arange(80) % 3, norm="l2"),
        "classifier": nc.classifier_bound(X, np.arange(80) % 3, epsilon=0.2, norm="linf"),
        "findings": found,
        "goal": nc.Goal(8 / 255, 0.05),
        "found": nc.Found(face, nc.Goal(0.1, 0.2), 0.2, 0.3, search),
        "clusters": cluster(X, 3, 0),
    }


OBJECTS = objects()
each = pytest.mark.parametrize("name", OBJECTS)


class Page(html.parser.HTMLParser):
    """What a page shows, and of which elements and attributes it is made."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.shown = [], set(), set(), []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.shown.append(data)


@each
def test_a_line_says_what_it_is(name):
    text = repr(OBJECTS[name])
    assert text.startswith(f"{type(OBJECTS[name]).__name__}(")
    assert len(text) <= LONGEST
    assert text.isprintable()
    assert "array(" not in text


@each
def test_a_table_is_small_safe_and_of_no_color(name):
    text = OBJECTS[name]._repr_html_()
    page = Page(text)
    assert page.tags == {"div", "strong", "table", "tr", "th", "td"}
    assert page.attributes == {"class", "style", "scope"}
    assert len(text) < 4000
    assert "".join(page.shown).isprintable()
    assert "mathjax_ignore" in text  # so that no dollar begins a formula
    for word in ("color", "background", "http", "onload=", "<script"):
        assert word not in text
    assert type(OBJECTS[name]).__name__ in page.shown
    if isinstance(OBJECTS[name], nc.Region):
        assert OBJECTS[name].definition in page.shown
    if isinstance(OBJECTS[name], nc.Certificate | nc.LowerBound | nc.ClassifierBound):
        assert OBJECTS[name].sentence in page.shown


@pytest.mark.parametrize(
    ("name", "words"),
    {
        "images": "shape=(80, 6)|dtype=uint8|unit=1/255|range=[|domain=[0, 1]|epsilon=on the scale of [0, 1]|labels=integers",
        "table": "shape=(30, 7)|dtype=float32|range=[-|epsilon=in units of the data|columns='<script>|(7 names)",
        "data": "name='digits'|the published contents|train=(1438, 64)|test=(359, 64)|unit=0.0625|range=[0, 1]|labels",
        "boxes": "outside 2 boxes, enlarged by 0.1 beyond lower and upper|shape=(6,)|norm=linf",
        "faces": "of 1 box, moved out by 0.1 from lower and upper|norm=linf|found=by faces for α = 0.2, ε = 0.1",
        "balls": "within 1 ball|norm=l2|domain=[0, 1]",
        "half space": "w·x > 1/3|norm=l3",
        "border": "no farther out than level|of FaceComplement(beyond",
        "measurement": "epsilon=0.1|risk=|adversarial_risk=|n_points=80",
        "measurements": "epsilon=[0.1, ..., 0.9] (500 values)|n_points=80",
        "certificate": "L=0.2|U=|epsilon=0.1|confidence=0.95|n_points=30|n_in=|region=Sublevel(",
        "certificate of counts": "L=0.|n_in=|region=FaceComplement(",
        "lower": "value=0.|confidence=0.95|method=|alpha=0.2|epsilon=0.3|norm=linf",
        "separation": "n_points=80|norm=l2|least=",
        "classifier": "loss=|n_conflicts=|n_points=80|epsilon=0.2|population=",
        "findings": "dataset='data'|search=faces|norm=linf|alpha=0.2|epsilon=[0.1, 0.2]|regions=2",
        "goal": "epsilon=8/255|alpha=0.05|margin=0",
        "found": "search=FaceSearch(alpha=0.2, epsilon=0.1)|region=FaceComplement(|risk=0.2",
        "clusters": "n_points=80|n_clusters=3|n_features=6|converged=",
    }.items(),
)
def test_the_facts_are_told(name, words):
    text, shown = repr(OBJECTS[name]), "\n".join(Page(OBJECTS[name]._repr_html_()).shown)
    for word in words.split("|"):
        assert word in text
        assert word.partition("=")[2].rstrip("(") in shown


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_anybody_are_escaped(name):
    table = quiet(lambda: nc.as_sample(frame([name, "b"])))
    data = dataclasses.replace(OBJECTS["data"], name=name)
    region = copy.copy(OBJECTS["faces"]).in_space(table.space)
    region = region.found_by(dataclasses.replace(region.source, search=name))
    noted = nc.as_sample(X).annotated(note=name)
    for one in (table, data, region, noted, nc.Found(region, nc.Goal(0.1, 0.2), 0.2, 0.3, nc.FaceSearch())):
        assert repr(one).isprintable()
        page = Page(one._repr_html_())
        assert page.tags == {"div", "strong", "table", "tr", "th", "td"}
        assert page.attributes == {"class", "style", "scope"}
        assert "".join(page.shown).isprintable()
        one._repr_html_().encode()


def test_a_fitted_search_says_what_was_found():
    search = nc.FaceSearch(epsilon=0.1, alpha=0.2)
    before = repr(search)
    assert before == "FaceSearch(alpha=0.2, epsilon=0.1)"
    search.fit(X)
    line, _, comment = repr(search).partition("  # fitted: ")
    assert line == before
    assert comment.startswith("FaceComplement, training risk 2")
    assert "\n" not in repr(search)
    made = eval(repr(search), vars(nc))  # what is fitted is a comment
    assert made.get_params() == search.get_params()
    assert repr(clone(search)) == before
    assert "Fitted" in search._repr_html_()


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((0.0, 1.0), "[0, 1]"),
        ((8 / 255, 254 / 255), "[8/255, 254/255]"),
        ((-1.23456789, 123456.789), "[-1.235, 1.235e+5]"),
        ((1.00000001, 1e30 / 3), "[1, 3.334e+29]"),
        ((-1e-300 / 3, 0.1), "[-3.334e-301, 0.1]"),
    ],
)
def test_ranges_are_rounded_outward(ends, text):
    assert range_of(ends) == text


@given(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2).map(sorted))
@examples(100)
def test_numbers_lie_in_the_range_that_is_shown(ends):
    low, high = (eval(end, {}) for end in range_of(tuple(ends))[1:-1].split(", "))  # such as 8/255
    assert low <= ends[0]
    assert high >= ends[1]


def test_what_takes_long_is_not_looked_for_to_be_shown(monkeypatch):
    monkeypatch.setattr(sample_module, "LOOKED_AT", 100)
    part = nc.as_sample(X)[10:70]
    assert "range=" not in repr(part)
    assert "extent" not in part.__dict__
    assert "sha256" not in part.__dict__
    assert part.extent[0] >= 0
    assert "range=" in repr(part)  # now that it is known
    assert "range=" in repr(part[:10])


def test_what_is_known_of_points_is_known_of_them_with_labels():
    sample = nc.as_sample(X)
    known = sample.extent, sample.sha256
    told = sample.annotated(y=np.arange(80))
    assert (told.__dict__["extent"], told.__dict__["sha256"]) == known
    assert nc.as_sample(X, y=np.arange(80)).sha256 == known[1]


def test_a_data_set_is_its_two_samples():
    data = OBJECTS["data"]
    train, test = data
    assert train is data.train
    assert test is data.test


# A sample as an array


ARRAYS = {
    "bytes": images(20, 6, 0),
    "images": images(20, 12, 0).reshape(20, 2, 2, 3),
    "gray floats": images(20, 6, 1) / 255,
    "tenths": images(20, 6, 2, 0, 10) / 10,
    "float32": np.random.default_rng(0).random((20, 4), dtype=np.float32),
    "float32 far": (np.random.default_rng(1).normal(size=(20, 4)) + 50).astype(np.float32),
    "whole": images(20, 6, 3, 0, 9).astype(np.int64) - 4,
    "truths": images(20, 6, 3, 0, 2).astype(bool),
    "doubles": np.random.default_rng(0).random((20, 4)),
    "far doubles": np.random.default_rng(0).random((20, 4)) + 1e7,
    "tiny": np.random.default_rng(0).random((20, 4)) * 1e-200,
}


@pytest.mark.parametrize("name", ARRAYS)
def test_a_sample_gives_back_what_was_given(name):
    given_array = ARRAYS[name]
    sample = quiet(lambda: nc.as_sample(given_array))
    array = np.asarray(sample)
    assert (array.shape, array.ndim) == (sample.shape, sample.ndim) == (given_array.shape, given_array.ndim)
    if sample.X.dtype == np.uint8:
        np.testing.assert_array_equal(array, np.rint(given_array * (1 if given_array.dtype == np.uint8 else 255.0)))
    else:
        np.testing.assert_allclose(array, given_array, rtol=0, atol=float(sample.to_units(2 * sample.rounding)))
    again = quiet(lambda: nc.as_sample(array))
    assert again.shape == sample.shape
    assert again.unit == sample.unit
    if name not in ("doubles", "far doubles", "tiny"):  # of which rounding has taken some away
        assert again == sample
        assert hash(again) == hash(sample)
        assert again.sha256 == sample.sha256
    np.testing.assert_array_equal(np.asarray(again), array)


def test_levels_other_than_those_of_bytes_are_coordinates():
    """Bytes would be read as 255ths, and an ε would mean something else."""
    train = OBJECTS["data"].train
    array = np.asarray(train)
    assert array.dtype == np.float64
    assert array.max() == 1
    np.testing.assert_array_equal(array, train.X / 16)
    region = nc.RectangleComplement([[0.25] * 64], [[0.5] * 64], 1 / 16)
    again = nc.as_sample(array)
    np.testing.assert_array_equal(region.gap(again), region.gap(train))


def test_scaled_columns_are_given_back_unscaled():
    given_array = images(30, 4, 0).astype(np.float64) * [1, 10, 100, 1000]
    sample = quiet(lambda: nc.as_sample(given_array, scale=[1.0, 10.0, 100.0, 1000.0]))
    np.testing.assert_allclose(np.asarray(sample), given_array, rtol=1e-6)


def test_copies_and_types_as_numpy_has_them():
    sample = nc.as_sample(X)
    view = np.asarray(sample)
    assert np.shares_memory(view, sample.X)
    assert not view.flags.writeable
    assert sample.X.flags.writeable
    assert np.shares_memory(np.array(sample, copy=False), sample.X)
    for copied in (np.array(sample), np.array(sample, copy=True), np.asarray(sample, dtype=np.float32)):
        assert not np.shares_memory(copied, sample.X)
        assert copied.flags.writeable
        np.testing.assert_array_equal(copied, X)
    assert np.asarray(sample, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy"):
        np.array(sample, dtype=np.float32, copy=False)
    tenths = nc.as_sample(ARRAYS["tenths"])
    with pytest.raises(ValueError, match="copy"):
        np.array(tenths, copy=False)
    assert np.asarray(tenths, dtype=np.float32).dtype == np.float32
    assert np.array(tenths).flags.writeable
    assert pd.DataFrame(np.asarray(sample)).shape == (80, 6)
    assert np.stack([sample, sample]).shape == (2, 80, 6)
    assert np.mean(sample) == X.mean()


# Indices

INDICES = st.one_of(
    st.slices(20).filter(lambda index: len(range(*index.indices(20)))),
    st.integers(-20, 19),
    st.lists(st.integers(-20, 19), min_size=1, max_size=30),
    st.lists(st.booleans(), min_size=20, max_size=20).filter(any),
)


@given(index=INDICES, kind=st.sampled_from(["bytes", "images", "doubles", "tenths"]), as_array=st.booleans())
@examples(100)
def test_indices_choose_what_numpy_does(index, kind, as_array):
    y, uncertainty = np.arange(20), np.linspace(0, 1, 20)
    sample = quiet(lambda: nc.as_sample(ARRAYS[kind], y=y, uncertainty=uncertainty))
    index = np.array(index) if as_array and isinstance(index, list) else index
    part, one = sample[index], [index] if isinstance(index, int) else index
    for name in ("X", "y", "uncertainty"):
        np.testing.assert_array_equal(getattr(part, name), getattr(sample, name)[one])
    assert part.X.flags.c_contiguous
    assert part.X.flags.writeable
    assert (part.unit, part.domain, part.origin is sample.origin) == (sample.unit, sample.domain, True)
    assert part.space.kind == sample.space.kind
    assert part.shape == np.asarray(sample)[one].shape
    assert part == sample.take(np.arange(20)[one])


def test_a_slice_without_gaps_is_not_copied():
    sample = nc.as_sample(X)
    assert np.shares_memory(sample[10:20].X, sample.X)
    assert sample[:].X.shape == X.shape
    assert not np.shares_memory(sample[10:20:2].X, sample.X)
    assert sample[pd.Series([True, False] * 40)] == sample[::2] == sample[::2, ...] == sample[::2, :]


def test_iteration_gives_samples_of_one_point_each():
    sample = nc.as_sample(X, y=np.arange(80))
    points = list(sample)
    assert len(points) == 80
    assert all(point == sample[i] for i, point in enumerate(points))
    assert [int(point.y[0]) for point in points] == list(range(80))
    region = OBJECTS["faces"]
    np.testing.assert_array_equal([region.contains(point)[0] for point in points], region.contains(sample))


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (80, "index is 80; allowed: from -80 to 79"),
        (-81, "index is -81"),
        ([1, 99], "index is 99"),
        (slice(5, 5), "chooses none of 80 points"),
        ([], "chooses none"),
        ([False] * 80, "chooses none"),
        ([True] * 79, "bool and shape (79,), with 80 points"),
        ((slice(None), 2), "of points alone"),
        ((), "of points alone"),
        ((3, 2), "of points alone"),
        (None, "of points alone"),
        (Ellipsis, "of points alone"),
        (1.0, "float64"),
        ([[1, 2]], "shape (1, 2)"),
        ("age", "index"),
        (True, "dtype bool"),
        (slice("a", 3), "index is slice"),
        (slice(0, 3, 0), "index is slice"),
        (slice(None, None, 2.5), "index is slice"),
        ({1: 2}, "index"),
        (2**70, "index"),
    ],
    ids=str,
)
def test_what_is_no_index_is_refused(index, words):
    message = refused(lambda: nc.as_sample(X)[index], words, "allowed")
    if isinstance(index, int | slice | list) and "holds" not in message:
        with pytest.raises((IndexError, nc.InputError)):
            nc.as_sample(X)[index]


def test_an_index_out_of_range_is_an_index_error():
    with pytest.raises(IndexError):
        nc.as_sample(X)[80]


# Equality


def test_equal_samples():
    sample = nc.as_sample(X, y=np.arange(80))
    for same in (
        nc.as_sample(X.copy(), y=np.arange(80)),
        copy.copy(sample),
        copy.deepcopy(sample),
        pickle.loads(pickle.dumps(sample)),
        sample[:],
    ):
        assert same == sample
        assert hash(same) == hash(sample)
        assert len({same, sample}) == 1
    other = X.copy()
    other[3, 2] ^= 1
    for different in (
        nc.as_sample(other, y=np.arange(80)),
        nc.as_sample(X),
        nc.as_sample(X, y=np.arange(80)[::-1]),
        sample[:79],
        Sample(X, 1 / 16, y=np.arange(80)),
        Sample(X, 1 / 255, y=np.arange(80)),
        nc.as_sample(X.reshape(80, 2, 3), y=np.arange(80)),
        nc.as_sample(X, y=np.arange(80), uncertainty=np.zeros(80)),
    ):
        assert different != sample
    assert sample != "sample"
    assert sample != None  # noqa: E711
    assert nc.as_sample(X / 255) == nc.as_sample(X)  # floats that are bytes


def test_names_of_columns_tell_samples_apart():
    one, same, other = (quiet(lambda names=names: nc.as_sample(frame(names))) for names in ("ab", "ab", "ba"))
    assert one == same
    assert one != other
    assert one != quiet(lambda: nc.as_sample(np.asarray(one)))


def test_what_a_region_keeps_of_a_sample_is_of_equal_ones_too():
    region, sample = copy.deepcopy(OBJECTS["boxes"]), nc.as_sample(X)
    gaps = region.gap(sample)
    for other in (nc.as_sample(X.copy()), nc.as_sample(X[::-1].copy()), Sample(X, 1 / 16)):
        alone = copy.deepcopy(OBJECTS["boxes"]).gap(other)
        np.testing.assert_array_equal(region.gap(other), alone)
    np.testing.assert_array_equal(region.gap(sample), gaps)
    assert len(region._outside) <= 3


# With others


def test_samples_go_through_scikit_learn_and_joblib():
    sample = nc.as_sample(X, y=np.arange(80) % 2)
    train, test = train_test_split(sample, test_size=0.25, random_state=0)
    assert isinstance(train, Sample)
    assert (len(train), len(test)) == (60, 20)
    search = GridSearchCV(nc.FaceSearch(epsilon=0.1, alpha=0.2), {"n_sets": [1, 2]}, cv=2)
    by_sample, by_array = clone(search).fit(sample), clone(search).fit(X)
    np.testing.assert_array_equal(by_sample.cv_results_["mean_test_score"], by_array.cv_results_["mean_test_score"])
    assert by_sample.best_estimator_.region_ == by_array.best_estimator_.region_
    assert joblib.hash(sample.X) == joblib.hash(pickle.loads(pickle.dumps(sample)).X)
    assert joblib.Parallel(1)(joblib.delayed(len)(one) for one in (train, test)) == [60, 20]


def test_a_table_of_measurements_is_shown_by_xarray_itself():
    """Findings show the few facts of it."""
    assert isinstance(OBJECTS["findings"].dataset, xr.Dataset)
    assert "Dimensions" not in repr(OBJECTS["findings"])


def test_a_unit_that_only_the_arithmetic_has_is_not_shown():
    assert "unit=" not in repr(quiet(lambda: nc.as_sample(np.array([[1e9, 3], [2.5e9, 7]]))))
    assert "unit=1/16" in repr(nc.as_sample(np.zeros((3, 2), np.uint8), unit=1 / 16)).replace("0.0625", "1/16")
