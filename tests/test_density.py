"""Neighbor radii, their order, and their cache."""

from __future__ import annotations

import io

import numpy as np
import oracles
import pytest
from conftest import grey, images, refused
from hypothesis import given, strategies as st

import numbaconc.density
from numbaconc.data.sample import Sample
from numbaconc.density import dense_first, knn_radii
from numbaconc.kernels import neighbors

X = images(40, 7, seed=0, high=20)


def expected_radii(X, k, metric="l1", include_self=True, levels=255):
    if metric == "l1":
        return oracles.kth_distance(X, k, include_self, False) / levels
    return np.sqrt(oracles.kth_distance(X, k, include_self, True)) / levels


# Radii


@given(X=grey(n=(3, 12)), data=st.data())
def test_radii_are_on_the_scale_of_epsilon(X, data):
    include_self = data.draw(st.booleans())
    k = data.draw(st.integers(1, len(X) - 1))
    radii = knn_radii(X, n_neighbors=k, include_self=include_self)
    assert radii.dtype == np.float64
    np.testing.assert_array_equal(radii, expected_radii(X, k, include_self=include_self))


@given(X=grey(n=(3, 12)), data=st.data())
def test_euclidean_radii(X, data):
    k = data.draw(st.integers(1, len(X) - 1))
    radii = knn_radii(X, n_neighbors=k, metric="l2")
    np.testing.assert_allclose(radii, expected_radii(X, k, "l2"), rtol=1e-12)


@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_radii_of_floats(metric):
    points = np.random.default_rng(0).random((25, 6)).astype(np.float32)
    radii = knn_radii(points, n_neighbors=4, metric=metric)
    np.testing.assert_allclose(radii, expected_radii(points, 4, metric, levels=1), rtol=1e-12)


def test_radii_in_another_unit():
    digits = Sample(images(20, 5, seed=1, high=17), 1 / 16, (0.0, 1.0))
    np.testing.assert_array_equal(knn_radii(digits, n_neighbors=3), expected_radii(digits.X, 3, levels=16))


@given(X=grey(n=(4, 10)), k=st.integers(1, 2), metric=st.sampled_from(["l1", "l2"]))
def test_counting_the_point_itself_shifts_k_by_one(X, k, metric):
    with_self = knn_radii(X, n_neighbors=k + 1, metric=metric, include_self=True)
    without = knn_radii(X, n_neighbors=k, metric=metric, include_self=False)
    np.testing.assert_array_equal(with_self, without)


@pytest.mark.parametrize("n", [2, 30, 49, 50, 51, 60])
def test_without_a_number_fifty_are_counted_or_all_points_there_are(n):
    X = images(n, 3, seed=2)
    np.testing.assert_array_equal(knn_radii(X, None), expected_radii(X, min(50, n)))
    others = knn_radii(X, None, include_self=False)
    np.testing.assert_array_equal(others, expected_radii(X, min(50, n - 1), include_self=False))


def test_the_default_counts_the_point_itself_among_fifty():
    X = images(60, 3, seed=2)
    np.testing.assert_array_equal(knn_radii(X), expected_radii(X, 50))
    refused(
        lambda: knn_radii(X[:50]), "n_neighbors is 50; allowed: a whole number from 1 to 49 (less than the 50 points)"
    )


@given(X=grey(n=(3, 10)))
def test_radii_grow_with_k_and_follow_the_points(X):
    rows = np.random.default_rng(0).permutation(len(X))
    all_radii = np.array([knn_radii(X, n_neighbors=k) for k in range(1, len(X))])
    assert (np.diff(all_radii, axis=0) >= 0).all()
    np.testing.assert_array_equal(knn_radii(X[rows], n_neighbors=2), all_radii[1][rows])
    np.testing.assert_array_equal(knn_radii(X[:, ::-1], n_neighbors=2), all_radii[1])
    np.testing.assert_array_equal(knn_radii(255 - X, n_neighbors=2), all_radii[1])


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=40))
def test_dense_first_breaks_ties_by_index(radii):
    expected = sorted(range(len(radii)), key=lambda i: (radii[i], i))
    assert dense_first(np.array(radii)).tolist() == expected


# What is refused


@pytest.mark.parametrize("k", [0, -1, 40, 41, 10**9, 2.5, "many", True])
@pytest.mark.parametrize("include_self", [True, False])
def test_impossible_numbers_of_neighbors(k, include_self):
    says = f"n_neighbors is {k!r}; allowed: a whole number from 1 to 39 (less than the 40 points)"
    refused(lambda: knn_radii(X, n_neighbors=k, include_self=include_self), says)


@pytest.mark.parametrize("metric", ["linf", "L1", "", None, 1])
def test_unknown_metrics(metric):
    refused(lambda: knn_radii(X, n_neighbors=3, metric=metric), f"metric is {metric!r}; allowed: l1, l2")


