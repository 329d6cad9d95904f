"""A result of `numbaconc labels` as a section of a report."""

from __future__ import annotations

import xarray as xr

from numbaconc.norms import sign_of
from numbaconc.numerals import exact_percent, percent_at_least, strength
from numbaconc.show.epsilon import epsilon_axis, epsilon_unit
from numbaconc.show.pairs import bounds_of, describe_labels
from numbaconc.show.report.parts import Cell, Column, Section, Table, text_cell
from numbaconc.show.report.tables import attribute_table


def labels_section(name: str, ds: xr.Dataset) -> Section:
    """Return what is said of the labels of a data set."""
    head, _, sentences = describe_labels(ds).split("\n\n")  # a table stands between
    section = Section(name, head.split("\n"), sentences=sentences.split("\n"))
    section.tables = [_bounds(ds), _pairs(ds)]
    section.provenance = [attribute_table("file", name, ds.attrs)]
    return section


def _bounds(ds: xr.Dataset) -> Table:
    confidence = exact_percent(float(ds.attrs["confidence"]))
    columns = [
        Column("epsilon", epsilon_axis(ds), epsilon_unit(ds) or "distance", "strength of the perturbation"),
        Column(
            "n_conflicts",
            "conflicts",
            "pairs",
            "training points of different labels whose balls of radius epsilon meet",
        ),
        Column("n_wrong", "wrong at least", "points", "of these points every classifier gets at least so many wrong"),
        Column(
            "loss",
            "loss at least",
            "fraction",
            "of these points every classifier gets at least that wrong, within epsilon",
        ),
        Column(
            "population",
            f"of the distribution, {confidence}",
            "fraction",
            "the same of the distribution that the points are independent draws from, with that confidence",
        ),
    ]
    rows = [
        [
            Cell(one.epsilon, strength(one.epsilon)),
            Cell(one.n_conflicts, f"{one.n_conflicts:,}"),
            Cell(one.loss * one.n_points, one.n_wrong),
            Cell(one.loss, one.share_wrong),
            Cell(one.population, percent_at_least(one.population)),
        ]
        for one in bounds_of(ds)
    ]
    return Table("labels", "What every classifier must lose", columns, rows)


def _pairs(ds: xr.Dataset) -> Table:
    columns = [Column("pair", "pair", "rank", "in the order of their distances")]
    columns += [
        Column(f"{what}_{side}", f"{what}, {side}", "" if what == "label" else "row", "")
        for side in ("first", "second")
        for what in ("label", "row")
    ]
    columns.append(Column("distance", f"{sign_of(ds.attrs['norm'])} distance", epsilon_unit(ds) or "distance", ""))
    places = ds["train_row"].values[ds["closest"].values]
    rows = []
    for i, (labels, at, distance) in enumerate(
        zip(ds["closest_label"].values, places, ds["closest_distance"].values.tolist(), strict=True)
    ):
        row = [Cell(i + 1, f"{i + 1}")]
        for label, place in zip(labels.tolist(), at.tolist(), strict=True):
            row += [text_cell(label), Cell(int(place), f"{int(place)}")]
        rows.append([*row, Cell(distance, f"{distance:.4g}")])
    return Table("pairs", "The closest training points of different labels", columns, rows)
