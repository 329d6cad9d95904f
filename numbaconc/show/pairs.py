"""Results about labels in words, and a picture of the closest pairs of different labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from numbaconc.data.files import replacing
from numbaconc.errors import printable
from numbaconc.labels.matching import ClassifierBound
from numbaconc.labels.separation import Separation
from numbaconc.norms import sign_of
from numbaconc.numerals import exact, percent_at_least, strength_at_most
from numbaconc.show.plots import DOTS_PER_INCH, new_figure

N_PAIRS = 10  # that are pictured
MANY = 20  # labels that are not listed
SIZE = (13.0, 3.4)  # inches


def is_of_labels(ds: xr.Dataset) -> bool:
    """Return whether a result file is one of `numbaconc labels`."""
    return {"separation", "closest", "loss"} <= set(map(str, ds.data_vars))


def describe_labels(ds: xr.Dataset) -> str:
    """Say what a result about labels holds: a table of bounds, then sentences."""
    norm, labels = ds.attrs["norm"], ds.attrs["labels"].split(", ")
    n_test = f" and {ds.sizes['test_point']:,} test" if "test_point" in ds.sizes else ""
    which = printable(ds.attrs["labels"]) if len(labels) <= MANY else f"{len(labels):,} of them"
    lines = [
        f"{printable(ds.attrs['dataset'])}: {ds.sizes['train_point']:,} training{n_test} points, labels {which}, {sign_of(norm)}"
    ]
    lines += [
        "",
        *_table(ds),
        "",
        *_said_of_separation(ds),
        *(f"{one.sentence[0].upper()}{one.sentence[1:]}." for one in _bounds(ds)),
    ]
    return "\n".join(lines)


def _bounds(ds: xr.Dataset) -> list[ClassifierBound]:
    """Return the bounds, one an epsilon, without their pairs."""
    n, norm = ds.sizes["train_point"], str(ds.attrs["norm"])
    hyperedges, confidence = int(ds.attrs["hyperedges"]), float(ds.attrs["confidence"])
    pairs, distances = np.zeros((0, 2), np.int64), np.zeros(0)
    return [
        ClassifierBound(loss, count, pairs, distances, n, epsilon, norm, hyperedges, confidence)
        for epsilon, loss, count in zip(
            *(ds[name].values.tolist() for name in ("epsilon", "loss", "n_conflicts")), strict=True
        )
    ]


def _table(ds: xr.Dataset) -> list[str]:
    confidence = f"{100 * ds.attrs['confidence']:g}%"
    rows = [("epsilon", "conflicts", "wrong at least", "loss at least", f"of the distribution, {confidence}")]
    rows += [
        (
            exact(one.epsilon),
            f"{one.n_conflicts:,}",
            one.n_wrong,
            percent_at_least(one.loss),
            percent_at_least(one.population),
        )
        for one in _bounds(ds)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows]


def _said_of_separation(ds: xr.Dataset) -> list[str]:
    """Say how far training points are apart, what that allows, and how far test points are from training points."""
    lines = []
    for end, where in (("", "Among the training points"), ("_test", "From the test points to the training points")):
        if f"separation{end}" in ds:
            values = ds[f"separation{end}"].values, ds[f"neighbor{end}"].values
            sentence = Separation(*values, ds.attrs["norm"], float(ds.attrs["rounding"])).sentence
            lines.append(f"{where}: {sentence[0].lower()}{sentence[1:]}")
    half = (float(ds["separation"].min()) - float(ds.attrs["rounding"])) / 2
    if half > 0:
        rule = "the label of the nearest training point is right within epsilon of every training point"
        lines.append(f"At every epsilon below {strength_at_most(half)} {rule}: this classifier loses nothing there.")
    return lines


def labels_as_json(ds: xr.Dataset) -> dict[str, Any]:
    """Return the same as plain numbers."""
    names = ("loss", "population", "n_conflicts")
    bounds = [
        {"epsilon": float(epsilon)} | {name: ds[name].sel(epsilon=epsilon).item() for name in names}
        for epsilon in ds["epsilon"].values
    ]
    least = {name: float(ds[name].min()) for name in ("separation", "separation_test") if name in ds}
    pairs = {name: ds[name].values.tolist() for name in ("closest", "closest_label", "closest_distance")}
    attributes = {str(name): np.asarray(value).tolist() for name, value in ds.attrs.items()}
    return {"bounds": bounds, "least": least} | pairs | {"attributes": attributes}


def plot_pairs(ds: xr.Dataset, path: str | Path) -> None:
    """Draw the closest pairs of images of different labels, one above the other, with labels, indices and distances.

    Written as PNG, SVG or PDF, by the suffix. InputError if the file cannot be written.
    """
    images, names = ds["image"].values, ds["closest_label"].values
    places = ds["train_row"].values[ds["closest"].values]
    with new_figure(SIZE) as figure:
        grid = figure.subplots(2, N_PAIRS, squeeze=False)
        for axes in grid.ravel():
            axes.set_axis_off()
        for column, distance in enumerate(ds["closest_distance"].values):
            for side in range(2):
                axes = grid[side, column]
                axes.imshow(images[column, side].squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                text = f"{printable(names[column, side])}  (#{places[column, side]})"
                axes.set_title(text, fontsize="small", parse_math=False)
            length = f"{sign_of(ds.attrs['norm'])} {distance:.4g}"
            grid[1, column].text(
                0.5, -0.08, length, transform=grid[1, column].transAxes, ha="center", va="top", fontsize="small"
            )
        title = f"{printable(ds.attrs['dataset'])}: the closest pairs of training images of different labels"
        figure.suptitle(title, fontsize="medium", parse_math=False)
        with replacing(path) as part:
            undated = {"Date": None} if part.suffix == ".svg" else None
            figure.savefig(part, dpi=DOTS_PER_INCH, metadata=undated)