def test_bad_data_are_refused():
    bad = np.array([[0.0, np.nan], [1.0, 2.0], [1.0, 3.0]])
    refused(lambda: knn_radii(bad, n_neighbors=1), "X holds nan at row 0, column 1; allowed: finite numbers")


# The cache


@pytest.fixture
def no_kernels(monkeypatch):
    """A switch that makes every neighbor kernel raise."""

    class Used(Exception):
        pass

    def kernel(*_):
        raise Used

    def switch():
        for module in (neighbors, numbaconc.density):
            for name in vars(neighbors):
                if name.startswith("kth") and hasattr(module, name):
                    monkeypatch.setattr(module, name, kernel)
        with pytest.raises(Used):  # it works without a cache
            knn_radii(X, n_neighbors=3)

    return switch


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_nothing_is_written_without_a_cache_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NUMBACONC_CACHE_DIR", str(tmp_path))
    knn_radii(X, n_neighbors=5)
    assert files_in(tmp_path) == []


def test_a_second_call_reads_the_cache(tmp_path, no_kernels):
    first = knn_radii(X, n_neighbors=5, cache_dir=tmp_path / "deep" / "er")
    assert len(files_in(tmp_path)) == 1
    no_kernels()
    second = knn_radii(X.copy(), n_neighbors=5, cache_dir=str(tmp_path / "deep" / "er"))
    assert second.dtype == first.dtype
    np.testing.assert_array_equal(first, second)


def test_each_question_has_its_own_entry(tmp_path):
    other = X.copy()
    other[0, 0] += 1
    questions = [
        (points, k, metric, include_self)
        for points in (X, other, X.reshape(35, 8))
        for k in (3, 4)
        for metric in ("l1", "l2")
        for include_self in (True, False)
    ]
    for _ in range(2):
        for points, k, metric, include_self in questions:
            found = knn_radii(points, n_neighbors=k, metric=metric, include_self=include_self, cache_dir=tmp_path)
            np.testing.assert_allclose(found, expected_radii(points, k, metric, include_self), rtol=1e-12)
    assert len(files_in(tmp_path)) <= len(questions)


def test_the_unit_does_not_leak_through_the_cache(tmp_path):
    digits = Sample(X, 1 / 16)
    image = Sample(X, 1 / 255, (0.0, 1.0))
    for _ in range(2):
        for sample, levels in ((digits, 16), (image, 255)):
            radii = knn_radii(sample, n_neighbors=5, cache_dir=tmp_path)
            np.testing.assert_array_equal(radii, expected_radii(X, 5, levels=levels))


def damage_everything(data):
    yield b""
    yield b"not an array"
    for save in (np.save, lambda file, radii: np.savez(file, other=radii)):  # whole files, of the wrong kind
        file = io.BytesIO()
        save(file, np.zeros(40))
        yield file.getvalue()
    yield data[: len(data) // 2]
    yield data[:-1]
    for position in range(0, len(data), max(1, len(data) // 97)):
        yield data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


def test_a_damaged_cache_is_not_trusted(tmp_path):
    truth = knn_radii(X, n_neighbors=5, cache_dir=tmp_path)
    (path,) = files_in(tmp_path)
    good = path.read_bytes()
    for damaged in damage_everything(good):
        path.write_bytes(damaged)
        np.testing.assert_array_equal(knn_radii(X, n_neighbors=5, cache_dir=tmp_path), truth)
    path.write_bytes(b"")
    knn_radii(X, n_neighbors=5, cache_dir=tmp_path)
    assert files_in(tmp_path) == [path]
    assert len(path.read_bytes()) == len(good)


def test_the_entry_of_another_question_is_not_trusted(tmp_path):
    """A file that is whole but holds something else, such as too few radii, is computed again."""
    truth = knn_radii(X, n_neighbors=5, cache_dir=tmp_path / "a")
    knn_radii(X[:30], n_neighbors=5, cache_dir=tmp_path / "b")
    (path,), (other,) = files_in(tmp_path / "a"), files_in(tmp_path / "b")
    path.write_bytes(other.read_bytes())
    np.testing.assert_array_equal(knn_radii(X, n_neighbors=5, cache_dir=tmp_path / "a"), truth)


@pytest.mark.parametrize("broken", ["os.fsync", "pathlib.Path.replace"])
def test_the_cache_is_written_as_a_whole(tmp_path, monkeypatch, broken):
    """A write that breaks off leaves no entry and no temporary file; the answer is given all the same."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(broken, full)
    with pytest.warns(UserWarning, match="No space left"):
        radii = knn_radii(X, n_neighbors=5, cache_dir=tmp_path)
    np.testing.assert_array_equal(radii, expected_radii(X, 5))
    assert files_in(tmp_path) == []
