"""Pictures of the regions that were found, so that a person sees what they hold."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numbaconc.cli.console import tell
from numbaconc.data.datasets import Dataset
from numbaconc.kernels.threads import using_threads
from numbaconc.numerals import exact
from numbaconc.regions import BallUnion, RectangleComplement
from numbaconc.results.files import open_results, save_results
from numbaconc.results.schema import provenance
from numbaconc.search import FaceSearch, FreeBallSearch, RectangleSearch
from numbaconc.show.pictures import canvas, mosaics, style

COLUMNS = 10  # test images in a row
N_BOXES = 8  # of the paper's boxes, that are shown
SIZE = (style.DOUBLE, 4.8)  # inches
SIDES = {"upper": "upper, x > c", "lower": "lower, x < c"}  # of faces
ROWS = {"inside": "inside E", "expanded": "not in E, but within ε of it", "outside": "farther than ε from E"}


class Shown(NamedTuple):
    """What is pictured of a data set."""

    alpha: float  # of the faces and boxes (ℓ∞)
    epsilon_text: str
    alpha_l2: float  # of the ball (ℓ2)
    epsilon_l2: str
    margin: float  # of the faces
    n_faces: int
    n_sets: int  # of the boxes
    q: float


def show(data: Dataset, shown: Shown, folder: Path, options: argparse.Namespace) -> list[Path]:
    """Keep what is pictured in a file, unless it is there, and draw it from there; return both files' names."""
    result, picture = (folder / f"bounds-regions-{data.name}.{suffix}" for suffix in ("nc", "png"))
    made_of = f"{data.sha256} {shown}"
    ds = open_results(result) if result.exists() else None
    if ds is None or ds.attrs["made_of"] != made_of:
        if not options.quiet:
            tell(f"pictures of {data.name} ...")
        with using_threads(options.threads):
            ds = gather(data, shown)
        ds.attrs = provenance(made_of=made_of, caption=_caption(shown))
        save_results(ds, result)
    draw(ds, picture, data.name)
    return [result, picture]


def gather(data: Dataset, shown: Shown) -> xr.Dataset:
    """Find the regions, and return their images: whole levels, stretched where they are not images of the data.

    On height, width and channel: `mean`, `upper` and `lower` (1 where a face is), `ball`, `boxes`, and test images of
    each kind in `inside`, `expanded` and `outside`.
    """
    train, test = data.train, data.test
    n_boxes = min(shown.n_sets, int(shown.q * len(train)))
    faces = FaceSearch(n_sets=shown.n_faces, epsilon=shown.epsilon_text, alpha=shown.alpha, margin=shown.margin)
    boxes_at_q = RectangleSearch(n_sets=n_boxes, q=shown.q, epsilon=shown.epsilon_text, alpha=shown.alpha)
    balls = FreeBallSearch(n_sets=1, epsilon=shown.epsilon_l2, alpha=shown.alpha_l2)
    region, boxes, ball = (search.fit(train).region_ for search in (faces, boxes_at_q, balls))
    assert isinstance(region, RectangleComplement) and isinstance(boxes, RectangleComplement)  # noqa: S101, PT018
    assert isinstance(ball, BallUnion)  # of these searches  # noqa: S101
    gaps = region.gap(test)
    at = region.epsilon
    of = {"inside": gaps < 0, "expanded": (gaps >= 0) & (gaps < at), "outside": gaps >= at}
    levels = test.to_levels(1.0) / 255
    images: dict[str, NDArray[Any]] = {name: test.X[np.flatnonzero(chosen)[:COLUMNS]] for name, chosen in of.items()}
    images = {name: (values / levels).round() for name, values in images.items()}
    images["mean"] = (train.X.mean(axis=0, keepdims=True) / levels).round()
    images["ball"] = np.array([_stretched(center) for center in ball.centers])
    middles = 255 * (boxes.lower + boxes.upper) / 2
    images["boxes"] = middles[:N_BOXES].clip(0, 255).round()
    images |= {name: np.isfinite(getattr(region, name)) for name in SIDES}
    shaped = {name: _images(values, data.name).astype(np.uint8) for name, values in images.items()}
    return xr.Dataset({name: ((f"n_{name}", "height", "width", "channel"), values) for name, values in shaped.items()})


