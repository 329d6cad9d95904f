"""Samples and regions that do not belong together are refused wherever they meet, both named; others are not."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from conftest import needs_jit, refused

import numbaconc as nc
from numbaconc.data.arrays import as_sample
from numbaconc.data.sample import Sample

pytestmark = [
    needs_jit,
    pytest.mark.filterwarnings("ignore::numbaconc.data.arrays.UnitWarning"),
    pytest.mark.filterwarnings("ignore:X .*feature names:UserWarning"),  # of scikit-learn
]

RNG = np.random.default_rng(8)
BYTES = RNG.integers(0, 256, (60, 12)).astype(np.uint8)
NOISE = RNG.normal(0, 1, (60, 12))
LETTERS = list("abcdefghijkl")


def table(columns):
    return pd.DataFrame(NOISE, columns=columns)


def levels(unit, domain=None, dtype=np.uint8):
    return as_sample(RNG.integers(0, 17, (60, 12)).astype(dtype), unit=unit, domain=domain)


# what was there first, what comes then, and what a refusal names
MISMATCHES = {
    "layout": (BYTES.reshape(60, 2, 2, 3), BYTES.reshape(60, 3, 2, 2), ["(2, 2, 3)", "(3, 2, 2)"]),
    "rows and columns": (BYTES.reshape(60, 3, 4), BYTES.reshape(60, 4, 3), ["(3, 4)", "(4, 3)"]),
    "width": (BYTES, BYTES[:, :9], ["12", "9"]),
    "names of columns": (table(LETTERS), table([*LETTERS[:-1], "z"]), ["'l'", "'z'"]),
    "order of columns": (table(LETTERS), table(LETTERS[::-1]), ["'a'", "'l'"]),
    "unit of bytes": (levels(1 / 16), BYTES, ["1/16", "1/255"]),
    "unit of other bytes": (BYTES, levels(1 / 16), ["1/255", "1/16"]),
    "unit of floats": (levels(1 / 30, dtype=np.float32), levels(1 / 32, dtype=np.float32), ["1/30", "1/32"]),
    "domain": (levels(1 / 16, (0, 1)), levels(1 / 16, (0, 2)), ["(0.0, 1.0)", "(0.0, 2.0)"]),
    "bytes, then floats outside": (BYTES, NOISE, ["(0.0, 1.0)", "["]),
    "floats outside, then bytes": (NOISE, BYTES, ["1/255", "units of their own"]),
    "bytes, then their numbers": (BYTES, BYTES.astype(np.float64), ["(0.0, 1.0)", "255"]),
    "their numbers, then bytes": (BYTES.astype(np.int64), BYTES, ["1/255", "units of their own"]),
    "images, then normalized": (BYTES / 255, (BYTES / 255 - 0.5) / 0.5, ["(0.0, 1.0)", "[-1, 1]"]),
}
MATCHES = {
    "images, then rows": (BYTES.reshape(60, 2, 2, 3), BYTES),
    "rows, then images": (BYTES, BYTES.reshape(60, 3, 4)),
    "names, then none": (table(LETTERS), NOISE),
    "none, then names": (NOISE, table(LETTERS)),
    "numbers for names": (pd.DataFrame(NOISE), table(LETTERS)),
    "bytes, then floats": (BYTES, BYTES / 255),
    "floats, then bytes": (BYTES.astype(np.float32) / np.float32(255), BYTES),
    "bytes, then 16 bits": (BYTES, (BYTES / 255).astype(np.float16)),
    "one unit": (levels(1 / 16, (0, 1)), levels(1 / 16, (0, 1))),
    "one unit, a domain that is not known": (levels(1 / 16, (0, 1)), levels(1 / 16)),
    "one step": (np.rint(NOISE * 10) / 10, np.rint(NOISE[::-1] * 5) / 5),
    "one step, few numbers off it": (np.rint(NOISE * 10) / 10, np.where(NOISE > 2.2, NOISE, np.rint(NOISE * 10) / 10)),
    "floats, then a step": (NOISE, np.rint(NOISE * 10) / 10),
}


def some_region(first):
    """Return a region, the search that found it, and the epsilon it was found at."""
    epsilon = 0.3 if np.ptp(np.asarray(first.X if isinstance(first, Sample) else first)) < 20 else 20.0
    search = nc.FaceSearch(n_sets=2, epsilon=epsilon, alpha=0.2).fit(first)
    return search.region_, search, epsilon


def holds(then):
    return len(then.X if isinstance(then, Sample) else then) // 3


PLACES = {
    "Region.measure": lambda first, then: (lambda r, e: r.measure(then, e))(*some_region(first)[::2]),
    "Region.gap": lambda first, then: some_region(first)[0].gap(then),
    "Region.contains": lambda first, then: some_region(first)[0].contains(then),
    "Region.holding": lambda first, then: some_region(first)[0].holding(then, holds(then)),
    "Region.at_rank": lambda first, then: some_region(first)[0].at_rank(then, holds(then)),
    "a region at a rank": lambda first, then: some_region(first)[0].at_rank(first, holds(first)).contains(then),
    "Region.at": lambda first, then: some_region(first)[0].at(0.2).contains(then),
    "a region moved": lambda first, then: some_region(first)[0].holding(first, holds(first)).contains(then),
    "certify": lambda first, then: (lambda r, e: nc.certify(r, then, e))(*some_region(first)[::2]),
    "certify at α": lambda first, then: (lambda r, e: nc.certify(r, then, e, 0.5, 0.5))(*some_region(first)[::2]),
    "predict": lambda first, then: some_region(first)[1].predict(then),
    "decision_function": lambda first, then: some_region(first)[1].decision_function(then),
    "score": lambda first, then: some_region(first)[1].score(then),
    "measure": lambda first, then: nc.measure("faces", first, then, epsilon=some_region(first)[2], alpha=0.2, n_sets=2),
    "find_regions": lambda first, then: nc.find_regions(
        "halfspaces", first, then, norm="l2", epsilon=some_region(first)[2], alpha=0.2, max_iter=0
    ),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", MISMATCHES)
def test_what_does_not_belong_together_is_refused(kind, place):
    first, then, words = MISMATCHES[kind]
    if place in ("predict", "decision_function", "score") and ("columns" in kind or kind == "width"):
        words = []  # scikit-learn compares these, in its own words
    refused(lambda: PLACES[place](first, then), *words)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", MATCHES)
def test_what_belongs_together_is_welcome(kind, place):
    PLACES[place](*MATCHES[kind])


@pytest.mark.parametrize("kind", [kind for kind in MISMATCHES if kind != "width"])
def test_a_region_that_was_saved_knows_its_space(kind, tmp_path):
    first, then, words = MISMATCHES[kind]
    region, _, epsilon = some_region(first)
    region.save(tmp_path / "region.nc")
    loaded = nc.load_region(tmp_path / "region.nc")
    refused(lambda: loaded.measure(then, epsilon), *words)
    assert loaded.measure(first, epsilon).risk == region.measure(first, epsilon).risk


def test_the_messages_name_both():
    images, rows = as_sample(BYTES.reshape(60, 2, 2, 3)), BYTES.reshape(60, 3, 2, 2)
    message = refused(lambda: nc.measure("faces", images, rows, epsilon=0.1, alpha=0.2))
    assert message == "X_test has points of shape (3, 2, 2); allowed: (2, 2, 3), as X_train has"
    region = some_region(BYTES)[0]
    message = refused(lambda: region.contains(levels(1 / 16)))
    assert message == "X has levels worth 1/16; allowed: 1/255, as the region has"


@pytest.mark.parametrize("kind", [kind for kind in MISMATCHES if "columns" not in kind])
def test_sweeps_refuse_them_before_any_work(kind, tmp_path):
    first, then, words = MISMATCHES[kind]
    grid = {"search": "faces", "dataset": ["mine"], "epsilon": [0.1], "alpha": [0.2], "T": [2]}
    refused(lambda: nc.run_sweep(grid, tmp_path / "out.nc", data={"mine": (first, then)}), "X_test", *words)
    assert not (tmp_path / "out.nc").exists()


def test_files_of_two_arrays_that_do_not_belong_together(tmp_path):
    for kind in (
        "layout",
        "width",
        "bytes, then floats outside",
        "floats outside, then bytes",
        "images, then normalized",
    ):
        first, then, words = MISMATCHES[kind]
        np.savez(tmp_path / "mine.npz", X_train=first, X_test=then)
        refused(lambda: nc.load_dataset(tmp_path / "mine.npz"), "X_test", "X_train", *words)
    for kind in ("images, then rows", "bytes, then floats", "one step", "one step, few numbers off it"):
        np.savez(tmp_path / "mine.npz", X_train=MATCHES[kind][0], X_test=MATCHES[kind][1])
        assert len(nc.load_dataset(tmp_path / "mine.npz").test) == 60


def test_regions_are_extended_to_the_domain_of_points_of_their_own():
    bounded = (
        nc.RectangleSearch(n_sets=2, n_neighbors=10, epsilon=0.4, alpha=0.2).fit(BYTES.reshape(60, 2, 2, 3)).region_
    )
    for then in (BYTES.reshape(60, 3, 2, 2), BYTES[:, :9], levels(1 / 16, (0, 1)), NOISE):
        refused(lambda then=then: nc.extend_to_domain(bounded, then))
    extended = nc.extend_to_domain(bounded, BYTES)
    assert not np.isfinite(extended.lower).all()
    refused(lambda: extended.contains(BYTES.reshape(60, 3, 2, 2)), "(3, 2, 2)", "(2, 2, 3)")


def test_a_region_made_by_hand_fits_any_points_of_its_width():
    region = nc.BallUnion(np.zeros((1, 12)), [1.0])
    for then in (BYTES, BYTES / 255, NOISE, table(LETTERS), BYTES.reshape(60, 3, 4), levels(1 / 16), NOISE * 1e6):
        assert region.contains(then).shape == (60,)
    refused(lambda: region.contains(BYTES[:, :9]), "9", "12")


def test_few_floats_off_the_grid_are_measured_where_they_are():
    """A region of bytes counts them by their own numbers; where most are off, they are of another kind."""
    anywhere, epsilon = np.random.default_rng(1).random((60, 12)), 0.05
    X = np.where(anywhere < 0.03, anywhere, BYTES / 255)
    search = nc.FaceSearch(n_sets=2, epsilon=epsilon, alpha=0.2).fit(BYTES)
    region = search.region_
    outside = (np.maximum(region.lower - X, X - region.upper) > epsilon).any(axis=1)
    assert 0 < outside.sum() < 60
    np.testing.assert_array_equal(region.contains(X), outside)
    np.testing.assert_array_equal(search.predict(X) == -1, outside)
    assert region.measure(X, epsilon).risk == outside.mean()
    refused(lambda: region.contains(anywhere), "X has floats", "1/255", "the region has")
    refused(lambda: nc.measure(search, BYTES, anywhere), "X_test", "1/255", "X_train")


# Units and domains


@pytest.mark.parametrize(
    "bad", [0, -1, 0.0, math.nan, math.inf, -math.inf, "1/16", "", None, [1], 1j, 1e-301, 1e301, True]
)
def test_units_that_are_none(bad):
    X = np.zeros((2, 3), np.uint8)
    if bad is not None:
        refused(lambda: as_sample(X, unit=bad), "unit is", "positive")
    refused(lambda: Sample(X, bad), "unit is", "positive")


@pytest.mark.parametrize(
    "bad", [(1, 0), (1, 1), "ab", (0,), (0, 1, 2), 5, (0, math.nan), ("a", "b"), (None, 1), {}, []]
)
def test_domains_that_are_none(bad):
    X = np.zeros((2, 3), np.uint8)
    refused(lambda: as_sample(X, domain=bad), "domain is", "(0, 1)")
    refused(lambda: Sample(X, 1 / 255, bad), "domain is", "(0, 1)")


@pytest.mark.parametrize("domain", [(0.2, 1), (0, 0.8), (-3, -1), (0, 0.9999)])
def test_a_domain_must_hold_the_points(domain):
    for X in (
        np.array([[0, 255], [3, 4]], np.uint8),
        np.array([[0, 1], [0.77, 0.1]]),
        np.array([[0, 1], [0.7, 0.1]], "f4"),
    ):
        refused(lambda X=X: as_sample(X, domain=domain), f"domain is {tuple(map(float, domain))}", "lies in [0, 1]")
        assert as_sample(X, domain=(0, 1)).domain == (0, 1)
        assert as_sample(X, domain=(-1, 2)).domain == (-1, 2)


def test_what_a_sample_declares_cannot_be_declared_otherwise():
    sample = as_sample(np.zeros((2, 3), np.uint8), unit=1 / 16, domain=(0, 1))
    assert as_sample(sample, unit=1 / 16, domain=(0, 1)) is sample
    refused(lambda: as_sample(sample, unit=1 / 255), "unit is", "0.0625")
    refused(lambda: as_sample(sample, domain=(0, 2)), "domain is (0.0, 2.0)", "(0.0, 1.0)")
