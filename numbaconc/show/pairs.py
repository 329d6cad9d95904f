"""Results about labels in words, and a picture of the closest pairs of different labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from numbaconc.errors import InputError, printable, shortened
from numbaconc.labels.matching import ClassifierBound
from numbaconc.labels.separation import Separation
from numbaconc.norms import sign_of
from numbaconc.numerals import exact_percent, percent_at_least, strength, strength_at_most
from numbaconc.show.epsilon import epsilon_unit
from numbaconc.show.pictures import canvas, style
from numbaconc.show.pictures.canvas import new_figure

N_PAIRS = 10  # that are pictured
MANY = 20  # labels that are not listed
HEIGHT = 2.1  # inches
LETTERS = 24  # of a label


def is_of_labels(ds: xr.Dataset) -> bool:
    """Return whether a result file is one of `numbaconc labels`."""
    return {"separation", "closest", "loss"} <= set(map(str, ds.data_vars))


def describe_labels(ds: xr.Dataset) -> str:
    """Say what a result about labels holds: a table of bounds, then sentences."""
    norm, labels = ds.attrs["norm"], ds.attrs["labels"].split(", ")
    n_test = f" and {ds.sizes['test_point']:,} test" if "test_point" in ds.sizes else ""
    which = printable(ds.attrs["labels"]) if len(labels) <= MANY else f"{len(labels):,} of them"
    name, measured = printable(ds.attrs["dataset"]), (sign_of(norm), epsilon_unit(ds))
    lines = [
        f"{name}: {ds.sizes['train_point']:,} training{n_test} points, labels {which}, {' '.join(filter(None, measured))}"
    ]
    lines += [
        "",
        *_table(ds),
        "",
        *_said_of_separation(ds),
        *(f"For {name}: {one.sentence}." for one in bounds_of(ds)),
    ]
    return "\n".join(lines)


def bounds_of(ds: xr.Dataset) -> list[ClassifierBound]:
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
    confidence = exact_percent(float(ds.attrs["confidence"]))
    rows = [("ε", "conflicts", "wrong at least", "loss at least", f"of the distribution, {confidence}")]
    rows += [
        (
            strength(one.epsilon),
            f"{one.n_conflicts:,}",
            one.n_wrong,
            one.share_wrong,
            percent_at_least(one.population),
        )
        for one in bounds_of(ds)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows]


def _said_of_separation(ds: xr.Dataset) -> list[str]:
    """Say how far training points are apart, what that allows, and how far test points are from training points."""
    lines, name = [], printable(ds.attrs["dataset"])
    for end, where in (("", "Among the training points"), ("_test", "From the test points to the training points")):
        if f"separation{end}" in ds:
            values = ds[f"separation{end}"].values, ds[f"neighbor{end}"].values
            sentence = Separation(*values, ds.attrs["norm"], float(ds.attrs["rounding"])).sentence
            lines.append(f"{where} of {name}: {sentence[0].lower()}{sentence[1:]}")
    half = (float(ds["separation"].min()) - float(ds.attrs["rounding"])) / 2
    if half > 0:
        rule = "the label of the nearest training point is right within ε of every training point"
        lines.append(
            f"For {name} at every ε below {strength_at_most(half)} {rule}: this classifier loses nothing there."
        )
    return lines


def plot_pairs(ds: xr.Dataset, path: str | Path, columns: int = 2, kind: str | None = None) -> None:
    """Draw the closest pairs of images of different labels, one above the other, with labels, indices and distances.

    Written as PNG, SVG or PDF, by the suffix unless `kind` says it, as wide as so many columns of a paper; fewer pairs are in
    one column. InputError if the file cannot be written, or the result has no images.
    """
    if "image" not in ds:
        msg = "results about labels hold no images of the closest pairs; allowed: those of points that are images"
        raise InputError(msg)
    images, names = ds["image"].values, ds["closest_label"].values
    places = ds["train_row"].values[ds["closest"].values]
    n, width = (N_PAIRS, style.DOUBLE) if columns == 2 else (N_PAIRS // 2, style.SINGLE)
    with new_figure((width, HEIGHT)) as figure:
        grid = figure.subplots(2, n, squeeze=False)
        for axes in grid.ravel():
            axes.set_axis_off()
        size, room = style.font_size("x-small"), width / n
        small: dict[str, Any] = {"fontsize": size, "parse_math": False}
        for column, distance in enumerate(ds["closest_distance"].values[:n]):
            for side in range(2):
                axes = grid[side, column]
                axes.imshow(images[column, side].squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                text = f"{shortened(names[column, side], LETTERS)}  (#{places[column, side]})"
                axes.set_title(style.literal(style.wrapped(text, room, size)), pad=3, **small)
            length = style.literal(f"{sign_of(ds.attrs['norm'])} {distance:.4g}")
            axes.text(0.5, -0.08, length, transform=axes.transAxes, ha="center", va="top", **small)
        title = f"{printable(ds.attrs['dataset'])}: the closest pairs of training images of different labels"
        figure.suptitle(
            style.literal(style.wrapped(title, width, style.font_size("medium"))), fontsize="medium", parse_math=False
        )
        canvas.write(figure, path, kind)