def _images(points: NDArray[Any], name: str) -> NDArray[Any]:
    """Turn rows into images, shape (n, h, w, channels); CIFAR-10 keeps its colors as planes."""
    if points.shape[1] == 3 * 32 * 32:
        planes = name == "cifar10"
        return points.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) if planes else points.reshape(-1, 32, 32, 3)
    side = int(points.shape[1] ** 0.5)
    return points.reshape(-1, side, side, 1)


def _stretched(values: NDArray[Any]) -> NDArray[Any]:
    low, high = values.min(), values.max()
    stretched: NDArray[Any] = (255 * (values - low) / (high - low or 1)).round()
    return stretched


def draw(ds: xr.Dataset, path: Path, name: str) -> None:
    """Draw what is kept of the regions of a data set."""
    with canvas.new_figure(SIZE) as figure:
        figure.set_layout_engine("none")
        grid = figure.add_gridspec(5, COLUMNS, left=0.01, right=0.99, top=0.9, bottom=0.15, hspace=0.42, wspace=0.08)
        _show_faces(figure.add_subplot(grid[:2, :2]), ds)
        starts = {(0, "ball"): (4, "center of the free ball (ℓ2), stretched to its own range")}
        starts |= {(1, "boxes"): (4, "centers of the paper's boxes, some of them")}
        starts |= {(2 + i, key): (0, title) for i, (key, title) in enumerate(ROWS.items())}
        size = style.font_size("small")
        for (row, key), (start, title) in starts.items():
            images = ds[key].values
            for i, image in enumerate(images[: COLUMNS - start]):
                _show(figure.add_subplot(grid[row, start + i]), image)
            left, place = 0.01 + 0.98 * start / COLUMNS, grid[row, 0].get_position(figure)
            figure.text(left, place.y1 + 0.008, title, fontsize=size)
            if not len(images):
                figure.text(left, place.y0 + 0.05, "none", fontsize=size)
        figure.text(0.01, 0.96, f"{name}: regions that grow little", fontsize=style.font_size("medium"))
        caption = style.literal(style.wrapped(ds.attrs["caption"], SIZE[0], size))
        figure.text(0.01, 0.01, caption, fontsize=size, verticalalignment="bottom", parse_math=False)
        canvas.write(figure, path)


def _show(axes: Any, image: NDArray[np.uint8]) -> None:  # noqa: ANN401
    axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()


def _show_faces(axes: Any, ds: xr.Dataset) -> None:  # noqa: ANN401
    _show(axes, ds["mean"].values[0])
    for name, (marker, color) in mosaics.FACES.items():
        y, x, channel = np.nonzero(ds[name].values[0])
        if len(x):
            axes.plot(x, y, marker, color=color, label=SIDES[name], **mosaics.EDGE | {"markersize": 4})
        if ds.sizes["channel"] == len(mosaics.CHANNELS):
            mosaics.name_channels(axes, x, y, channel)
    small = {"fontsize": style.font_size("small")}
    axes.set_title("faces (ℓ∞) on the mean image", loc="left", pad=4, **small)
    if ds["upper"].values.any() or ds["lower"].values.any():
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, handletextpad=0.2, **small)


def _caption(shown: Shown) -> str:
    return (
        f"The region E of faces at α = {exact(shown.alpha)} and ℓ∞ ε = {shown.epsilon_text} holds the images in which one of the "
        f"marked pixels is beyond its level; the rows are the first test images of each kind. The ball is that found at ℓ2 ε = "
        f"{shown.epsilon_l2}, boxes those of the published settings, T = {shown.n_sets} and q = {exact(shown.q)}. E of boxes is what "
        f"lies outside of them all."
    )
