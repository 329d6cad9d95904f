"""Pictures of regions: pixels, faces, weights and centers are those of the region, in the units of the columns."""

from __future__ import annotations

import contextlib

import matplotlib as mpl
import numpy as np
import pytest
from conftest import refused
from matplotlib.figure import Figure

import numbaconc as nc
from numbaconc.show.pictures import canvas, faces, style

RNG = np.random.default_rng(3)
NAMES = (
    "age",
    "income_$_per_year",
    "100%_a<b",
    "a very long name of a column that goes on and on, until it is eighty letters",
)


def axes_of():
    return Figure(figsize=(style.SINGLE, 7.0), layout="constrained").subplots()


def told(axes):
    return " ".join(text.get_text().replace("\n", " ") for text in axes.get_legend().get_texts())


def tiles(axes, h, w, n, across):
    """The images of a mosaic, cut out of it by where opaque pixels are."""
    canvas = np.asarray(axes.images[0].get_array())
    opaque = canvas[..., 3] > 0 if canvas.ndim == 3 else ~np.isnan(canvas)
    tops = [i for i in range(len(opaque)) if opaque[i].any() and (i == 0 or not opaque[i - 1].any())]
    lefts = [j for j in range(opaque.shape[1]) if opaque[:, j].any() and (j == 0 or not opaque[:, j - 1].any())]
    assert len(lefts) == min(n, across)
    return [canvas[tops[i // across] :, lefts[i % across] :][:h, :w] for i in range(n)]


# Images


def test_balls_are_their_centers():
    centers, radii = RNG.random((12, 5, 4)), RNG.random(12)
    axes = nc.plot_region(nc.BallUnion(centers.reshape(12, 20), radii), ax=axes_of(), shape=(5, 4))
    for tile, center in zip(tiles(axes, 5, 4, 12, 10), centers, strict=True):
        for channel in range(3):
            np.testing.assert_array_equal(tile[..., channel], center)
    assert [text.get_text() for text in axes.texts] == [f"{radius:.3g}" for radius in radii]


@pytest.mark.parametrize("shape", [(4, 5, 3), (3, 4, 5)])
def test_images_in_color(shape):
    """Also with their channels first."""
    center = RNG.random(shape)
    axes = nc.plot_region(nc.BallUnion(center.reshape(1, -1), [0.1]), ax=axes_of(), shape=shape)
    expected = center if shape[-1] == 3 else np.moveaxis(center, 0, -1)
    (tile,) = tiles(axes, 4, 5, 1, 10)
    np.testing.assert_array_equal(tile[..., :3], expected)


def test_centers_outside_of_the_domain_are_stretched():
    center = np.linspace(-1, 3, 20)[np.newaxis]
    axes = nc.plot_region(nc.BallUnion(center, [0.1]), ax=axes_of(), shape=(4, 5))
    (tile,) = tiles(axes, 4, 5, 1, 10)
    np.testing.assert_allclose(tile[..., 0].ravel(), np.linspace(0, 1, 20))
    assert "gray from -1 to 3" in told(axes)


def test_boxes_are_their_faces():
    """Infinite ones at the edge of the domain."""
    lower, upper = RNG.random((3, 20)) / 2, 0.5 + RNG.random((3, 20)) / 2
    lower[0, 3], upper[1, 4] = -np.inf, np.inf
    axes = nc.plot_region(nc.RectangleComplement(lower, upper, 0.1), ax=axes_of(), shape=(4, 5))
    every = tiles(axes, 4, 5, 6, 3)
    for tile, face in zip(every, np.concatenate((lower, upper)), strict=True):
        np.testing.assert_array_equal(tile[..., 1].ravel(), face.clip(0, 1))
    assert [text.get_text() for text in axes.get_yticklabels()] == ["lower", "upper"]
    assert "outside of all boxes, enlarged by ε = 0.1 beyond these faces" in told(axes)


@pytest.mark.parametrize("beside", [True, False])
def test_images_of_no_domain_are_gray_between_their_ends(beside):
    """Boxes between their least and largest face; a few faces on their pixels, on the mean image or on mid-gray."""
    lower, upper = 16 * RNG.random((3, 20)), 16 + 16 * RNG.random((3, 20))
    low, high = lower.min(), upper.max()
    axes = nc.plot_region(nc.RectangleComplement(lower, upper, 0.1), ax=axes_of(), shape=(4, 5))
    for tile, face in zip(tiles(axes, 4, 5, 6, 3), np.concatenate((lower, upper)), strict=True):
        np.testing.assert_allclose(tile[..., 0].ravel(), (face - low) / (high - low), atol=1e-12)
    assert f"gray from {low:.3g} to {high:.3g}" in told(axes)
    lower, upper, points = np.full(20, -np.inf), np.full(20, np.inf), RNG.random((9, 20)) * 4
    upper[7], lower[13] = 8.0, 2.0
    with pytest.warns(nc.UnitWarning) if beside else contextlib.nullcontext():
        region = nc.RectangleComplement([lower], [upper], 0.1)
        axes = nc.plot_region(region, points if beside else None, axes_of(), shape=(4, 5))
    expected = points.mean(axis=0) if beside else np.full(20, 5.0)
    expected[7], expected[13] = 8.0, 2.0
    low, high = min(expected), 8.0
    seen = axes.images[0].get_array()[..., 0].ravel()
    np.testing.assert_allclose(seen, (expected - low) / (high - low), atol=1e-6)
    assert f"gray from {low:.3g} to 8" in told(axes)


def test_one_face_of_no_domain_is_seen():
    """As there is nothing to compare it with but 0."""
    upper = np.full(20, np.inf)
    upper[7] = 8.0
    axes = nc.plot_region(nc.RectangleComplement([np.full(20, -np.inf)], [upper], 0.1), ax=axes_of(), shape=(4, 5))
    np.testing.assert_array_equal(axes.images[0].get_array()[..., 0].ravel(), np.where(np.arange(20) == 7, 1.0, 0.5))
    assert "gray from 0 to 8" in told(axes)


def test_a_few_faces_are_marks_on_their_pixels():
    lower, upper = np.full(20, -np.inf), np.full(20, np.inf)
    upper[7], lower[13], lower[19] = 0.6, 0.2, 0.3
    points = RNG.random((9, 20))
    axes = nc.plot_region(nc.RectangleComplement([lower], [upper], "8/255"), points, axes_of(), shape=(4, 5))
    marks = {line.get_marker(): np.c_[line.get_ydata(), line.get_xdata()].tolist() for line in axes.lines}
    assert marks == {"^": [[1, 2]], "v": [[2, 3], [3, 4]]}
    expected = points.mean(axis=0)
    expected[[7, 13, 19]] = 0.6, 0.2, 0.3
    np.testing.assert_allclose(axes.images[0].get_array()[..., 0].ravel(), expected, atol=1e-6)
    assert "a marked pixel is as bright as its face, on the mean image; ε" in told(axes)
    assert "1 upper face:" in told(axes)
    assert "2 lower faces:" in told(axes)
    assert "ε = 8/255" in told(axes)


def test_faces_of_one_pixel_name_its_channels():
    upper = np.full((4, 5, 3), np.inf)
    upper[1, 2, 0] = upper[1, 2, 2] = upper[3, 3, 1] = 0.5
    axes = nc.plot_region(
        nc.RectangleComplement([np.full(60, -np.inf)], [upper.ravel()], 0.1), ax=axes_of(), shape=(4, 5, 3)
    )
    assert {text.xy: text.get_text() for text in axes.texts} == {(2, 1): "RB", (3, 3): "G"}


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_a_half_space_is_its_normal(shape):
    w = RNG.normal(size=shape)
    axes = nc.plot_region(nc.HalfSpace(w.ravel(), 0.1), ax=axes_of(), shape=shape)
    planes = np.moveaxis(w.reshape(4, 5, -1), -1, 0)
    for tile, plane in zip(tiles(axes, 4, 5, len(planes), len(planes)), planes, strict=True):
        np.testing.assert_array_equal(tile, plane)
    assert axes.images[0].get_clim() == (-np.abs(w).max(), np.abs(w).max())
    assert axes.images[0].get_cmap().name == "gray"


def test_shapes_are_known_given_or_guessed():
    """That of the images that a region was found on; a square of rows in [0, 1]; none of a table."""
    images = RNG.integers(0, 256, (40, 6, 7), np.uint8)
    found = nc.HyperplaneSearch(epsilon=0.1, alpha=0.1).fit(images).region_
    assert nc.plot_region(found, ax=axes_of()).images[0].get_array().shape[1] == 7
    rows = nc.HyperplaneSearch(epsilon=0.1, alpha=0.1).fit(RNG.integers(0, 256, (40, 64), np.uint8)).region_
    assert nc.plot_region(rows, ax=axes_of()).images[0].get_array().shape[1] == 8
    assert not nc.plot_region(nc.HalfSpace(np.ones(64), 0.1), ax=axes_of()).images
    for shape in ((3, 3), (64,), (2, 2, 16), "8x8", 8, (8.5, 8), (-8, -8)):
        refused(lambda shape=shape: nc.plot_region(rows, shape=shape), "shape")
    refused(lambda: nc.plot_region(found, shape=(7, 6)), "shape is (7, 6); allowed: (6, 7)")
    refused(lambda: nc.plot_region("region"), "region is 'region'")
    refused(lambda: nc.plot_region(rows, np.zeros((3, 5))), "5 coordinates")


def test_a_region_whose_border_was_moved_is_drawn_as_it_was():
    images = RNG.integers(0, 256, (40, 6, 7), np.uint8)
    found = nc.HyperplaneSearch(epsilon=0.1, alpha=0.1).fit(images).region_
    one, other = (nc.plot_region(region, ax=axes_of()) for region in (found, found.at_rank(images, 5)))
    np.testing.assert_array_equal(one.images[0].get_array(), other.images[0].get_array())


# Tables


def frame(n=60, scale=(10, 2, 1, 1)):
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(RNG.normal(size=(n, 4)) * scale + (40, 5, 0, 0), columns=NAMES)


def found_on(points, search, **scale):
    sample = nc.as_sample(points, **scale)
    return search.fit(sample).region_, sample


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.filterwarnings("ignore::numbaconc.UnitWarning")
@pytest.mark.parametrize("scale", [None, "standard", "range"])
def test_faces_are_named_in_the_units_of_their_columns(scale):
    """The borders of the region, which are ε beyond the faces that are stored; also where columns were divided."""
    points = frame()
    region, _ = found_on(points, nc.FaceSearch(n_sets=3, epsilon=0.4, alpha=0.1), **({"scale": scale} if scale else {}))
    axes = nc.plot_region(region, ax=axes_of())
    by = {None: np.ones(4), "standard": points.std(ddof=0).values, "range": np.ptp(points.values, axis=0)}[scale]
    expected = {">": (region.upper[0] + 0.4) * by, "<": (region.lower[0] - 0.4) * by}
    borders = [(sign, float(value)) for sign, value in (text.split() for text in texts_of(axes))]
    wanted = [
        (sign, float(f"{expected[sign][column]:.4g}"))
        for column in range(4)
        for sign in (">", "<")
        if np.isfinite(expected[sign][column])
    ]
    assert sorted(borders) == sorted(wanted)
    assert len(borders) >= 1
    rows = [
        NAMES[column] for column in range(4) if np.isfinite([region.upper[0, column], region.lower[0, column]]).any()
    ]
    names = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    assert [name.partition(" ... ")[0] for name in names] == [
        faces.shortened(name, 40).partition(" ... ")[0] for name in rows
    ]


@pytest.mark.filterwarnings("ignore::numbaconc.UnitWarning")
def test_faces_lie_where_they_are():
    """From the least to the largest number of each column, if points are given."""
    points = np.array([[0.0, 10.0], [1.0, 20.0], [0.5, 30.0]])
    region = nc.RectangleComplement([[-np.inf, 12.0]], [[0.6, np.inf]], 0.1)
    axes = nc.plot_region(region, points, axes_of())
    marks = {
        line.get_marker(): (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.lines
        if line.get_marker() != "None"
    }
    assert marks[">"] == pytest.approx((0.7, 0))
    assert marks["<"] == pytest.approx(((11.9 - 10) / 20, 1))
    bars = sorted((bar.get_y(), bar.get_x(), bar.get_width()) for bar in axes.patches)
    np.testing.assert_allclose([bar[1:] for bar in bars if bar[0] < 0.5], [(0.6, 0.1), (0.7, 0.3)])
    assert texts_of(axes) == ["> 0.7", "< 11.9"]


@pytest.mark.filterwarnings("ignore::numbaconc.UnitWarning")
def test_several_boxes_are_intervals():
    lower, upper = np.array([[0.0, 10.0], [0.5, 12.0]]), np.array([[0.3, 20.0], [0.9, 14.0]])
    points = np.array([[0.0, 10.0], [1.0, 20.0], [0.5, 30.0]])
    axes = nc.plot_region(nc.RectangleComplement(lower, upper, 0.1), points, axes_of())
    spans = {tuple(np.round(line.get_xdata(), 6)) for line in axes.lines if line.get_marker() != "None"}
    low, high = np.array([-0.1, 9.9]), np.array([1.0, 30.0])
    assert spans == {
        tuple(np.round((np.array(pair) - low[c]) / (high - low)[c], 6))
        for c in range(2)
        for pair in zip(lower[:, c], upper[:, c], strict=True)
    }


def test_weights_are_bars_the_largest_first():
    w = np.array([0.1, -0.7, 0.0, 0.4])
    axes = nc.plot_region(nc.HalfSpace(w, 0.25, 2.0), ax=axes_of())
    values = np.sum([[bar.get_width() for bar in container] for container in axes.containers], axis=0)
    assert values.tolist() == [-0.7, 0.4, 0.1, 0.0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"column {i}" for i in (1, 3, 0, 2)]
    assert "w · x > b, b = 0.25;" in told(axes) + ";"
    region, _ = found_on(frame(), nc.HyperplaneSearch(epsilon=0.4, alpha=0.1), scale="standard")
    assert ", x in standard deviations of each feature" in told(nc.plot_region(region, ax=axes_of()))


def test_centers_of_a_table_and_what_is_left_out():
    centers = RNG.random((3, 40))
    axes = nc.plot_region(nc.BallUnion(centers, [0.1, 0.2, 0.3]), ax=axes_of())
    rows = np.argsort(-np.ptp(centers, axis=0), kind="stable")[:20]
    for ball, line in enumerate(axes.lines[:3]):
        np.testing.assert_array_equal(line.get_xdata(), centers[ball, rows])
    assert "20 of 40 columns" in told(axes)


@pytest.mark.filterwarnings("ignore::numbaconc.UnitWarning")
@pytest.mark.parametrize(
    "search",
    [
        nc.FaceSearch(n_sets=3, epsilon=0.4, alpha=0.1),
        nc.RectangleSearch(n_sets=3, epsilon=0.4, alpha=0.1, n_neighbors=5),
        nc.HyperplaneSearch(epsilon=0.4, alpha=0.1),
        nc.FreeBallSearch(epsilon=0.4, alpha=0.1),
    ],
    ids=lambda search: search.name,
)
def test_names_and_legends_stay_within_the_picture(search):
    region, sample = found_on(frame(), search)
    with canvas.new_figure((style.SINGLE, 3.0)) as figure:
        axes = nc.plot_region(region, sample, figure.subplots())
        canvas.fit(figure, [2.0])
        boxes = [
            axes.get_legend().get_window_extent(),
            *(label.get_window_extent() for label in axes.get_yticklabels()),
        ]
        assert all(figure.bbox.x0 - 1 <= box.x0 and box.x1 <= figure.bbox.x1 + 1 for box in boxes)
        assert not any(boxes[0].overlaps(box) for box in [axes.get_window_extent(), *boxes[1:]])
        assert not any(one.overlaps(other) for i, one in enumerate(boxes[1:]) for other in boxes[i + 2 :])


def test_names_of_columns_in_tex():
    pytest.importorskip("pandas")
    with pytest.warns(nc.UnitWarning):
        region, _ = found_on(frame(), nc.HyperplaneSearch(epsilon=0.4, alpha=0.1))
    with mpl.rc_context({"text.usetex": True}):
        axes = nc.plot_region(region, ax=axes_of())
    names = {label.get_text() for label in axes.get_yticklabels()}
    assert {r"income\_\$\_per\_year", r"100\%\_a$<$b"} <= names
